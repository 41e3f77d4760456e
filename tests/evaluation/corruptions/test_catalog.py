"""Finding corruptions, seeding them, and the form that pictures take before."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from drawing import draw
from lookalike import LookalikeError
from lookalike.errors import UnknownCorruptionError
from lookalike.evaluation.corruptions import CORRUPTIONS, FAMILIES, find, generator_for, of_family, standardise

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


def test_the_families_and_their_corruptions_stand_still():
    """These families and corruptions, and no others, are there: results of different versions can be compared."""
    assert tuple(FAMILY_NAMES) == FAMILIES
    assert {name: {corruption.name for corruption in of_family(name)} for name in FAMILIES} == FAMILY_NAMES


def test_the_catalogue_goes_family_by_family():
    """The order of the catalogue is that of the families, none of which is torn apart."""
    assert [c for family in FAMILIES for c in of_family(family)] == list(CORRUPTIONS.values())


def test_a_flip_and_greyscale_have_one_severity():
    """There are no degrees of a flip and of no colour at all; everything else has five."""
    single = {name for name, corruption in CORRUPTIONS.items() if corruption.severities == (1,)}
    assert single == {"flip", "greyscale"}
    assert {c.severities for name, c in CORRUPTIONS.items() if name not in single} == {(1, 2, 3, 4, 5)}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_corruption_is_found_by_its_name(name: str):
    """What find returns has the name that was asked for."""
    assert find(name).name == name


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("rian", "rain"),
        ("gausian_noise", "gaussian_noise"),
        ("Motion-Diagonal", "motion_diagonal"),
        ("noise", "gaussian_noise"),
        ("light", "brightness"),
        ("boxes", "boxes_centre"),
    ],
)
def test_a_name_that_is_nearly_right_is_answered_with_what_was_meant(name: str, meant: str):
    """An unknown name is an error of our own, which names those like it and how to list all."""
    with pytest.raises(UnknownCorruptionError, match=rf"{name}'; did you mean .*{meant}") as caught:
        find(name)
    assert isinstance(caught.value, LookalikeError)
    assert f"--list names all {len(CORRUPTIONS)}" in str(caught.value)


def test_a_name_like_no_other_is_answered_without_guessing():
    """Where nothing is near, no guess is made, but the way to the list is told all the same."""
    with pytest.raises(UnknownCorruptionError, match=r"'qqqq'\. .* names all") as caught:
        find("qqqq")
    assert "did you mean" not in str(caught.value)


def test_an_unknown_family_is_answered_with_those_there_are():
    """The error of an unknown family lists all families."""
    with pytest.raises(UnknownCorruptionError, match="noise, blur, light, weather, lens, pose, occlusion, background"):
        of_family("sound")


def test_draws_are_the_same_on_every_machine():
    """The first number for one picture, corruption and seed is this one, for good."""
    assert generator_for("picture", "rain", seed=3).integers(1 << 62) == 1619704204741659400


@given(st.binary(max_size=40), st.sampled_from(list(CORRUPTIONS)), st.integers(0, 2**40))
def test_draws_depend_on_all_they_are_seeded_by(identity: bytes, name: str, seed: int):
    """The same picture, corruption and seed draw the same; if one of the three is another, so are the draws."""

    def draws(*arguments: object, seed: int) -> list[int]:
        return generator_for(*arguments, seed=seed).integers(1 << 62, size=2).tolist()  # type: ignore[arg-type]

    first = draws(identity, name, seed=seed)
    assert draws(identity, name, seed=seed) == first
    assert draws(identity + b"x", name, seed=seed) != first
    assert draws(identity, name + "x", seed=seed) != first
    assert draws(identity, name, seed=seed + 1) != first


def test_text_and_its_bytes_are_one_identity():
    """A path that isn't Unicode can be an identity too, and names the same draws as its bytes."""
    assert generator_for("a/é", "fog", seed=0).random() == generator_for("a/é".encode(), "fog", seed=0).random()
    assert generator_for("\udcff", "fog", seed=0).random() == generator_for(b"\xff", "fog", seed=0).random()


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 64))
def test_standardising_sets_the_shorter_side(width: int, height: int, side: int):
    """The shorter side becomes what is asked, the longer one keeps its proportion within half a pixel."""
    result = standardise(Image.new("RGB", (width, height)), side)
    assert min(result.size) == side
    assert abs(max(result.size) - side * max(width, height) / min(width, height)) <= 0.5
    assert (result.width > result.height) <= (width > height)


def test_standardising_leaves_the_picture_alone():
    """The result is always a picture of its own: painting on it changes nothing of the first."""
    image = draw(1, (64, 48))
    before = image.tobytes()
    result = standardise(image, 48)
    assert result.tobytes() == before
    result.paste("red", (0, 0, 10, 10))
    assert image.tobytes() == before


def test_standardising_is_done_without_aliases():
    """A fine pattern of black and white becomes grey when it is scaled down, rather than another pattern."""
    pattern = np.zeros((512, 512, 3), np.uint8)
    pattern[::2] = 255
    result = np.asarray(standardise(Image.fromarray(pattern), 100))
    assert np.abs(result[5:-5].astype(int) - 128).max() < 12


def test_only_rgb_is_standardised():
    """Another mode is a ValueError that names it."""
    with pytest.raises(ValueError, match="in RGB, not CMYK"):
        standardise(Image.new("CMYK", (4, 4)))
