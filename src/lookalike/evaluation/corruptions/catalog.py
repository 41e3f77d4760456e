"""The corruptions there are, by family and name."""

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
"""What each corruption belongs to one of, in the order of reports."""

CORRUPTIONS: Final = {
    corruption.name: corruption
    for corruption in (*NOISE, *BLUR, *TONE, *LAMPS, *WEATHER, *LENS, *CAMERA, *POSE, *OCCLUSION, *BACKGROUND)
}
"""Every corruption by its name, family after family."""

_GUESSES = 4


def find(name: str) -> Corruption:
    """The corruption of that name.

    Raises :class:`~lookalike.errors.UnknownCorruptionError`, which names the nearest and tells how to list all.
    """
    if name in CORRUPTIONS:
        return CORRUPTIONS[name]
    spelt = name.strip().lower().replace("-", "_").replace(" ", "_")
    kin = [c.name for c in CORRUPTIONS.values() if spelt == c.family or (spelt and spelt in c.name)]
    near = (kin or get_close_matches(spelt, CORRUPTIONS, n=_GUESSES))[:_GUESSES]
    guess = f"; did you mean {' or '.join(near)}?" if near else "."
    raise UnknownCorruptionError(
        f"no corruption is called {name!r}{guess} lookalike robustness --list names all {len(CORRUPTIONS)}"
    )


def of_family(name: str) -> tuple[Corruption, ...]:
    """The corruptions of a family, in order; raises :class:`~lookalike.errors.UnknownCorruptionError` for no family."""
    if name not in FAMILIES:
        raise UnknownCorruptionError(f"no family of corruptions is called {name!r}; there are {', '.join(FAMILIES)}")
    return tuple(corruption for corruption in CORRUPTIONS.values() if corruption.family == name)
