"""Encoding damaged pictures: each decoded once, the same vectors however often the run is stopped."""

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawing import drawn
from fakes import FakeEncoder
from lookalike.errors import DatasetError
from lookalike.evaluation.corruptions import CORRUPTIONS, Context, standardise
from lookalike.evaluation.data.dataset import Dataset
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.robustness import jobs
from lookalike.evaluation.robustness.grid import CLEAN, Version, chosen, grid, identity, versions_of
from lookalike.evaluation.robustness.runner import GridVectors, encode_grid
from lookalike.images.decode import Picture, open_picture

Driver = Callable[..., subprocess.Popen[bytes]]
NAMES = ("gaussian_noise", "fog")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three classes of four small pictures, the first class with one that is no picture."""
    for number in range(12):
        drawn(tmp_path / "set" / "abc"[number // 4] / f"{number}.png", number, (80, 64))
    (tmp_path / "set" / "a" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(60))
    return tmp_path / "set"


@pytest.fixture
def dataset(folder: Path) -> Dataset:
    """The same as a dataset."""
    return load_dataset(folder)


def versions(names: Sequence[str] = NAMES, severities: Sequence[int] = (1, 5), side: str = "query") -> list[Version]:
    """All versions of a small grid."""
    return list(versions_of(grid(chosen(names), severities), side))


def encoded(dataset: Dataset, folder: Path, wanted: Sequence[Version], encoder: FakeEncoder) -> GridVectors:
    """The grid's vectors, with a seed of 3."""
    return encode_grid(dataset, encoder, wanted, seed=3, folder=folder)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of vectors below ``folder``, by its place."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*.f32")}


def test_each_picture_is_decoded_once_for_the_whole_grid(
    dataset: Dataset, tmp_path: Path, fake: FakeEncoder, monkeypatch: pytest.MonkeyPatch
):
    """Also where pictures lend their surround to others, and on a side that draws twice."""
    opened: Counter[str] = Counter()

    def counted(path: Path, **options: int) -> Picture:
        opened[path.name] += 1
        return open_picture(path, **options)

    monkeypatch.setattr(jobs, "open_picture", counted)
    lending = [name for name, corruption in CORRUPTIONS.items() if corruption.donor]
    wanted = versions([*NAMES, *lending], (1, 3), "both")
    encoded(dataset, tmp_path / "store", wanted, fake)
    assert set(opened.values()) == {1}
    assert len(opened) == 13
    assert fake.encoded == 12 * len(wanted)


def test_a_vector_is_that_of_the_picture_in_standard_form_and_damaged(
    dataset: Dataset, tmp_path: Path, fake: FakeEncoder
):
    """Clean pictures go through the same scaling; each damage is drawn from the picture's own content."""
    vectors = encoded(dataset, tmp_path / "store", versions(), fake)
    for number, (row, digest) in enumerate(zip(vectors.rows, vectors.digests, strict=True)):
        image = standardise(open_picture(dataset.file(row)).pixels)
        assert np.array_equal(vectors.of(CLEAN)[number], fake.embed([image])[0])
        noise = CORRUPTIONS["gaussian_noise"]
        damaged = noise.apply(image, 5, noise.generator(identity(digest, 1), seed=3), Context())
        assert np.array_equal(vectors.of(Version("gaussian_noise", 5))[number], fake.embed([damaged])[0])


def test_the_two_draws_of_a_picture_differ(dataset: Dataset, tmp_path: Path, fake: FakeEncoder):
    """Where both sides are damaged, a picture has another damage in the gallery than it has as a query."""
    vectors = encoded(dataset, tmp_path / "store", versions(side="both"), fake)
    first, second = (vectors.of(Version("gaussian_noise", 5, draw)) for draw in (1, 2))
    assert not np.array_equal(first, second)


def test_a_picture_that_cant_be_used_is_skipped_with_its_reason(dataset: Dataset, tmp_path: Path, fake: FakeEncoder):
    """The others keep their order; the second run, which decodes nothing, still says so."""
    for _ in range(2):
        vectors = encoded(dataset, tmp_path / "store", versions(), fake)
        assert [skip.path for skip in vectors.skipped] == ["a/broken.png"]
        assert [row.path for row in vectors.rows] == [row.path for row in dataset.rows if row.path != "a/broken.png"]
        assert len(vectors.of(CLEAN)) == 12


