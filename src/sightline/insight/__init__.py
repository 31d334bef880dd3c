"""Insight: what a trained model sees, as pictures and tables."""
