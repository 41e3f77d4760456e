"""One module a family of networks: named tensors in, an ONNX graph out, which refers to the weights and copies none."""
