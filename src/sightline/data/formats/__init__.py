"""Formats: the files of a dataset, in the shape that its publisher gave them, decoded."""
