"""Read a torch checkpoint of the old, one-stream format without torch, and without running anything in it.

The file is five pickles (magic number, protocol, machine, state dict, storage keys) followed by the raw storages,
each one preceded by its length as a little-endian int64 (torch's ``_legacy_save``). A pickle can name any callable;
the unpicklers here admit the three names a dictionary of float32 and int64 tensors needs and refuse all others.
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

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001


@dataclass(frozen=True, slots=True)
class _Storage:
    """A storage named in the state dict, not yet found in the file."""

    key: str
    dtype: np.dtype[np.generic]
    length: int


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A view of a storage, as the state dict describes it."""

    storage: _Storage
    first: int
    shape: tuple[int, ...]
    order: tuple[int, ...] | None


def _rebuild_tensor(
    storage: _Storage, first: int, shape: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> _Tensor:
    """Stands in for the function of the same name in ``torch._utils``; axes of length 1 may have any stride."""
    order = sorted(range(len(shape)), key=lambda axis: (-stride[axis], axis))
    step = 1
    for axis in reversed(order):
        if shape[axis] != 1 and stride[axis] != step:
            raise pickle.UnpicklingError("a tensor with gaps or overlaps between its numbers")
        step *= shape[axis]
    row_major = order == sorted(order)
    return _Tensor(storage, first, tuple(shape), None if row_major else tuple(order))


_ADMITTED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch", "FloatStorage"): np.dtype("<f4"),
    ("torch", "LongStorage"): np.dtype("<i8"),
}


class _Plain(pickle.Unpickler):
    """Numbers, strings, lists and dictionaries only."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


class _StateDict(_Plain):
    """A dictionary of tensors: the few names in ``_ADMITTED``, and storages by reference."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ADMITTED[module, name]
        except KeyError:
            return super().find_class(module, name)

    def persistent_load(self, pid: Any) -> _Storage:
        match pid:
            case ("storage", np.dtype() as dtype, str(key), _, int(length), None):
                return _Storage(key, dtype, length)
        raise pickle.UnpicklingError(f"a reference that is no storage: {pid!r}")


def read_torch_pickle(path: Path) -> WeightsFile:
    """Find every tensor of the state dict in ``path``.

    Raises :class:`WeightsError` if the file is of another format, is cut short, or its pickle asks for any name
    that tensors don't need. Nothing in the file is ever executed. Check the file's SHA-256 before all the same.
    """
    try:
        with path.open("rb") as file:
            return WeightsFile(path, _read(file))
    except WeightsError:
        raise
    except Exception as error:  # a hostile pickle stream can make the unpickler raise almost anything
        raise WeightsError(f"{path}: refused as a torch checkpoint: {error}") from error


def _read(file: BinaryIO) -> dict[str, TensorRef]:
    if _Plain(file).load() != _MAGIC or _Plain(file).load() != _PROTOCOL:
        raise pickle.UnpicklingError("it does not begin as one")
    if not _Plain(file).load()["little_endian"]:
        raise pickle.UnpicklingError("it was written on a big-endian machine")
    state = _StateDict(file).load()
    offsets = _storage_offsets(file, _Plain(file).load(), state)
    return {
        name: TensorRef(t.storage.dtype, t.shape, offsets[t.storage.key] + t.first * t.storage.dtype.itemsize, t.order)
        for name, t in state.items()
    }


def _storage_offsets(file: BinaryIO, keys: list[str], state: dict[str, _Tensor]) -> dict[str, int]:
    """Where each storage's raw numbers begin; checks each one's length against what the state dict said."""
    storages = {tensor.storage.key: tensor.storage for tensor in state.values()}
    offsets = {}
    for key in keys:
        (length,) = struct.unpack("<q", file.read(8))
        storage = storages[key]
        if length != storage.length:
            raise pickle.UnpicklingError(f"storage {key} has {length} numbers, not {storage.length}")
        offsets[key] = file.tell()
        file.seek(length * storage.dtype.itemsize, 1)
    return offsets
