"""The task next-row."""
