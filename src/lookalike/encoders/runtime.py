"""Run an ONNX graph on this machine's processor: OpenVINO by default, ONNX Runtime where it is asked for.

Both read their weights straight from the memory-mapped weights file. They refuse graphs whose weights lie outside
the graph's own folder, or behind a symbolic link as in the Hugging Face cache, so neither is given a file name: both
get arrays that are views of the mapping. (OpenVINO also takes addresses inside a graph, but copies what lies there.)
"""

from __future__ import annotations

import hashlib
import io
import json
import mmap
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.cache import CompiledCopy
from lookalike.encoders.spec import Precision
from lookalike.errors import EncoderError

if TYPE_CHECKING:
    import onnx

    from lookalike.encoders.tensors import WeightsFile


_SHED_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class NetworkSource:
    """What to run: how to make the graph, and what tells it from every other.

    ``build`` reads the weights file and returns the graph that refers to it; it is called only where no compiled copy
    is at hand. ``graph_version`` is raised whenever ``build`` changes; ``settings`` is whatever else the graph depends
    on (which tower, preprocessing, activation), in any words that differ where they do.
    """

    name: str
    weights_sha256: str
    graph_version: int
    build: Callable[[], tuple[onnx.ModelProto, WeightsFile]]
    settings: str = ""


class Runtime(Protocol):
    """A network made ready to run. May be called from any thread; calls take turns."""

    @classmethod
    def load(cls, source: NetworkSource, precision: Precision) -> Self:
        """Make ``source`` ready; raises :class:`~lookalike.errors.EncoderError` where it can't be in ``precision``."""
        ...

    def run(self, batch: NDArray[np.generic]) -> NDArray[np.float32]:
        """One output row for each row of ``batch``: features float32 (n, d) out.

        ``batch`` holds pixels, uint8 (n, S, S, 3), or the ids of a text's tokens, int64 (n, tokens).
        """
        ...


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
        kept = _compiled_copy(source, precision, openvino.__version__, core.get_property("CPU", "FULL_DEVICE_NAME"))
        if not afresh and kept.is_intact():
            # Another process may have taken it away by now, and another build may refuse it: compile anew.
            with suppress(FileNotFoundError, RuntimeError):
                mapped = _mapped(kept.path)
                blob = openvino.Tensor(np.frombuffer(mapped, np.uint8), shared_memory=True)
                with _shedding(mapped):
                    return cls(core.import_model(blob, "CPU", options), keep_alive=mapped)
        model, weights = source.build()
        mapped = _mapped(weights.path)
        with _shedding(mapped):
            compiled = core.compile_model(_read_model(core, model, weights, mapped), "CPU", options)
            kept.write(partial(_export, compiled))
        return cls(compiled, keep_alive=mapped)

    def run(self, batch: NDArray[np.generic]) -> NDArray[np.float32]:
        """See :meth:`Runtime.run`."""
        with self._lock:
            return np.array(self._request.infer({0: np.ascontiguousarray(batch)}, share_inputs=True)[0])


class ONNXRuntime:
    """ONNX Runtime on the CPU, in fp32: the portable runtime, and the reference that tests compare OpenVINO with."""

    def __init__(self, session: Any, keep_alive: object) -> None:
        self._session = session
        self._keep_alive = keep_alive
        self._input = session.get_inputs()[0].name

    @classmethod
    def load(cls, source: NetworkSource, precision: Precision) -> Self:
        """See :meth:`Runtime.load`."""
        if precision != "fp32":
            raise EncoderError(f"ONNX Runtime runs {source.name} in fp32 only; {precision} needs OpenVINO")
        try:
            import onnxruntime
        except ImportError:
            raise EncoderError(
                "ONNX Runtime is not installed; to install it: pip install 'lookalike[onnxruntime]'"
            ) from None
        model, weights = source.build()
        names = [tensor.name for tensor in model.graph.initializer if tensor.external_data]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = os.cpu_count() or 1
        # The session refers to these values without holding on to them: they must live as long as it does.
        values = [_ort_value(onnxruntime.OrtValue, weights.stored(name)) for name in names]
        options.add_external_initializers(names, values)
        graph = model.SerializeToString()
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        return cls(session, keep_alive=values)

    def run(self, batch: NDArray[np.generic]) -> NDArray[np.float32]:
        """See :meth:`Runtime.run`."""
        (features,) = self._session.run(None, {self._input: np.ascontiguousarray(batch)})
        return np.asarray(features, np.float32)


def _ort_value(kind: Any, array: NDArray[np.generic]) -> Any:
    """``array`` as ONNX Runtime's own, by reference; bfloat16, which it doesn't know by name, as what it is."""
    known = _as_known_to_numpy(array.dtype)
    if known == array.dtype:
        return kind.ortvalue_from_numpy(array)
    from onnx import helper

    return kind.ortvalue_from_numpy_with_onnx_type(array.view(known), helper.np_dtype_to_tensor_dtype(array.dtype))


RUNTIMES: dict[str, type[Runtime]] = {"openvino": OpenVINORuntime, "onnxruntime": ONNXRuntime}


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


def _compiled_copy(source: NetworkSource, precision: Precision, version: str, processor: str) -> CompiledCopy:
    """Where ``source`` compiled for this runtime, processor and precision is kept.

    The weights' SHA-256 is in the name, so that checkpoints of the same name don't take each other's copies away.
    """
    key = json.dumps(
        [source.name, source.weights_sha256, source.graph_version, source.settings, version, processor, precision]
    )
    name = f"{source.name}-{precision}-{source.weights_sha256[:12]}"
    return CompiledCopy(name, hashlib.sha256(key.encode()).hexdigest()[:16])


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
                numbers[ref.offset : ref.offset + ref.nbytes].view(_as_known_to_numpy(ref.dtype)),
                openvino.Shape(list(ref.stored_shape)),
                parameter.get_element_type(),
            )
            constant = openvino.op.Constant(values, shared_memory=True)
            constant.set_friendly_name(name)
            parameter.output(0).replace(constant.output(0))
            read.remove_parameter(parameter)
    return read


def _as_known_to_numpy(dtype: np.dtype[np.generic]) -> np.dtype[np.generic]:
    """A kind of number of the same width that numpy itself has: OpenVINO knows no others by their numpy names."""
    return dtype if dtype.kind in "fiub" else np.dtype(f"u{dtype.itemsize}")


def _mapped(path: Path) -> mmap.mmap:
    """The file in memory, read only as far as it is used; writable, as OpenVINO demands, but never written."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)


@contextmanager
def _shedding(mapped: mmap.mmap) -> Iterator[None]:
    """Give pages of ``mapped`` back to the system again and again, while something inside reads all of it once.

    They are read again, from the system's cache, should they be needed again. Without this the whole file is resident
    beside the packed copy that the runtime makes of it, which nearly doubles the peak.
    """
    if not hasattr(mapped, "madvise"):  # Windows
        yield
        return
    done = threading.Event()

    def shed() -> None:
        while not done.wait(_SHED_SECONDS):
            mapped.madvise(mmap.MADV_DONTNEED)

    thread = threading.Thread(target=shed, name="page shedder", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        mapped.madvise(mmap.MADV_DONTNEED)


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
