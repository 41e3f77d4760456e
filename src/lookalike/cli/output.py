"""What several commands print."""

from __future__ import annotations

import os
import sys
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final

from lookalike.cli.terminal.messages import note, problem
from lookalike.text import plural, printable

if TYPE_CHECKING:
    from lookalike.gallery.contents.annotations import Annotated
    from lookalike.gallery.gallery import Gallery
    from lookalike.gallery.last_update import LastUpdate
    from lookalike.gallery.records import Shortfall
    from lookalike.gallery.updating.update import UpdateReport

PARTLY_DONE: Final = 3
"""The exit code of a command that did what it could, but not all."""


def warn_if_incomplete(gallery: Gallery) -> None:
    """Say on standard error what a gallery lacks, if anything."""
    if shortfall := gallery.shortfall():
        problem(f"{printable(gallery.path)}: {describe(shortfall)}")
    elif unfinished := describe_unfinished(gallery.last_update(), len(gallery)):
        problem(f"{printable(gallery.path)}: {unfinished}")
    if switching := describe_switch(gallery.switching_to()):
        note(f"{printable(gallery.path)}: {switching}")


def describe_switch(encoder: str | None) -> str | None:
    """That a gallery is being switched to ``encoder``, and what to do; None if it isn't."""
    if encoder is None:
        return None
    return (
        f"being switched to {printable(encoder)}, and searched as it was until that is complete. To go on, unless that "
        f"is running now: lookalike index --reencode {printable(encoder)}"
    )


def describe_unfinished(update: LastUpdate, images: int) -> str | None:
    """What an unfinished update has still to do, and what to do; None if there is none."""
    if update.files is None:
        return None
    return (
        f"{images:,} of {plural(update.files, 'file')} indexed; unless lookalike index is running now, run it to finish"
    )


def describe(shortfall: Shortfall) -> str:
    """What a gallery lacks, and what to do."""
    parts = []
    if shortfall.unknown:
        parts.append(f"its database doesn't know {plural(shortfall.unknown, 'embedding')} beside it")
    if shortfall.missing:
        parts.append(f"{plural(shortfall.missing, 'embedding')} of its images can't be found")
    return f"{' and '.join(parts)}, as after an interruption or in an incomplete copy. To complete it: lookalike index"


def describe_annotation(annotated: Annotated) -> str:
    """Which columns how many images have now."""
    return f"{plural(annotated.images, 'image')} annotated: {printable(', '.join(annotated.columns))}"


def tell_stop(report: UpdateReport) -> None:
    """Say on standard error that an update ended early, if it did, and what to do."""
    if report.stopped_at is not None:
        from lookalike.gallery.updating.listed import unanswered

        problem(
            f"{unanswered(report.stopped_at)}. The run ended early, and what was done is saved. Connect it and run "
            "lookalike index"
        )


def path_from_here(file: Path) -> str:
    """A path that opens ``file`` from the current folder: relative if the file is in it or below, else absolute."""
    try:
        return path_from(Path.cwd(), file)
    except FileNotFoundError:  # it was deleted
        return os.fspath(file)


def path_from(folder: PurePath, file: PurePath) -> str:
    """``file``, relative to ``folder`` if it is in it or below; names are equal as the system of the paths says."""
    return os.fspath(file.relative_to(folder) if file.is_relative_to(folder) else file)


def print_json(answer: dict[str, Any]) -> None:
    """Print ``answer`` as JSON, always in UTF-8; print nothing if standard output is closed."""
    from lookalike.report.document.json import as_text

    print_bytes(as_text(answer).encode())


def print_bytes(content: bytes) -> None:
    """Print ``content`` as it is; nothing if standard output is closed."""
    if sys.stdout is not None:
        sys.stdout.flush()  # what was printed as text comes first
        sys.stdout.buffer.write(content)
