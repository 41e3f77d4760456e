"""OpenVINO on the CPU; its compiled networks are kept as files."""

from __future__ import annotations

import io
import mmap
import sys
import threading
from contextlib import suppress
from functools import cache, partial
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.networks.source import NetworkSource
from lookalike.encoders.runtimes.compiled import compiled_copy
from lookalike.encoders.runtimes.mapping import as_known_to_numpy, map_file, shedding
from lookalike.encoders.spec import Precision

if TYPE_CHECKING:
    import onnx

    from lookalike.encoders.weights.tensors import WeightsFile


class OpenVINORuntime:
    """OpenVINO on the CPU; its compiled networks are kept as files and memory-mapped on later starts."""

    def __init__(self, compiled: Any, keep_alive: object = None) -> None:
        self._request = compiled.create_infer_request()
        self._keep_alive = keep_alive
        self._lock = threading.Lock()

    @classmethod
    def load(cls, source: NetworkSource, precision: Precision, *, afresh: bool = False) -> Self:
        """See :meth:`Runtime.load`. With ``afresh`` it is compiled anew, whatever an earlier run has kept."""
        openvino = _import_openvino()
        core = openvino.Core()
        # The latency hint puts all threads on one batch: as fast as several streams here, in a fraction of the memory.
        options = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision],
        }
        kept = compiled_copy(source, precision, openvino.__version__, core.get_property("CPU", "FULL_DEVICE_NAME"))
        if not afresh and kept.is_intact():
            # Another process may have taken it away by now, and another build may refuse it: compile anew.
            with suppress(FileNotFoundError, RuntimeError):
                mapped = map_file(kept.path)
                blob = openvino.Tensor(np.frombuffer(mapped, np.uint8), shared_memory=True)
                with shedding(mapped):
                    return cls(core.import_model(blob, "CPU", options), keep_alive=mapped)
        model, weights = source.build()
        mapped = map_file(weights.path)
        with shedding(mapped):
            compiled = core.compile_model(_read_model(core, model, weights, mapped), "CPU", options)
            kept.write(partial(_export, compiled))
        return cls(compiled, keep_alive=mapped)

    def run(self, batch: NDArray[np.generic]) -> NDArray[np.float32]:
        """See :meth:`Runtime.run`."""
        with self._lock:
            return np.array(self._request.infer({0: np.ascontiguousarray(batch)}, share_inputs=True)[0])


@cache
def _import_openvino() -> Any:
    """OpenVINO without its converter, whose import would load ``openvino-telemetry`` and let it report the import."""
    converter = "openvino.tools.ovc"
    if "openvino" in sys.modules or converter in sys.modules:  # the host program's choice, made before ours
        import openvino

        return openvino
    sys.modules[converter] = None  # type: ignore[assignment]  # makes its import fail, which OpenVINO allows for
    try:
        import openvino
    finally:
        del sys.modules[converter]
    return openvino


def _read_model(core: Any, model: onnx.ModelProto, weights: WeightsFile, mapped: mmap.mmap) -> Any:
    """``model`` as OpenVINO's own, its weights being views of ``mapped`` (the weights file), nothing copied.

    It is read with weights for inputs, which constants that share memory then replace.
    """
    import onnx

    openvino = _import_openvino()
    kept, names = [], set()
    for tensor in model.graph.initializer:
        if not tensor.external_data:
            kept.append(tensor)
            continue
        names.add(tensor.name)
        model.graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    read = core.read_model(model.SerializeToString())
    numbers = np.frombuffer(mapped, np.uint8)
    for parameter in read.get_parameters():
        name = parameter.get_friendly_name()
        if name in names:
            ref = weights[name]
            values = openvino.Tensor(
                numbers[ref.offset : ref.offset + ref.nbytes].view(as_known_to_numpy(ref.dtype)),
                openvino.Shape(list(ref.stored_shape)),
                parameter.get_element_type(),
            )
            constant = openvino.op.Constant(values, shared_memory=True)
            constant.set_friendly_name(name)
            parameter.output(0).replace(constant.output(0))
            read.remove_parameter(parameter)
    return read


class _IntoFile(io.BytesIO):
    """Stands in for the one kind of stream that OpenVINO exports to, and passes everything on to a file.

    OpenVINO writes a header first and goes back to fill it in. An error is kept for later, since it must not be thrown
    through OpenVINO's own code.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self.error: OSError | None = None

    def write(self, piece: Any) -> int:
        """Write one piece to the file."""
        try:
            if self.error is None:
                self._file.write(piece)
        except OSError as error:
            self.error = error
        return len(piece)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to another place in the file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """The place in the file."""
        return self._file.tell()


def _export(compiled: Any, file: BinaryIO) -> None:
    """Write the compiled network to ``file`` piece by piece, since as one object it would double the memory."""
    stream = _IntoFile(file)
    compiled.export_model(stream)
    if stream.error is not None:
        raise stream.error
