"""Cached embeddings equal those computed now, and nothing is encoded twice."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drawing import drawn
from fakes import FakeEncoder
from lookalike.embedding.vector_cache import EmbeddingCache, NewVector
from lookalike.errors import CacheError
from lookalike.evaluation.data.dataset import Dataset
from lookalike.evaluation.data.embedded import embed_dataset
from lookalike.evaluation.data.load import load_dataset


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Twenty images of two classes, plus a copy, a damaged file and a file without an image extension."""
    for number in range(20):
        drawn(tmp_path / "set" / "ab"[number % 2] / f"{number:02}.png", number)
    (tmp_path / "set" / "b" / "copy.png").write_bytes((tmp_path / "set" / "b" / "01.png").read_bytes())
    (tmp_path / "set" / "a" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(60))
    found = load_dataset(tmp_path / "set")
    return replace(found, rows=(*found.rows, replace(found.rows[0], path="a/notes.txt")))


def test_cached_embeddings_equal_computed_ones(dataset: Dataset, cache: EmbeddingCache, fake: FakeEncoder):
    """Vectors, rows and digests equal those computed without a cache, with an empty and with a full one."""
    plain = embed_dataset(dataset, fake)
    for _ in range(2):
        kept = embed_dataset(dataset, fake, cache=cache)
        assert np.array_equal(kept.vectors, plain.vectors)
        assert (kept.rows, kept.digests) == (plain.rows, plain.digests)
        assert {skip.path for skip in kept.skipped} == {skip.path for skip in plain.skipped}


def test_nothing_is_encoded_twice(dataset: Dataset, cache: EmbeddingCache, fake: FakeEncoder):
    """The second run encodes nothing, and reports the speed of the first."""
    first = embed_dataset(dataset, fake, cache=cache)
    before = fake.encoded
    again = embed_dataset(dataset, fake, cache=cache)
    assert fake.encoded == before
    assert again.images_per_second == first.images_per_second > 0
    assert (first.reused, again.reused) == (0, 21)


def test_only_new_images_are_encoded(dataset: Dataset, cache: EmbeddingCache, fake: FakeEncoder):
    """Images are known by their content: renamed ones are found, changed ones are encoded."""
    embed_dataset(dataset, fake, cache=cache)
    (dataset.root / "a" / "00.png").rename(dataset.root / "b" / "renamed.png")
    drawn(dataset.root / "a" / "02.png", 99)
    before = fake.encoded
    again = embed_dataset(load_dataset(dataset.root), fake, cache=cache)
    assert (fake.encoded - before, again.reused) == (1, 20)


def test_an_interrupted_run_resumes(dataset: Dataset, cache: EmbeddingCache, fake: FakeEncoder):
    """What was computed before is not computed again."""

    def stop_at(number: int) -> Callable[[int, int], None]:
        def tell(done: int, _: int) -> None:
            if done >= number:
                raise KeyboardInterrupt

        return tell

    fake.batch = 5
    with pytest.raises(KeyboardInterrupt):
        embed_dataset(dataset, fake, cache=cache, progress=stop_at(10))
    resumed = FakeEncoder()
    kept = embed_dataset(dataset, resumed, cache=cache)
    assert 0 < resumed.encoded <= 12
    assert np.allclose(kept.vectors, embed_dataset(dataset, fake).vectors, atol=1e-6)


def test_another_encoder_has_embeddings_of_its_own(dataset: Dataset, cache: EmbeddingCache, fake: FakeEncoder):
    """The embeddings of one encoder are not taken for those of another."""
    embed_dataset(dataset, fake, cache=cache)
    other = FakeEncoder("other")
    embed_dataset(dataset, other, cache=cache)
    assert other.encoded > 0


def test_a_full_disk_costs_no_result(
    dataset: Dataset, cache: EmbeddingCache, fake: FakeEncoder, monkeypatch: pytest.MonkeyPatch, caplog
):
    """Where the cache can't be written any more, the dataset is embedded all the same, with a warning."""

    def full(self: EmbeddingCache, vectors: Iterable[NewVector]) -> None:
        raise CacheError("the disk is full")

    monkeypatch.setattr(EmbeddingCache, "add", full)
    with caplog.at_level(logging.WARNING):
        embedded = embed_dataset(dataset, fake, cache=cache)
    assert np.array_equal(embedded.vectors, embed_dataset(dataset, fake).vectors)
    assert [record.message for record in caplog.records] == ["the disk is full"]
