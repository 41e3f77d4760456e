"""Read a torch checkpoint of the old single-stream format without torch and without executing anything in it.

The file consists of five pickles (magic number, protocol, machine, state dict, storage keys) followed by the raw
storages, each preceded by its length as a little-endian int64 (torch's ``_legacy_save``). A pickle can call any
function; the unpicklers here allow only the names that a dictionary of float32 and int64 tensors needs.
"""

from __future__ import annotations

import pickle
import struct
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from lookalike.encoders.weights.tensors import TensorRef, WeightsFile
from lookalike.errors import WeightsError
from lookalike.system_files import open_regular

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001


@dataclass(frozen=True, slots=True)
class _Storage:
    """A storage that the state dict refers to."""

    key: str
    dtype: np.dtype[np.generic]
    length: int


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A view of a storage, as described in the state dict."""

    storage: _Storage
    first: int
    shape: tuple[int, ...]
    order: tuple[int, ...] | None


def _rebuild_tensor(
    storage: _Storage, first: int, shape: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> _Tensor:
    """Replaces the function of the same name in ``torch._utils``; axes of length 1 may have any stride."""
    order = sorted(range(len(shape)), key=lambda axis: (-stride[axis], axis))
    step = 1
    for axis in reversed(order):
        if shape[axis] != 1 and stride[axis] != step:
            raise pickle.UnpicklingError("a tensor has gaps or overlaps between its values")
        step *= shape[axis]
    row_major = order == sorted(order)
    return _Tensor(storage, first, tuple(shape), None if row_major else tuple(order))


_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch", "FloatStorage"): np.dtype("<f4"),
    ("torch", "LongStorage"): np.dtype("<i8"),
}


class _PlainUnpickler(pickle.Unpickler):
    """Loads numbers, strings, lists and dictionaries only."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it refers to {module}.{name}, which is not allowed")


class _StateDictUnpickler(_PlainUnpickler):
    """Loads a dictionary of tensors: the names in ``_ALLOWED``, and references to storages."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            return super().find_class(module, name)

    def persistent_load(self, pid: Any) -> _Storage:
        match pid:
            case ("storage", np.dtype() as dtype, str(key), _, int(length), None):
                return _Storage(key, dtype, length)
        raise pickle.UnpicklingError(f"invalid reference to a storage: {pid!r}")


def read_torch_pickle(path: Path) -> WeightsFile:
    """Find every tensor of the state dict in ``path``.

    Raises :class:`WeightsError` if the file has another format, is truncated, or its pickle refers to a name that
    tensors don't need. Nothing in the file is executed. Callers verify the file's SHA-256 first.
    """
    try:
        with open_regular(path) as file:
            return WeightsFile(path, _read(file))
    except WeightsError:
        raise
    except Exception as error:  # a malicious pickle can make the unpickler raise almost anything
        raise WeightsError(f"{path}: not a valid torch checkpoint: {error}") from error


def _read(file: BinaryIO) -> dict[str, TensorRef]:
    if _PlainUnpickler(file).load() != _MAGIC or _PlainUnpickler(file).load() != _PROTOCOL:
        raise pickle.UnpicklingError("wrong magic number or protocol")
    if not _PlainUnpickler(file).load()["little_endian"]:
        raise pickle.UnpicklingError("it was written on a big-endian machine")
    state = _StateDictUnpickler(file).load()
    offsets = _storage_offsets(file, _PlainUnpickler(file).load(), state)
    return {
        name: TensorRef(t.storage.dtype, t.shape, offsets[t.storage.key] + t.first * t.storage.dtype.itemsize, t.order)
        for name, t in state.items()
    }


def _storage_offsets(file: BinaryIO, keys: list[str], state: dict[str, _Tensor]) -> dict[str, int]:
    """The offset of each storage's raw values; checks each length against the state dict."""
    storages = {tensor.storage.key: tensor.storage for tensor in state.values()}
    offsets = {}
    for key in keys:
        (length,) = struct.unpack("<q", file.read(8))
        storage = storages[key]
        if length != storage.length:
            raise pickle.UnpicklingError(f"storage {key} has {length} values, not {storage.length}")
        offsets[key] = file.tell()
        file.seek(length * storage.dtype.itemsize, 1)
    return offsets
