"""Pose: the same scene from another angle, nearer, or mirrored.

Nothing is filled in: a rotated or tilted image is cropped to the largest rectangle of the original proportions that it
covers, and scaled to the original size. Because cropping affects retrieval too, rotation, quarter turn and tilt have
controls with the same crop and resampling only.
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
"""Focal length in longer sides: an angle of view of 45 degrees, as of a normal lens."""


@dataclass(frozen=True, slots=True)
class _Tilt:
    """The orientation of the image plane, in radians: rotated in the plane (``turn``), or tilted about an axis."""

    turn: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0


@dataclass(frozen=True, slots=True)
class _View:
    """The part of the camera's image that is kept: a rectangle of the original proportions.

    ``share`` is its size relative to the image; ``right`` and ``down`` are the offset of its centre from that of the
    image, in pixels.
    """

    share: float
    right: float = 0.0
    down: float = 0.0


_FACING = _Tilt()


def _render(image: Image.Image, view: _View, tilt: _Tilt) -> Image.Image:
    """The view of an image plane by a pinhole camera in front of its centre, with bicubic interpolation.

    The point (x, y) of the camera's image shows the point ((x cos turn + y sin turn) / cos yaw, (y cos turn - x sin
    turn) / cos pitch) of the plane, divided by 1 - x tan yaw / focal - y tan pitch / focal. At most one of the three
    angles is not 0.
    """
    width, height = image.size
    focal = _FOCAL * max(width, height)
    # Coefficients of x, y and 1.
    across = np.array((cos(tilt.turn) / cos(tilt.yaw), sin(tilt.turn), 0))
    along = np.array((-sin(tilt.turn), cos(tilt.turn) / cos(tilt.pitch), 0))
    depth = np.array((-tan(tilt.yaw) / focal, -tan(tilt.pitch) / focal, 1))

    def in_pixels(terms: NDArray[np.float64]) -> NDArray[np.float64]:
        """The coefficients for columns and rows of the result instead of x and y."""
        left, top = view.right - view.share * width / 2, view.down - view.share * height / 2
        return np.array((terms[0] * view.share, terms[1] * view.share, terms[0] * left + terms[1] * top + terms[2]))

    below = in_pixels(depth)
    upper = [in_pixels(across + depth * (width / 2)), in_pixels(along + depth * (height / 2))]
    # Rounded, so that a quarter turn moves pixels without changing them: Pillow truncates 99.99999 to 99.
    matrix = np.round(np.concatenate([*upper, below[:2]]) / below[2], 12)
    return image.transform((width, height), Image.Transform.PERSPECTIVE, matrix.tolist(), Image.Resampling.BICUBIC)


def _rotation(image: Image.Image, angle: float) -> tuple[_View, _Tilt]:
    """The image rotated in its plane, and the largest view of the original proportions inside it."""
    (width, height), cosine, sine = image.size, abs(cos(angle)), abs(sin(angle))
    share = min(width / (width * cosine + height * sine), height / (width * sine + height * cosine))
    return _View(share), _Tilt(turn=angle)


def _tilted_view(length: int, focal: float, angle: float) -> tuple[float, float]:
    """Share and centre of the view of a plane tilted along ``length``; a positive centre is towards the far end."""
    sign, angle, half = (-1 if angle < 0 else 1), abs(angle), length / 2
    near, far = (half * cos(angle) * focal / (focal + end * half * sin(angle)) for end in (-1, 1))
    slope = tan(angle) / focal
    # The plane looks largest at its near end, so the view starts there, but not beyond the edge of the untilted image,
    # which the control shows. It ends where the plane ends, or where the plane becomes smaller than the view.
    start = min(near, half)
    share = min((start + far) / length, (1 + slope * start) / (1 + slope * length))
    return share, sign * (share * half - start)


def _yaw(image: Image.Image, angle: float) -> tuple[_View, _Tilt]:
    share, centre = _tilted_view(image.width, _FOCAL * max(image.size), angle)
    return _View(share, right=centre), _Tilt(yaw=angle)


def _pitch(image: Image.Image, angle: float) -> tuple[_View, _Tilt]:
    share, centre = _tilted_view(image.height, _FOCAL * max(image.size), angle)
    return _View(share, down=centre), _Tilt(pitch=angle)


def _pose_effect(pose: Callable[[Image.Image, float], tuple[_View, _Tilt]], *, planar: bool = False) -> Effect:
    """The effect of a pose, in either direction; if ``planar``, only its crop and resampling."""

    def apply(case: Case) -> Image.Image:
        view, tilt = pose(case.image, radians(case["degrees"]) * case.rng.choice((-1, 1)))
        return _render(case.image, view, _FACING if planar else tilt)

    return apply


def _flip(case: Case) -> Image.Image:
    return case.image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def _half_turn(case: Case) -> Image.Image:
    return case.image.transpose(Image.Transpose.ROTATE_180)


def _crop(case: Case) -> Image.Image:
    share = 1 - case["removed"]
    right, down = case.rng.uniform(-0.5, 0.5, 2)
    view = _View(share, right * (1 - share) * case.image.width, down * (1 - share) * case.image.height)
    return _render(case.image, view, _FACING)


def _with_control(
    name: str, pose_summary: str, degrees: tuple[float, ...], pose: Callable[[Image.Image, float], tuple[_View, _Tilt]]
) -> tuple[Corruption, Corruption]:
    """A corruption with an angle, and its control."""
    summary = f"{pose_summary}, cropped to the area covered by the image; degrees."
    control_summary = f"Control of {name}: its crop and resampling only; degrees of that {name}."
    return (
        Corruption(name, "pose", summary, {"degrees": degrees}, _pose_effect(pose), monotonic=False),
        Corruption(
            f"planar_{name}",
            "pose",
            control_summary,
            {"degrees": degrees},
            _pose_effect(pose, planar=True),
            monotonic=False,
            control_of=name,
        ),
    )


_TILTS = (10.0, 20.0, 30.0, 40.0, 50.0)

POSE: Final = (
    *_with_control("rotation", "Rotation in either direction", (5.0, 10.0, 20.0, 30.0, 45.0), _rotation),
    # Turns are no stronger rotations: they crop less, and edges stay level and upright.
    *_with_control("quarter_turn", "Turned on its side, in either direction", (90.0,), _rotation),
    Corruption(
        "half_turn", "pose", "Upside down; a single severity.", {"degrees": (180.0,)}, _half_turn, monotonic=False
    ),
    Corruption(
        "flip", "pose", "Mirrored left to right; a single severity.", {"mirrored": (1.0,)}, _flip, monotonic=False
    ),
    Corruption(
        "crop",
        "pose",
        "Random crop, enlarged; share of each side that is removed.",
        {"removed": (0.1, 0.2, 0.33, 0.5, 0.65)},
        _crop,
        monotonic=False,
    ),
    *_with_control("yaw", "Seen from the left or right", _TILTS, _yaw),
    *_with_control("pitch", "Seen from above or below", _TILTS, _pitch),
)
