"""Finding corruptions by name, their random numbers, and the standard form of images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from drawing import draw
from lookalike.errors import UnknownCorruptionError
from lookalike.evaluation.corruptions import (
    CORRUPTIONS,
    FAMILIES,
    corruptions_of_family,
    find_corruption,
    generator_for,
    standardise,
)

FAMILY_NAMES = {
    "noise": {"gaussian_noise", "shot_noise", "impulse_noise", "night_gain"},
    "blur": {
        "defocus",
        "motion_horizontal",
        "motion_vertical",
        "motion_diagonal",
        "zoom_blur",
        "rolling_shutter",
    },
    "light": {
        "brightness",
        "darkness",
        "contrast",
        "low_sun",
        "rail_glare",
        "lens_flare",
        "headlamp_night",
        "sodium_cast",
        "saturation",
        "desaturation",
        "greyscale",
        "hue_turn",
    },
    "weather": {"fog", "rain", "snow"},
    "lens": {
        "water_drops",
        "dirt",
        "grease",
        "down_scaling",
        "jpeg_twice",
        "pixelation",
        "date_stamp",
    },
    "pose": {
        "rotation",
        "planar_rotation",
        "quarter_turn",
        "planar_quarter_turn",
        "half_turn",
        "flip",
        "crop",
        "yaw",
        "planar_yaw",
        "pitch",
        "planar_pitch",
    },
    "occlusion": {
        "boxes_centre",
        "boxes_elsewhere",
        "ballast_centre",
        "ballast_elsewhere",
        "plants_centre",
        "plants_elsewhere",
        "snow_patch_centre",
        "snow_patch_elsewhere",
    },
    "background": {"background_other_class", "background_same_class", "background_blur"},
}


def test_families_and_corruptions_are_these():
    """The catalogue has exactly these families and corruptions, so results of different versions are comparable."""
    assert tuple(FAMILY_NAMES) == FAMILIES
    assert {name: {corruption.name for corruption in corruptions_of_family(name)} for name in FAMILIES} == FAMILY_NAMES


def test_the_catalogue_is_sorted_by_family():
    """The catalogue lists the corruptions of each family together, in the order of the families."""
    assert [c for family in FAMILIES for c in corruptions_of_family(family)] == list(CORRUPTIONS.values())


def test_a_flip_turns_and_greyscale_have_one_severity():
    """A flip, quarter and half turns, and greyscale have a single severity; everything else has five."""
    single = {name for name, corruption in CORRUPTIONS.items() if corruption.severities == (1,)}
    assert single == {"flip", "quarter_turn", "planar_quarter_turn", "half_turn", "greyscale"}
    assert {c.severities for name, c in CORRUPTIONS.items() if name not in single} == {(1, 2, 3, 4, 5)}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_corruption_can_be_found_by_its_name(name: str):
    """find_corruption returns the corruption of that name."""
    assert find_corruption(name).name == name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rian", "rain"),
        ("gausian_noise", "gaussian_noise"),
        ("Motion-Diagonal", "motion_diagonal"),
        ("noise", "gaussian_noise"),
        ("light", "brightness"),
        ("boxes", "boxes_centre"),
        ("low_light", "darkness"),
        ("Gaussian blur", "defocus"),
        ("salt-and-pepper", "impulse_noise"),
        ("JPEG_compression", "jpeg_twice"),
        ("upside down", "half_turn"),
    ],
)
def test_a_misspelt_name_is_answered_with_suggestions(name: str, expected: str):
    """An unknown name raises an UnknownCorruptionError with similar names and the command that lists all."""
    with pytest.raises(UnknownCorruptionError, match=rf"{name}'; did you mean .*{expected}.* robustness --list"):
        find_corruption(name)


def test_a_name_unlike_any_other_gets_no_suggestion():
    """The error has no suggestion, but still the command that lists all corruptions."""
    with pytest.raises(UnknownCorruptionError, match=r"'qqqq'.* robustness --list") as caught:
        find_corruption("qqqq")
    assert "did you mean" not in str(caught.value)


def test_an_unknown_family_is_answered_with_all_families():
    """The error of an unknown family lists all families."""
    with pytest.raises(UnknownCorruptionError, match="noise, blur, light, weather, lens, pose, occlusion, background"):
        corruptions_of_family("sound")


def test_random_numbers_are_the_same_on_every_machine():
    """The first number for this image, corruption and seed never changes."""
    assert generator_for("picture", "rain", seed=3).integers(1 << 62) == 1619704204741659400


@given(st.binary(max_size=40), st.sampled_from(list(CORRUPTIONS)), st.integers(0, 2**40))
def test_random_numbers_depend_on_image_corruption_and_seed(image_key: bytes, name: str, seed: int):
    """The same image, corruption and seed give the same numbers; a change of any gives others."""

    def draws(*arguments: object, seed: int) -> list[int]:
        return generator_for(*arguments, seed=seed).integers(1 << 62, size=2).tolist()  # type: ignore[arg-type]

    first = draws(image_key, name, seed=seed)
    assert draws(image_key, name, seed=seed) == first
    assert draws(image_key + b"x", name, seed=seed) != first
    assert draws(image_key, name + "x", seed=seed) != first
    assert draws(image_key, name, seed=seed + 1) != first


def test_text_and_its_bytes_are_the_same_key():
    """A path, even one that isn't valid Unicode, gives the same random numbers as its bytes."""
    assert generator_for("a/é", "fog", seed=0).random() == generator_for("a/é".encode(), "fog", seed=0).random()
    assert generator_for("\udcff", "fog", seed=0).random() == generator_for(b"\xff", "fog", seed=0).random()


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 64))
def test_standardising_sets_the_shorter_side(width: int, height: int, side: int):
    """The shorter side gets the requested length, and the longer one keeps the proportions within half a pixel."""
    result = standardise(Image.new("RGB", (width, height)), side)
    assert min(result.size) == side
    assert abs(max(result.size) - side * max(width, height) / min(width, height)) <= 0.5
    assert (result.width > result.height) <= (width > height)


def test_standardising_returns_a_new_image():
    """Painting on the result doesn't change the original, even when there was nothing to scale."""
    image = draw(1, (64, 48))
    before = image.tobytes()
    result = standardise(image, 48)
    assert result.tobytes() == before
    result.paste("red", (0, 0, 10, 10))
    assert image.tobytes() == before


def test_standardising_is_antialiased():
    """A fine black and white pattern becomes grey when it is scaled down."""
    pattern = np.zeros((512, 512, 3), np.uint8)
    pattern[::2] = 255
    result = np.asarray(standardise(Image.fromarray(pattern), 100))
    assert np.abs(result[5:-5].astype(int) - 128).max() < 12


def test_only_rgb_images_can_be_standardised():
    """Any other mode raises a ValueError that names the mode."""
    with pytest.raises(ValueError, match="CMYK"):
        standardise(Image.new("CMYK", (4, 4)))
