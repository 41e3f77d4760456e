"""Pose: the same scene from another angle, nearer, or mirrored.

Nothing is ever filled in: what a turned or tilted picture doesn't cover is left out by cropping, to the largest
rectangle of the picture's own proportions that it does cover, which is then brought back to the picture's size. Since
cropping is a damage of its own, turning and tilting have controls with the same crop and the same resampling alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, radians, sin, tan
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.evaluation.corruptions.corruption import Case, Corruption, Effect

_FOCAL = 1.2
"""Focal length in longer sides: a horizontal angle of view of 45 degrees, that of a normal lens."""


@dataclass(frozen=True, slots=True)
class _Tilt:
    """How the picture's plane stands to the camera, in radians: turned in itself, or tilted about one of its axes."""

    turn: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0


@dataclass(frozen=True, slots=True)
class _View:
    """The rectangle that is kept of what the camera sees: of the picture's own proportions.

    ``share`` is its side in the picture's sides; ``right`` and ``down`` are where its middle lies, in pixels from where
    the picture's middle is.
    """

    share: float
    right: float = 0.0
    down: float = 0.0


_FACING = _Tilt()


def _seen(image: Image.Image, view: _View, tilt: _Tilt) -> Image.Image:
    """What a view shows of a picture's plane, by a pinhole camera in front of its middle, bicubic.

    The plane's point at (x, y) of the camera's image is ((x cos turn + y sin turn) / cos yaw, (y cos turn - x sin turn)
    / cos pitch), divided by 1 - x tan yaw / focal - y tan pitch / focal; only one of the three angles isn't 0.
    """
    width, height = image.size
    focal = _FOCAL * max(width, height)
    # Each of the three is a sum of so many x, so many y and a constant.
    across = np.array((cos(tilt.turn) / cos(tilt.yaw), sin(tilt.turn), 0))
    along = np.array((-sin(tilt.turn), cos(tilt.turn) / cos(tilt.pitch), 0))
    depth = np.array((-tan(tilt.yaw) / focal, -tan(tilt.pitch) / focal, 1))

    def of_pixels(terms: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same sum, of the result's columns and rows instead of x and y."""
        left, top = view.right - view.share * width / 2, view.down - view.share * height / 2
        return np.array((terms[0] * view.share, terms[1] * view.share, terms[0] * left + terms[1] * top + terms[2]))

    below = of_pixels(depth)
    upper = [of_pixels(across + depth * (width / 2)), of_pixels(along + depth * (height / 2))]
    # Rounded, so that half a turn moves pixels and changes none: Pillow cuts 99.99999 down to 99.
    matrix = np.round(np.concatenate([*upper, below[:2]]) / below[2], 12)
    return image.transform((width, height), Image.Transform.PERSPECTIVE, matrix.tolist(), Image.Resampling.BICUBIC)


def _turned(image: Image.Image, angle: float) -> tuple[_View, _Tilt]:
    """The picture turned in its plane, and what of its own proportions lies inside."""
    (width, height), straight, aslant = image.size, abs(cos(angle)), abs(sin(angle))
    share = min(width / (width * straight + height * aslant), height / (width * aslant + height * straight))
    return _View(share), _Tilt(turn=angle)


def _kept(length: int, focal: float, angle: float) -> tuple[float, float]:
    """Share and middle of the view of a plane that is tilted so that ``length`` recedes (positive: to the far end)."""
    sign, angle, half = (-1 if angle < 0 else 1), abs(angle), length / 2
    near, far = (half * cos(angle) * focal / (focal + end * half * sin(angle)) for end in (-1, 1))
    slope = tan(angle) / focal
    # The plane looks largest at its near end, so the view begins there, or at the untilted picture's edge, which its
    # control needs; it ends where the plane is no higher than the view, or ends itself.
    begin = min(near, half)
    share = min((begin + far) / length, (1 + slope * begin) / (1 + slope * length))
    return share, sign * (share * half - begin)


def _yawed(image: Image.Image, angle: float) -> tuple[_View, _Tilt]:
    share, middle = _kept(image.width, _FOCAL * max(image.size), angle)
    return _View(share, right=middle), _Tilt(yaw=angle)


def _pitched(image: Image.Image, angle: float) -> tuple[_View, _Tilt]:
    share, middle = _kept(image.height, _FOCAL * max(image.size), angle)
    return _View(share, down=middle), _Tilt(pitch=angle)


def _angled(pose: Callable[[Image.Image, float], tuple[_View, _Tilt]], *, planar: bool = False) -> Effect:
    """The effect of a pose, to one side or the other; where ``planar``, its crop and its resampling alone."""

    def seen(case: Case) -> Image.Image:
        view, tilt = pose(case.image, radians(case["degrees"]) * case.rng.choice((-1, 1)))
        return _seen(case.image, view, _FACING if planar else tilt)

    return seen


def _flip(case: Case) -> Image.Image:
    return case.image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def _crop(case: Case) -> Image.Image:
    share = 1 - case["removed"]
    right, down = case.rng.uniform(-0.5, 0.5, 2)
    view = _View(share, right * (1 - share) * case.image.width, down * (1 - share) * case.image.height)
    return _seen(case.image, view, _FACING)


def _with_control(
    name: str, what: str, degrees: tuple[float, ...], pose: Callable[[Image.Image, float], tuple[_View, _Tilt]]
) -> tuple[Corruption, Corruption]:
    """A corruption by its angle, and its control."""
    summary = f"{what}, and cropped to where there is picture; in degrees."
    control = f"The same crop and resampling as for {name}, but none of it: its control; in degrees of that {name}."
    return (
        Corruption(name, "pose", summary, {"degrees": degrees}, _angled(pose), rises=False),
        Corruption(
            f"planar_{name}",
            "pose",
            control,
            {"degrees": degrees},
            _angled(pose, planar=True),
            rises=False,
            control_of=name,
        ),
    )


_TILTS = (10.0, 20.0, 30.0, 40.0, 50.0)

POSE: Final = (
    *_with_control("rotation", "Turned one way or the other", (5.0, 15.0, 45.0, 90.0, 180.0), _turned),
    Corruption("flip", "pose", "Mirrored, left for right; of one severity.", {"mirrored": (1.0,)}, _flip, rises=False),
    Corruption(
        "crop",
        "pose",
        "A part of the picture, enlarged; the share of each side that is left out.",
        {"removed": (0.1, 0.2, 0.33, 0.5, 0.65)},
        _crop,
        rises=False,
    ),
    *_with_control("yaw", "Seen from the left or the right", _TILTS, _yawed),
    *_with_control("pitch", "Seen from above or below", _TILTS, _pitched),
)
