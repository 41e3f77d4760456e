"""File names that open the file when they are clicked, on terminals that can do that."""

from __future__ import annotations

import sys
from pathlib import Path

from lookalike.text import printable


def print_with_link(before: str, text: str, file: Path, after: str) -> None:
    """Print a line with ``text`` in it, on a terminal as a link to ``file``."""
    if not sys.stdout.isatty():
        print(f"{before}{printable(text)}{after}")
        return
    from rich.console import Console
    from rich.style import Style
    from rich.text import Text

    line = Text.assemble(before, (printable(text), Style(link=file.as_uri())), after)
    Console(highlight=False).print(line, soft_wrap=True)
