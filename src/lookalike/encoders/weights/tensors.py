"""Named tensors in a weights file: where each one lies, so that graphs can refer to it and never copy it."""

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

    ``offset`` is in bytes from the start of the file; the numbers are dense and little-endian. ``shape`` is the
    tensor's own; ``order`` lists its axes as they are stored, slowest first, so that ``(0, 1, 2, 3)`` is row-major and
    ``(2, 3, 1, 0)`` a convolution written by TensorFlow.
    """

    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    offset: int
    order: tuple[int, ...] | None = None

    @property
    def stored_shape(self) -> tuple[int, ...]:
        """The lengths of the axes in the order in which they are stored."""
        return self.shape if self.order is None else tuple(self.shape[axis] for axis in self.order)

    @property
    def to_shape(self) -> tuple[int, ...] | None:
        """The transposition that leads from the stored axes to the tensor's own; None where they are the same."""
        return None if self.order is None else tuple(int(axis) for axis in np.argsort(self.order))

    @property
    def nbytes(self) -> int:
        """Length in bytes."""
        return prod(self.shape) * self.dtype.itemsize

    def rows(self, first: int, stop: int) -> TensorRef:
        """Rows ``first`` to ``stop`` (without it) of a row-major tensor: they lie in one piece."""
        row = prod(self.shape[1:]) * self.dtype.itemsize
        return replace(self, shape=(stop - first, *self.shape[1:]), offset=self.offset + first * row)

    def reshaped(self, *shape: int) -> TensorRef:
        """The numbers of a row-major tensor under another shape, of as many numbers."""
        if prod(shape) != prod(self.shape):
            raise ValueError(f"{self.shape} can't be seen as {shape}")
        return replace(self, shape=shape)

    def transposed(self) -> TensorRef:
        """The transpose of a row-major matrix."""
        return replace(self, shape=self.shape[::-1], order=(1, 0))


class WeightsFile:
    """The named tensors of one file on disk."""

    def __init__(self, path: Path, tensors: Mapping[str, TensorRef]) -> None:
        """Describe ``path``; raises :class:`WeightsError` if a tensor would lie outside the file."""
        self.path = path
        self.tensors = dict(tensors)
        size = path.stat().st_size
        for name, ref in self.tensors.items():
            if ref.offset < 0 or ref.offset + ref.nbytes > size:
                raise WeightsError(f"{path}: tensor {name!r} lies outside the file; it is damaged or cut short")

    def __getitem__(self, name: str) -> TensorRef:
        """Where the tensor ``name`` lies; raises :class:`WeightsError` if there is none."""
        try:
            return self.tensors[name]
        except KeyError:
            raise WeightsError(f"{self.path}: no tensor named {name!r}; is this the right kind of network?") from None

    def floats(self, name: str, *ranks: int) -> TensorRef:
        """Where the tensor ``name`` lies, whose numbers a network can use; ``ranks`` may say how many axes it can have.

        Raises :class:`WeightsError` if there is none, or if it has other axes, no numbers, or numbers of another kind.
        """
        ref = self[name]
        if (ranks and len(ref.shape) not in ranks) or 0 in ref.shape:
            wanted = f"{' or '.join(map(str, ranks))} axes, none of length 0" if ranks else "one of any numbers"
            raise WeightsError(f"{self.path}: tensor {name!r} has shape {ref.shape}, not {wanted}")
        if ref.dtype not in _FLOATS:
            raise WeightsError(
                f"{self.path}: tensor {name!r} holds {ref.dtype}, which is not supported; save the checkpoint again in "
                "float32, float16 or bfloat16"
            )
        return ref

    def stored(self, name: str) -> NDArray[np.generic]:
        """The tensor ``name`` with its axes as stored: a read-only map of the file, nothing read until it is used."""
        ref = self[name]
        flat = np.memmap(self.path, dtype=np.uint8, mode="r", offset=ref.offset, shape=(ref.nbytes,))
        return flat.view(ref.dtype).reshape(ref.stored_shape)

    def array(self, name: str) -> NDArray[np.generic]:
        """The tensor ``name`` in its own shape, mapped as in :meth:`stored`."""
        to_shape = self[name].to_shape
        return self.stored(name) if to_shape is None else self.stored(name).transpose(to_shape)
