"""Embeddings that are kept: what embed_dataset gives, and nothing made twice."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drawing import drawn
from fakes import FakeEncoder
from lookalike.errors import DatasetError
from lookalike.evaluation.data.dataset import Dataset
from lookalike.evaluation.data.embedded import embed_dataset
from lookalike.evaluation.data.kept_embeddings import embed_kept
from lookalike.evaluation.data.load import load_dataset


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Twenty pictures of two classes, two of them equal, one damaged, one no picture by its name."""
    for number in range(20):
        drawn(tmp_path / "set" / "ab"[number % 2] / f"{number:02}.png", number)
    (tmp_path / "set" / "b" / "copy.png").write_bytes((tmp_path / "set" / "b" / "01.png").read_bytes())
    (tmp_path / "set" / "a" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(60))
    found = load_dataset(tmp_path / "set")
    return replace(found, rows=(*found.rows, replace(found.rows[0], path="a/notes.txt")))


def test_kept_embeddings_are_those_of_the_dataset(dataset: Dataset, tmp_path: Path, fake: FakeEncoder):
    """Vectors, rows and digests equal what embed_dataset gives, the first time and from then on."""
    plain = embed_dataset(dataset, fake)
    for _ in range(2):
        kept = embed_kept(dataset, fake, tmp_path / "kept")
        assert np.array_equal(kept.vectors, plain.vectors)
        assert (kept.rows, kept.digests) == (plain.rows, plain.digests)
        assert {skip.path for skip in kept.skipped} == {skip.path for skip in plain.skipped}


def test_nothing_is_encoded_twice(dataset: Dataset, tmp_path: Path, fake: FakeEncoder):
    """The second run encodes nothing, and reports the first one's speed."""
    first = embed_kept(dataset, fake, tmp_path / "kept")
    before = fake.encoded
    again = embed_kept(dataset, fake, tmp_path / "kept")
    assert fake.encoded == before
    assert again.images_per_second == first.images_per_second > 0
    assert (first.reused, again.reused) == (0, 22)


def test_a_stopped_run_goes_on(dataset: Dataset, tmp_path: Path, fake: FakeEncoder):
    """What was done before is kept; no speed is claimed for what several runs made."""

    def stop_at(number: int) -> Callable[[int, int], None]:
        def tell(done: int, _: int) -> None:
            if done >= number:
                raise KeyboardInterrupt

        return tell

    with pytest.raises(KeyboardInterrupt):
        embed_kept(dataset, fake, tmp_path / "kept", progress=stop_at(10))
    resumed = FakeEncoder()
    kept = embed_kept(dataset, resumed, tmp_path / "kept")
    assert resumed.encoded < 21
    assert np.allclose(kept.vectors, embed_dataset(dataset, fake).vectors, atol=1e-6)
    assert kept.images_per_second == 0


def test_another_encoder_has_embeddings_of_its_own(dataset: Dataset, tmp_path: Path, fake: FakeEncoder):
    """Vectors of different stamps never meet."""
    embed_kept(dataset, fake, tmp_path / "kept")
    other = FakeEncoder("others")
    embed_kept(dataset, other, tmp_path / "kept")
    assert other.encoded == fake.encoded


def test_a_dataset_of_nothing_usable_is_refused(tmp_path: Path, fake: FakeEncoder):
    """The message names the first file."""
    for label in "ab":
        (tmp_path / "set" / label).mkdir(parents=True)
        (tmp_path / "set" / label / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(60))
    with pytest.raises(DatasetError, match=r"1\.png"):
        embed_kept(load_dataset(tmp_path / "set"), fake, tmp_path / "kept")
