"""Read the positions of the tensors in a safetensors file.

The format: the header's length (8 bytes, little-endian), the header (a JSON object that maps each tensor name to dtype,
shape and byte range, counted from the end of the header), then the values, without gaps. The safetensors library
validates the file; offsets are read here, because the library returns only copies of the tensors.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import ml_dtypes
import numpy as np

from lookalike.encoders.weights.tensors import TensorRef, WeightsFile
from lookalike.errors import WeightsError
from lookalike.system_files import open_regular

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

_OTHER_FORMATS: Final = (
    (b"PK\x03\x04", "it is a torch checkpoint (a zip that contains a pickle, which could run code)"),
    *(
        (bytes((0x80, protocol)), "it is a torch checkpoint (a pickle, which could run code)")
        for protocol in range(2, 6)
    ),
    (b"version https://git-lfs", "it is a Git LFS pointer; run git lfs pull to get the file"),
    (b"<", "it is a web page, so its download failed"),
)

_METADATA: Final = "__metadata__"


class _FormatError(ValueError):
    """The problem with the file, as a phrase that follows "not a valid safetensors file:"."""


def read_safetensors(path: Path) -> WeightsFile:
    """Find every tensor of the safetensors file ``path``.

    Raises :class:`WeightsError` if the file is missing, truncated or of another format, or if its header is
    inconsistent: every byte must belong to exactly one tensor, whose size must match its dtype and shape. Tensors of
    unsupported dtypes and unaligned tensors are rejected too.
    """
    try:
        _validate(path)
        return WeightsFile(path, _tensors(path))
    except OSError as error:
        raise WeightsError(f"{path}: can't be read ({error.strerror or error})") from error
    except _FormatError as error:
        raise WeightsError(
            f"{path}: not a valid safetensors file: {error}. Download it again, or save the model again with "
            "safe_serialization=True (transformers) or safetensors.torch.save_file"
        ) from error


def _validate(path: Path) -> None:
    """Let the library check the file; it maps the file into memory and reads only the header."""
    from safetensors import SafetensorError, safe_open

    with open_regular(path) as file:
        start = file.read(_LENGTH_BYTES + 16) or b""  # None for a file of /proc that would wait
    other = next((description for prefix, description in _OTHER_FORMATS if start.startswith(prefix)), None)
    # A header that begins with "{" decides: the length before it may happen to look like another format.
    if other is not None and start[_LENGTH_BYTES : _LENGTH_BYTES + 1] != b"{":
        raise _FormatError(other)
    if not start:  # an empty file can't be mapped
        raise _FormatError("it is empty")
    try:
        with safe_open(path, framework="np"):
            pass
    except SafetensorError as error:
        raise _FormatError(str(error).removeprefix("Error while deserializing header: ")) from error


def _tensors(path: Path) -> dict[str, TensorRef]:
    """Every tensor of a validated file, after the checks that the library doesn't make."""
    with open_regular(path) as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        header = json.loads(file.read(length), object_pairs_hook=_unique_names)
    tensors = {
        name: _tensor(name, entry, _LENGTH_BYTES + length) for name, entry in header.items() if name != _METADATA
    }
    if not tensors:
        raise _FormatError("it contains no tensor")
    return tensors


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise _FormatError("its header contains a name twice")
    return values


def _tensor(name: str, entry: dict[str, Any], start: int) -> TensorRef:
    """The reference for an entry of the header; ``start`` is the offset at which the values begin."""
    dtype = _DTYPES.get(entry["dtype"])
    if dtype is None:
        raise _FormatError(
            f"tensor {name!r} has the unsupported dtype {entry['dtype']!r}; supported: {', '.join(_DTYPES)}"
        )
    offset = start + entry["data_offsets"][0]
    if offset % dtype.itemsize:  # runtimes read values in place, and may crash on unaligned ones
        raise _FormatError(f"tensor {name!r} is not aligned; it was written by a very old version of safetensors")
    return TensorRef(dtype, tuple(entry["shape"]), offset)
