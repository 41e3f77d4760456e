"""Weights files: where they are, whether they are the right ones, and which tensors lie where in them."""
