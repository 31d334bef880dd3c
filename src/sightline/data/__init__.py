"""Data: catalogue -> files -> arrays. numpy, no torch."""
