"""One module a family of networks: named tensors in, an ONNX graph out."""
