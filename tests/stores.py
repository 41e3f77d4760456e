"""Stores of synthetic images whose vectors can be recomputed from their digests."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fakes import SPEC
from lookalike.gallery.local.store import LocalStore
from lookalike.gallery.records import Changes, EntryChange, NewVector
from lookalike.gallery.store import Store
from lookalike.images.files import FileStat

STAT = FileStat(1, 2, 3)
RULES = Changes().rules
"""Today's decoding rules."""


def digest_of(content: str) -> bytes:
    """The digest of a synthetic content."""
    return hashlib.sha256(os.fsencode(content)).digest()


def vector_of(digest: bytes) -> NDArray[np.float32]:
    """The embedding that belongs to a digest: float32 (49,), of length 1."""
    vector = np.random.default_rng(list(digest)).normal(size=SPEC.dimension)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def upsert(path: str, content: str | None = None, *, known: bool = False, moved_id: int | None = None) -> EntryChange:
    """Add or update an entry at ``path``; its content is named after the path unless given."""
    digest = digest_of(content or path)
    return EntryChange(path, STAT, digest, None if known else vector_of(digest), moved_id=moved_id)


def make_store(folder: Path, *paths: str) -> LocalStore:
    """A local store in ``folder / ".lookalike"`` with these entries, open for writing."""
    store = LocalStore.create(folder / ".lookalike", folder, SPEC)
    store.commit(Changes(upserts=[upsert(path) for path in paths]))
    return store


def new_vectors(vectors: dict[bytes, NDArray[np.float32]]) -> list[NewVector]:
    """Embeddings by digest, as a replacement takes them."""
    return [NewVector(digest, vector) for digest, vector in vectors.items()]


def paths_of(store: Store) -> list[str]:
    """The paths of all entries, in order."""
    return [entry.path for entry in store.iter_entries()]


def check_store(store: Store) -> list[str]:
    """Assert that every entry has the vector of its content, and is found by it; returns the paths."""
    with store.snapshot():
        entries = list(store.iter_entries())
        assert store.count() == len(entries)
        vectors = store.vectors_of([entry.digest for entry in entries])
        for entry in entries:
            assert np.array_equal(vectors[entry.digest], vector_of(entry.digest)), entry
        if entries:
            found = store.search(vector_of(entries[-1].digest), len(entries) + 1)
            assert {match.entry for match in found} == set(entries)
            assert found[0].score == 1.0
            assert found[0].entry.digest == entries[-1].digest
    return [entry.path for entry in entries]
