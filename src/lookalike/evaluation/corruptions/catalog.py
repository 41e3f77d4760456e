"""All corruptions, by family and name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cached_property
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
from lookalike.plugins import Plugin, plugins

FAMILIES: Final = ("noise", "blur", "light", "weather", "lens", "pose", "occlusion", "background")
"""The families of corruptions, in the order of reports."""

_OWN: Final = (*NOISE, *BLUR, *TONE, *LAMPS, *WEATHER, *LENS, *CAMERA, *POSE, *OCCLUSION, *BACKGROUND)


class _Catalog(Mapping[str, Corruption]):
    """Our own corruptions, and those of plug-ins, which are imported at the first use: they import this package."""

    def __getitem__(self, name: str) -> Corruption:
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    @cached_property
    def _all(self) -> dict[str, Corruption]:
        own = {corruption.name: corruption for corruption in _OWN}
        added = {name: _plugged_in(plugin) for name, plugin in plugins("corruptions").items() if name not in own}
        every = (*own.values(), *added.values())
        return {one.name: one for family in FAMILIES for one in every if one.family == family}


def _plugged_in(plugin: Plugin) -> Corruption:
    corruption = plugin.load()
    if not isinstance(corruption, Corruption):
        raise plugin.error(f"it is of the type {type(corruption).__name__}, not Corruption")
    if corruption.name != plugin.name:
        raise plugin.error(f"its corruption is called {corruption.name}, not like the entry point")
    if corruption.family not in FAMILIES:
        raise plugin.error(f"its family is {corruption.family}; choose from {', '.join(FAMILIES)}")
    return corruption


CORRUPTIONS: Final[Mapping[str, Corruption]] = _Catalog()
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
