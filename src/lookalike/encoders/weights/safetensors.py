"""Read the positions of the tensors in a safetensors file, and reject files with an inconsistent header.

The format: the header's length (8 bytes, little-endian), the header (a JSON object that maps each tensor name to dtype,
shape and byte range, counted from the end of the header), then the values, without gaps.
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
# A thousand tensors need about 0.15 MB; no encoder has a header longer than this.
_MAX_HEADER_BYTES: Final = 16_000_000

_OTHER_FORMATS: Final = (
    (b"PK\x03\x04", "it is a torch checkpoint (a zip that contains a pickle, which could run code)"),
    *(
        (bytes((0x80, protocol)), "it is a torch checkpoint (a pickle, which could run code)")
        for protocol in range(2, 6)
    ),
    (b"version https://git-lfs", "it is a Git LFS pointer; run git lfs pull to get the file"),
    (b"<", "it is a web page, so its download failed"),
)

_METADATA = "__metadata__"


class _FormatError(ValueError):
    """The problem with the file, as a phrase that follows "not a valid safetensors file:"."""


def read_safetensors(path: Path) -> WeightsFile:
    """Find every tensor of the safetensors file ``path``.

    Raises :class:`WeightsError` if the file is missing, truncated or of another format, or if its header is
    inconsistent: every byte must belong to exactly one tensor, whose size must match its dtype and shape.
    """
    try:
        header, start = _header(path)
        return WeightsFile(path, _tensors(header, start, path.stat().st_size))
    except OSError as error:
        raise WeightsError(f"{path}: can't be read ({error.strerror})") from error
    except _FormatError as error:
        raise WeightsError(
            f"{path}: not a valid safetensors file: {error}. Download it again, or save the model again with "
            "safe_serialization=True (transformers) or safetensors.torch.save_file"
        ) from error


def _header(path: Path) -> tuple[Mapping[str, Any], int]:
    """The header, and the offset in bytes at which the values begin."""
    with path.open("rb") as file:
        size = path.stat().st_size
        head = file.read(_LENGTH_BYTES + 24)
        length = int.from_bytes(head[:_LENGTH_BYTES], "little")
        if head[_LENGTH_BYTES : _LENGTH_BYTES + 1] != b"{" or length > _MAX_HEADER_BYTES:
            other = (what for start, what in _OTHER_FORMATS if head.startswith(start))
            raise _FormatError(next(other, "it has another format"))
        if _LENGTH_BYTES + length > size:
            raise _FormatError(f"it is truncated (its header should have {length} bytes)")
        file.seek(_LENGTH_BYTES)
        text = file.read(length)
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_unique_names)
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, _FormatError) else _FormatError("its header is not valid JSON") from error
    if not isinstance(header, dict):
        raise _FormatError("its header is not a JSON object")
    return header, _LENGTH_BYTES + length


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise _FormatError("its header contains a name twice")
    return values


def _tensors(header: Mapping[str, Any], start: int, size: int) -> dict[str, TensorRef]:
    """Every tensor of the header, after a check that they fill the file exactly."""
    spans: list[tuple[int, int, str]] = []
    tensors = {}
    for name, entry in header.items():
        if name == _METADATA:
            continue
        dtype, shape, begin, end = _entry(name, entry)
        if (start + begin) % dtype.itemsize:  # runtimes read values in place, and may crash on unaligned ones
            raise _FormatError(f"tensor {name!r} is not aligned; it was written by a very old version of safetensors")
        spans.append((begin, end, name))
        tensors[name] = TensorRef(dtype, shape, start + begin)
    expected = 0
    for begin, end, name in sorted(spans):
        if begin != expected:
            raise _FormatError(f"tensor {name!r} {'overlaps another' if begin < expected else 'follows a gap'}")
        expected = end
    if not tensors:
        raise _FormatError("it contains no tensor")
    if start + expected != size:
        problem = "is truncated" if start + expected > size else "has bytes after its last tensor"
        raise _FormatError(f"it {problem} ({size} bytes, not {start + expected})")
    return tensors


def _entry(name: str, entry: object) -> tuple[np.dtype[np.generic], tuple[int, ...], int, int]:
    """The dtype, the shape and the byte range (counted from the end of the header) of one tensor."""
    match entry:
        case {"dtype": str(kind), "shape": [*shape], "data_offsets": [begin, end]}:
            pass
        case _:
            raise _FormatError(f"tensor {name!r} lacks dtype, shape or data_offsets")
    if not all(type(number) is int and number >= 0 for number in (*shape, begin, end)):
        raise _FormatError(f"tensor {name!r} has a length or an offset that is not a natural number")
    dtype = _DTYPES.get(kind)
    if dtype is None:
        raise _FormatError(f"tensor {name!r} has the unsupported dtype {kind!r}; supported: {', '.join(_DTYPES)}")
    if end - begin != prod(shape) * dtype.itemsize:
        needed = prod(shape) * dtype.itemsize
        raise _FormatError(f"tensor {name!r} has {end - begin} bytes, but {kind} {shape} needs {needed}")
    return dtype, tuple(shape), begin, end
