"""What all figures share: how their templates are filled, and how wide words are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

# Widths of letters in a sans-serif face, in shares of the type's size: an SVG can't ask how wide its words will be.
_NARROW: Final = frozenset("fijlrtI.,:;'!|()[] ")
_WIDE: Final = frozenset("mwMW@%")
_LETTER, _NARROW_LETTER, _WIDE_LETTER, _CAPITAL = 0.58, 0.36, 0.92, 0.7


def draw(template: str, values: Mapping[str, Any]) -> str:
    """The SVG that ``template`` (of ``templates/figures``) makes of ``values``, everything in them escaped."""
    return _environment().get_template(f"figures/{template}").render(values).strip()


def width_of(text: str, size: float) -> float:
    """About how wide ``text`` is in type of ``size``; rather too wide than too narrow."""
    return size * sum(_letter(letter) for letter in text)


def spread(places: Sequence[float], least: float, low: float, high: float) -> list[float]:
    """``places`` moved apart until they are ``least`` from one another, as near to where they were as that allows.

    They keep their order and stay in ``low`` to ``high`` as far as there is room. Each heap of places that would
    overlap is centred on where its members wanted to be.
    """
    order = sorted(range(len(places)), key=lambda number: places[number])
    heaps: list[tuple[float, list[int]]] = []  # where the first member is, and who they are
    for number in order:
        heaps.append((min(max(places[number], low), high), [number]))
        while len(heaps) > 1 and heaps[-1][0] < heaps[-2][0] + least * len(heaps[-2][1]):
            members = heaps[-2][1] + heaps[-1][1]
            wanted = sum(places[member] - least * rank for rank, member in enumerate(members)) / len(members)
            first = max(low, min(wanted, high - least * (len(members) - 1)))
            heaps[-2:] = [(first, members)]
    moved = [0.0] * len(places)
    for first, members in heaps:
        for rank, member in enumerate(members):
            moved[member] = first + least * rank
    return moved


def _letter(letter: str) -> float:
    if letter in _NARROW:
        return _NARROW_LETTER
    if letter in _WIDE:
        return _WIDE_LETTER
    return _CAPITAL if letter.isupper() else _LETTER


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("lookalike.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
