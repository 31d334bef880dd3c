"""Export: one self-contained ONNX file a model, checked against torch, and a card beside it."""
