"""Runtimes, which run a graph on this machine: OpenVINO by default, and ONNX Runtime as the portable alternative."""
