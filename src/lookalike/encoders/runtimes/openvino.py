"""OpenVINO, on the CPU with a cache of compiled networks, or on an Intel GPU."""

from __future__ import annotations

import io
import mmap
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import cache, partial
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.networks.source import NetworkSource
from lookalike.encoders.runtimes.compiled import compiled_copy
from lookalike.encoders.runtimes.mapping import map_file, numpy_equivalent, release_pages
from lookalike.encoders.runtimes.runtime import Backend, Device
from lookalike.encoders.spec import Precision
from lookalike.errors import DeviceError, EncoderError
from lookalike.machine import processors

if TYPE_CHECKING:
    import onnx

    from lookalike.encoders.weights.tensors import WeightsFile


class OpenVINORuntime:
    """OpenVINO; networks compiled for the CPU are cached as files and memory-mapped at the next start."""

    def __init__(self, compiled: Any, keep_alive: object = None, device: str = "cpu") -> None:
        self.backend = Backend("openvino", device)
        self._request = compiled.create_infer_request()
        self._keep_alive = keep_alive
        self._lock = threading.Lock()

    @classmethod
    def load(
        cls,
        source: NetworkSource,
        precision: Precision,
        device: Device = "cpu",
        *,
        recompile: bool = False,
        core: Any = None,
    ) -> Self:
        """See :meth:`Runtime.load`.

        With ``recompile``, a cached compiled network is not used. ``core`` is an ``openvino.Core``, created by default.
        """
        openvino = _import_openvino()
        core = core or openvino.Core()
        if device == "gpu":
            return cls._load_on_gpu(core, source, precision)
        # The latency hint uses all threads for one batch: as fast as several streams, in a fraction of the memory.
        options = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": processors(),  # a cached network obeys it, whatever it was compiled for
            "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision],
        }
        cached = compiled_copy(source, precision, openvino.__version__, core.get_property("CPU", "FULL_DEVICE_NAME"))
        mapped = None if recompile else cached.open()
        if mapped is not None:
            with suppress(RuntimeError):  # OpenVINO may reject it: then compile again
                blob = openvino.Tensor(np.frombuffer(mapped, np.uint8), shared_memory=True)
                with release_pages(mapped):
                    return cls(core.import_model(blob, "CPU", options), keep_alive=mapped)
        model, weights = source.build()
        mapped = map_file(weights.path)
        with release_pages(mapped):
            compiled = core.compile_model(_read_model(core, model, weights, mapped), "CPU", options)
            cached.write(partial(_export, compiled))
        return cls(compiled, keep_alive=mapped)

    @classmethod
    def _load_on_gpu(cls, core: Any, source: NetworkSource, precision: Precision) -> Self:
        gpu = find_gpu(core.available_devices)
        if gpu is None:
            raise DeviceError("OpenVINO finds no GPU (it supports those of Intel, with their OpenCL driver)")
        if precision != "fp32":
            raise EncoderError(f"{source.name}: {precision} is computed on the CPU only. Use --device cpu")
        model, weights = source.build()
        mapped = map_file(weights.path)
        # The default on a GPU is half precision.
        options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        compiled = core.compile_model(_read_model(core, model, weights, mapped), gpu, options)
        return cls(compiled, keep_alive=mapped, device=f"gpu ({core.get_property(gpu, 'FULL_DEVICE_NAME')})")

    @staticmethod
    def has_gpu() -> bool:
        """Whether OpenVINO finds a GPU."""
        return find_gpu(_import_openvino().Core().available_devices) is not None

    @property
    def threads(self) -> int:
        """The number of threads that compute."""
        return int(self._request.get_compiled_model().get_property("INFERENCE_NUM_THREADS"))

    def run(self, batch: NDArray[np.generic]) -> NDArray[np.float32]:
        """See :meth:`Runtime.run`."""
        with self._lock:
            return np.array(self._request.infer({0: np.ascontiguousarray(batch)}, share_inputs=True)[0])


def find_gpu(devices: Sequence[str]) -> str | None:
    """The first GPU among the ``devices`` that OpenVINO lists: "GPU", or "GPU.0" where there are several."""
    return next((name for name in devices if name.startswith("GPU")), None)


@cache
def _import_openvino() -> Any:
    """Import OpenVINO without its converter, which would load ``openvino-telemetry`` and report the import."""
    converter = "openvino.tools.ovc"
    if "openvino" in sys.modules or converter in sys.modules:  # the host program has already imported it
        import openvino

        return openvino
    sys.modules[converter] = None  # type: ignore[assignment]  # makes its import fail, which OpenVINO handles
    try:
        import openvino
    finally:
        del sys.modules[converter]
    return openvino


def _read_model(core: Any, model: onnx.ModelProto, weights: WeightsFile, mapped: mmap.mmap) -> Any:
    """Convert ``model`` to an OpenVINO model whose weights are views of ``mapped``, the weights file.

    The model is read with its weights as inputs; these are then replaced by constants that share the mapped memory.
    """
    import onnx

    openvino = _import_openvino()
    internal, names = [], set()
    for tensor in model.graph.initializer:
        if not tensor.external_data:
            internal.append(tensor)
            continue
        names.add(tensor.name)
        model.graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    del model.graph.initializer[:]
    model.graph.initializer.extend(internal)
    converted = core.read_model(model.SerializeToString())
    data = np.frombuffer(mapped, np.uint8)
    for parameter in converted.get_parameters():
        name = parameter.get_friendly_name()
        if name in names:
            ref = weights[name]
            values = openvino.Tensor(
                data[ref.offset : ref.offset + ref.nbytes].view(numpy_equivalent(ref.dtype)),
                openvino.Shape(list(ref.stored_shape)),
                parameter.get_element_type(),
            )
            constant = openvino.op.Constant(values, shared_memory=True)
            constant.set_friendly_name(name)
            parameter.output(0).replace(constant.output(0))
            converted.remove_parameter(parameter)
    return converted


class _FileStream(io.BytesIO):
    """A stream that OpenVINO can export to, because it is a BytesIO, and that writes to a file.

    OpenVINO seeks back to complete its header. Errors are stored, because they must not propagate through OpenVINO's
    native code.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        """Write ``data`` to the file."""
        try:
            if self.error is None:
                self._file.write(data)
        except OSError as error:
            self.error = error
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Change the position in the file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """The position in the file."""
        return self._file.tell()


def _export(compiled: Any, file: BinaryIO) -> None:
    """Write the compiled network to ``file`` in chunks; as one bytes object it would double the memory."""
    stream = _FileStream(file)
    compiled.export_model(stream)
    if stream.error is not None:
        raise stream.error
