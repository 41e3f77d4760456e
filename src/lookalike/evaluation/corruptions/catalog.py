"""All corruptions, by family and name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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

_SUGGESTIONS: Final = 4

_NEAREST: Final[Mapping[str, tuple[str, ...]]] = {
    "additive_noise": ("gaussian_noise",),
    "salt_and_pepper": ("impulse_noise",),
    "speckle": ("shot_noise",),
    "speckle_noise": ("shot_noise",),
    "poisson_noise": ("shot_noise",),
    "iso_noise": ("night_gain",),
    "gaussian_blur": ("defocus",),
    "defocus_blur": ("defocus",),
    "out_of_focus": ("defocus",),
    "motion_blur": ("motion_horizontal", "motion_diagonal"),
    "glass_blur": ("grease", "water_drops"),
    "spatter": ("dirt", "water_drops"),
    "dust": ("dirt",),
    "frost": ("snow",),
    "haze": ("fog",),
    "mist": ("fog",),
    "low_light": ("darkness", "headlamp_night"),
    "dark": ("darkness",),
    "underexposure": ("darkness",),
    "bad_light": ("darkness", "low_sun", "headlamp_night"),
    "bad_lighting": ("darkness", "low_sun", "headlamp_night"),
    "night": ("headlamp_night", "night_gain"),
    "overexposure": ("brightness", "low_sun"),
    "glare": ("rail_glare", "lens_flare"),
    "grayscale": ("greyscale",),
    "black_and_white": ("greyscale",),
    "hue": ("hue_turn",),
    "color_cast": ("sodium_cast",),
    "colour_cast": ("sodium_cast",),
    "jpeg": ("jpeg_twice",),
    "jpeg_compression": ("jpeg_twice",),
    "compression": ("jpeg_twice",),
    "pixelate": ("pixelation",),
    "low_resolution": ("down_scaling",),
    "downscale": ("down_scaling",),
    "rotate": ("rotation", "quarter_turn"),
    "upside_down": ("half_turn",),
    "mirror": ("flip",),
    "horizontal_flip": ("flip",),
    "zoom": ("crop", "zoom_blur"),
    "perspective": ("yaw", "pitch"),
    "viewpoint": ("yaw", "pitch"),
    "occluded": ("boxes_centre", "plants_centre"),
    "cutout": ("boxes_centre",),
    "random_erasing": ("boxes_elsewhere",),
    "complex_background": ("background_other_class",),
}
"""The nearest of ours to names that other collections of corruptions, such as ImageNet-C, and people use."""


def find_corruption(name: str) -> Corruption:
    """The corruption called ``name``.

    Raises :class:`~lookalike.errors.UnknownCorruptionError`, which suggests similar names and how to list all.
    """
    if name in CORRUPTIONS:
        return CORRUPTIONS[name]
    similar = _similar(name.strip().lower().replace("-", "_").replace(" ", "_"))
    suggestion = f"; did you mean {' or '.join(similar)}?" if similar else "."
    raise UnknownCorruptionError(
        f"unknown corruption {name!r}{suggestion} List all {len(CORRUPTIONS)} with: lookalike robustness --list"
    )


def _similar(name: str) -> Sequence[str]:
    """The names that someone who wrote ``name``, in lower case with underscores, may mean."""
    if name in _NEAREST:
        return _NEAREST[name]
    matches = [one.name for one in CORRUPTIONS.values() if name == one.family or (name and name in one.name)]
    return (matches or get_close_matches(name, CORRUPTIONS, n=_SUGGESTIONS))[:_SUGGESTIONS]


def corruptions_of_family(name: str) -> tuple[Corruption, ...]:
    """The corruptions of a family, in order.

    Raises :class:`~lookalike.errors.UnknownCorruptionError` for an unknown family.
    """
    if name not in FAMILIES:
        raise UnknownCorruptionError(f"unknown family of corruptions {name!r}: choose from {', '.join(FAMILIES)}")
    return tuple(corruption for corruption in CORRUPTIONS.values() if corruption.family == name)
