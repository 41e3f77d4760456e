"""What a corruption is: a named, deterministic damage in up to five severities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
from PIL import Image

from lookalike.evaluation.corruptions.draws import generator_for
from lookalike.evaluation.corruptions.pixels import Pixels, levels_of, light_of

SEVERITIES: Final = (1, 2, 3, 4, 5)
"""From barely visible to severe; clean is 0, and no corruption."""

Donor = Literal["other_class", "same_class"]
"""Which picture has to be lent: one of another class and another group, or one of the same class."""


@dataclass(frozen=True, slots=True)
class Context:
    """What some corruptions need beside the picture itself.

    ``donor`` is the picture that lends its surround, RGB, of any size. ``mask`` marks the object, of any size and mode:
    every pixel brighter than half of its brightest belongs to it.
    """

    donor: Image.Image | None = None
    mask: Image.Image | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One picture about to be damaged at one severity: all that an effect may look at.

    ``image`` is RGB and not to be changed; ``parameters`` are those of the severity; ``rng`` gives the same numbers at
    every severity, so an effect draws as many of them, in the same order, whatever its parameters are.
    """

    image: Image.Image
    parameters: Mapping[str, float]
    rng: np.random.Generator
    context: Context = field(default_factory=Context)

    def __getitem__(self, parameter: str) -> float:
        """A parameter by its name."""
        return self.parameters[parameter]

    @property
    def side(self) -> int:
        """The shorter side in pixels, of which every length is a fraction."""
        return min(self.image.size)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.image.height, self.image.width

    def levels(self) -> Pixels:
        """The picture's levels as they are stored, float32 (rows, columns, 3) in 0..1."""
        return levels_of(self.image)

    def light(self) -> Pixels:
        """The light that the levels stand for, float32 (rows, columns, 3) in 0..1: twice the light is twice as much."""
        return light_of(self.image)


Effect = Callable[[Case], Image.Image]
"""Makes the damaged picture, of the same size; draws from nothing but the case's ``rng``."""


@dataclass(frozen=True, slots=True)
class Corruption:
    """A named, deterministic damage.

    ``table`` has, for each named parameter, its value at severity 1, 2, ...; every one rises strictly. ``rises`` says
    whether the mean absolute difference from the clean picture, averaged over photographs, rises strictly too (it does
    for photometric changes, noise and blur). ``donor`` says which other picture :class:`Context` has to lend.
    ``control_of`` names the corruption whose control this is: it does the same but for the thing that is studied, and
    shares that one's draws.
    """

    name: str
    family: str
    summary: str
    table: Mapping[str, tuple[float, ...]]
    effect: Effect
    rises: bool = True
    donor: Donor | None = None
    control_of: str | None = None

    @property
    def severities(self) -> tuple[int, ...]:
        """The severities there are: 1 to 5, or 1 alone where there are no degrees."""
        return SEVERITIES[: len(next(iter(self.table.values()), (0.0,)))]

    def parameters(self, severity: int) -> Mapping[str, float]:
        """The parameters of a severity, by name; lengths are fractions of the shorter side.

        Raises ``ValueError`` where there is no such severity.
        """
        if severity not in self.severities:
            known = ", ".join(map(str, self.severities))
            raise ValueError(f"{self.name} has no severity {severity!r}; there is {known}")
        return MappingProxyType({name: values[severity - 1] for name, values in self.table.items()})

    def generator(self, identity: bytes | str, *, seed: int) -> np.random.Generator:
        """The generator for one picture, the same at every severity, and the same for a control and its corruption."""
        return generator_for(identity, self.control_of or self.name, seed=seed)

    def apply(
        self, image: Image.Image, severity: int, rng: np.random.Generator, context: Context | None = None
    ) -> Image.Image:
        """The damaged picture, RGB and of the same size; ``image`` stays as it is.

        The same arguments give the same bytes. ``rng`` comes from :meth:`generator` and is used up. Raises
        ``ValueError`` where the picture isn't RGB, there is no such severity, or a donor is needed and not there.
        """
        context = context or Context()
        if image.mode != "RGB":
            raise ValueError(f"{self.name} takes pictures in RGB, not {image.mode}")
        if self.donor is not None and context.donor is None:
            whose = {"other_class": "another class", "same_class": "the same class"}[self.donor]
            raise ValueError(f"{self.name} needs a donor, a picture of {whose}: none was given in the context")
        return self.effect(Case(image, self.parameters(severity), rng, context))
