"""The framework of CLIP: two encoders trained together, so that an image and its text get close embeddings."""

from __future__ import annotations

from typing import Any, Final

from lookalike.report.drawings.drawing import draw

_PAIRS: Final = 5
_CELL: Final = 34.0
_LEFT, _TOP = 388.0, 156.0
_TEXTS: Final = ("a rail joint", "a broken clip", "a cat", "a sleeper", "a dog")


def clip_framework() -> str:
    """The framework as SVG: encoders, the matrix of cosines, and the part that image-to-image search keeps."""
    cells: list[dict[str, Any]] = [
        {
            "x": _LEFT + column * _CELL,
            "y": _TOP + row * _CELL,
            "own": row == column,
            "row": _index(row),
            "column": _index(column),
        }
        for row in range(_PAIRS)
        for column in range(_PAIRS)
    ]
    return draw(
        "clip_framework.svg",
        {
            "cells": cells,
            "cell": _CELL,
            "left": _LEFT,
            "top": _TOP,
            "rows": [{"y": _TOP + row * _CELL, "index": _index(row)} for row in range(_PAIRS)],
            "columns": [
                {"x": _LEFT + column * _CELL, "index": _index(column), "text": text}
                for column, text in enumerate(_TEXTS)
            ],
            "bottom": _TOP + _PAIRS * _CELL,
            "right": _LEFT + _PAIRS * _CELL,
        },
    )


def _index(place: int) -> str:
    return "N" if place == _PAIRS - 1 else str(place + 1)
