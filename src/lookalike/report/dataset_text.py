"""A dataset's display, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookalike.text import plural, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lookalike.evaluation.experiments.inspect import DatasetInspection


def dataset_text(display: DatasetInspection) -> str:
    """Lines for people: counts, sizes, units, copies, classes, and every skipped file."""
    skipped = (f"skipped    {printable(one.path)}: {one.reason}" for one in display.embedded.skipped)
    return "\n".join([*_facts(display), "", *_classes(display), *skipped])


def _facts(display: DatasetInspection) -> Iterator[str]:
    dataset, whole, near = display.dataset, display.overall, display.near
    yield f"dataset    {printable(dataset.name)}: {dataset.description}"
    classes = plural(len(display.classes), "class", "classes")
    yield f"images   {whole.images:,} in {classes}, {whole.skipped:,} skipped"
    if dataset.has_split:
        yield f"split      {whole.queries:,} query, {whole.gallery:,} are searched"
    if whole.sizes is not None:
        sizes = whole.sizes
        yield f"sizes      {_size(sizes.smallest)} to {_size(sizes.largest)}, median {_size(sizes.median)} (upright)"
        shapes = ", ".join(f"{count:,} {name}" for name, count in whole.orientations.items())
        yield f"shape      {shapes}; {whole.turned:,} turned by EXIF"
    for name, units in whole.units.items():
        mixed = f", {units.mixed:,} with several classes" if units.mixed else ""
        largest = plural(units.largest, "image")
        yield f"{name + 's':<10} {units.count:,}, up to {largest}{mixed}; {units.without:,} without"
    for junk, number in whole.without_relevant.items():
        yield f"R = 0      {plural(number, 'query', 'queries')} with nothing to find (--junk {junk})"
    yield f"copies     {plural(sum(map(len, display.copies)), 'image')} with an exact copy"
    closest = "" if near.max_cosine is None else f"; the closest two {near.max_cosine:.3f}"
    yield (
        f"near       {plural(near.pairs, 'pair')} above {near.threshold:g} by {display.embedded.spec.name}: "
        f"{near.counts['labels']:,} of different classes, {near.counts['groups']:,} of one class without a common "
        f"group, {near.counts['group']:,} within a group{closest}"
    )


def _classes(display: DatasetInspection) -> Iterator[str]:
    names = [printable(label) for label in display.classes]
    wide = max(5, *map(len, names)) if names else 5
    units = "".join(f"{name.upper() + 'S':>9}" for name in display.overall.units)
    yield f"{'CLASS':<{wide}} {'IMAGES':>9}{units} {'MEDIAN':>13} {'LANDSCAPE':>10} {'SQUARE':>7} {'PORTRAIT':>9}"
    for name, part in zip(names, display.classes.values(), strict=True):
        counts = "".join(f"{unit.count:>9,}" for unit in part.units.values())
        median = "" if part.sizes is None else _size(part.sizes.median)
        shapes = part.orientations
        yield (
            f"{name:<{wide}} {part.images:>9,}{counts} {median:>13} {shapes['landscape']:>10,} "
            f"{shapes['square']:>7,} {shapes['portrait']:>9,}"
        )


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
