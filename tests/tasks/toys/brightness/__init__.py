"""The task brightness."""
