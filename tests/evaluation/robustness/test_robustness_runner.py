"""Encoding corrupted images: each image is decoded once, and interrupted runs give the same vectors."""

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from drawing import draw, drawn
from fakes import FakeEncoder
from lookalike.embedding.vector_cache import EmbeddingCache
from lookalike.errors import DatasetError
from lookalike.evaluation.corruptions import CORRUPTIONS, Context, standardise
from lookalike.evaluation.data.dataset import Dataset
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.robustness import jobs
from lookalike.evaluation.robustness.grid import CLEAN, Version, grid, image_key, select_corruptions, versions_of
from lookalike.evaluation.robustness.runner import GridVectors, encode_grid
from lookalike.images.decode import DecodedImage, open_image
from lookalike.images.files import SkipKind

pytestmark = pytest.mark.slow

Driver = Callable[..., subprocess.Popen[bytes]]
NAMES = ("gaussian_noise", "fog")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three classes of four small images, and a broken file in the first class."""
    for number in range(12):
        drawn(tmp_path / "set" / "abc"[number // 4] / f"{number}.png", number, (80, 64))
    (tmp_path / "set" / "a" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(60))
    return tmp_path / "set"


class SmallEncoder(FakeEncoder):
    """The fake encoder with only ten of its numbers."""

    def __init__(self) -> None:
        super().__init__("small")
        self.spec = replace(self.spec, dimension=10)

    def embed_prepared(self, batch: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Unit vectors of the last ten numbers."""
        vectors = self._network.run(np.stack(batch))[:, -10:]
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


@pytest.fixture
def dataset(folder: Path) -> Dataset:
    """The dataset in the folder."""
    return load_dataset(folder)


def versions(names: Sequence[str] = NAMES, severities: Sequence[int] = (1, 5), target: str = "query") -> list[Version]:
    """All versions of a small grid."""
    return list(versions_of(grid(select_corruptions(names), severities), target))


def encode(dataset: Dataset, cache: EmbeddingCache, required: Sequence[Version], encoder: FakeEncoder) -> GridVectors:
    """The vectors of the grid, with seed 3."""
    (vectors,) = encode_grid(dataset, [encoder], required, seed=3, cache=cache)
    return vectors


def test_each_image_is_decoded_once_for_the_whole_grid(
    dataset: Dataset, cache: EmbeddingCache, fake: FakeEncoder, monkeypatch: pytest.MonkeyPatch
):
    """This holds for donors too, and for a target that draws twice."""
    opened: Counter[str] = Counter()

    def count_and_open(path: Path, **options: int) -> DecodedImage:
        opened[path.name] += 1
        return open_image(path, **options)

    monkeypatch.setattr(jobs, "open_image", count_and_open)
    with_donors = [name for name, corruption in CORRUPTIONS.items() if corruption.donor]
    required = versions([*NAMES, *with_donors], (1, 3), "both")
    encode(dataset, cache, required, fake)
    assert set(opened.values()) == {1}
    assert len(opened) == 13
    assert fake.encoded == 12 * len(required)


def test_vectors_are_of_images_in_standard_form_then_corrupted(
    dataset: Dataset, cache: EmbeddingCache, fake: FakeEncoder
):
    """Clean images are scaled in the same way; random numbers depend on the content of the image."""
    vectors = encode(dataset, cache, versions(), fake)
    for number, (row, digest) in enumerate(zip(vectors.rows, vectors.digests, strict=True)):
        image = standardise(open_image(dataset.file(row)).pixels)
        assert np.array_equal(vectors.for_version(CLEAN)[number], fake.embed([image])[0])
        noise = CORRUPTIONS["gaussian_noise"]
        corrupted = noise.apply(image, 5, noise.generator(image_key(digest, 1), seed=3), Context())
        assert np.array_equal(vectors.for_version(Version("gaussian_noise", 5))[number], fake.embed([corrupted])[0])


def test_the_two_draws_of_an_image_differ(dataset: Dataset, cache: EmbeddingCache, fake: FakeEncoder):
    """With the target both, an image is corrupted differently in the gallery than as a query."""
    vectors = encode(dataset, cache, versions(target="both"), fake)
    first, second = (vectors.for_version(Version("gaussian_noise", 5, draw)) for draw in (1, 2))
    assert not np.array_equal(first, second)


