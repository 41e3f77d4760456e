"""All corruptions, by family and name."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

from lookalike.errors import UnknownCorruptionError
from lookalike.evaluation.corruptions.background import BACKGROUND
from lookalike.evaluation.corruptions.blur import BLUR
from lookalike.evaluation.corruptions.camera import CAMERA
from lookalike.evaluation.corruptions.corruption import Corruption
from lookalike.evaluation.corruptions.lamps import LAMPS
from lookalike.evaluation.corruptions.lens import LENS
from lookalike.evaluation.corruptions.noise import NOISE
from lookalike.evaluation.corruptions.occlusion import OCCLUSION
from lookalike.evaluation.corruptions.pose import POSE
from lookalike.evaluation.corruptions.tone import TONE
from lookalike.evaluation.corruptions.weather import WEATHER

FAMILIES: Final = ("noise", "blur", "light", "weather", "lens", "pose", "occlusion", "background")
"""The families of corruptions, in the order of reports."""

CORRUPTIONS: Final = {
    corruption.name: corruption
    for corruption in (*NOISE, *BLUR, *TONE, *LAMPS, *WEATHER, *LENS, *CAMERA, *POSE, *OCCLUSION, *BACKGROUND)
}
"""Every corruption by name, family by family."""

_SUGGESTIONS = 4


def find_corruption(name: str) -> Corruption:
    """The corruption called ``name``.

    Raises :class:`~lookalike.errors.UnknownCorruptionError`, which suggests similar names and how to list all.
    """
    if name in CORRUPTIONS:
        return CORRUPTIONS[name]
    normalised = name.strip().lower().replace("-", "_").replace(" ", "_")
    matches = [c.name for c in CORRUPTIONS.values() if normalised == c.family or (normalised and normalised in c.name)]
    similar = (matches or get_close_matches(normalised, CORRUPTIONS, n=_SUGGESTIONS))[:_SUGGESTIONS]
    suggestion = f"; did you mean {' or '.join(similar)}?" if similar else "."
    raise UnknownCorruptionError(
        f"unknown corruption {name!r}{suggestion} List all {len(CORRUPTIONS)} with: lookalike robustness --list"
    )


def corruptions_of_family(name: str) -> tuple[Corruption, ...]:
    """The corruptions of a family, in order.

    Raises :class:`~lookalike.errors.UnknownCorruptionError` for an unknown family.
    """
    if name not in FAMILIES:
        raise UnknownCorruptionError(f"unknown family of corruptions {name!r}: choose from {', '.join(FAMILIES)}")
    return tuple(corruption for corruption in CORRUPTIONS.values() if corruption.family == name)
