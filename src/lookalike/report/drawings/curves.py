"""Curves over severity or the like: a line for each series, with its name at its end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from lookalike.report.drawings.colours import DASHES, LINES
from lookalike.report.drawings.drawing import draw, spread, width_of

_TYPE: Final = 12.0
_LEFT, _TOP, _BOTTOM = 38.0, 14.0, 34.0
_WIDTH, _HEIGHT = 400.0, 200.0
_LEAST_WIDTH: Final = 150.0
_LINE: Final = 14.0
_LEADER: Final = 16.0


@dataclass(frozen=True, slots=True)
class Curve:
    """A line through ``points`` (degree, value 0 to 1); ``of`` names the curve whose colour it shares, dashed."""

    name: str
    points: tuple[tuple[int, float], ...]
    of: str | None = None


def curves(title: str, lines: Sequence[Curve], degrees: Sequence[int], *, chance: float, x_label: str) -> str:
    """The curves as SVG: ``degrees`` along the x axis, where 0 is named clean; ``chance`` is a dotted line."""
    names = max((width_of(line.name, _TYPE) for line in lines), default=0.0)
    # All drawings have the same width, so that their letters have the same size side by side.
    width, height = max(_LEAST_WIDTH, _WIDTH - _LEFT - _LEADER - names - 4), _HEIGHT
    total_height = max(height, _LINE * len(lines)) + _TOP + _BOTTOM

    def x(degree: float) -> float:
        return round(_LEFT + 8 + (width - 16) * (degree - degrees[0]) / max(1, degrees[-1] - degrees[0]), 1)

    def y(value: float) -> float:
        return round(_TOP + height * (1 - min(max(value, 0.0), 1.0)), 1)

    colours = _colours(lines)
    ends = spread([y(line.points[-1][1]) for line in lines], _LINE, _TOP, max(_TOP + height, total_height - _BOTTOM))
    views: list[dict[str, Any]] = []
    for line, end in zip(lines, ends, strict=True):
        colour, dash = colours[line.name]
        points = [(x(degree), y(value)) for degree, value in line.points]
        views.append(
            {
                "name": line.name,
                "colour": colour,
                "dash": dash,
                "points": points,
                "path": " ".join(f"{px},{py}" for px, py in points),
                "label_y": round(end, 1),
                "hint": f"{line.name}: " + ", ".join(f"{value:.3f} at {degree}" for degree, value in line.points),
            }
        )
    return draw(
        "curves.svg",
        {
            "title": title,
            "type": _TYPE,
            "width": math.ceil(_LEFT + width + _LEADER + names + 4),
            "height": math.ceil(total_height),
            "left": _LEFT,
            "right": _LEFT + width,
            "label_x": _LEFT + width + _LEADER,
            "ticks": [{"y": y(value), "text": f"{value:g}"} for value in (0.0, 0.25, 0.5, 0.75, 1.0)],
            "degrees": [{"x": x(degree), "text": str(degree) if degree else "clean"} for degree in degrees],
            "axis_y": _TOP + height + 16,
            "x_label": x_label,
            "chance_y": y(chance),
            "lines": views,
        },
    )


def _colours(lines: Sequence[Curve]) -> dict[str, tuple[str, str]]:
    """A colour and a dash pattern for each line; a line that belongs to another has the colour of the other."""
    own = [line.name for line in lines if line.of is None]
    chosen = {
        name: (LINES[number % len(LINES)], DASHES[number // len(LINES) % len(DASHES)])
        for number, name in enumerate(own)
    }
    for line in lines:
        if line.of is not None:
            chosen[line.name] = (chosen.get(line.of, (LINES[-1], ""))[0], "4 3")
    return chosen
