"""Publishing: a folder of one exported model that any hub takes, and the check of such a folder."""
