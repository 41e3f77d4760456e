"""Noise and blur are what their parameters say, measured on plain pictures, edges and points."""

import numpy as np
import pytest
from PIL import Image

from lookalike.evaluation.corruptions import find

SIDE = 256
GREY = Image.new("RGB", (SIDE, SIDE), (118, 118, 118))
SEVERITIES = (1, 2, 3, 4, 5)


def applied(name: str, image: Image.Image, severity: int, identity: str = "it") -> np.ndarray:
    """What the corruption makes of a picture, float64 (rows, columns, 3)."""
    corruption = find(name)
    return np.asarray(corruption.apply(image, severity, corruption.generator(identity, seed=0)), float)


def to_light(levels: np.ndarray) -> np.ndarray:
    """The light, 0..1, that levels of 0..255 stand for (sRGB)."""
    share = levels / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def spot(size: tuple[int, int] = (SIDE, SIDE), width: int = 3) -> Image.Image:
    """A small white square in the middle of a black picture."""
    image = Image.new("RGB", size)
    left, top = size[0] // 2 - width // 2, size[1] // 2 - width // 2
    image.paste("white", (left, top, left + width, top + width))
    return image


@pytest.mark.parametrize("severity", SEVERITIES[:4])
def test_gaussian_noise_has_the_deviation_that_is_stated(severity: int):
    """On mid grey, where little is clipped, the levels' standard deviation is sigma; colours are independent."""
    noise = applied("gaussian_noise", GREY, severity) - 118
    inside = np.abs(noise) < 117
    assert noise[inside].std() == pytest.approx(255 * find("gaussian_noise").parameters(severity)["sigma"], rel=0.15)
    assert abs(noise.mean()) < 1.5
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.03


@pytest.mark.parametrize("severity", [1, 2, 3])
def test_shot_noise_is_that_of_counted_photons(severity: int):
    """The light's variance is the light over the photons at white, as Poisson's is, and its mean stays."""
    photons = find("shot_noise").parameters(severity)["noise_at_white"] ** -2
    for level in (90, 118, 150):
        light = to_light(applied("shot_noise", Image.new("RGB", (SIDE, SIDE), (level,) * 3), severity))
        expected = float(to_light(np.array(level)))
        assert light.mean() == pytest.approx(expected, rel=0.03)
        assert light.var() == pytest.approx(expected / photons, rel=0.12)


def test_shot_noise_leaves_black_dark():
    """Where there is no light there are hardly any photons to count."""
    assert to_light(applied("shot_noise", Image.new("RGB", (SIDE, SIDE)), 3)).mean() < 0.002


@pytest.mark.parametrize("severity", SEVERITIES)
def test_impulse_noise_kills_the_share_that_is_stated(severity: int):
    """So many pixels are white or black, as many the one as the other; all others keep their levels."""
    result = applied("impulse_noise", GREY, severity)[..., 0]
    share = find("impulse_noise").parameters(severity)["share"]
    assert (result == 0).mean() == pytest.approx(share / 2, rel=0.15)
    assert (result == 255).mean() == pytest.approx(share / 2, rel=0.15)
    assert set(np.unique(result)) == {0, 118, 255}


def test_night_gain_is_worst_in_the_dark_and_differs_from_row_to_row():
    """In the dark the noise is coloured, and rows differ as wholes more than columns do."""
    dark = applied("night_gain", Image.new("RGB", (SIDE, SIDE), (40, 40, 40)), 4)
    assert dark.mean(axis=(1, 2)).std() > 1.5 * dark.mean(axis=(0, 2)).std()
    assert (dark[..., 0] - dark[..., 1]).std() > 10


@pytest.mark.parametrize("name", ["defocus", "motion_horizontal", "motion_vertical", "motion_diagonal"])
@pytest.mark.parametrize("severity", SEVERITIES)
def test_blur_spreads_light_and_loses_none(name: str, severity: int):
    """All the light of a white square is still there, spread out symmetrically about where it was."""
    light = to_light(applied(name, spot(width=15), severity))[..., 0]
    assert light.sum() == pytest.approx(15 * 15, rel=0.03)
    rows, columns = np.indices(light.shape)
    assert (rows * light).sum() / light.sum() == pytest.approx(128, abs=0.6)
    assert (columns * light).sum() / light.sum() == pytest.approx(128, abs=0.6)


@pytest.mark.parametrize("severity", [2, 3, 4, 5])
def test_a_point_out_of_focus_is_a_disc_of_the_stated_radius(severity: int):
    """Down and across, light is spread as by an even disc whose radius is the parameter's share of the shorter side."""
    light = to_light(applied("defocus", spot((SIDE, SIDE + 100), width=15), severity))[..., 0]
    radius = find("defocus").parameters(severity)["radius"] * SIDE
    # An even disc's variance along an axis is a quarter of its radius squared; the square's own is (15 ** 2 - 1) / 12.
    for places in np.indices(light.shape):
        mean = (places * light).sum() / light.sum()
        variance = ((places - mean) ** 2 * light).sum() / light.sum()
        assert variance - 224 / 12 == pytest.approx(radius**2 / 4, rel=0.1, abs=0.2)


@pytest.mark.parametrize(
    ("name", "right", "up"),
    [("motion_horizontal", 1, 0), ("motion_vertical", 0, 1), ("motion_diagonal", 0.7071, 0.7071)],
)
@pytest.mark.parametrize("severity", [3, 4, 5])
def test_motion_has_the_stated_length_and_angle(name: str, right: float, up: float, severity: int):
    """A point becomes a streak at the angle of its name, as long as the parameter says."""
    light = to_light(applied(name, spot(), severity))[..., 0]
    rows, columns = np.nonzero(light > 0.3 * light.max())
    length = find(name).parameters(severity)["length"] * SIDE
    assert np.ptp(columns) == pytest.approx(length * right, abs=4)
    assert np.ptp(rows) == pytest.approx(length * up, abs=4)
    if right and up:
        assert np.corrcoef(rows, columns)[0, 1] < -0.9


def test_zoom_blurs_the_edges_and_not_the_middle():
    """Fine stripes survive in the middle and are gone at the border."""
    stripes = np.zeros((SIDE, SIDE, 3), np.uint8)
    stripes[:, ::4] = stripes[:, 1::4] = 255
    result = applied("zoom_blur", Image.fromarray(stripes), 3)[..., 0]
    assert result[:, 122:134].std() > 3 * result[:, -16:].std()


@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_rolling_shutter_leans_what_stands(severity: int):
    """From the first to the last row, an upright line moves sideways by the stated share, evenly; the middle stays."""
    image = Image.new("RGB", (SIDE + 60, SIDE))
    image.paste("white", (155, 0, 161, SIDE))
    result = applied("rolling_shutter", image, severity)[..., 0]
    places = (result * np.arange(SIDE + 60)).sum(axis=1) / result.sum(axis=1)
    skew = find("rolling_shutter").parameters(severity)["skew"] * SIDE
    assert abs(places[-1] - places[0]) == pytest.approx(skew, rel=0.02, abs=0.5)
    assert np.abs(np.diff(places, 2)).max() < 0.2
    assert places[SIDE // 2] == pytest.approx(157.5, abs=0.6)
