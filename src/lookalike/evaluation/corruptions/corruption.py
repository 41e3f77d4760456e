"""The definition of a corruption: a named, deterministic damage in up to five severities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
from PIL import Image

from lookalike.evaluation.corruptions.draws import generator_for
from lookalike.evaluation.corruptions.pixels import Pixels, to_levels, to_light

SEVERITIES: Final = (1, 2, 3, 4, 5)
"""From barely visible to severe. Severity 0 means clean, and is not a corruption."""

DonorKind = Literal["other_class", "same_class"]
"""Which donor a corruption needs: an image of another class and group, or one of the same class."""


@dataclass(frozen=True, slots=True)
class Context:
    """What some corruptions need besides the image.

    ``donor`` is the image whose background is used, RGB, of any size. ``mask`` marks the object, in any size and mode:
    pixels brighter than half of its brightest pixel belong to the object.
    """

    donor: Image.Image | None = None
    mask: Image.Image | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """The input of an effect: one image at one severity.

    ``image`` is RGB and must not be changed. ``parameters`` are those of the severity. ``rng`` yields the same numbers
    at every severity, so an effect must draw the same count in the same order whatever its parameters are.
    """

    image: Image.Image
    parameters: Mapping[str, float]
    rng: np.random.Generator
    context: Context = field(default_factory=Context)

    def __getitem__(self, parameter: str) -> float:
        """The value of a parameter."""
        return self.parameters[parameter]

    @property
    def side(self) -> int:
        """The shorter side in pixels, the unit of all lengths."""
        return min(self.image.size)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.image.height, self.image.width

    def levels(self) -> Pixels:
        """The stored (sRGB-encoded) levels, float32 (rows, columns, 3) in 0..1."""
        return to_levels(self.image)

    def light(self) -> Pixels:
        """The linear light, float32 (rows, columns, 3) in 0..1."""
        return to_light(self.image)


Effect = Callable[[Case], Image.Image]
"""Returns the corrupted image, of the same size; ``case.rng`` is its only source of randomness."""


@dataclass(frozen=True, slots=True)
class Corruption:
    """A named, deterministic damage.

    ``parameter_values`` holds, for each parameter, its values at severity 1, 2, ..., strictly rising. ``monotonic``
    says whether the mean absolute difference from the clean image, averaged over images, rises strictly too (true for
    noise, blur and changes of light). ``donor`` says which donor :class:`Context` must hold. ``control_of`` names the
    corruption that this one is a control of: it does the same except for the effect under study, with the same draws.
    """

    name: str
    family: str
    summary: str
    parameter_values: Mapping[str, tuple[float, ...]]
    effect: Effect
    monotonic: bool = True
    donor: DonorKind | None = None
    control_of: str | None = None

    @property
    def severities(self) -> tuple[int, ...]:
        """The severities of this corruption: 1 to 5, or only 1 if it has no degrees."""
        return SEVERITIES[: len(next(iter(self.parameter_values.values()), (0.0,)))]

    def parameters(self, severity: int) -> Mapping[str, float]:
        """The parameters of a severity, by name; lengths are fractions of the shorter side.

        Raises ``ValueError`` if the corruption has no such severity.
        """
        if severity not in self.severities:
            severities = ", ".join(map(str, self.severities))
            raise ValueError(f"{self.name} has no severity {severity!r}; choose from {severities}")
        return MappingProxyType({name: values[severity - 1] for name, values in self.parameter_values.items()})

    def generator(self, image_key: bytes | str, *, seed: int) -> np.random.Generator:
        """The generator for one image: the same at every severity, and for a control and its corruption."""
        return generator_for(image_key, self.control_of or self.name, seed=seed)

    def apply(
        self, image: Image.Image, severity: int, rng: np.random.Generator, context: Context | None = None
    ) -> Image.Image:
        """The corrupted image, RGB and of the same size; ``image`` is not changed.

        The same arguments give the same bytes. ``rng`` must be a new :meth:`generator`; it is consumed. Raises
        ``ValueError`` if the image isn't RGB, the severity doesn't exist, or a required donor is missing.
        """
        context = context or Context()
        if image.mode != "RGB":
            raise ValueError(f"{self.name} needs an image in RGB, not {image.mode}")
        if self.donor is not None and context.donor is None:
            kind = {"other_class": "another class", "same_class": "the same class"}[self.donor]
            raise ValueError(f"{self.name} needs a donor (an image of {kind}) in the context")
        return self.effect(Case(image, self.parameters(severity), rng, context))
