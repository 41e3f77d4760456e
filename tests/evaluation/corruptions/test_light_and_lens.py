"""Corruptions of light, weather, lens and camera have the stated effect on plain and real images."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from drawing import draw
from lookalike.evaluation.corruptions import find_corruption, standardise
from lookalike.images.decode import open_image

SIDE = 256
SEVERITIES = (1, 2, 3, 4, 5)
GREY = Image.new("RGB", (SIDE, SIDE), (118, 118, 118))


def applied(name: str, image: Image.Image, severity: int, image_key: str = "it") -> np.ndarray:
    """The corrupted image, float64 (rows, columns, 3)."""
    corruption = find_corruption(name)
    return np.asarray(corruption.apply(image, severity, corruption.generator(image_key, seed=0)), float)


@pytest.fixture(scope="module")
def photo(photographs: Path) -> Image.Image:
    """A photo of a cat."""
    return standardise(open_image(photographs / "chelsea.png").pixels, SIDE)


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize(("name", "sign"), [("brightness", 1), ("darkness", -1)])
def test_exposure_changes_by_the_stated_stops(name: str, sign: int, severity: int):
    """Each stop doubles or halves the linear light of a level (sRGB); light beyond white is clipped."""
    factor = 2 ** (sign * find_corruption(name).parameters(severity)["stops"])
    light = min(1.0, factor * ((60 / 255 + 0.055) / 1.055) ** 2.4)
    expected = 255 * (12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055)
    result = applied(name, Image.new("RGB", (9, 9), (60, 60, 60)), severity)
    assert np.abs(result - expected).max() <= 0.6


@pytest.mark.parametrize("severity", SEVERITIES)
def test_contrast_is_lost_about_the_mean(severity: int, photo: Image.Image):
    """The standard deviation of grey falls by the stated share, and the mean stays."""
    clean = np.asarray(photo, float)
    result = applied("contrast", photo, severity)
    remaining = 1 - find_corruption("contrast").parameters(severity)["loss"]
    grey = [0.299, 0.587, 0.114]
    assert (result @ grey).std() == pytest.approx(remaining * (clean @ grey).std(), rel=0.03)
    assert (result @ grey).mean() == pytest.approx((clean @ grey).mean(), abs=0.6)


def test_greyscale_has_no_colour(photo: Image.Image):
    """All three channels are equal, and match Pillow's conversion to grey."""
    result = applied("greyscale", photo, 1)
    assert (result[..., 0] == result[..., 1]).all()
    assert (result[..., 0] == result[..., 2]).all()
    assert np.abs(result[..., 0] - np.asarray(photo.convert("L"))).max() <= 1


@pytest.mark.parametrize("name", ["saturation", "desaturation", "hue_turn", "greyscale"])
def test_colour_changes_leave_grey_unchanged(name: str):
    """A grey image is unchanged."""
    grey = draw(3, (40, 30)).convert("L").convert("RGB")
    assert np.abs(applied(name, grey, find_corruption(name).severities[-1]) - np.asarray(grey)).max() <= 1


def test_hues_are_rotated_in_both_directions():
    """Red rotated by 105 degrees is closer to green in some images and closer to blue in others."""
    red = Image.new("RGB", (4, 4), (150, 90, 90))
    turned = [applied("hue_turn", red, 4, image_key)[0, 0] for image_key in "abcdefgh"]
    assert {bool(colour[1] > colour[2]) for colour in turned} == {True, False}


def test_sodium_lamps_show_one_hue(photo: Image.Image):
    """Under sodium light alone, red >= green >= blue everywhere, in a constant proportion."""
    result = applied("sodium_cast", photo, 5)
    assert (result[..., 0] >= result[..., 1]).all()
    assert (result[..., 1] >= result[..., 2]).all()
    bright = result[..., 0] > 120
    assert (result[..., 1] / result[..., 0])[bright].std() < 0.01


@pytest.mark.parametrize("image_key", ["a", "b", "c"])
def test_low_sun_has_hard_edges_and_two_colours(image_key: str):
    """Almost every pixel is either in warm light or in cold shadow."""
    result = applied("low_sun", GREY, 4, image_key)
    grey = result.mean(axis=2)
    shade, sun = grey < 100, grey > 150
    assert shade.mean() > 0.15
    assert sun.mean() > 0.15
    assert (~shade & ~sun).mean() < 0.03
    assert (result[shade][:, 2] > result[shade][:, 0]).mean() > 0.98
    assert (result[sun][:, 0] > result[sun][:, 2]).mean() > 0.98


@pytest.mark.parametrize("degrees", [0, 30, 90, 145])
def test_glare_follows_the_rail(degrees: int):
    """The glare is brightest along the bright band, whatever its angle."""
    dark = Image.new("RGB", (3 * SIDE, 3 * SIDE), (70, 66, 62))
    ImageDraw.Draw(dark).rectangle((0, 1.5 * SIDE - 14, 3 * SIDE, 1.5 * SIDE + 14), fill=(150, 155, 165))
    image = dark.rotate(degrees, Image.Resampling.BICUBIC).crop((SIDE, SIDE, 2 * SIDE, 2 * SIDE))
    gained = applied("rail_glare", image, 3).mean(axis=2) - np.asarray(image, float).mean(axis=2)
    band = np.asarray(image, float)[..., 2] > 140
    away = np.asarray(image, float)[..., 2] < 70
    assert gained[band].mean() > 4 * gained[away].mean()


