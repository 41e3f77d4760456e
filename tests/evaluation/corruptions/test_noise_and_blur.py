"""Noise and blur match their parameters, measured on plain images, edges and points."""

import numpy as np
import pytest
from PIL import Image

from lookalike.evaluation.corruptions import find_corruption

SIDE = 256
GREY = Image.new("RGB", (SIDE, SIDE), (118, 118, 118))
SEVERITIES = (1, 2, 3, 4, 5)


def applied(name: str, image: Image.Image, severity: int, image_key: str = "it") -> np.ndarray:
    """The corrupted image, float64 (rows, columns, 3)."""
    corruption = find_corruption(name)
    return np.asarray(corruption.apply(image, severity, corruption.generator(image_key, seed=0)), float)


def to_light(levels: np.ndarray) -> np.ndarray:
    """The linear light, 0..1, of sRGB levels 0..255."""
    share = levels / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def spot(size: tuple[int, int] = (SIDE, SIDE), width: int = 3) -> Image.Image:
    """A small white square at the centre of a black image."""
    image = Image.new("RGB", size)
    left, top = size[0] // 2 - width // 2, size[1] // 2 - width // 2
    image.paste("white", (left, top, left + width, top + width))
    return image


@pytest.mark.parametrize("severity", SEVERITIES[:4])
def test_gaussian_noise_has_the_stated_deviation(severity: int):
    """On mid grey, where little is clipped, the standard deviation is sigma; channels are independent."""
    noise = applied("gaussian_noise", GREY, severity) - 118
    inside = np.abs(noise) < 117
    assert noise[inside].std() == pytest.approx(
        255 * find_corruption("gaussian_noise").parameters(severity)["sigma"], rel=0.15
    )
    assert abs(noise.mean()) < 1.5
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.03


@pytest.mark.parametrize("severity", [1, 2, 3])
def test_shot_noise_is_poisson_noise(severity: int):
    """The variance of the light is its mean divided by the photons at white, and the mean stays."""
    photons = find_corruption("shot_noise").parameters(severity)["noise_at_white"] ** -2
    for level in (90, 118, 150):
        light = to_light(applied("shot_noise", Image.new("RGB", (SIDE, SIDE), (level,) * 3), severity))
        expected = float(to_light(np.array(level)))
        assert light.mean() == pytest.approx(expected, rel=0.03)
        assert light.var() == pytest.approx(expected / photons, rel=0.12)


def test_shot_noise_leaves_black_dark():
    """A black image stays almost black."""
    assert to_light(applied("shot_noise", Image.new("RGB", (SIDE, SIDE)), 3)).mean() < 0.002


@pytest.mark.parametrize("severity", SEVERITIES)
def test_impulse_noise_changes_the_stated_share(severity: int):
    """That share of pixels becomes black or white, in equal parts; all others keep their levels."""
    result = applied("impulse_noise", GREY, severity)[..., 0]
    share = find_corruption("impulse_noise").parameters(severity)["share"]
    assert (result == 0).mean() == pytest.approx(share / 2, rel=0.15)
    assert (result == 255).mean() == pytest.approx(share / 2, rel=0.15)
    assert set(np.unique(result)) == {0, 118, 255}


def test_night_gain_is_worst_in_the_dark_and_differs_from_row_to_row():
    """In dark parts the noise is coloured, and the means of rows vary more than those of columns."""
    dark = applied("night_gain", Image.new("RGB", (SIDE, SIDE), (40, 40, 40)), 4)
    assert dark.mean(axis=(1, 2)).std() > 1.5 * dark.mean(axis=(0, 2)).std()
    assert (dark[..., 0] - dark[..., 1]).std() > 10


@pytest.mark.parametrize("name", ["defocus", "motion_horizontal", "motion_vertical", "motion_diagonal"])
@pytest.mark.parametrize("severity", SEVERITIES)
def test_blur_spreads_light_without_loss(name: str, severity: int):
    """The total light of a white square stays the same, and so does its centre."""
    light = to_light(applied(name, spot(width=15), severity))[..., 0]
    assert light.sum() == pytest.approx(15 * 15, rel=0.03)
    rows, columns = np.indices(light.shape)
    assert (rows * light).sum() / light.sum() == pytest.approx(128, abs=0.6)
    assert (columns * light).sum() / light.sum() == pytest.approx(128, abs=0.6)


@pytest.mark.parametrize("severity", [2, 3, 4, 5])
def test_defocus_is_a_disc_of_the_stated_radius(severity: int):
    """Light is spread vertically and horizontally as by a uniform disc of the stated radius."""
    light = to_light(applied("defocus", spot((SIDE, SIDE + 100), width=15), severity))[..., 0]
    radius = find_corruption("defocus").parameters(severity)["radius"] * SIDE
    # The variance of a uniform disc along an axis is radius ** 2 / 4; that of the square is (15 ** 2 - 1) / 12.
    for positions in np.indices(light.shape):
        mean = (positions * light).sum() / light.sum()
        variance = ((positions - mean) ** 2 * light).sum() / light.sum()
        assert variance - 224 / 12 == pytest.approx(radius**2 / 4, rel=0.1, abs=0.2)


@pytest.mark.parametrize(
    ("name", "right", "up"),
    [("motion_horizontal", 1, 0), ("motion_vertical", 0, 1), ("motion_diagonal", 0.7071, 0.7071)],
)
@pytest.mark.parametrize("severity", [3, 4, 5])
def test_motion_has_the_stated_length_and_angle(name: str, right: float, up: float, severity: int):
    """A point becomes a streak of the stated length, at the angle in the corruption's name."""
    light = to_light(applied(name, spot(), severity))[..., 0]
    rows, columns = np.nonzero(light > 0.3 * light.max())
    length = find_corruption(name).parameters(severity)["length"] * SIDE
    assert np.ptp(columns) == pytest.approx(length * right, abs=4)
    assert np.ptp(rows) == pytest.approx(length * up, abs=4)
    if right and up:
        assert np.corrcoef(rows, columns)[0, 1] < -0.9


def test_zoom_blurs_the_edges_but_not_the_centre():
    """Fine stripes survive at the centre and vanish at the border."""
    stripes = np.zeros((SIDE, SIDE, 3), np.uint8)
    stripes[:, ::4] = stripes[:, 1::4] = 255
    result = applied("zoom_blur", Image.fromarray(stripes), 3)[..., 0]
    assert result[:, 122:134].std() > 3 * result[:, -16:].std()


@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_rolling_shutter_tilts_upright_lines(severity: int):
    """An upright line is skewed evenly by the stated offset from first to last row; its middle stays."""
    image = Image.new("RGB", (SIDE + 60, SIDE))
    image.paste("white", (155, 0, 161, SIDE))
    result = applied("rolling_shutter", image, severity)[..., 0]
    positions = (result * np.arange(SIDE + 60)).sum(axis=1) / result.sum(axis=1)
    skew = find_corruption("rolling_shutter").parameters(severity)["skew"] * SIDE
    assert abs(positions[-1] - positions[0]) == pytest.approx(skew, rel=0.02, abs=0.5)
    assert np.abs(np.diff(positions, 2)).max() < 0.2
    assert positions[SIDE // 2] == pytest.approx(157.5, abs=0.6)
