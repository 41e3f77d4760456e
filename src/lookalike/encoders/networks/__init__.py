"""Network families, one module each: named tensors in, ONNX graph out.

A graph refers to the weights by their offset in the weights file; no weights are copied.
"""