def test_a_broken_image_is_skipped(dataset: Dataset, cache: EmbeddingCache, fake: FakeEncoder):
    """The others keep their order, and a second run, which decodes nothing, still lists it as skipped."""
    for _ in range(2):
        vectors = encode(dataset, cache, versions(), fake)
        assert [skip.path for skip in vectors.skipped] == ["a/broken.png"]
        assert [row.path for row in vectors.rows] == [row.path for row in dataset.rows if row.path != "a/broken.png"]
        assert len(vectors.for_version(CLEAN)) == 12


@pytest.mark.parametrize(("moment", "number"), [("batch", 1), ("batch", 8), ("record", 1), ("record", 6)])
def test_a_killed_run_resumes_and_ends_with_the_same_vectors(
    folder: Path, dataset: Dataset, tmp_path: Path, cache: EmbeddingCache, driver: Driver, moment: str, number: int
):
    """A run killed before a batch or in the middle of a write loses at most one image."""
    if os.name == "nt":
        pytest.skip("processes aren't killed this way on Windows")
    killed = driver("robustness", folder, tmp_path / "killed", moment, str(number))
    _, errors = killed.communicate()
    assert killed.returncode == -signal.SIGKILL, errors.decode()
    required, resumed, complete = versions(target="both"), FakeEncoder(), FakeEncoder()
    expected = encode(dataset, cache, required, complete)
    with EmbeddingCache(tmp_path / "killed") as of_killed:
        vectors = encode(dataset, of_killed, required, resumed)
        for version in required:
            assert np.array_equal(vectors.for_version(version), expected.for_version(version))
    done = {"batch": (number - 1) // 2, "record": number - 1}[moment]
    assert resumed.encoded <= complete.encoded - max(0, done - 1) * len(required)


def test_a_larger_grid_encodes_only_what_is_missing(
    dataset: Dataset, tmp_path: Path, cache: EmbeddingCache, fake: FakeEncoder
):
    """Stored cells are reused, and the result equals a run of the larger grid alone."""
    encode(dataset, cache, versions(), fake)
    before = fake.encoded
    larger = versions([*NAMES, "defocus"], (1, 3, 5))
    vectors = encode(dataset, cache, larger, fake)
    assert fake.encoded - before == 12 * (len(larger) - len(versions()))
    assert (vectors.encoded_count, vectors.vector_count) == (12 * (len(larger) - len(versions())), 12 * len(larger))
    with EmbeddingCache(tmp_path / "alone") as other:
        alone = encode(dataset, other, larger, fake)
        for version in larger:
            assert np.array_equal(vectors.for_version(version), alone.for_version(version))


def test_a_changed_setting_encodes_again(dataset: Dataset, folder: Path, cache: EmbeddingCache, fake: FakeEncoder):
    """Another seed, encoder or image has vectors of its own; with no change, nothing is encoded."""
    required = versions()

    def count_encoded(changed: Dataset, seed: int = 3, encoder: FakeEncoder = fake) -> int:
        return sum(one.encoded_count for one in encode_grid(changed, [encoder], required, seed=seed, cache=cache))

    assert count_encoded(dataset) == 12 * 5
    assert count_encoded(dataset) == 0
    assert count_encoded(dataset, seed=4) == 12 * 4  # clean images don't depend on it
    assert count_encoded(dataset, encoder=FakeEncoder("others")) == 12 * 5
    drawn(folder / "b" / "5.png", 99, (80, 64))
    assert count_encoded(load_dataset(folder)) == 5


def test_images_are_recognised_wherever_they_are(dataset: Dataset, tmp_path: Path, cache: EmbeddingCache):
    """The same images in another folder, with other names and labels, are not encoded again."""
    encode(dataset, cache, versions(), FakeEncoder())
    (tmp_path / "other" / "x").mkdir(parents=True)
    for number in range(12):
        found = (tmp_path / "set" / "abc"[number // 4] / f"{number}.png").read_bytes()
        (tmp_path / "other" / "x" / f"renamed {number}.png").write_bytes(found)
    again = FakeEncoder()
    vectors = encode(load_dataset(tmp_path / "other", one_class=True), cache, versions(), again)
    assert (again.encoded, len(vectors.rows)) == (0, 12)


def test_another_donor_is_another_image(dataset: Dataset, cache: EmbeddingCache, fake: FakeEncoder):
    """Where labels change which images provide backgrounds, images with new backgrounds are encoded again."""
    required = versions(["background_other_class"], (5,))
    encode(dataset, cache, required, fake)
    before = fake.encoded
    relabelled = replace(dataset, rows=tuple(replace(row, label="ab"[row.label == "c"]) for row in dataset.rows))
    vectors = encode(relabelled, cache, required, fake)
    assert fake.encoded > before
    with EmbeddingCache(cache.folder / "alone") as other:
        alone = encode(relabelled, other, required, fake)
        for version in required:
            assert np.array_equal(vectors.for_version(version), alone.for_version(version))


def test_another_mask_is_another_image(folder: Path, cache: EmbeddingCache, fake: FakeEncoder):
    """Where the mask of an image changes, so does what replaces its background; clean images stay."""
    mask = folder / "mask.png"
    lines = ["path,label,mask", *(f"a/{number}.png,a,mask.png" for number in range(4)), "b/4.png,b,"]
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    required, counts = versions(["background_blur"], (5,)), []
    for left in (10, 30):
        marked = Image.new("L", (80, 64))
        marked.paste(255, (left, 10, left + 30, 50))
        marked.save(mask)
        before = fake.encoded
        encode(load_dataset(folder), cache, required, fake)
        counts.append(fake.encoded - before)
    assert counts == [2 * 5, 4]


def test_several_encoders_share_every_image(dataset: Dataset, cache: EmbeddingCache, monkeypatch: pytest.MonkeyPatch):
    """An image is decoded once and damaged once for all, and each encoder's vectors are those it makes alone."""
    opened: Counter[str] = Counter()

    def count_and_open(path: Path, **options: int) -> DecodedImage:
        opened[path.name] += 1
        return open_image(path, **options)

    one, other = FakeEncoder(), SmallEncoder()
    encode(dataset, cache, versions(["fog"]), one)
    monkeypatch.setattr(jobs, "open_image", count_and_open)
    first, second = encode_grid(dataset, [one, other], versions(), seed=3, cache=cache)
    assert set(opened.values()) == {1}
    assert (first.encoded_count, second.encoded_count) == (12 * 2, 12 * 5)
    with EmbeddingCache(cache.folder / "alone") as empty:
        alone = encode(dataset, empty, versions(), other)
        for version in versions():
            assert np.array_equal(second.for_version(version), alone.for_version(version))
            assert first.for_version(version).shape[1] != second.for_version(version).shape[1]


def test_progress_counts_the_missing_vectors(dataset: Dataset, cache: EmbeddingCache, fake: FakeEncoder):
    """The total is known from the start."""
    reports: list[tuple[int, int]] = []
    encode_grid(dataset, [fake], versions(), seed=3, cache=cache, progress=lambda *numbers: reports.append(numbers))
    assert reports[0] == (0, 13 * 5)
    assert reports[-1] == (13 * 5, 13 * 5)
    assert [done for done, _ in reports] == sorted(done for done, _ in reports)


def test_very_narrow_images_are_skipped(folder: Path, cache: EmbeddingCache, fake: FakeEncoder):
    """A strip would be huge at a shorter side of 512 pixels, so it is skipped."""
    draw(9, (4, 2000)).save(folder / "b" / "strip.png")
    vectors = encode(load_dataset(folder), cache, versions(), fake)
    assert {skip.path for skip in vectors.skipped} == {"a/broken.png", "b/strip.png"}
    assert vectors.skipped[-1].kind == SkipKind.TOO_LARGE


def test_a_dataset_without_any_usable_image_is_an_error(tmp_path: Path, cache: EmbeddingCache, fake: FakeEncoder):
    """It raises a DatasetError."""
    for label in "ab":
        (tmp_path / "set" / label).mkdir(parents=True)
        (tmp_path / "set" / label / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(60))
    with pytest.raises(DatasetError):
        encode(load_dataset(tmp_path / "set"), cache, versions(), fake)
