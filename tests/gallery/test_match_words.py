"""The words for matches on real images, with the included encoder."""

import csv
from collections.abc import Iterable
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from lookalike import Encoder, Gallery, load_encoder
from lookalike.gallery.searching.copies import copy_threshold
from lookalike.search.match_words import MatchWord

pytestmark = pytest.mark.labelled

GALLERY, QUERIES = 140, 20


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    """The included encoder."""
    return load_encoder("efficientnet-lite2")


def labelled(folder: Path, dataset: str) -> list[Path]:
    """The images of a dataset, spread evenly over its classes."""
    with (folder / dataset / "labels.csv").open(encoding="utf-8") as file:
        paths = [folder / dataset / row["path"] for row in csv.DictReader(file)]
    step = len(paths) // (GALLERY + QUERIES)
    return paths[:: max(1, step)][: GALLERY + QUERIES]


def upright(path: Path) -> Image.Image:
    """The pixels of an image."""
    with Image.open(path) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


def words(folder: Path, encoder: Encoder, queries: Iterable[Path]) -> list[MatchWord | None]:
    """The match words of the first hits."""
    with Gallery.create(folder, encoder=encoder) as gallery:
        gallery.update()
        return [ranking.hits[0].match for ranking in gallery.search_many(queries)]


@pytest.mark.parametrize("dataset", ["catdog", "rail"])
def test_copies_in_a_gallery_do_not_change_the_match_of_an_outside_image(
    dataset: str, labelled_photographs: Path, encoder: Encoder, tmp_path: Path
):
    """Where each image has two frames beside it, each shifted by 3 pixels, a query finds as good a match as before."""
    paths = labelled(labelled_photographs, dataset)
    alone, frames = tmp_path / "alone", tmp_path / "frames"
    alone.mkdir()
    frames.mkdir()
    for number, path in enumerate(paths[QUERIES:]):
        image = upright(path)
        image.save(alone / f"{number}.png", compress_level=1)
        image.save(frames / f"{number}.png", compress_level=1)
        width, height = image.size
        image.crop((3, 0, width, height)).save(frames / f"{number}-right.png", compress_level=1)
        image.crop((0, 0, width, height - 3)).save(frames / f"{number}-up.png", compress_level=1)
    before, after = (words(folder, encoder, paths[:QUERIES]) for folder in (alone, frames))
    assert {"close", "similar"} <= set(before)
    same = sum(one == other for one, other in zip(before, after, strict=True))
    assert same >= QUERIES - 1, list(zip(before, after, strict=True))
    assert "weak" not in [other for one, other in zip(before, after, strict=True) if one == "close"]


@pytest.mark.parametrize("dataset", ["catdog", "rail"])
def test_an_image_that_was_saved_again_is_a_copy_and_another_one_is_not(
    dataset: str, labelled_photographs: Path, encoder: Encoder
):
    """Copies reach the threshold of the encoder, different images don't."""
    threshold = copy_threshold(encoder.spec)
    paths = labelled(labelled_photographs, dataset)[:60]
    vectors = encoder.embed(paths)
    smaller = [upright(path) for path in paths]
    for image in smaller:
        image.thumbnail((480, 480))
    copies = (vectors * encoder.embed(smaller)).sum(axis=1)
    assert (copies >= threshold).mean() > 0.8
    others = vectors @ vectors.T
    others[range(len(paths)), range(len(paths))] = -1
    assert others.max() < threshold
