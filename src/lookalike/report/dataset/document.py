"""The report of a dataset, as blocks: classes, sizes, a contact sheet of each class, copies, and skipped files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lookalike.report.document.blocks import (
    AnyBlock,
    Cards,
    Document,
    Facts,
    Figure,
    Heading,
    ImageGroups,
    ImageStrips,
    SideBySide,
    Text,
    table_of,
)
from lookalike.report.document.elements import Bar, Card, Cell, Column, Drawing, Frame, Media, Phrase, Picture
from lookalike.report.document.values import size_text
from lookalike.report.drawings.sizes import sizes_plot
from lookalike.report.sections import experiment_document, notices, on_pages, skipped_files
from lookalike.text import plural

if TYPE_CHECKING:
    from lookalike.evaluation.data.dataset import Row as DatasetRow
    from lookalike.evaluation.data.provenance import Provenance
    from lookalike.evaluation.experiments.inspect import DatasetInspection, PartSummary
    from lookalike.evaluation.ranking.near_duplicates import Kind

IMAGES: Final = 480
"""Images on a page, some ten megabytes; with more classes, fewer of each."""

_SHEET_SIDE: Final = 400
_PAIR_SIDE: Final = 300
_LEAST: Final = 4
_PAIRS: Final = 8
_COPIES: Final = 12


def dataset_document(display: DatasetInspection, provenance: Provenance, most_images: int = IMAGES) -> Document:
    """What ``display`` has, with at most about ``most_images`` images on the contact sheet."""
    dataset = display.dataset
    return experiment_document(
        "Dataset",
        dataset,
        _lead(display),
        (
            *notices(dataset.notes),
            Cards(tuple(_cards(display)), media=Media.PAGE),
            *_contact_sheet(display, most_images),
            *_sizes(display),
            *_classes(display),
            *_copies(display),
            Heading("Skipped files"),
            *skipped_files(display.embedded.skipped, "dataset.json"),
        ),
        encoders=(("Near duplicates found by", display.embedded.spec), ("Folder", dataset.root)),
        provenance=provenance,
        seed=display.seed,
        files="dataset.json",
    )


def _lead(display: DatasetInspection) -> str:
    part = display.overall
    text = f"{display.dataset.description}. {plural(part.images, 'image')} in "
    text += f"{plural(len(display.classes), 'class', 'classes')}, {part.skipped:,} skipped. "
    if not display.dataset.has_split:
        return f"{text}Each image queries all others."
    return (
        f"{text}{plural(part.queries, 'image queries', 'images query')}, {plural(part.gallery, 'is', 'are')} searched."
    )


def _cards(display: DatasetInspection) -> Iterator[Card]:
    part = display.overall
    yield Card("usable images", f"{part.images:,}")
    yield Card("classes", f"{len(display.classes):,}")
    for name, units in part.units.items():
        yield Card("groups (scenes)" if name == "group" else "visits (rounds)", f"{units.count:,}")
    yield Card("have an exact copy", f"{sum(map(len, display.copies)):,}")
    yield Card("have a near duplicate", f"{display.near.images:,}")
    yield Card("skipped files", f"{part.skipped:,}")


def _contact_sheet(display: DatasetInspection, most_images: int) -> Iterator[AnyBlock]:
    """The images drawn from each class; of more classes than fit, the largest."""
    by_size = sorted(display.classes, key=lambda label: (-display.classes[label].images, label))
    labels = sorted(label for label in by_size[: most_images // _LEAST] if display.contact_sheet[label])
    each = max(_LEAST, most_images // max(1, len(labels)))
    others = len(display.classes) - len(labels)
    left = f" The {plural(others, 'smallest class is', 'smallest classes are')} in the table only." if others else ""
    most = min(each, max(map(len, display.contact_sheet.values())))
    text = f"Up to {most} images of each class, drawn at random (seed {display.seed}).{left}"
    yield from on_pages(Heading("Contact sheet"), Text(text))
    sizes = {row.path: size for row, size in zip(display.embedded.rows, display.sizes, strict=True)}
    for label in labels:
        pictures = (
            Picture(display.dataset.file(row), _SHEET_SIDE, row.path, _ratio(sizes.get(row.path)))
            for row in display.contact_sheet[label][:each]
        )
        heading = Heading(label, 3, plural(display.classes[label].images, "image"))
        yield from on_pages(heading, ImageStrips(tuple(pictures)))


def _ratio(size: tuple[int, int] | None) -> float:
    return 1.0 if size is None else size[0] / size[1]


def _classes(display: DatasetInspection) -> Iterator[AnyBlock]:
    part = display.overall
    items = [*display.classes.items(), ("All", part)]
    table = table_of(items, _class_columns(display))
    legend = (("landscape", "landscape"), ("square", "square"), ("portrait", "portrait"))
    yield Heading("Classes")
    yield replace(table, rows=(*table.rows[:-1], replace(table.rows[-1], kind="total")), legend=legend)
    if part.turned:
        yield Text("Turned: EXIF asks for another orientation.", media=Media.PAGE)
    if any(part.without_relevant.values()):
        yield Text(
            "R = 0: queries with nothing to find under that junk rule; they are left out of metrics and counted."
        )
    for name, units in part.units.items():
        text = f"The largest {name} has {plural(units.largest, 'image')}."
        if units.without:
            verb = "is" if units.without == 1 else "are"
            text += f" {plural(units.without, 'image has', 'images have')} no {name} and {verb} alone."
        if units.mixed:
            text += (
                f" {plural(units.mixed, f'{name} has', f'{name}s have')} images of several classes: those of another "
                "class than the query's stay in its gallery, and count as wrong."
            )
        yield Text(text)


def _class_columns(
    display: DatasetInspection,
) -> Iterator[tuple[Column, Callable[[tuple[str, PartSummary]], Cell | str]]]:
    """The columns of the classes, with the cell of a class: those that this dataset has values for."""
    every, page, most = display.overall, Media.PAGE, max(part.images for part in display.classes.values())
    yield Column("Class"), lambda one: one[0]
    yield (
        Column("", media=page, on_pages="hidden on phones"),
        lambda one: _images_bar(one[1], most) if one[1] is not every else "",
    )
    yield _counts("Images", lambda part: part.images)
    for unit in every.units:
        yield _counts(f"{unit.capitalize()}s", lambda part, unit: part.units[unit].count, unit)
    if display.dataset.has_split:
        yield _counts("Query", lambda part: part.queries)
        yield _counts("Searched", lambda part: part.gallery)
    yield Column("Smallest", media=page), lambda one: _size(one[1], "smallest")
    yield Column("Median"), lambda one: _size(one[1], "median")
    yield Column("Largest", media=page), lambda one: _size(one[1], "largest")
    yield Column("Orientation", "words", media=page), lambda one: _orientations_bar(one[1])
    for name in every.orientations:
        yield _counts(name.capitalize(), lambda part, name: part.orientations[name], name, media=Media.TEXT)
    if every.turned:
        yield _counts("Turned", lambda part: part.turned)
    if every.skipped:
        yield _counts("Skipped", lambda part: part.skipped)
    for junk in (junk for junk, count in every.without_relevant.items() if count):
        yield _counts(f"R = 0, junk {junk}", lambda part, junk: part.without_relevant[junk], junk)


def _counts(
    title: str, count: Callable[..., int], *arguments: str, media: Media = Media.ALL
) -> tuple[Column, Callable[[tuple[str, PartSummary]], str]]:
    """A column of numbers: what ``count`` returns for a class and the ``arguments``."""
    return Column(title, media=media), lambda one: f"{count(one[1], *arguments):,}"


def _size(part: PartSummary, which: str) -> str:
    return size_text(None if part.sizes is None else getattr(part.sizes, which))


def _images_bar(part: PartSummary, most: int) -> Cell:
    return Cell(plot=Bar((("full", part.images, ""), ("empty", most - part.images, ""))))


def _orientations_bar(part: PartSummary) -> Cell:
    return Cell(plot=Bar(tuple((name, count, f"{count:,} {name}") for name, count in part.orientations.items())))


def _sizes(display: DatasetInspection) -> Iterator[AnyBlock]:
    part = display.overall
    if part.sizes is None:
        return
    facts = Facts(
        (
            ("Smallest", size_text(part.sizes.smallest)),
            ("Median", size_text(part.sizes.median)),
            ("Largest", size_text(part.sizes.largest)),
            *((name.capitalize(), f"{count:,}") for name, count in part.orientations.items()),
            ("Turned by EXIF", f"{part.turned:,}"),
        )
    )
    plot = sizes_plot([size for size in display.sizes if size is not None])
    figure = Figure((Drawing("figure-sizes", "Widths and heights", plot),), media=Media.PAGE | Media.MARKDOWN)
    yield Heading("Sizes and orientation")
    yield SideBySide((figure, facts))
    yield Text(
        "Widths and heights are upright, after rotation by EXIF. A dot stands for images of about one size, its area "
        "for their number; images on the dotted line are square. Smallest, median and largest are by number of pixels.",
        media=Media.PAGE,
    )


def _copies(display: DatasetInspection) -> Iterator[AnyBlock]:
    near = display.near
    yield Heading("Copies")
    text = (
        f"{plural(sum(map(len, display.copies)), 'image has', 'images have')} an exact copy: the same bytes (SHA-256). "
        "Near duplicates have different bytes, and embeddings with a cosine above "
        f"{near.threshold:g} by {display.embedded.spec.name}: {plural(near.pairs, 'pair')}"
    )
    if near.pairs:
        text += (
            f", {near.counts['labels']:,} of different classes, {near.counts['groups']:,} of one class without a "
            f"common group, {near.counts['group']:,} within a group"
        )
    closest = "" if near.max_cosine is None else f" The two closest images have a cosine of {near.max_cosine:.3f}."
    yield Text(f"{text}.{closest}")
    if display.copies:
        groups = ((tuple(_frame(display, row) for row in rows[:_LEAST]), "") for rows in display.copies[:_COPIES])
        heading = Heading(f"Exact copies: {plural(len(display.copies), 'set')}", 3)
        yield from on_pages(heading, ImageGroups(tuple(groups)))
    yield from _near_duplicates(
        display,
        "labels",
        "Near duplicates of different classes",
        "Either a label is wrong, or the classes differ so little that confusing them counts as an error.",
    )
    yield from _near_duplicates(
        display,
        "groups",
        "Near duplicates of one class, without a common group",
        "If they show one scene, they inflate metrics: give them a group, and they become junk for each other.",
    )


def _near_duplicates(display: DatasetInspection, kind: Kind, title: str, meaning: str) -> Iterator[AnyBlock]:
    count, closest = display.near.counts[kind], display.near.closest[kind][:_PAIRS]
    if not count:
        return iter(())
    pairs = (
        (tuple(_frame(display, row) for row in (one.first, one.second)), f"cosine {one.cosine:.3f}") for one in closest
    )
    first = f" The {len(closest)} closest:" if count > len(closest) else ""
    heading = Heading(f"{title}: {plural(count, 'pair')}", 3)
    return on_pages(heading, Text(f"{meaning}{first}"), ImageGroups(tuple(pairs)))


def _frame(display: DatasetInspection, row: DatasetRow) -> Frame:
    group = [Phrase(row.group, "soft")] if row.group else []
    caption = (Phrase(row.label, "strong"), *group, Phrase(row.path, "path"))
    return Frame(Picture(display.dataset.file(row), _PAIR_SIDE, row.path), caption)
