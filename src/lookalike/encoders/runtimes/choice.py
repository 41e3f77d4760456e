"""The available runtimes by name."""

from __future__ import annotations

from lookalike.encoders.runtimes.onnxruntime import ONNXRuntime
from lookalike.encoders.runtimes.openvino import OpenVINORuntime
from lookalike.encoders.runtimes.runtime import Runtime

RUNTIMES: dict[str, type[Runtime]] = {"openvino": OpenVINORuntime, "onnxruntime": ONNXRuntime}
