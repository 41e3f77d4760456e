"""A control does the same as its corruption, except for the effect under study."""

from __future__ import annotations

from itertools import pairwise
from math import cos, radians

import numpy as np
import pytest
from PIL import Image, ImageDraw

from drawing import draw
from lookalike.evaluation.corruptions import CORRUPTIONS, Context, Corruption, corruptions_of_family, find_corruption

SIZE = (160, 120)
CONTROLS = [corruption for corruption in CORRUPTIONS.values() if corruption.control_of is not None]
WHITE, BLACK = Image.new("RGB", SIZE, "white"), Image.new("RGB", SIZE, "black")


def applied(name: str, image: Image.Image, severity: int, image_key: str = "it", **context: Image.Image) -> np.ndarray:
    """The corrupted image, int64 (rows, columns, 3)."""
    corruption = find_corruption(name)
    generator = corruption.generator(image_key, seed=0)
    return np.asarray(corruption.apply(image, severity, generator, Context(**context))).astype(int)


def changed(name: str, severity: int, image_key: str = "it") -> np.ndarray:
    """Where a corruption changes a white or a black image by more than a shadow does, bool (rows, columns)."""
    black = applied(name, BLACK, severity, image_key).max(axis=2) > 8
    white = applied(name, WHITE, severity, image_key).max(axis=2) < 100
    return black | white


def names_in(family: str, suffix: str) -> list[str]:
    """The names of a family's corruptions with this suffix."""
    return [corruption.name for corruption in corruptions_of_family(family) if corruption.name.endswith(suffix)]


def test_these_are_the_controls():
    """Rotation, quarter turn, tilt, occlusion and background have controls; no other corruptions do."""
    assert {corruption.name: corruption.control_of for corruption in CONTROLS} == {
        "planar_rotation": "rotation",
        "planar_quarter_turn": "quarter_turn",
        "planar_yaw": "yaw",
        "planar_pitch": "pitch",
        "boxes_elsewhere": "boxes_centre",
        "ballast_elsewhere": "ballast_centre",
        "plants_elsewhere": "plants_centre",
        "snow_patch_elsewhere": "snow_patch_centre",
        "background_same_class": "background_other_class",
        "background_blur": "background_other_class",
    }


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_a_control_shares_family_parameters_and_random_numbers_with_its_corruption(control: Corruption):
    """The parameters of every severity are the same, and so are the random numbers of an image."""
    assert control.control_of is not None
    partner = find_corruption(control.control_of)
    assert (control.family, control.severities) == (partner.family, partner.severities)
    for severity in control.severities:
        assert control.parameters(severity) == partner.parameters(severity)
    first, second = (one.generator("it", seed=5).random(4).tolist() for one in (control, partner))
    assert first == second
    assert (
        partner.generator("it", seed=5).random(4).tolist()
        != find_corruption("rain").generator("it", seed=5).random(4).tolist()
    )


def ramp(*, sideways: bool) -> Image.Image:
    """An image whose levels rise from 1 at the left or top to 255 at the other end."""
    width, height = SIZE
    length = width if sideways else height
    line = np.round(1 + 254 * (np.arange(length) + 0.5) / length).astype(np.uint8)
    field = np.broadcast_to(line if sideways else line[:, np.newaxis], (height, width))
    return Image.fromarray(np.repeat(field[..., np.newaxis], 3, axis=2).copy())


