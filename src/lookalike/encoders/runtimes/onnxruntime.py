"""ONNX Runtime, on the CPU or on a GPU."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.networks.source import NetworkSource
from lookalike.encoders.runtimes.mapping import numpy_equivalent
from lookalike.encoders.runtimes.runtime import Backend, Device
from lookalike.encoders.spec import Precision
from lookalike.errors import DeviceError, EncoderError
from lookalike.machine import processors

_CPU: Final = "CPUExecutionProvider"

# CUDA would round factors to 10 bits (TF32) by default, and CoreML compute in half precision on some units.
_GPU_PROVIDERS: Final[dict[str, dict[str, str]]] = {
    "CUDAExecutionProvider": {"use_tf32": "0"},
    "CoreMLExecutionProvider": {"ModelFormat": "MLProgram", "MLComputeUnits": "CPUAndGPU"},
    "DmlExecutionProvider": {},
}


class ONNXRuntime:
    """ONNX Runtime in fp32: the portable runtime, and the reference for OpenVINO in tests."""

    def __init__(self, session: Any, keep_alive: object) -> None:
        self._session = session
        self._keep_alive = keep_alive
        self._input = session.get_inputs()[0].name
        provider = session.get_providers()[0]
        self.backend = Backend("onnxruntime", "cpu" if provider == _CPU else f"gpu ({provider})")

    @classmethod
    def load(cls, source: NetworkSource, precision: Precision, device: Device = "cpu", *, package: Any = None) -> Self:
        """See :meth:`Runtime.load`. ``package`` is the module ``onnxruntime``, imported by default."""
        if precision != "fp32":
            raise EncoderError(f"{source.name}: ONNX Runtime supports fp32 only; {precision} needs OpenVINO")
        onnxruntime = package or _import_onnxruntime()
        provider = _CPU if device == "cpu" else gpu_provider(onnxruntime.get_available_providers())
        if provider is None:
            raise DeviceError(
                f"ONNX Runtime has none of {', '.join(_GPU_PROVIDERS)} (packages onnxruntime-gpu, onnxruntime on "
                "macOS, onnxruntime-directml)"
            )
        model, weights = source.build()
        names = [tensor.name for tensor in model.graph.initializer if tensor.external_data]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = processors()
        # The session doesn't keep these values alive, so this object has to.
        values = [_ort_value(onnxruntime.OrtValue, weights.stored(name)) for name in names]
        options.add_external_initializers(names, values)
        graph = model.SerializeToString()
        session = onnxruntime.InferenceSession(
            graph, options, providers=[provider], provider_options=[_GPU_PROVIDERS.get(provider, {})]
        )
        if session.get_providers()[0] != provider:  # ONNX Runtime falls back to the CPU with no more than a warning
            raise DeviceError(f"ONNX Runtime could not start {provider}; its drivers may be missing")
        return cls(session, keep_alive=values)

    @staticmethod
    def has_gpu() -> bool:
        """Whether ONNX Runtime has a GPU provider."""
        return gpu_provider(_import_onnxruntime().get_available_providers()) is not None

    @property
    def threads(self) -> int:
        """The number of threads that compute."""
        return int(self._session.get_session_options().intra_op_num_threads)

    def run(self, batch: NDArray[np.generic]) -> NDArray[np.float32]:
        """See :meth:`Runtime.run`."""
        (features,) = self._session.run(None, {self._input: np.ascontiguousarray(batch)})
        return np.asarray(features, np.float32)


def gpu_provider(names: Collection[str]) -> str | None:
    """The best GPU provider among ``names``, those that ONNX Runtime was built with; None if there is none."""
    return next((name for name in _GPU_PROVIDERS if name in names), None)


def _import_onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise EncoderError("onnxruntime is not installed. To install it: pip install onnxruntime") from None
    return onnxruntime


def _ort_value(kind: Any, array: NDArray[np.generic]) -> Any:
    """Wrap ``array`` without a copy; dtypes that numpy lacks (bfloat16) are passed with their ONNX type."""
    equivalent = numpy_equivalent(array.dtype)
    if equivalent == array.dtype:
        return kind.ortvalue_from_numpy(array)
    from onnx import helper

    return kind.ortvalue_from_numpy_with_onnx_type(array.view(equivalent), helper.np_dtype_to_tensor_dtype(array.dtype))
