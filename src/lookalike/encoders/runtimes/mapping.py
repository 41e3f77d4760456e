"""Memory-mapped weights files, whose pages are released while they are read."""

from __future__ import annotations

import mmap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np

from lookalike.system_files import open_regular

_RELEASE_INTERVAL: Final = 0.02  # seconds


def numpy_equivalent(dtype: np.dtype[np.generic]) -> np.dtype[np.generic]:
    """A built-in numpy dtype of the same width: OpenVINO doesn't recognise other dtypes, such as bfloat16."""
    return dtype if dtype.kind in "fiub" else np.dtype(f"u{dtype.itemsize}")


def map_file(path: Path) -> mmap.mmap:
    """Map the file into memory; copy-on-write, because OpenVINO requires writable memory."""
    with open_regular(path) as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)


@contextmanager
def release_pages(mapped: mmap.mmap) -> Iterator[None]:
    """Release the resident pages of ``mapped`` repeatedly while the body of the ``with`` statement reads it once.

    Released pages are read again from the system's cache if needed. Without this, the whole file stays resident beside
    the packed copy that the runtime makes, which nearly doubles the peak memory.
    """
    if not hasattr(mapped, "madvise"):  # Windows
        yield
        return
    done = threading.Event()

    def release() -> None:
        while not done.wait(_RELEASE_INTERVAL):
            mapped.madvise(mmap.MADV_DONTNEED)

    thread = threading.Thread(target=release, name="page release", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        mapped.madvise(mmap.MADV_DONTNEED)
