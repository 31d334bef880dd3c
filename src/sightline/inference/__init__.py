"""Inference: exported models, asked through onnxruntime, without torch."""
