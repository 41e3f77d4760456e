"""Embedding a dataset: every row is used or skipped with a reason, and a gallery's embeddings are reused."""

from __future__ import annotations

import hashlib
import os
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawing import draw, drawn
from fakes import FakeEncoder
from galleries import index
from lookalike.embedding.vector_cache import EmbeddingCache
from lookalike.errors import DatasetError
from lookalike.evaluation.data.embedded import embed_dataset
from lookalike.evaluation.data.load import load_dataset
from lookalike.images.files import SkipKind


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Two classes of twelve drawn images each."""
    for number in range(24):
        drawn(tmp_path / "pets" / ("cat", "dog")[number % 2] / f"{number:02d}.png", number)
    return tmp_path / "pets"


def test_every_row_gets_its_vector(pets: Path, fake: FakeEncoder):
    """Vectors are in the order of rows, of length 1, and accompanied by the SHA-256 of each file."""
    seen: list[tuple[int, int]] = []
    embedded = embed_dataset(load_dataset(pets), fake, progress=lambda done, total: seen.append((done, total)))
    assert embedded.rows == embedded.dataset.rows
    assert embedded.vectors.dtype == np.float32
    assert embedded.vectors.shape == (24, fake.spec.dimension)
    assert np.allclose(np.linalg.norm(embedded.vectors, axis=1), 1)
    for row, digest, vector in zip(embedded.rows, embedded.digests, embedded.vectors, strict=True):
        file = embedded.dataset.file(row)
        assert digest == hashlib.sha256(file.read_bytes()).digest()
        assert np.allclose(vector, fake.embed([file])[0])
    assert seen[-1] == (24, 24)
    assert embedded.images_per_second > 0
    assert (embedded.reused, embedded.skipped, embedded.spec) == (0, (), fake.spec)


def test_unusable_files_are_skipped_with_a_reason(pets: Path, photographs: Path, fake: FakeEncoder):
    """Empty, truncated and other damaged files, as in Kaggle's PetImages, don't stop the run."""
    (pets / "cat" / "666.jpg").write_bytes(b"")
    (pets / "dog" / "11702.jpg").write_bytes((photographs / "rocket.jpg").read_bytes()[:9000])
    (pets / "dog" / "notes.jpg").write_text("text")
    shutil.copyfile(photographs / "camera.png", pets / "cat" / "truly_a_png.jpg")
    dataset = load_dataset(pets)
    embedded = embed_dataset(dataset, fake)
    reasons = {skipped.path: skipped.reason for skipped in embedded.skipped}
    assert list(reasons) == ["cat/666.jpg", "dog/11702.jpg", "dog/notes.jpg"]
    assert "empty" in reasons["cat/666.jpg"]
    assert "truncated or damaged" in reasons["dog/11702.jpg"]
    assert "not an image" in reasons["dog/notes.jpg"]
    assert [row for row in dataset.rows if row.path not in reasons] == list(embedded.rows)
    assert len(embedded.vectors) == len(embedded.digests) == 25


def test_every_image_can_be_required(pets: Path, cache: EmbeddingCache, fake: FakeEncoder):
    """Then a damaged image, a blank one or a broken link is an error that names it and says how to leave it out."""
    embed_dataset(load_dataset(pets, require_all=True), fake)
    blank = pets / "cat" / "blank.png"
    Image.new("RGB", (64, 64), "white").save(blank)
    for embed in (embed_dataset, partial(embed_dataset, cache=cache)):
        with pytest.raises(DatasetError, match=r"cat/blank.png: blank.*--on-missing skip"):
            embed(load_dataset(pets, require_all=True), fake)
        assert [one.kind for one in embed(load_dataset(pets), fake).skipped] == [SkipKind.BLANK]
    blank.unlink()
    blank.symlink_to(pets / "gone.png")
    with pytest.raises(DatasetError, match=r"cat/blank.png"):
        embed_dataset(load_dataset(pets, require_all=True), fake)


def test_a_row_with_an_unsupported_extension_is_skipped(tmp_path: Path, fake: FakeEncoder):
    """A CSV may list files with other extensions: they are skipped with that reason."""
    for name in ("a.png", "b.png"):
        drawn(tmp_path / name, 1)
    (tmp_path / "c.txt").write_text("text")
    (tmp_path / "d").write_text("text")
    (tmp_path / "labels.csv").write_text("path,label\na.png,x\nb.png,y\nc.txt,y\nd,y\n")
    embedded = embed_dataset(load_dataset(tmp_path), fake)
    assert {skipped.path: skipped.reason for skipped in embedded.skipped} == {
        "c.txt": "not an image: unsupported extension .txt",
        "d": "not an image: no file extension",
    }
    assert [row.path for row in embedded.rows] == ["a.png", "b.png"]


def test_nothing_to_embed_is_an_error(tmp_path: Path, fake: FakeEncoder):
    """A dataset without a usable image raises an error with the first reason."""
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_text("text")
    (tmp_path / "labels.csv").write_text("path,label\na.png,x\nb.png,y\n")
    with pytest.raises(DatasetError, match=r"none of its images can be used.*a\.png: not an image"):
        embed_dataset(load_dataset(tmp_path), fake)


def test_equal_contents_have_equal_vectors(pets: Path, fake: FakeEncoder):
    """Copies have identical vectors."""
    shutil.copyfile(pets / "cat" / "00.png", pets / "dog" / "copy.png")
    embedded = embed_dataset(load_dataset(pets), fake)
    first, copy = (
        next(n for n, row in enumerate(embedded.rows) if row.path == path) for path in ("cat/00.png", "dog/copy.png")
    )
    assert embedded.digests[first] == embedded.digests[copy]
    assert np.array_equal(embedded.vectors[first], embedded.vectors[copy])


def test_the_embeddings_of_a_gallery_are_reused(pets: Path, fake: FakeEncoder):
    """Only files changed since indexing are read, and the vectors are the same as without the gallery."""
    plain = embed_dataset(load_dataset(pets), fake)
    index(pets, fake).close()
    before = fake.encoded
    again = embed_dataset(load_dataset(pets), fake)
    assert (again.reused, fake.encoded, again.images_per_second) == (24, before, 0)
    assert np.allclose(again.vectors, plain.vectors)
    assert (again.digests, again.rows) == (plain.digests, plain.rows)
    draw(99).save(pets / "cat" / "00.png")
    changed = embed_dataset(load_dataset(pets), fake)
    assert (changed.reused, fake.encoded) == (23, before + 1)
    assert not np.allclose(changed.vectors[0], plain.vectors[0])


def test_the_gallery_of_a_parent_folder_is_reused(pets: Path, fake: FakeEncoder):
    """A dataset inside an indexed folder reuses the embeddings of that folder's gallery."""
    index(pets.parent, fake).close()
    assert embed_dataset(load_dataset(pets), fake).reused == 24


