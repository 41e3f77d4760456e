"""The estimate of time and disk before a long grid."""

from pathlib import Path

import pytest

from drawing import drawn
from fakes import FakeEncoder
from lookalike.embedding.vector_cache import EmbeddingCache
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.robustness import estimate as estimate_module
from lookalike.evaluation.robustness.estimate import Estimate
from lookalike.evaluation.robustness.grid import Grid
from lookalike.evaluation.robustness.runner import encode_grid


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of four images, and a broken file in the first class."""
    for number in range(8):
        drawn(tmp_path / "set" / "ab"[number // 4] / f"{number}.png", number, (80, 64))
    (tmp_path / "set" / "a" / "0 broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(60))
    return tmp_path / "set"


def told(folder: Path, cache: EmbeddingCache, count: int = 1) -> list[Estimate]:
    """What is announced before ``count`` encoders embed everything."""
    grid = Grid.of(["fog", "yaw", "background_other_class"], [], (1, 2, 3, 4, 5), "query")
    encoders = [FakeEncoder(f"encoder {number}") for number in range(count)]
    found: list[Estimate] = []
    encode_grid(load_dataset(folder), encoders, grid.versions, seed=0, cache=cache, announce=found.append)
    return found


def test_time_and_disk_are_told_before(folder: Path, cache: EmbeddingCache, monkeypatch: pytest.MonkeyPatch):
    """For all encoders together; nothing is told when all vectors are there."""
    monkeypatch.setattr(estimate_module, "_ENOUGH_VECTORS", 10)
    versions = 1 + 5 * 6  # clean; fog, yaw, its control, a background and its two controls
    (found,) = told(folder, cache, 2)
    assert found.vectors == 2 * 9 * versions
    assert found.bytes == 4 * 49 * found.vectors
    assert 0 < found.seconds < 600
    (again,) = told(folder, cache, 3)
    assert again.vectors == 9 * versions + 2 * versions  # the third encoder, and the broken file for the others


def test_little_work_is_not_estimated(folder: Path, cache: EmbeddingCache):
    """It would take as long as the work."""
    assert told(folder, cache) == []


def test_nothing_usable_is_no_estimate(folder: Path, cache: EmbeddingCache, monkeypatch: pytest.MonkeyPatch):
    """The error of the encoding that follows says what is wrong."""
    monkeypatch.setattr(estimate_module, "_ENOUGH_VECTORS", 10)
    for file in folder.rglob("*.png"):
        file.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(60))
    with pytest.raises(Exception, match="none of its images can be used"):
        told(folder, cache)
