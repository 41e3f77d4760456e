"""Embeddings as a numpy array, streamed to a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.report.document.files import report_writer

_HEADER_BYTES: Final = 128


class ArrayWriter:
    """Writes rows float32 (n, dimension) of a ``.npy`` file whose number isn't known in advance."""

    def __init__(self, file: BinaryIO, dimension: int) -> None:
        self._file = file
        self._dimension = dimension
        self.count = 0
        file.write(bytes(_HEADER_BYTES))

    def write(self, rows: NDArray[np.float32]) -> None:
        """Append rows."""
        self._file.write(np.ascontiguousarray(rows, "<f4").tobytes())
        self.count += len(rows)

    def finish(self) -> None:
        """Write the header: format 1.0 of :mod:`numpy.lib.format`."""
        text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({self.count}, {self._dimension}), }}"
        start = b"\x93NUMPY\x01\x00" + (_HEADER_BYTES - 10).to_bytes(2, "little")
        self._file.seek(0)
        self._file.write(start + text.encode("ascii").ljust(_HEADER_BYTES - 11) + b"\n")


@contextmanager
def array_writer(file: Path, dimension: int) -> Iterator[ArrayWriter]:
    """A writer of ``file``, which is complete afterwards; raises :class:`~lookalike.errors.OutputError`."""
    with report_writer(file) as opened:
        writer = ArrayWriter(opened, dimension)
        yield writer
        writer.finish()
