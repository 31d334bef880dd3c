"""Evaluation: how good a model is on the splits that training never saw, and where it fails."""
