"""Small checkpoints saved by the reference libraries, with the features that these libraries computed."""

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
    """Use a temporary cache instead of the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOKALIKE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def checkpoint_folder(tmp_path_factory) -> Callable[[str], Path]:
    """A function that unpacks a folder of ``tests/data`` by its name."""
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
    """A function that copies such a folder, so that the test can change it."""

    def copy(name: str) -> Path:
        return shutil.copytree(checkpoint_folder(name), tmp_path / name)

    return copy


@pytest.fixture(scope="session")
def reference_vectors() -> Callable[[str, str], np.ndarray]:
    """A function that returns the reference's features, float32 (n, d), by folder and kind (``image`` or ``text``)."""

    def vectors(name: str, kind: str) -> np.ndarray:
        with np.load(DATA / name / "vectors.npz") as stored:
            return stored[kind]

    return vectors
