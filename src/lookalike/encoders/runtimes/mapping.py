"""Weights files in memory: mapped, never copied, and given back while they are read once."""

from __future__ import annotations

import mmap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np

_SHED_SECONDS: Final = 0.02


def as_known_to_numpy(dtype: np.dtype[np.generic]) -> np.dtype[np.generic]:
    """A kind of number of the same width that numpy itself has: OpenVINO knows no others by their numpy names."""
    return dtype if dtype.kind in "fiub" else np.dtype(f"u{dtype.itemsize}")


def map_file(path: Path) -> mmap.mmap:
    """The file in memory, read only as far as it is used; writable, as OpenVINO demands, but never written."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)


@contextmanager
def shedding(mapped: mmap.mmap) -> Iterator[None]:
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
