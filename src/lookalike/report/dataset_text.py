"""A dataset's display, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookalike.text import counted, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lookalike.evaluation.experiments.inspect import DatasetDisplay


def dataset_text(display: DatasetDisplay) -> str:
    """Lines for people: counts, sizes, units, copies, classes, and every skipped file."""
    skipped = (f"skipped    {shown(one.path)}: {one.reason}" for one in display.embedded.skipped)
    return "\n".join([*_facts(display), "", *_classes(display), *skipped])


def _facts(display: DatasetDisplay) -> Iterator[str]:
    dataset, whole, near = display.dataset, display.whole, display.near
    yield f"dataset    {shown(dataset.name)}: {dataset.understood}"
    classes = counted(len(display.classes), "class", "classes")
    yield f"pictures   {whole.pictures:,} in {classes}, {whole.skipped:,} skipped"
    if dataset.has_split:
        yield f"split      {whole.queries:,} query, {whole.gallery:,} are searched"
    if whole.sizes is not None:
        sizes = whole.sizes
        yield f"sizes      {_size(sizes.smallest)} to {_size(sizes.largest)}, median {_size(sizes.median)} (upright)"
        shapes = ", ".join(f"{count:,} {name}" for name, count in whole.orientations.items())
        yield f"shape      {shapes}; {whole.turned:,} turned by EXIF"
    for name, units in whole.units.items():
        mixed = f", {units.mixed:,} with several classes" if units.mixed else ""
        largest = counted(units.largest, "picture")
        yield f"{name + 's':<10} {units.several:,}, up to {largest}{mixed}; {units.without:,} without"
    for junk, number in whole.answerless.items():
        yield f"R = 0      {counted(number, 'query', 'queries')} with nothing to find (--junk {junk})"
    yield f"copies     {counted(sum(map(len, display.copies)), 'picture')} with an exact copy"
    closest = "" if near.greatest is None else f"; the closest two {near.greatest:.3f}"
    yield (
        f"near       {counted(near.pairs, 'pair')} above {near.threshold:g} by {display.embedded.spec.name}: "
        f"{near.counts['labels']:,} of different classes, {near.counts['groups']:,} of one class without a common "
        f"group, {near.counts['group']:,} within a group{closest}"
    )


def _classes(display: DatasetDisplay) -> Iterator[str]:
    names = [shown(label) for label in display.classes]
    wide = max(5, *map(len, names)) if names else 5
    units = "".join(f"{name.upper() + 'S':>9}" for name in display.whole.units)
    yield f"{'CLASS':<{wide}} {'PICTURES':>9}{units} {'MEDIAN':>13} {'LANDSCAPE':>10} {'SQUARE':>7} {'PORTRAIT':>9}"
    for name, part in zip(names, display.classes.values(), strict=True):
        counts = "".join(f"{unit.several:>9,}" for unit in part.units.values())
        median = "" if part.sizes is None else _size(part.sizes.median)
        shapes = part.orientations
        yield (
            f"{name:<{wide}} {part.pictures:>9,}{counts} {median:>13} {shapes['landscape']:>10,} "
            f"{shapes['square']:>7,} {shapes['portrait']:>9,}"
        )


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
