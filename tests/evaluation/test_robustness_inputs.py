"""Robustness on datasets that hold something odd: masks, pictures that can't lend, severities that aren't there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawing import draw
from fakes import FakeEncoder
from lookalike.errors import DatasetError, EvaluationError
from lookalike.evaluation.corruptions.background import marked
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.robustness.results import Robustness
from lookalike.evaluation.robustness.robustness import robustness


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of five pictures, each with a mask of its middle."""
    rows = ["path,label,mask"]
    for number in range(10):
        name = f"{'ab'[number // 5]}{number}.png"
        place, mask = tmp_path / "set" / name, tmp_path / "set" / "masks" / name
        mask.parent.mkdir(parents=True, exist_ok=True)
        draw(number, (80, 64)).save(place)
        middle = Image.new("L", (80, 64))
        middle.paste(255, (20, 16, 60, 48))
        middle.save(mask)
        rows.append(f"{name},{name[0]},masks/{name}")
    (tmp_path / "set" / "labels.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "set"


def run(folder: Path, **options: object) -> Robustness:
    """Measure with the fake encoder, vectors beside the folder."""
    asked = {"corruptions": ["background_blur"], "severities": (3,), "folder": folder.parent / "vectors"} | options
    return robustness(load_dataset(folder), FakeEncoder(), **asked)  # type: ignore[arg-type]


def test_a_mask_that_marks_nothing_excludes_its_picture(folder: Path):
    """A picture whose mask is black all over is skipped, and the reason names the mask."""
    Image.new("L", (80, 64)).save(folder / "masks" / "a0.png")
    (skipped,) = run(folder).skipped
    assert (skipped.path, skipped.reason) == ("a0.png", "its mask masks/a0.png marks nothing: it is all black")


def test_a_mask_that_is_no_picture_is_named(folder: Path):
    """What is wrong with a mask isn't said of its picture."""
    (folder / "masks" / "a0.png").write_text("words")
    (skipped,) = run(folder).skipped
    assert skipped.path == "a0.png"
    assert skipped.reason.startswith("its mask masks/a0.png: not a picture")


@pytest.mark.parametrize("bright", [1, 255])
def test_masks_are_told_by_half_their_brightest_pixel(bright: int):
    """Whether the object is 255 or 1, and whatever JPEG did around it, the same is marked."""
    levels = np.zeros((40, 60), np.uint8)
    levels[10:30, 20:40] = bright
    assert np.array_equal(marked(Image.fromarray(levels)), levels > 0)
    noisy = np.clip(levels.astype(int) * (255 // bright) + np.arange(60) % 9, 0, 255).astype(np.uint8)
    assert np.array_equal(marked(Image.fromarray(noisy)), levels > 0)


def test_pictures_that_cannot_lend_are_an_error_in_words(folder: Path):
    """Where every picture of the other class is damaged, a lent surround is refused, and says why."""
    for number in range(5, 10):
        (folder / f"b{number}.png").write_text("words")
    with pytest.raises(DatasetError, match="none can be used"):
        run(folder, corruptions=["background_other_class"])


def test_corruptions_without_the_severities_asked_for_are_named(folder: Path):
    """What has one severity alone isn't measured at another, and a note says so."""
    result = run(folder, corruptions=["flip", "crop"], severities=(3,))
    assert any("left out, having none of the severities asked for: flip" in note for note in result.notes)


@pytest.mark.parametrize("seed", [-3, 2**70])
def test_any_whole_number_is_a_seed(folder: Path, seed: int):
    """Negative and very large seeds are as good as others."""
    assert run(folder, seed=seed).findings.scored == 10


def test_an_unknown_junk_rule_is_told_before_anything_is_encoded(folder: Path):
    """A rule that doesn't exist is answered with those that do."""
    with pytest.raises(EvaluationError, match="group, visit, none"):
        run(folder, junk="scene")
    assert not (folder.parent / "vectors").exists()
