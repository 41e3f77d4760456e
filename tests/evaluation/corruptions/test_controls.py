"""Controls do what their corruption does, but for the one thing that is studied."""

from __future__ import annotations

from itertools import pairwise
from math import cos, radians

import numpy as np
import pytest
from PIL import Image, ImageDraw

from drawing import draw
from lookalike.evaluation.corruptions import CORRUPTIONS, Context, Corruption, find, of_family

SIZE = (160, 120)
CONTROLS = [corruption for corruption in CORRUPTIONS.values() if corruption.control_of is not None]
WHITE, BLACK = Image.new("RGB", SIZE, "white"), Image.new("RGB", SIZE, "black")


def applied(name: str, image: Image.Image, severity: int, identity: str = "it", **context: Image.Image) -> np.ndarray:
    """What the corruption makes of a picture, int64 (rows, columns, 3)."""
    corruption = find(name)
    generator = corruption.generator(identity, seed=0)
    return np.asarray(corruption.apply(image, severity, generator, Context(**context))).astype(int)


def changed(name: str, severity: int, identity: str = "it") -> np.ndarray:
    """Where a corruption changes either a white or a black picture by more than a shadow does, bool (rows, columns)."""
    black = applied(name, BLACK, severity, identity).max(axis=2) > 8
    white = applied(name, WHITE, severity, identity).max(axis=2) < 100
    return black | white


def each(family: str, suffix: str) -> list[str]:
    """The names of a family's corruptions that end in a certain way."""
    return [corruption.name for corruption in of_family(family) if corruption.name.endswith(suffix)]


def test_these_are_the_controls():
    """Turning, tilting, covering and other surrounds have controls; nothing else has."""
    assert {corruption.name: corruption.control_of for corruption in CONTROLS} == {
        "planar_rotation": "rotation",
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
def test_a_control_has_its_corruption_s_family_parameters_and_draws(control: Corruption):
    """Severity by severity the parameters are the same, and so is every random number of a picture."""
    assert control.control_of is not None
    partner = find(control.control_of)
    assert (control.family, control.severities) == (partner.family, partner.severities)
    for severity in control.severities:
        assert control.parameters(severity) == partner.parameters(severity)
    first, second = (one.generator("it", seed=5).random(4).tolist() for one in (control, partner))
    assert first == second
    assert partner.generator("it", seed=5).random(4).tolist() != find("rain").generator("it", seed=5).random(4).tolist()


def ramp(*, sideways: bool) -> Image.Image:
    """A picture whose level is its place: 1 at the left or the top, 255 at the other end."""
    width, height = SIZE
    length = width if sideways else height
    line = np.round(1 + 254 * (np.arange(length) + 0.5) / length).astype(np.uint8)
    field = np.broadcast_to(line if sideways else line[:, np.newaxis], (height, width))
    return Image.fromarray(np.repeat(field[..., np.newaxis], 3, axis=2).copy())


@pytest.mark.parametrize("identity", ["a", "b", "c", "d"])
@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("name", ["yaw", "pitch"])
def test_a_tilted_picture_and_its_control_are_cropped_alike(name: str, severity: int, identity: str):
    """Both show the camera's view through one window: undoing the tilt, each of its points is the control's.

    In a ramp across the tilt's axis the level tells where in the picture a pixel comes from. The tilt's formula, worked
    out here for the window that the control shows, gives the places that the tilted picture shows.
    """
    sideways = name == "yaw"
    places = {}
    for which in (name, f"planar_{name}"):
        result = applied(which, ramp(sideways=sideways), severity, identity)[..., 0]
        middle = result[result.shape[0] // 2] if sideways else result[:, result.shape[1] // 2]
        places[which] = (middle - 1) / 254 - 0.5
    length = SIZE[0] if sideways else SIZE[1]
    seen = places[f"planar_{name}"] * length
    matched = []
    for sign in (-1, 1):
        angle = sign * radians(10 * severity)
        shown = seen / cos(angle) / (1 - seen * np.tan(angle) / (1.2 * max(SIZE))) / length
        matched.append(np.abs(shown - places[name]).max() < 0.012)
    assert any(matched)


def test_a_turned_picture_s_control_is_only_cropped():
    """The control of a quarter turn shows the middle, three quarters of each side of a picture of 4 : 3, unturned."""
    image = draw(4, SIZE)
    width, height = SIZE
    box = (width / 8, height / 8, width * 7 / 8, height * 7 / 8)
    expected = np.asarray(image.resize(SIZE, Image.Resampling.BICUBIC, box=box)).astype(int)
    assert np.abs(applied("planar_rotation", image, 4) - expected).max() <= 3


def test_half_a_turn_moves_pixels_and_changes_none():
    """Upside down, every pixel keeps its levels exactly, and the control is the clean picture."""
    image = draw(4, SIZE)
    assert (applied("rotation", image, 5) == np.asarray(image.transpose(Image.Transpose.ROTATE_180))).all()
    assert (applied("planar_rotation", image, 5) == np.asarray(image)).all()


def test_turns_go_both_ways():
    """Among some pictures, some are turned to the left and some to the right, by the same angle."""
    results = {applied("rotation", draw(4, SIZE), 2, identity).tobytes() for identity in "abcdefgh"}
    assert len(results) == 2


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("name", [*each("occlusion", "_centre"), *each("occlusion", "_elsewhere")])
def test_so_much_is_covered_as_is_said(name: str, severity: int):
    """The share of pixels that are covered is the parameter's, give or take edges and gaps, over several pictures."""
    covered = np.mean([changed(name, severity, identity).mean() for identity in "abcdef"])
    share = find(name).parameters(severity)["share"]
    assert covered == pytest.approx(share, rel=0.12, abs=0.012)


@pytest.mark.parametrize("identity", ["a", "b", "c"])
@pytest.mark.parametrize("name", each("occlusion", "_centre"))
def test_the_middle_is_covered_first(name: str, identity: str):
    """Of the middle at least four fifths are covered at severity 3, and of the corners nothing."""
    covered = changed(name, 3, identity)
    assert covered[54:66, 72:88].mean() > 0.8
    for corner in (covered[:12, :16], covered[-12:, :16], covered[:12, -16:], covered[-12:, -16:]):
        assert not corner.any()


@pytest.mark.parametrize("identity", ["a", "b", "c"])
@pytest.mark.parametrize("severity", [1, 3, 5])
@pytest.mark.parametrize("name", each("occlusion", "_elsewhere"))
def test_elsewhere_leaves_the_middle_as_it_is(name: str, severity: int, identity: str):
    """Not a pixel of the middle, of a tenth of each side, is changed, however much lies around."""
    image = draw(7, SIZE)
    result = applied(name, image, severity, identity)
    assert (result == np.asarray(image))[54:66, 72:88].all()


@pytest.mark.parametrize("name", [*each("occlusion", "_centre"), *each("occlusion", "_elsewhere")])
def test_patches_grow(name: str):
    """What is covered at one severity stays covered at the next, but for edges and the stones' gaps."""
    for severity in (1, 2, 3, 4):
        less, more = changed(name, severity), changed(name, severity + 1)
        assert (less & ~more).mean() < 0.01


def disc_mask() -> Image.Image:
    """A mask of half the picture's size with a disc of 30 pixels across, marked by 1."""
    mask = Image.new("L", (80, 60))
    ImageDraw.Draw(mask).ellipse((25, 15, 55, 45), fill=1)
    return mask


@pytest.mark.parametrize("name", [corruption.name for corruption in of_family("background")])
def test_the_object_under_the_mask_stays(name: str):
    """Well inside the mask no pixel changes, well outside all are the surround's at severity 5."""
    image, donor = draw(8, SIZE), Image.new("RGB", (40, 90), (255, 0, 255))
    result = applied(name, image, 5, donor=donor, mask=disc_mask())
    assert (result == np.asarray(image))[45:75, 65:95].all()
    if name != "background_blur":
        assert (result[:20] == (255, 0, 255)).all()


@pytest.mark.parametrize("mask", [None, disc_mask()], ids=["ellipse", "mask"])
def test_the_surround_gives_way_from_outside_inwards(mask: Image.Image | None):
    """The share of the surround that is replaced is the parameter's at every severity."""
    context = {"donor": Image.new("RGB", (10, 10), "white")} | ({} if mask is None else {"mask": mask})
    replaced = [applied("background_other_class", BLACK, severity, **context)[..., 0] / 255 for severity in range(1, 6)]
    shares = np.array([result.mean() for result in replaced]) / replaced[-1].mean()
    assert shares == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0], abs=0.02)
    assert all((more >= less - 0.05).all() for less, more in pairwise(replaced))


