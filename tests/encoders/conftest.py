"""Small checkpoints as the reference libraries saved them, with the features that these libraries gave."""

from __future__ import annotations

import lzma
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Keep what the tests compile away from the user's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOKALIKE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def checkpoint_folder(tmp_path_factory) -> Callable[[str], Path]:
    """A folder of ``tests/data`` by its name, its weights unpacked: as the library saved it."""
    unpacked: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in unpacked:
            unpacked[name] = tmp_path_factory.mktemp(name)
            for file in (DATA / name).iterdir():
                if file.suffix == ".xz":
                    (unpacked[name] / file.stem).write_bytes(lzma.decompress(file.read_bytes()))
                else:
                    shutil.copy(file, unpacked[name])
        return unpacked[name]

    return folder


@pytest.fixture
def copy_of(checkpoint_folder, tmp_path) -> Callable[[str], Path]:
    """A folder of our own, with the same files, to be changed."""

    def copy(name: str) -> Path:
        return shutil.copytree(checkpoint_folder(name), tmp_path / name)

    return copy


@pytest.fixture(scope="session")
def reference_vectors() -> Callable[[str, str], np.ndarray]:
    """The features, float32 (n, d), that the reference gave for ``image`` or ``text`` with one folder's weights."""

    def vectors(name: str, kind: str) -> np.ndarray:
        with np.load(DATA / name / "vectors.npz") as stored:
            return stored[kind]

    return vectors
