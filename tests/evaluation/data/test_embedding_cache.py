"""Cached embeddings equal those of embed_dataset, and nothing is encoded twice."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drawing import drawn
from fakes import FakeEncoder
from lookalike.errors import DatasetError
from lookalike.evaluation.data.contents import hash_dataset
from lookalike.evaluation.data.dataset import Dataset
from lookalike.evaluation.data.embedded import embed_dataset
from lookalike.evaluation.data.embedding_cache import embed_with_cache
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


def test_cached_embeddings_equal_uncached_ones(dataset: Dataset, tmp_path: Path, fake: FakeEncoder):
    """Vectors, rows and digests equal those of embed_dataset, with an empty and with a full cache."""
    plain = embed_dataset(dataset, fake)
    for _ in range(2):
        kept = embed_with_cache(dataset, fake, tmp_path / "kept")
        assert np.array_equal(kept.vectors, plain.vectors)
        assert (kept.rows, kept.digests) == (plain.rows, plain.digests)
        assert {skip.path for skip in kept.skipped} == {skip.path for skip in plain.skipped}


def test_nothing_is_encoded_twice(dataset: Dataset, tmp_path: Path, fake: FakeEncoder):
    """The second run encodes nothing, and reports the speed of the first."""
    first = embed_with_cache(dataset, fake, tmp_path / "kept")
    before = fake.encoded
    again = embed_with_cache(dataset, fake, tmp_path / "kept")
    assert fake.encoded == before
    assert again.images_per_second == first.images_per_second > 0
    assert (first.reused, again.reused) == (0, 22)


def test_an_interrupted_run_resumes(dataset: Dataset, tmp_path: Path, fake: FakeEncoder):
    """Earlier vectors are reused, and no speed is reported for vectors of several runs."""

    def stop_at(number: int) -> Callable[[int, int], None]:
        def tell(done: int, _: int) -> None:
            if done >= number:
                raise KeyboardInterrupt

        return tell

    with pytest.raises(KeyboardInterrupt):
        embed_with_cache(dataset, fake, tmp_path / "kept", progress=stop_at(10))
    resumed = FakeEncoder()
    kept = embed_with_cache(dataset, resumed, tmp_path / "kept")
    assert resumed.encoded < 21
    assert np.allclose(kept.vectors, embed_dataset(dataset, fake).vectors, atol=1e-6)
    assert kept.images_per_second == 0


def test_each_encoder_has_its_own_cache(dataset: Dataset, tmp_path: Path, fake: FakeEncoder):
    """Vectors of different stamps are never mixed."""
    embed_with_cache(dataset, fake, tmp_path / "kept")
    other = FakeEncoder("others")
    embed_with_cache(dataset, other, tmp_path / "kept")
    assert other.encoded == fake.encoded


def test_a_dataset_without_usable_images_is_an_error(tmp_path: Path, fake: FakeEncoder):
    """The message names the first file."""
    for label in "ab":
        (tmp_path / "set" / label).mkdir(parents=True)
        (tmp_path / "set" / label / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(60))
    with pytest.raises(DatasetError, match=r"1\.png"):
        embed_with_cache(load_dataset(tmp_path / "set"), fake, tmp_path / "kept")


def test_vectors_of_other_decoding_rules_are_not_reused(dataset: Dataset, fake: FakeEncoder):
    """The version of the decoding rules is part of what the cache is for."""
    contents = hash_dataset(dataset, fake)
    assert contents.fingerprint(["a"]) == contents.fingerprint(["a"])
    assert contents.fingerprint(["a"]) != contents.fingerprint(["a"], decoding=1)
