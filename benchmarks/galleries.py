"""Galleries of many images without encoding any: random unit vectors instead of embeddings."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.spec import EncoderSpec
from lookalike.gallery.records import Changes, EntryChange
from lookalike.gallery.searching.calibration import recalibrate
from lookalike.gallery.stores import create_store
from lookalike.images.files import FileStat, FoundFile

_CHUNK = 4096


def make_gallery(folder: Path, root: Path, stamp: EncoderSpec, files: Sequence[FoundFile]) -> Path:
    """Create a gallery of ``files`` in ``folder``; returns its vector file."""
    rng = np.random.default_rng(0)
    store = create_store(folder, root, stamp)
    for first in range(0, len(files), _CHUNK):
        chunk = files[first : first + _CHUNK]
        vectors = unit_vectors(rng, len(chunk), stamp.dimension)
        store.commit(
            Changes(upserts=[_entry_change(file, vector) for file, vector in zip(chunk, vectors, strict=True)])
        )
    recalibrate(store)
    store.close()
    return next(folder.glob("vectors-*.npy"))


def unit_vectors(rng: np.random.Generator, count: int, dimension: int) -> NDArray[np.float32]:
    """Random directions: float32 (count, dimension)."""
    vectors = rng.standard_normal((count, dimension), np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def fake_files(count: int) -> list[FoundFile]:
    """``count`` files that don't exist, with plausible paths."""
    paths = [f"2024/line {n // 1000:03}/run {n // 100 % 10}/IMG_{n:06}.jpg" for n in range(count)]
    return [
        FoundFile(path, FileStat(4_000_000 + number, 1_700_000_000_000_000_000 + number, number + 1))
        for number, path in enumerate(paths)
    ]


def _entry_change(file: FoundFile, vector: NDArray[np.float32]) -> EntryChange:
    return EntryChange(file.path, file.stat, hashlib.sha256(file.path.encode()).digest(), vector)