def test_the_gallery_of_another_encoder_is_not_used(pets: Path, fake: FakeEncoder):
    """Embeddings of different encoders are never mixed."""
    index(pets, FakeEncoder("other")).close()
    assert embed_dataset(load_dataset(pets), fake).reused == 0


def test_a_damaged_gallery_is_ignored(pets: Path, fake: FakeEncoder):
    """If the gallery can't be read, everything is embedded again."""
    index(pets, fake).close()
    (vectors,) = (pets / ".lookalike").glob("*.npy")
    os.truncate(vectors, 100)
    embedded = embed_dataset(load_dataset(pets), fake)
    assert (embedded.reused, len(embedded.rows)) == (0, 24)


def test_split_rows_are_numbers_of_usable_rows(tmp_path: Path, fake: FakeEncoder):
    """With a split, the numbers of queries and gallery refer to the usable rows."""
    for number in range(3):
        drawn(tmp_path / f"{number}.png", number)
    (tmp_path / "bad.png").write_text("text")
    (tmp_path / "labels.csv").write_text(
        "path,label,split\nbad.png,x,query\n0.png,x,gallery\n1.png,y,query\n2.png,y,gallery\n"
    )
    queries, gallery = embed_dataset(load_dataset(tmp_path), fake).split_rows()
    assert (queries.tolist(), gallery.tolist()) == ([1], [0, 2])