@pytest.mark.parametrize("image_key", ["a", "b", "c", "d"])
@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("name", ["yaw", "pitch"])
def test_a_tilted_image_and_its_control_have_the_same_crop(name: str, severity: int, image_key: str):
    """Both show the camera's image through the same window.

    In a ramp across the tilt axis, the level of a pixel says where in the image it comes from. Applied to the window
    that the control shows, the formula of the tilt gives the positions that the tilted image shows.
    """
    sideways = name == "yaw"
    positions = {}
    for which in (name, f"planar_{name}"):
        result = applied(which, ramp(sideways=sideways), severity, image_key)[..., 0]
        middle = result[result.shape[0] // 2] if sideways else result[:, result.shape[1] // 2]
        positions[which] = (middle - 1) / 254 - 0.5
    length = SIZE[0] if sideways else SIZE[1]
    window = positions[f"planar_{name}"] * length
    matches = []
    for sign in (-1, 1):
        angle = sign * radians(10 * severity)
        tilted = window / cos(angle) / (1 - window * np.tan(angle) / (1.2 * max(SIZE))) / length
        matches.append(np.abs(tilted - positions[name]).max() < 0.012)
    assert any(matches)


def test_the_control_of_a_quarter_turn_is_only_cropped():
    """The control of a quarter turn shows the central three quarters of each side of a 4 : 3 image."""
    image = draw(4, SIZE)
    width, height = SIZE
    box = (width / 8, height / 8, width * 7 / 8, height * 7 / 8)
    expected = np.asarray(image.resize(SIZE, Image.Resampling.BICUBIC, box=box)).astype(int)
    assert np.abs(applied("planar_quarter_turn", image, 1) - expected).max() <= 3


def test_half_a_turn_moves_pixels_without_changing_them():
    """Upside down, every pixel keeps its exact levels."""
    image = draw(4, SIZE)
    assert (applied("half_turn", image, 1) == np.asarray(image.transpose(Image.Transpose.ROTATE_180))).all()


def test_a_quarter_turn_keeps_the_levels_of_a_square():
    """On its side, every pixel of a square image keeps its exact levels: nothing is cropped."""
    image = draw(4, (120, 120))
    turned = applied("quarter_turn", image, 1)
    sides = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270)
    assert any((turned == np.asarray(image.transpose(side))).all() for side in sides)


@pytest.mark.parametrize("severity", [1, 2, 3, 4])
def test_a_stronger_rotation_keeps_less_of_the_image(severity: int):
    """The severity of a rotation is a degree of damage: its crop, shown by the control, shrinks as it grows."""
    image = ramp(sideways=True)
    shown = [np.ptp(applied("planar_rotation", image, one)) for one in (severity, severity + 1)]
    assert shown[1] < shown[0]


@pytest.mark.parametrize(("name", "severity"), [("rotation", 2), ("quarter_turn", 1)])
def test_rotations_go_both_ways(name: str, severity: int):
    """Some images are rotated to the left and some to the right, by the same angle."""
    results = {applied(name, draw(4, SIZE), severity, image_key).tobytes() for image_key in "abcdefgh"}
    assert len(results) == 2


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("name", [*names_in("occlusion", "_centre"), *names_in("occlusion", "_elsewhere")])
def test_the_covered_share_is_the_parameter(name: str, severity: int):
    """Averaged over images, the covered share is the parameter, apart from edges and gaps."""
    covered = np.mean([changed(name, severity, image_key).mean() for image_key in "abcdef"])
    share = find_corruption(name).parameters(severity)["share"]
    assert covered == pytest.approx(share, rel=0.12, abs=0.012)


@pytest.mark.parametrize("image_key", ["a", "b", "c"])
@pytest.mark.parametrize("name", names_in("occlusion", "_centre"))
def test_the_centre_is_covered_first(name: str, image_key: str):
    """At severity 3, over four fifths of the centre are covered, and nothing of the corners."""
    covered = changed(name, 3, image_key)
    assert covered[54:66, 72:88].mean() > 0.8
    for corner in (covered[:12, :16], covered[-12:, :16], covered[:12, -16:], covered[-12:, -16:]):
        assert not corner.any()


@pytest.mark.parametrize("image_key", ["a", "b", "c"])
@pytest.mark.parametrize("severity", [1, 3, 5])
@pytest.mark.parametrize("name", names_in("occlusion", "_elsewhere"))
def test_elsewhere_leaves_the_centre_unchanged(name: str, severity: int, image_key: str):
    """No pixel of the central tenth of each side changes, however much is covered around it."""
    image = draw(7, SIZE)
    result = applied(name, image, severity, image_key)
    assert (result == np.asarray(image))[54:66, 72:88].all()