@pytest.mark.parametrize(("moment", "number"), [("batch", 1), ("batch", 8), ("record", 1), ("record", 6)])
def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(
    folder: Path, dataset: Dataset, tmp_path: Path, driver: Driver, moment: str, number: int
):
    """Killed before a batch or in the middle of writing a record, a run loses no more than that one picture."""
    if os.name == "nt":
        pytest.skip("processes aren't killed this way on Windows")
    killed = driver("robustness", folder, tmp_path / "killed", moment, str(number))
    _, errors = killed.communicate()
    assert killed.returncode == -signal.SIGKILL, errors.decode()
    wanted, again, whole = versions(side="both"), FakeEncoder(), FakeEncoder()
    encoded(dataset, tmp_path / "killed", wanted, again)
    encoded(dataset, tmp_path / "whole", wanted, whole)
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    done = {"batch": (number - 1) // 2, "record": number - 1}[moment]
    assert again.encoded <= whole.encoded - max(0, done - 1) * len(wanted)


def test_a_wider_grid_makes_only_what_is_missing(dataset: Dataset, tmp_path: Path, fake: FakeEncoder):
    """Cells that are there already are used; what comes of it equals a run of the wider grid alone."""
    encoded(dataset, tmp_path / "store", versions(), fake)
    before = fake.encoded
    wider = versions([*NAMES, "defocus"], (1, 3, 5))
    vectors = encoded(dataset, tmp_path / "store", wider, fake)
    assert fake.encoded - before == 12 * (len(wider) - len(versions()))
    assert (vectors.made, vectors.total) == (13 * (len(wider) - len(versions())), 13 * len(wider))
    alone = encoded(dataset, tmp_path / "alone", wider, fake)
    for version in wider:
        assert np.array_equal(vectors.of(version), alone.of(version))


def test_a_changed_setting_starts_anew(dataset: Dataset, folder: Path, tmp_path: Path, fake: FakeEncoder):
    """Another seed, encoder, label or picture has vectors of its own; what isn't changed is made once."""
    wanted, store = versions(), tmp_path / "store"

    def made(changed: Dataset, seed: int = 3, encoder: FakeEncoder = fake) -> int:
        return encode_grid(changed, encoder, wanted, seed=seed, folder=store).made

    assert made(dataset) > 0
    assert made(dataset) == 0
    assert made(dataset, seed=4) > 0
    assert made(dataset, encoder=FakeEncoder("others")) > 0
    relabelled = replace(dataset, rows=(replace(dataset.rows[0], label="b"), *dataset.rows[1:]))
    assert made(relabelled) > 0
    drawn(folder / "b" / "5.png", 99, (80, 64))
    assert made(load_dataset(folder)) > 0
    assert made(dataset, seed=4) > 0


def test_progress_counts_what_is_still_to_make(dataset: Dataset, tmp_path: Path, fake: FakeEncoder):
    """The total is known from the start, so that the time left can be told."""
    told: list[tuple[int, int]] = []
    encode_grid(
        dataset, fake, versions(), seed=3, folder=tmp_path / "s", progress=lambda *numbers: told.append(numbers)
    )
    assert told[0] == (0, 13 * 5)
    assert told[-1] == (13 * 5, 13 * 5)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_pictures_too_narrow_to_be_scaled_up_are_skipped(folder: Path, tmp_path: Path, fake: FakeEncoder):
    """Scaled to 512 pixels across, a strip would be as large as a street map; it is skipped and said so."""
    Image.new("RGB", (4, 2000)).save(folder / "b" / "strip.png")
    vectors = encoded(load_dataset(folder), tmp_path / "store", versions(), fake)
    assert {skip.path for skip in vectors.skipped} == {"a/broken.png", "b/strip.png"}
    assert "too narrow" in vectors.skipped[-1].reason


def test_a_dataset_without_any_usable_picture_is_an_error(tmp_path: Path, fake: FakeEncoder):
    """The message names the first file and its reason."""
    for label in "ab":
        (tmp_path / "set" / label).mkdir(parents=True)
        (tmp_path / "set" / label / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(60))
    with pytest.raises(DatasetError, match="none of its pictures can be used"):
        encoded(load_dataset(tmp_path / "set"), tmp_path / "store", versions(), fake)
