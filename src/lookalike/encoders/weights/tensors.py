"""The positions of named tensors in a weights file, so that graphs can refer to them without copying."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Final

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from lookalike.errors import WeightsError

_FLOATS: Final = (np.dtype(np.float32), np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16))


@dataclass(frozen=True, slots=True)
class TensorRef:
    """One tensor inside a weights file.

    ``offset`` is in bytes from the start of the file; the values are dense and little-endian. ``shape`` is the logical
    shape. ``order`` lists the axes as they are stored, slowest first: ``(0, 1, 2, 3)`` is row-major, and
    ``(2, 3, 1, 0)`` is a convolution written by TensorFlow; None means row-major.
    """

    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    offset: int
    order: tuple[int, ...] | None = None

    @property
    def stored_shape(self) -> tuple[int, ...]:
        """The lengths of the axes in stored order."""
        return self.shape if self.order is None else tuple(self.shape[axis] for axis in self.order)

    @property
    def to_shape(self) -> tuple[int, ...] | None:
        """The transposition from the stored axes to the logical ones; None if they are the same."""
        return None if self.order is None else tuple(int(axis) for axis in np.argsort(self.order))

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return prod(self.shape) * self.dtype.itemsize

    def rows(self, first: int, stop: int) -> TensorRef:
        """Rows ``first`` up to ``stop`` (exclusive) of a row-major tensor, which are contiguous."""
        row = prod(self.shape[1:]) * self.dtype.itemsize
        return replace(self, shape=(stop - first, *self.shape[1:]), offset=self.offset + first * row)

    def reshaped(self, *shape: int) -> TensorRef:
        """A row-major tensor with another shape of the same size."""
        if prod(shape) != prod(self.shape):
            raise ValueError(f"{self.shape} can't be reshaped to {shape}")
        return replace(self, shape=shape)

    def transposed(self) -> TensorRef:
        """The transpose of a row-major matrix."""
        return replace(self, shape=self.shape[::-1], order=(1, 0))


class WeightsFile:
    """The named tensors of one weights file."""

    def __init__(self, path: Path, tensors: Mapping[str, TensorRef]) -> None:
        """Raises :class:`WeightsError` if a tensor lies outside the file."""
        self.path = path
        self.tensors = dict(tensors)
        size = path.stat().st_size
        for name, ref in self.tensors.items():
            if ref.offset < 0 or ref.offset + ref.nbytes > size:
                raise WeightsError(f"{path}: tensor {name!r} lies outside the file; it is damaged or truncated")

    def __getitem__(self, name: str) -> TensorRef:
        """The reference of the tensor ``name``; raises :class:`WeightsError` if there is none."""
        try:
            return self.tensors[name]
        except KeyError:
            raise WeightsError(
                f"{self.path}: tensor {name!r} is missing; this may be another kind of network"
            ) from None

    def floats(self, name: str, *ranks: int) -> TensorRef:
        """The reference of the floating-point tensor ``name``; ``ranks`` lists the allowed numbers of axes, if given.

        Raises :class:`WeightsError` if it is missing, empty, or has another number of axes or an unsupported dtype.
        """
        ref = self[name]
        if (ranks and len(ref.shape) not in ranks) or 0 in ref.shape:
            expected = f"{' or '.join(map(str, ranks))} non-empty axes" if ranks else "a non-empty tensor"
            raise WeightsError(f"{self.path}: tensor {name!r} has shape {ref.shape}; expected {expected}")
        if ref.dtype not in _FLOATS:
            raise WeightsError(
                f"{self.path}: tensor {name!r} has the unsupported dtype {ref.dtype}; save the checkpoint again in "
                "float32, float16 or bfloat16"
            )
        return ref

    def stored(self, name: str) -> NDArray[np.generic]:
        """The tensor ``name`` with its axes as stored: a read-only memory map of the file."""
        ref = self[name]
        flat = np.memmap(self.path, dtype=np.uint8, mode="r", offset=ref.offset, shape=(ref.nbytes,))
        return flat.view(ref.dtype).reshape(ref.stored_shape)

    def array(self, name: str) -> NDArray[np.generic]:
        """The tensor ``name`` in its logical shape, memory-mapped as in :meth:`stored`."""
        to_shape = self[name].to_shape
        return self.stored(name) if to_shape is None else self.stored(name).transpose(to_shape)