@pytest.mark.parametrize("name", [*names_in("occlusion", "_centre"), *names_in("occlusion", "_elsewhere")])
def test_patches_grow(name: str):
    """Pixels covered at one severity stay covered at the next, apart from edges and gaps between stones."""
    for severity in (1, 2, 3, 4):
        less, more = changed(name, severity), changed(name, severity + 1)
        assert (less & ~more).mean() < 0.01


def disc_mask() -> Image.Image:
    """A mask at half the size of the image with a disc of 30 pixels diameter, marked by 1."""
    mask = Image.new("L", (80, 60))
    ImageDraw.Draw(mask).ellipse((25, 15, 55, 45), fill=1)
    return mask


@pytest.mark.parametrize("name", [corruption.name for corruption in corruptions_of_family("background")])
def test_the_object_under_the_mask_is_unchanged(name: str):
    """At severity 5, pixels well inside the mask don't change, and pixels well outside are the donor's."""
    image, donor = draw(8, SIZE), Image.new("RGB", (40, 90), (255, 0, 255))
    result = applied(name, image, 5, donor=donor, mask=disc_mask())
    assert (result == np.asarray(image))[45:75, 65:95].all()
    if name != "background_blur":
        assert (result[:20] == (255, 0, 255)).all()


@pytest.mark.parametrize("mask", [None, disc_mask()], ids=["ellipse", "mask"])
def test_the_background_is_replaced_from_the_edges_inwards(mask: Image.Image | None):
    """At every severity, the replaced share of the background is the parameter."""
    context = {"donor": Image.new("RGB", (10, 10), "white")} | ({} if mask is None else {"mask": mask})
    replaced = [applied("background_other_class", BLACK, severity, **context)[..., 0] / 255 for severity in range(1, 6)]
    shares = np.array([result.mean() for result in replaced]) / replaced[-1].mean()
    assert shares == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0], abs=0.02)
    assert all((more >= less - 0.05).all() for less, more in pairwise(replaced))


@pytest.mark.parametrize("mode", ["1", "L", "P", "I", "RGB"])
def test_a_mask_of_any_mode_marks_what_is_bright(mode: str):
    """Bilevel, grey, palette, 32-bit and colour masks mark the same object."""
    levels = np.asarray(disc_mask())
    mask = {
        "1": lambda: Image.fromarray(levels > 0),
        "L": lambda: Image.fromarray(levels * np.uint8(200)),
        "P": lambda: Image.fromarray(levels).convert("P"),
        "I": lambda: Image.fromarray(levels.astype(np.int32) * 70_000),
        "RGB": lambda: Image.merge("RGB", [Image.new("L", (80, 60)), disc_mask(), Image.new("L", (80, 60))]),
    }[mode]()
    assert mask.mode == mode
    expected = applied("background_other_class", draw(8, SIZE), 4, donor=WHITE, mask=disc_mask())
    assert (applied("background_other_class", draw(8, SIZE), 4, donor=WHITE, mask=mask) == expected).all()


def test_a_mask_without_an_object_is_an_error():
    """An all-black mask raises a ValueError."""
    with pytest.raises(ValueError, match="mask"):
        applied("background_blur", WHITE, 1, mask=Image.new("L", (8, 8)))


def test_a_mask_of_everything_leaves_the_image_unchanged():
    """Where everything is the object, there is no background to replace."""
    image = draw(8, SIZE)
    result = applied("background_other_class", image, 5, donor=WHITE, mask=Image.new("1", (8, 8), 1))
    assert (result == np.asarray(image)).all()


def test_a_donor_of_other_proportions_is_cropped_not_stretched():
    """A circle in a very wide donor is still a circle in the new background."""
    donor = Image.new("RGB", (900, 120))
    ImageDraw.Draw(donor).ellipse((440, 0, 460, 20), fill="white")
    result = applied("background_other_class", BLACK, 5, donor=donor)[..., 0] > 128
    rows, columns = np.flatnonzero(result.any(axis=1)), np.flatnonzero(result.any(axis=0))
    assert abs(len(rows) - len(columns)) <= 2
    assert 18 <= len(rows) <= 22
