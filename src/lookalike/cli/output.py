"""Machine-readable output on standard output."""

from __future__ import annotations

import sys
from typing import Any, Final

PARTLY_DONE: Final = 3
"""The exit code of a command that did what it could, but not all."""


def print_json(answer: dict[str, Any]) -> None:
    """Print ``answer`` as JSON, always in UTF-8; print nothing if standard output is closed."""
    from lookalike.report.document.json import as_text

    if sys.stdout is not None:
        sys.stdout.buffer.write(as_text(answer).encode())
