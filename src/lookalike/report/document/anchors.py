"""Addresses in links: of headings, the same on pages and where Markdown is shown with links to them, and of files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote


def anchor(heading: str) -> str:
    """The address of ``heading``: its words in lower case, with dashes between them."""
    return re.sub(r"[^\w-]", "", re.sub(r"\s", "-", heading.strip().lower()))


def address(link: str) -> str:
    """``link``, the path of a file beside the report or # and an anchor, as it is written in links."""
    return link if link.startswith("#") else quote(link)


def anchors(headings: Iterable[str]) -> list[str]:
    """The addresses of the headings of one report; a repeated one gets a number."""
    counts: dict[str, int] = {}
    found = []
    for heading in headings:
        name = anchor(heading)
        count = counts[name] = counts.get(name, -1) + 1
        found.append(f"{name}-{count}" if count else name)
    return found
