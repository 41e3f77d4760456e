"""What runs a graph on this machine: OpenVINO by default, ONNX Runtime as the portable one."""
