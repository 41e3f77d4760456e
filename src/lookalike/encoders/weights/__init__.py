"""Weights files: finding, downloading and verifying them, and reading where their tensors are stored."""
