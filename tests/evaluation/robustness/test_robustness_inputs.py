"""Robustness on unusual input: masks, unusable donors, missing severities and large seeds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawing import draw
from fakes import FakeEncoder
from lookalike.embedding.vector_cache import EmbeddingCache
from lookalike.errors import DatasetError, EvaluationError
from lookalike.evaluation.corruptions.background import object_pixels
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.robustness.results import Robustness
from lookalike.evaluation.robustness.robustness import measure_robustness


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of five images, each with a mask of its centre."""
    rows = ["path,label,mask"]
    for number in range(10):
        name = f"{'ab'[number // 5]}{number}.png"
        path, mask = tmp_path / "set" / name, tmp_path / "set" / "masks" / name
        mask.parent.mkdir(parents=True, exist_ok=True)
        draw(number, (80, 64)).save(path)
        centre = Image.new("L", (80, 64))
        centre.paste(255, (20, 16, 60, 48))
        centre.save(mask)
        rows.append(f"{name},{name[0]},masks/{name}")
    (tmp_path / "set" / "labels.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "set"


def run(folder: Path, **options: object) -> Robustness:
    """Measure with the fake encoder."""
    arguments = {"corruptions": ["background_blur"], "severities": (3,)} | options
    return measure_robustness(load_dataset(folder), FakeEncoder(), **arguments)  # type: ignore[arg-type]


def test_an_image_with_an_all_black_mask_is_skipped(folder: Path):
    """The reason names the mask."""
    Image.new("L", (80, 64)).save(folder / "masks" / "a0.png")
    (skipped,) = run(folder).skipped
    assert skipped.path == "a0.png"
    assert "masks/a0.png" in skipped.reason


def test_an_image_with_a_broken_mask_is_skipped(folder: Path):
    """The reason names the mask, not the image."""
    (folder / "masks" / "a0.png").write_text("words")
    (skipped,) = run(folder).skipped
    assert skipped.path == "a0.png"
    assert "masks/a0.png: not an image" in skipped.reason


@pytest.mark.parametrize("bright", [1, 255])
def test_masks_are_thresholded_at_half_their_maximum(bright: int):
    """The object is found if it is marked by 255 or by 1, and with JPEG-like noise around it."""
    levels = np.zeros((40, 60), np.uint8)
    levels[10:30, 20:40] = bright
    assert np.array_equal(object_pixels(Image.fromarray(levels)), levels > 0)
    noisy = np.clip(levels.astype(int) * (255 // bright) + np.arange(60) % 9, 0, 255).astype(np.uint8)
    assert np.array_equal(object_pixels(Image.fromarray(noisy)), levels > 0)


def test_unusable_donors_are_an_error(folder: Path):
    """If every image of the other class is broken, a corruption that needs a donor from it raises an error."""
    for number in range(5, 10):
        (folder / f"b{number}.png").write_text("words")
    with pytest.raises(DatasetError, match="background_other_class"):
        run(folder, corruptions=["background_other_class"])


def test_corruptions_without_the_requested_severities_are_noted(folder: Path):
    """A corruption with a single severity is not measured at another one, and a note says so."""
    result = run(folder, corruptions=["flip", "crop"], severities=(3,))
    assert any("not measured" in note and "flip" in note for note in result.notes)


@pytest.mark.parametrize("seed", [-3, 2**70])
def test_any_integer_is_a_seed(folder: Path, seed: int):
    """Negative and very large seeds work."""
    assert run(folder, seed=seed).results.scored == 10


def test_an_unknown_junk_rule_is_an_error_before_encoding(folder: Path, cache: EmbeddingCache):
    """The error lists the rules, and no vectors are kept."""
    with pytest.raises(EvaluationError, match="group, visit, none"):
        run(folder, junk="scene", cache=cache)
    assert cache.usage() == []
