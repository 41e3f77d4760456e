"""Light, weather, lens and camera do what their names say, measured on plain pictures and photographs."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from drawing import draw
from lookalike.evaluation.corruptions import find, standardise
from lookalike.images.decode import open_picture

SIDE = 256
SEVERITIES = (1, 2, 3, 4, 5)
GREY = Image.new("RGB", (SIDE, SIDE), (118, 118, 118))


def applied(name: str, image: Image.Image, severity: int, identity: str = "it") -> np.ndarray:
    """What the corruption makes of a picture, float64 (rows, columns, 3)."""
    corruption = find(name)
    return np.asarray(corruption.apply(image, severity, corruption.generator(identity, seed=0)), float)


@pytest.fixture(scope="module")
def photograph(photographs: Path) -> Image.Image:
    """A photograph of a cat."""
    return standardise(open_picture(photographs / "chelsea.png").pixels, SIDE)


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize(("name", "sign"), [("brightness", 1), ("darkness", -1)])
def test_exposure_changes_by_the_stated_stops(name: str, sign: int, severity: int):
    """A level of 60 stands for twice or half the light at each stop (sRGB); what becomes too bright is white."""
    factor = 2 ** (sign * find(name).parameters(severity)["stops"])
    light = min(1.0, factor * ((60 / 255 + 0.055) / 1.055) ** 2.4)
    expected = 255 * (12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055)
    result = applied(name, Image.new("RGB", (9, 9), (60, 60, 60)), severity)
    assert np.abs(result - expected).max() <= 0.6


@pytest.mark.parametrize("severity", SEVERITIES)
def test_contrast_is_lost_about_the_mean(severity: int, photograph: Image.Image):
    """The levels' spread shrinks by the stated share and their mean stays."""
    clean = np.asarray(photograph, float)
    result = applied("contrast", photograph, severity)
    kept = 1 - find("contrast").parameters(severity)["loss"]
    grey = [0.299, 0.587, 0.114]
    assert (result @ grey).std() == pytest.approx(kept * (clean @ grey).std(), rel=0.03)
    assert (result @ grey).mean() == pytest.approx((clean @ grey).mean(), abs=0.6)


def test_greyscale_has_no_colour(photograph: Image.Image):
    """All three channels are the same, and equal to what Pillow's own conversion to grey gives."""
    result = applied("greyscale", photograph, 1)
    assert (result[..., 0] == result[..., 1]).all()
    assert (result[..., 0] == result[..., 2]).all()
    assert np.abs(result[..., 0] - np.asarray(photograph.convert("L"))).max() <= 1


@pytest.mark.parametrize("name", ["saturation", "desaturation", "hue_turn", "greyscale"])
def test_colour_changes_leave_greys_alone(name: str):
    """A picture without colours has none to be changed."""
    grey = draw(3, (40, 30)).convert("L").convert("RGB")
    assert np.abs(applied(name, grey, find(name).severities[-1]) - np.asarray(grey)).max() <= 1


def test_hues_turn_one_way_or_the_other():
    """Red turned by 105 degrees is nearer to green in some pictures and nearer to blue in others."""
    red = Image.new("RGB", (4, 4), (150, 90, 90))
    turned = [applied("hue_turn", red, 4, identity)[0, 0] for identity in "abcdefgh"]
    assert {bool(colour[1] > colour[2]) for colour in turned} == {True, False}


def test_sodium_lamps_show_one_hue(photograph: Image.Image):
    """Under nothing but sodium lamps, red leads green leads blue everywhere, in one proportion of light."""
    result = applied("sodium_cast", photograph, 5)
    assert (result[..., 0] >= result[..., 1]).all()
    assert (result[..., 1] >= result[..., 2]).all()
    bright = result[..., 0] > 120
    assert (result[..., 1] / result[..., 0])[bright].std() < 0.01


@pytest.mark.parametrize("identity", ["a", "b", "c"])
def test_a_low_sun_has_a_hard_edge_and_two_colours(identity: str):
    """Almost every pixel is either in the warm light or in the cold shadow, hardly any between."""
    result = applied("low_sun", GREY, 4, identity)
    grey = result.mean(axis=2)
    shade, sun = grey < 100, grey > 150
    assert shade.mean() > 0.15
    assert sun.mean() > 0.15
    assert (~shade & ~sun).mean() < 0.03
    assert (result[shade][:, 2] > result[shade][:, 0]).mean() > 0.98
    assert (result[sun][:, 0] > result[sun][:, 2]).mean() > 0.98


@pytest.mark.parametrize("degrees", [0, 30, 90, 145])
def test_glare_lies_along_the_rail(degrees: int):
    """Wherever a bright band runs, that is where the glare is brightest, along it and not across."""
    dark = Image.new("RGB", (3 * SIDE, 3 * SIDE), (70, 66, 62))
    ImageDraw.Draw(dark).rectangle((0, 1.5 * SIDE - 14, 3 * SIDE, 1.5 * SIDE + 14), fill=(150, 155, 165))
    image = dark.rotate(degrees, Image.Resampling.BICUBIC).crop((SIDE, SIDE, 2 * SIDE, 2 * SIDE))
    gained = applied("rail_glare", image, 3).mean(axis=2) - np.asarray(image, float).mean(axis=2)
    band = np.asarray(image, float)[..., 2] > 140
    away = np.asarray(image, float)[..., 2] < 70
    assert gained[band].mean() > 4 * gained[away].mean()


