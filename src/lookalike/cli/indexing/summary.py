"""What ``lookalike index`` says when it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookalike.cli.output import describe_annotation, path_from_here
from lookalike.cli.terminal.messages import note, problem
from lookalike.text import command_text, plural, printable

if TYPE_CHECKING:
    from lookalike.gallery.gallery import Gallery
    from lookalike.gallery.updating.missing import Loss
    from lookalike.gallery.updating.update import UpdateReport


def print_summary(gallery: Gallery, report: UpdateReport, *, switched: bool) -> None:
    """Print what an update did; ``switched`` if it was to another encoder."""
    from lookalike.images.kinds import in_words

    if switched:
        print(f"switched to {gallery.stamp.name}: {plural(report.encoded, 'image')} encoded")
    print(_counts(report, len(gallery)))
    if report.labels is not None:
        print(f"labels.csv: {describe_annotation(report.labels)}")
    if report.labels_problem is not None:
        problem(f"{report.labels_problem} (the images are indexed without it)")
    if passed_over := in_words(report.passed_over):
        print(f"passed over: {passed_over} (lookalike formats tells what is read)")


def tell_losses(losses: list[Loss]) -> None:
    """Say on standard error which images are gone in bulk, and what to do."""
    for loss in losses:
        problem(_describe(loss))


def tell_what_is_next(gallery: Gallery) -> None:
    """Say how a new gallery is searched, with one of its own images as an example, and seen in a browser."""
    first = next(gallery.iter_embeddings(), None)
    if first is None:
        return
    image, _ = first
    is_elsewhere = gallery.path.parent != gallery.root
    place = ["--gallery", path_from_here(gallery.path if is_elsewhere else gallery.root)]
    search = ["lookalike", "search", path_from_here(gallery.root / image.path), *(place if is_elsewhere else [])]
    note(f"to search it: {printable(command_text(search))}")
    note(f"to look at it in a browser: {printable(command_text(['lookalike', 'serve', *place, '--open']))}")


def _counts(report: UpdateReport, count: int) -> str:
    images = plural(count, "image")
    changes = _in_words(
        added=report.added,
        updated=report.updated,
        moved=report.moved,
        removed=report.removed,
        read_again_by_new_rules=report.reread,
    )
    parts = [f"{images}: {changes}" if changes else f"Up to date: {images}"]
    if state := _in_words(skipped=report.skipped, with_notes=report.noted, offline=report.offline):
        parts.append(f"{state} (for the reasons: lookalike status)" if report.skipped or report.noted else state)
    if report.encoded:
        parts.append(f"{report.images_per_second:.1f} images/s")
    return "; ".join(parts)


def _in_words(**counts: int) -> str:
    """The counts that aren't 0 with their names, as "8 added, 1 moved"."""
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count)


def _describe(loss: Loss) -> str:
    folder = printable(command_text([loss.folder])) if loss.folder else ""
    lost = plural(loss.count, "image") + (f" below {folder}" if folder else "")
    message = (
        f"{lost} {'is' if loss.count == 1 else 'are'} gone all at once; perhaps a disk or a share is not connected. "
        f"They stay in the gallery, marked offline. If they were deleted on purpose: lookalike index --prune {folder}"
    )
    return message.rstrip()
