"""The task mirrored."""