def test_a_headlamp_lights_the_centre_and_leaves_the_corners_dark():
    """The beam falls off in all directions: the corners are dark, the centre is bright."""
    result = applied("headlamp_night", GREY, 5).mean(axis=2)
    middle = np.unravel_index(result.argmax(), result.shape)
    assert all(0.25 * SIDE < position < 0.8 * SIDE for position in middle)
    assert result.max() > 110
    assert max(result[:20, :20].mean(), result[:20, -20:].mean()) < 40
    assert result[:, 128].argmax() not in {0, SIDE - 1}


def test_a_flare_shows_a_sun_in_the_upper_half():
    """The brightest pixel is white and lies in the upper half."""
    for image_key in "abcd":
        result = applied("lens_flare", Image.new("RGB", (SIDE, SIDE), (60, 60, 60)), 3, image_key).min(axis=2)
        assert result.max() == 255
        assert np.unravel_index(result.argmax(), result.shape)[0] < SIDE / 2


def test_fog_is_thickest_at_the_top():
    """Contrast falls everywhere, and more at the top."""
    pattern = np.zeros((SIDE, SIDE, 3), np.uint8)
    pattern[:, ::2] = 255
    result = applied("fog", Image.fromarray(pattern), 3)[..., 0]
    assert result[:60].std() < result[-60:].std() < 100


@pytest.mark.parametrize(("name", "upright"), [("rain", True), ("snow", False)])
def test_rain_falls_in_streaks_and_snow_in_flakes(name: str, upright: bool):
    """In rain, levels correlate more vertically than horizontally; in snow, equally."""
    result = applied(name, Image.new("RGB", (SIDE, SIDE), (50, 50, 50)), 4).mean(axis=2)
    result -= result.mean()
    down = (result[:-5] * result[5:]).mean() / result.var()
    across = (result[:, :-5] * result[:, 5:]).mean() / result.var()
    assert bool(down > 2 * across) is upright
    assert result.max() > 30


def test_drops_show_the_scene_upside_down():
    """In an image that is bright above and dark below, drops show dark above and bright below."""
    image = Image.new("RGB", (512, 512), (40, 40, 40))
    image.paste((220, 220, 220), (0, 0, 512, 256))
    result = applied("water_drops", image, 5).mean(axis=2)
    assert (result[:230] < 110).mean() > 0.01
    assert (result[290:] > 120).mean() > 0.01


@pytest.mark.parametrize("severity", SEVERITIES)
def test_dirt_covers_the_stated_share(severity: int):
    """On a white image, that share of the pixels becomes dark."""
    covered = np.mean(
        [(applied("dirt", Image.new("RGB", (SIDE, SIDE), "white"), severity, i) < 188).mean() for i in "abcd"]
    )
    assert covered == pytest.approx(find_corruption("dirt").parameters(severity)["share"], rel=0.3, abs=0.01)


def test_grease_veils_dark_parts():
    """Black next to white turns grey, white stays bright, and the edge between them becomes soft."""
    image = Image.new("RGB", (SIDE, SIDE), "black")
    image.paste("white", (0, 0, SIDE // 2, SIDE))
    result = applied("grease", image, 5).mean(axis=2)
    assert result[:, -60:].mean() > 25
    assert result[:, :60].mean() > 170
    assert np.abs(np.diff(result, axis=1)).mean(axis=0).max() < 200


@pytest.mark.parametrize("severity", SEVERITIES)
def test_pixelation_makes_squares_of_one_colour(severity: int, photo: Image.Image):
    """The number of distinct columns of blocks follows from the parameter."""
    result = applied("pixelation", photo, severity)
    blocks = 1 + (np.abs(np.diff(result, axis=1)).sum(axis=(0, 2)) > 0).sum()
    side = find_corruption("pixelation").parameters(severity)["block"] * SIDE
    assert blocks == pytest.approx(photo.width / side, abs=1)


@pytest.mark.parametrize("severity", [2, 3, 4, 5])
def test_downscaling_removes_fine_detail(severity: int):
    """Stripes too fine for the smaller image turn grey; wide stripes survive."""
    factor = find_corruption("down_scaling").parameters(severity)["factor"]
    for width, survives in ((factor * 0.4, False), (factor * 4, True)):
        line = np.where(np.arange(512) % (2 * width) < width, 255, 0).astype(np.uint8)
        image = Image.fromarray(np.repeat(np.broadcast_to(line, (64, 512))[..., np.newaxis], 3, axis=2).copy())
        spread = applied("down_scaling", image, severity)[..., 0].std() / np.std(line)
        assert (spread > 0.7) if survives else (spread < 0.35)


def test_jpeg_loses_colour_before_brightness(photo: Image.Image):
    """Chroma subsampling removes a fine pattern of colour, but not one of brightness."""
    red_and_green = np.zeros((128, 128, 3), np.uint8)
    red_and_green[:, ::2] = (200, 60, 60)
    red_and_green[:, 1::2] = (60, 129, 60)
    black_and_white = np.zeros((128, 128, 3), np.uint8)
    black_and_white[:, ::2] = 200
    assert applied("jpeg_twice", Image.fromarray(red_and_green), 1)[..., 0].std() < 20
    assert applied("jpeg_twice", Image.fromarray(black_and_white), 1)[..., 0].std() > 80


def test_the_date_stamp_is_only_at_the_bottom_right(photo: Image.Image):
    """Digits appear at the lower right; the upper half of the image is unchanged."""
    for severity in SEVERITIES:
        change = np.abs(applied("date_stamp", photo, severity) - np.asarray(photo)).max(axis=2)
        rows, columns = np.nonzero(change > 100)
        assert rows.min() > 0.7 * SIDE
        assert columns.max() < photo.width
        assert columns.mean() > photo.width / 2
        assert not change[: SIDE // 2].any()