def test_a_headlamp_lights_the_middle_and_leaves_the_corners_dark():
    """At night the beam falls off from its middle in all directions: the corners are black, the middle is bright."""
    result = applied("headlamp_night", GREY, 5).mean(axis=2)
    middle = np.unravel_index(result.argmax(), result.shape)
    assert all(0.25 * SIDE < place < 0.8 * SIDE for place in middle)
    assert result.max() > 110
    assert max(result[:20, :20].mean(), result[:20, -20:].mean()) < 40
    assert result[:, 128].argmax() not in {0, SIDE - 1}


def test_a_flare_shows_a_sun_in_the_upper_half():
    """The brightest place is white and lies in the upper half."""
    for identity in "abcd":
        result = applied("lens_flare", Image.new("RGB", (SIDE, SIDE), (60, 60, 60)), 3, identity).min(axis=2)
        assert result.max() == 255
        assert np.unravel_index(result.argmax(), result.shape)[0] < SIDE / 2


def test_fog_hides_the_top_most():
    """The spread of levels falls everywhere, and further at the top, which is mostly further away."""
    pattern = np.zeros((SIDE, SIDE, 3), np.uint8)
    pattern[:, ::2] = 255
    result = applied("fog", Image.fromarray(pattern), 3)[..., 0]
    assert result[:60].std() < result[-60:].std() < 100


@pytest.mark.parametrize(("name", "upright"), [("rain", True), ("snow", False)])
def test_rain_falls_in_streaks_and_snow_in_flakes(name: str, upright: bool):
    """In rain, levels agree further down than across; in snow they agree as far both ways."""
    result = applied(name, Image.new("RGB", (SIDE, SIDE), (50, 50, 50)), 4).mean(axis=2)
    result -= result.mean()
    down = (result[:-5] * result[5:]).mean() / result.var()
    across = (result[:, :-5] * result[:, 5:]).mean() / result.var()
    assert bool(down > 2 * across) is upright
    assert result.max() > 30


def test_drops_show_the_scene_upside_down():
    """In a picture bright above and dark below, drops in the bright part are dark above and bright below."""
    image = Image.new("RGB", (512, 512), (40, 40, 40))
    image.paste((220, 220, 220), (0, 0, 512, 256))
    result = applied("water_drops", image, 5).mean(axis=2)
    assert (result[:230] < 110).mean() > 0.01
    assert (result[290:] > 120).mean() > 0.01


@pytest.mark.parametrize("severity", SEVERITIES)
def test_dirt_covers_the_share_that_is_stated(severity: int):
    """On white, so much of the picture is more dark than light."""
    covered = np.mean(
        [(applied("dirt", Image.new("RGB", (SIDE, SIDE), "white"), severity, i) < 188).mean() for i in "abcd"]
    )
    assert covered == pytest.approx(find("dirt").parameters(severity)["share"], rel=0.3, abs=0.01)


def test_grease_veils_what_is_dark():
    """Black beside white turns grey, white stays bright, and the edge between them is soft."""
    image = Image.new("RGB", (SIDE, SIDE), "black")
    image.paste("white", (0, 0, SIDE // 2, SIDE))
    result = applied("grease", image, 5).mean(axis=2)
    assert result[:, -60:].mean() > 25
    assert result[:, :60].mean() > 170
    assert np.abs(np.diff(result, axis=1)).mean(axis=0).max() < 200


@pytest.mark.parametrize("severity", SEVERITIES)
def test_pixelation_makes_squares_of_one_colour(severity: int, photograph: Image.Image):
    """There are as many different columns as blocks fit, each as wide as the parameter says."""
    result = applied("pixelation", photograph, severity)
    blocks = 1 + (np.abs(np.diff(result, axis=1)).sum(axis=(0, 2)) > 0).sum()
    side = find("pixelation").parameters(severity)["block"] * SIDE
    assert blocks == pytest.approx(photograph.width / side, abs=1)


@pytest.mark.parametrize("severity", [2, 3, 4, 5])
def test_scaling_down_leaves_no_finer_detail(severity: int):
    """Stripes finer than what the smaller picture can show are grey; stripes four times wider survive."""
    factor = find("down_scaling").parameters(severity)["factor"]
    for width, survive in ((factor * 0.4, False), (factor * 4, True)):
        line = np.where(np.arange(512) % (2 * width) < width, 255, 0).astype(np.uint8)
        image = Image.fromarray(np.repeat(np.broadcast_to(line, (64, 512))[..., np.newaxis], 3, axis=2).copy())
        spread = applied("down_scaling", image, severity)[..., 0].std() / np.std(line)
        assert (spread > 0.7) if survive else (spread < 0.35)


def test_jpeg_loses_colour_before_brightness(photograph: Image.Image):
    """A fine pattern of colour is gone at half the resolution of colours, one of brightness is still there."""
    red_and_green = np.zeros((128, 128, 3), np.uint8)
    red_and_green[:, ::2] = (200, 60, 60)
    red_and_green[:, 1::2] = (60, 129, 60)
    black_and_white = np.zeros((128, 128, 3), np.uint8)
    black_and_white[:, ::2] = 200
    assert applied("jpeg_twice", Image.fromarray(red_and_green), 1)[..., 0].std() < 20
    assert applied("jpeg_twice", Image.fromarray(black_and_white), 1)[..., 0].std() > 80


def test_a_date_is_stamped_at_the_bottom_right_alone(photograph: Image.Image):
    """Orange digits stand in the lower right; three quarters of the picture's rows are as they were."""
    for severity in SEVERITIES:
        change = np.abs(applied("date_stamp", photograph, severity) - np.asarray(photograph)).max(axis=2)
        rows, columns = np.nonzero(change > 100)
        assert rows.min() > 0.7 * SIDE
        assert columns.max() < photograph.width
        assert columns.mean() > photograph.width / 2
        assert not change[: SIDE // 2].any()
