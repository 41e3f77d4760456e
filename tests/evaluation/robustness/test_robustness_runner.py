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

from drawing import draw, drawn
from fakes import FakeEncoder
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


@pytest.fixture
def dataset(folder: Path) -> Dataset:
    """The dataset in the folder."""
    return load_dataset(folder)


def versions(names: Sequence[str] = NAMES, severities: Sequence[int] = (1, 5), target: str = "query") -> list[Version]:
    """All versions of a small grid."""
    return list(versions_of(grid(select_corruptions(names), severities), target))


def encode(dataset: Dataset, folder: Path, required: Sequence[Version], encoder: FakeEncoder) -> GridVectors:
    """The vectors of the grid, with seed 3."""
    return encode_grid(dataset, encoder, required, seed=3, folder=folder)


def contents(folder: Path) -> dict[str, bytes]:
    """Every vector file below ``folder``, by relative path."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*.f32")}


def test_each_image_is_decoded_once_for_the_whole_grid(
    dataset: Dataset, tmp_path: Path, fake: FakeEncoder, monkeypatch: pytest.MonkeyPatch
):
    """This holds for donors too, and for a target that draws twice."""
    opened: Counter[str] = Counter()

    def count_and_open(path: Path, **options: int) -> DecodedImage:
        opened[path.name] += 1
        return open_image(path, **options)

    monkeypatch.setattr(jobs, "open_image", count_and_open)
    with_donors = [name for name, corruption in CORRUPTIONS.items() if corruption.donor]
    required = versions([*NAMES, *with_donors], (1, 3), "both")
    encode(dataset, tmp_path / "store", required, fake)
    assert set(opened.values()) == {1}
    assert len(opened) == 13
    assert fake.encoded == 12 * len(required)


def test_vectors_are_of_images_in_standard_form_then_corrupted(dataset: Dataset, tmp_path: Path, fake: FakeEncoder):
    """Clean images are scaled in the same way; random numbers depend on the content of the image."""
    vectors = encode(dataset, tmp_path / "store", versions(), fake)
    for number, (row, digest) in enumerate(zip(vectors.rows, vectors.digests, strict=True)):
        image = standardise(open_image(dataset.file(row)).pixels)
        assert np.array_equal(vectors.for_version(CLEAN)[number], fake.embed([image])[0])
        noise = CORRUPTIONS["gaussian_noise"]
        corrupted = noise.apply(image, 5, noise.generator(image_key(digest, 1), seed=3), Context())
        assert np.array_equal(vectors.for_version(Version("gaussian_noise", 5))[number], fake.embed([corrupted])[0])


def test_the_two_draws_of_an_image_differ(dataset: Dataset, tmp_path: Path, fake: FakeEncoder):
    """With the target both, an image is corrupted differently in the gallery than as a query."""
    vectors = encode(dataset, tmp_path / "store", versions(target="both"), fake)
    first, second = (vectors.for_version(Version("gaussian_noise", 5, draw)) for draw in (1, 2))
    assert not np.array_equal(first, second)


def test_a_broken_image_is_skipped(dataset: Dataset, tmp_path: Path, fake: FakeEncoder):
    """The others keep their order, and a second run, which decodes nothing, still lists it as skipped."""
    for _ in range(2):
        vectors = encode(dataset, tmp_path / "store", versions(), fake)
        assert [skip.path for skip in vectors.skipped] == ["a/broken.png"]
        assert [row.path for row in vectors.rows] == [row.path for row in dataset.rows if row.path != "a/broken.png"]
        assert len(vectors.for_version(CLEAN)) == 12


@pytest.mark.parametrize(("moment", "number"), [("batch", 1), ("batch", 8), ("record", 1), ("record", 6)])
def test_a_killed_run_resumes_and_ends_with_the_same_bytes(
    folder: Path, dataset: Dataset, tmp_path: Path, driver: Driver, moment: str, number: int
):
    """A run killed before a batch or in the middle of a write loses at most one image."""
    if os.name == "nt":
        pytest.skip("processes aren't killed this way on Windows")
    killed = driver("robustness", folder, tmp_path / "killed", moment, str(number))
    _, errors = killed.communicate()
    assert killed.returncode == -signal.SIGKILL, errors.decode()
    required, resumed, complete = versions(target="both"), FakeEncoder(), FakeEncoder()
    encode(dataset, tmp_path / "killed", required, resumed)
    encode(dataset, tmp_path / "complete", required, complete)
    assert contents(tmp_path / "killed") == contents(tmp_path / "complete")
    done = {"batch": (number - 1) // 2, "record": number - 1}[moment]
    assert resumed.encoded <= complete.encoded - max(0, done - 1) * len(required)


def test_a_larger_grid_encodes_only_what_is_missing(dataset: Dataset, tmp_path: Path, fake: FakeEncoder):
    """Stored cells are reused, and the result equals a run of the larger grid alone."""
    encode(dataset, tmp_path / "store", versions(), fake)
    before = fake.encoded
    larger = versions([*NAMES, "defocus"], (1, 3, 5))
    vectors = encode(dataset, tmp_path / "store", larger, fake)
    assert fake.encoded - before == 12 * (len(larger) - len(versions()))
    assert (vectors.encoded_count, vectors.vector_count) == (13 * (len(larger) - len(versions())), 13 * len(larger))
    alone = encode(dataset, tmp_path / "alone", larger, fake)
    for version in larger:
        assert np.array_equal(vectors.for_version(version), alone.for_version(version))


def test_a_changed_setting_encodes_again(dataset: Dataset, folder: Path, tmp_path: Path, fake: FakeEncoder):
    """Another seed, encoder, label or image has vectors of its own; with no change, nothing is encoded."""
    required, store = versions(), tmp_path / "store"

    def count_encoded(changed: Dataset, seed: int = 3, encoder: FakeEncoder = fake) -> int:
        return encode_grid(changed, encoder, required, seed=seed, folder=store).encoded_count

    assert count_encoded(dataset) > 0
    assert count_encoded(dataset) == 0
    assert count_encoded(dataset, seed=4) > 0
    assert count_encoded(dataset, encoder=FakeEncoder("others")) > 0
    relabelled = replace(dataset, rows=(replace(dataset.rows[0], label="b"), *dataset.rows[1:]))
    assert count_encoded(relabelled) > 0
    drawn(folder / "b" / "5.png", 99, (80, 64))
    assert count_encoded(load_dataset(folder)) > 0
    assert count_encoded(dataset, seed=4) > 0


def test_progress_counts_the_missing_vectors(dataset: Dataset, tmp_path: Path, fake: FakeEncoder):
    """The total is known from the start."""
    reports: list[tuple[int, int]] = []
    encode_grid(
        dataset, fake, versions(), seed=3, folder=tmp_path / "store", progress=lambda *numbers: reports.append(numbers)
    )
    assert reports[0] == (0, 13 * 5)
    assert reports[-1] == (13 * 5, 13 * 5)
    assert [done for done, _ in reports] == sorted(done for done, _ in reports)


def test_very_narrow_images_are_skipped(folder: Path, tmp_path: Path, fake: FakeEncoder):
    """A strip would be huge at a shorter side of 512 pixels, so it is skipped."""
    draw(9, (4, 2000)).save(folder / "b" / "strip.png")
    vectors = encode(load_dataset(folder), tmp_path / "store", versions(), fake)
    assert {skip.path for skip in vectors.skipped} == {"a/broken.png", "b/strip.png"}
    assert vectors.skipped[-1].kind == SkipKind.TOO_LARGE


def test_a_dataset_without_any_usable_image_is_an_error(tmp_path: Path, fake: FakeEncoder):
    """It raises a DatasetError."""
    for label in "ab":
        (tmp_path / "set" / label).mkdir(parents=True)
        (tmp_path / "set" / label / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(60))
    with pytest.raises(DatasetError):
        encode(load_dataset(tmp_path / "set"), tmp_path / "store", versions(), fake)
