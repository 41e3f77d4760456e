"""What every page of an experiment shares: its templates' setting, and images inside it."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from lookalike.errors import ImageError
from lookalike.images.thumbnails import thumbnail
from lookalike.text import plural, printable


def render(template: str, values: Mapping[str, Any]) -> str:
    """The page that ``template`` makes of ``values``, everything in them escaped."""
    environment = Environment(
        loader=PackageLoader("lookalike.report"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(counted=plural)
    environment.filters.update(shown=printable, share=share, percent=percent, breakable=breakable)
    return environment.get_template(template).render(values)


def image_source(path: str | os.PathLike[str], side: int) -> str | None:
    """The image as a data URI, its longer side at most ``side`` pixels; None where it can't be read any more."""
    try:
        return f"data:image/jpeg;base64,{base64.b64encode(thumbnail(path, side)).decode('ascii')}"
    except ImageError:
        return None


def share(value: float | None, digits: int = 3) -> str:
    """A share 0 to 1 as figures are written; a dash where there is none."""
    return "-" if value is None or value != value else f"{value:.{digits}f}"  # noqa: PLR0124  nan isn't itself


def percent(value: float) -> str:
    """A place on an axis from 0 to 1, as SVG and CSS take it."""
    return f"{100 * value:.2f}%"


def breakable(text: str) -> Markup:
    """A path or label on one line, escaped, that a browser may break behind its underscores, slashes and dashes."""
    safe = str(escape(printable(text)))
    for sign in "_/-":
        safe = safe.replace(sign, f"{sign}<wbr>")
    return Markup(safe)  # noqa: S704  escaped above
