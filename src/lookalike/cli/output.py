"""What several commands print."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lookalike.text import plural, printable

if TYPE_CHECKING:
    from lookalike.gallery.records import Shortfall
    from lookalike.gallery.updating.update import UpdateReport

PARTLY_DONE: Final = 3
"""The exit code of a command that did what it could, but not all."""


def warn_if_incomplete(shortfall: Shortfall, gallery: Path) -> None:
    """Say on standard error what a gallery lacks, if anything."""
    if shortfall:
        print(f"lookalike: {printable(gallery)}: {describe(shortfall)}", file=sys.stderr)


def describe(shortfall: Shortfall) -> str:
    """What a gallery lacks, and what to do."""
    parts = []
    if shortfall.unknown:
        parts.append(f"its database doesn't know {plural(shortfall.unknown, 'embedding')} beside it")
    if shortfall.missing:
        parts.append(f"{plural(shortfall.missing, 'embedding')} of its images can't be found")
    return f"{' and '.join(parts)}, as after an interruption or in an incomplete copy. To complete it: lookalike index"


def tell_stop(report: UpdateReport) -> None:
    """Say on standard error that an update ended early, if it did, and what to do."""
    if report.stopped_at is not None:
        from lookalike.gallery.updating.listed import unanswered

        print(
            f"lookalike: {unanswered(report.stopped_at)}. The run ended early, and what was done is saved. Connect it "
            "and run lookalike index",
            file=sys.stderr,
        )


def print_json(answer: dict[str, Any]) -> None:
    """Print ``answer`` as JSON, always in UTF-8; print nothing if standard output is closed."""
    from lookalike.report.document.json import as_text

    print_bytes(as_text(answer).encode())


def print_bytes(content: bytes) -> None:
    """Print ``content`` as it is; nothing if standard output is closed."""
    if sys.stdout is not None:
        sys.stdout.flush()  # what was printed as text comes first
        sys.stdout.buffer.write(content)
