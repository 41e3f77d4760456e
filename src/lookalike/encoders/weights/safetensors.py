"""Read where the tensors of a safetensors file lie, and refuse every file whose header lies about it.

The format: the header's length (8 bytes, little-endian), the header (a JSON object: tensor name to dtype, shape and
the span of its bytes, counted from the header's end), then the numbers, without gaps. Nothing is ever executed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any, Final

import ml_dtypes
import numpy as np

from lookalike.encoders.weights.tensors import TensorRef, WeightsFile
from lookalike.errors import WeightsError

_DTYPES: Final = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}

_LENGTH_BYTES: Final = 8
# A thousand tensors need some 0.15 MB; a longer header than this is not one of an encoder.
_LONGEST_HEADER: Final = 16_000_000

_IMPOSTORS: Final = (
    (b"PK\x03\x04", "it is a torch checkpoint (a zip with a pickle inside, which could run code)"),
    *(
        (bytes((0x80, protocol)), "it is a torch checkpoint (a pickle, which could run code)")
        for protocol in range(2, 6)
    ),
    (b"version https://git-lfs", "it is a Git LFS pointer, not the file itself (git lfs pull fetches that)"),
    (b"<", "it is a web page, so its download went wrong"),
)

_METADATA = "__metadata__"


class _LieError(ValueError):
    """What is wrong with the file, in words that go on from "refused as a safetensors file:"."""


def read_safetensors(path: Path) -> WeightsFile:
    """Find every tensor of the safetensors file at ``path``.

    Raises :class:`WeightsError` if the file is missing, of another format or cut short, or if its header is anything
    but a true account of the file: every byte belongs to exactly one tensor, of the length its dtype and shape make.
    """
    try:
        header, start = _header(path)
        return WeightsFile(path, _tensors(header, start, path.stat().st_size))
    except OSError as error:
        raise WeightsError(f"{path}: can't be read: {error.strerror}") from error
    except _LieError as error:
        raise WeightsError(
            f"{path}: refused as a safetensors file: {error}; get it anew from its source, or save the model again "
            "as safetensors (safe_serialization in transformers, safetensors.torch.save_file anywhere)"
        ) from error


def _header(path: Path) -> tuple[Mapping[str, Any], int]:
    """The header, and the offset in bytes at which the numbers begin."""
    with path.open("rb") as file:
        size = path.stat().st_size
        head = file.read(_LENGTH_BYTES + 24)
        length = int.from_bytes(head[:_LENGTH_BYTES], "little")
        if head[_LENGTH_BYTES : _LENGTH_BYTES + 1] != b"{" or length > _LONGEST_HEADER:
            raise _LieError(next((what for start, what in _IMPOSTORS if head.startswith(start)), "it is none"))
        if _LENGTH_BYTES + length > size:
            raise _LieError(f"its header should have {length} bytes, but the file ends before; it is cut short")
        file.seek(_LENGTH_BYTES)
        text = file.read(length)
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, _LieError) else _LieError("its header is not JSON") from error
    if not isinstance(header, dict):
        raise _LieError("its header is not a table of tensors")
    return header, _LENGTH_BYTES + length


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise _LieError("its header names one tensor twice")
    return table


def _tensors(header: Mapping[str, Any], start: int, size: int) -> dict[str, TensorRef]:
    """Every tensor of the header, once all of them together have been found to fill the file exactly."""
    spans: list[tuple[int, int, str]] = []
    tensors = {}
    for name, entry in header.items():
        if name == _METADATA:
            continue
        dtype, shape, begin, end = _entry(name, entry)
        if (start + begin) % dtype.itemsize:  # runtimes read numbers in place, and may crash on such ones
            raise _LieError(f"tensor {name!r} begins at an odd place, as very old writers left them")
        spans.append((begin, end, name))
        tensors[name] = TensorRef(dtype, shape, start + begin)
    expected = 0
    for begin, end, name in sorted(spans):
        if begin != expected:
            raise _LieError(f"tensor {name!r} {'overlaps another' if begin < expected else 'follows a gap'}")
        expected = end
    if not tensors:
        raise _LieError("it holds no tensor")
    if start + expected != size:
        more = "is cut short" if start + expected > size else "has more bytes than its tensors"
        raise _LieError(f"it {more} ({size} bytes, not {start + expected})")
    return tensors


def _entry(name: str, entry: object) -> tuple[np.dtype[np.generic], tuple[int, ...], int, int]:
    """The dtype, the shape and the span (from the header's end, in bytes) of one tensor."""
    match entry:
        case {"dtype": str(kind), "shape": [*shape], "data_offsets": [begin, end]}:
            pass
        case _:
            raise _LieError(f"tensor {name!r} is not described by dtype, shape and data_offsets")
    if not all(type(number) is int and number >= 0 for number in (*shape, begin, end)):
        raise _LieError(f"tensor {name!r} has a length or an offset that is no natural number")
    dtype = _DTYPES.get(kind)
    if dtype is None:
        raise _LieError(f"tensor {name!r} is of the unknown kind {kind!r}; known: {', '.join(_DTYPES)}")
    if end - begin != prod(shape) * dtype.itemsize:
        needed = prod(shape) * dtype.itemsize
        raise _LieError(f"tensor {name!r} has {end - begin} bytes, but {kind} {shape} takes {needed}")
    return dtype, tuple(shape), begin, end
