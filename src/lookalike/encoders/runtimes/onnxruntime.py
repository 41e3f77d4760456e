"""ONNX Runtime on the CPU."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.networks.source import NetworkSource
from lookalike.encoders.runtimes.mapping import numpy_equivalent
from lookalike.encoders.spec import Precision
from lookalike.errors import EncoderError
from lookalike.machine import processors


class ONNXRuntime:
    """ONNX Runtime on the CPU in fp32: the portable runtime, and the reference for OpenVINO in tests."""

    def __init__(self, session: Any, keep_alive: object) -> None:
        self._session = session
        self._keep_alive = keep_alive
        self._input = session.get_inputs()[0].name

    @classmethod
    def load(cls, source: NetworkSource, precision: Precision) -> Self:
        """See :meth:`Runtime.load`."""
        if precision != "fp32":
            raise EncoderError(f"{source.name}: ONNX Runtime supports fp32 only; {precision} needs OpenVINO")
        try:
            import onnxruntime
        except ImportError:
            raise EncoderError(
                "ONNX Runtime is not installed. To install it: pip install 'lookalike[onnxruntime]'"
            ) from None
        model, weights = source.build()
        names = [tensor.name for tensor in model.graph.initializer if tensor.external_data]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = processors()
        # The session doesn't keep these values alive, so this object has to.
        values = [_ort_value(onnxruntime.OrtValue, weights.stored(name)) for name in names]
        options.add_external_initializers(names, values)
        graph = model.SerializeToString()
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        return cls(session, keep_alive=values)

    @property
    def threads(self) -> int:
        """The number of threads that compute."""
        return int(self._session.get_session_options().intra_op_num_threads)

    def run(self, batch: NDArray[np.generic]) -> NDArray[np.float32]:
        """See :meth:`Runtime.run`."""
        (features,) = self._session.run(None, {self._input: np.ascontiguousarray(batch)})
        return np.asarray(features, np.float32)


def _ort_value(kind: Any, array: NDArray[np.generic]) -> Any:
    """Wrap ``array`` without a copy; dtypes that numpy lacks (bfloat16) are passed with their ONNX type."""
    equivalent = numpy_equivalent(array.dtype)
    if equivalent == array.dtype:
        return kind.ortvalue_from_numpy(array)
    from onnx import helper

    return kind.ortvalue_from_numpy_with_onnx_type(array.view(equivalent), helper.np_dtype_to_tensor_dtype(array.dtype))
