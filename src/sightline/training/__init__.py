"""Training: from a recipe and the arrays of a dataset to the weights of a network."""