@pytest.mark.parametrize("mode", ["1", "L", "P", "I", "RGB"])
def test_a_mask_of_any_mode_marks_what_is_bright(mode: str):
    """Masks in black and white, grey, palettes, wide numbers and colours mean the same object."""
    marked = np.asarray(disc_mask())
    mask = {
        "1": lambda: Image.fromarray(marked > 0),
        "L": lambda: Image.fromarray(marked * np.uint8(200)),
        "P": lambda: Image.fromarray(marked).convert("P"),
        "I": lambda: Image.fromarray(marked.astype(np.int32) * 70_000),
        "RGB": lambda: Image.merge("RGB", [Image.new("L", (80, 60)), disc_mask(), Image.new("L", (80, 60))]),
    }[mode]()
    assert mask.mode == mode
    expected = applied("background_other_class", draw(8, SIZE), 4, donor=WHITE, mask=disc_mask())
    assert (applied("background_other_class", draw(8, SIZE), 4, donor=WHITE, mask=mask) == expected).all()


def test_a_mask_without_an_object_is_an_error():
    """Where no pixel is marked there is no object to keep, and the error says so."""
    with pytest.raises(ValueError, match="marks no object"):
        applied("background_blur", WHITE, 1, mask=Image.new("L", (8, 8)))


def test_a_mask_of_everything_leaves_the_picture():
    """Where all is the object there is no surround to be replaced."""
    image = draw(8, SIZE)
    result = applied("background_other_class", image, 5, donor=WHITE, mask=Image.new("1", (8, 8), 1))
    assert (result == np.asarray(image)).all()


def test_a_donor_of_other_proportions_is_cropped_not_squeezed():
    """A round thing in a very wide donor is still round in the surround it becomes."""
    donor = Image.new("RGB", (900, 120))
    ImageDraw.Draw(donor).ellipse((440, 0, 460, 20), fill="white")
    result = applied("background_other_class", BLACK, 5, donor=donor)[..., 0] > 128
    rows, columns = np.flatnonzero(result.any(axis=1)), np.flatnonzero(result.any(axis=0))
    assert abs(len(rows) - len(columns)) <= 2
    assert 18 <= len(rows) <= 22
