"""From a published checkpoint to /opt/model/{model.onnx, model.json}, and the proof that both say the same."""
