"""Names of encoders with the view and the precision they are to be used with: ``resnet50@whole@bf16``."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple, cast, get_args

from lookalike.encoders.spec import Precision, View

_VIEWS: Final[tuple[str, ...]] = get_args(View)
_PRECISIONS: Final[tuple[str, ...]] = get_args(Precision)


class Variant(NamedTuple):
    """The ``name`` or path of an encoder, with a view and a precision where the text names one."""

    name: str
    view: View | None
    precision: Precision | None


def split_variant(text: str) -> Variant:
    """What ``text`` names: ``name``, ``name@view``, ``name@precision`` or ``name@view@precision``.

    Other parts after an @ belong to the name, such as the revision of a repository; so do all if a file has that name.
    """
    name, view, precision = text, None, None
    while not _exists(name):
        rest, at, last = name.rpartition("@")
        if not at or not rest:
            break
        if last in _VIEWS and view is None:
            view = cast("View", last)
        elif last in _PRECISIONS and precision is None:
            precision = cast("Precision", last)
        else:
            break
        name = rest
    return Variant(name, view, precision)


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except OSError:  # too long for a path
        return False
