"""The task rotation."""
