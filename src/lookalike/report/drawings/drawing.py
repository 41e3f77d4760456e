"""What drawings share: their templates, the width of a text, texts cut to it, and labels that don't overlap."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

# Widths of letters in a sans-serif face, as parts of the font size, because an SVG can't measure its text.
_NARROW: Final = frozenset("fijlrtI.,:;'!|()[] ")
_WIDE: Final = frozenset("mwMW@%")
_LETTER, _NARROW_LETTER, _WIDE_LETTER, _CAPITAL = 0.58, 0.36, 0.92, 0.7


def draw(template: str, values: Mapping[str, Any]) -> str:
    """The SVG that ``template`` (of ``templates/drawings``) makes of ``values``, everything in them escaped."""
    return _environment().get_template(f"drawings/{template}").render(values).strip()


def width_of(text: str, size: float) -> float:
    """The approximate width of ``text`` in type of ``size``, rather too wide than too narrow."""
    return size * sum(_letter(letter) for letter in text)


def elide(text: str, width: float, measure: Callable[[str], float] = len) -> str:
    """``text``, or its ends with three dots between them, at most ``width`` wide by ``measure`` (by default letters).

    Names that differ, such as those of files, mostly do so at an end.
    """
    if measure(text) <= width:
        return text
    kept = len(text)
    while kept and measure(_ends(text, kept)) > width:
        kept -= 1
    return _ends(text, kept)


def _ends(text: str, kept: int) -> str:
    """The ends of ``text``, ``kept`` letters in all."""
    tail = kept // 2
    return f"{text[: kept - tail].rstrip()}...{text[len(text) - tail :].lstrip()}"


def spread(places: Sequence[float], least: float, low: float, high: float) -> list[float]:
    """``places`` moved apart until they are ``least`` from one another, as near to where they were as that allows.

    They keep their order and stay in ``low`` to ``high`` as far as there is room. Each group of places that would
    overlap is centred on its members' own places.
    """
    order = sorted(range(len(places)), key=lambda number: places[number])
    groups: list[tuple[float, list[int]]] = []  # the place of the first member, and the members
    for number in order:
        groups.append((min(max(places[number], low), high), [number]))
        while len(groups) > 1 and groups[-1][0] < groups[-2][0] + least * len(groups[-2][1]):
            members = groups[-2][1] + groups[-1][1]
            middle = sum(places[member] - least * rank for rank, member in enumerate(members)) / len(members)
            first = max(low, min(middle, high - least * (len(members) - 1)))
            groups[-2:] = [(first, members)]
    moved = [0.0] * len(places)
    for first, members in groups:
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
