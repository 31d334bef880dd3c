"""Models: a trained model, asked as a torch module, and the files that its stages left."""
