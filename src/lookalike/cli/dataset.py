"""``lookalike dataset show``: what labelled photographs look like."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.cli.arguments import add_command
from lookalike.cli.dataset_options import DATASET_DETAILS, add_dataset, embed, read_dataset
from lookalike.cli.encoder_options import add_encoder, add_view, load
from lookalike.picture_files import shown

if TYPE_CHECKING:
    from lookalike.cli.arguments import Commands
    from lookalike.evaluation.dataset_display import DatasetDisplay

_DETAILS = f"""\
{DATASET_DETAILS}

Every picture is opened and compared with all others. With --out, FOLDER gets dataset.html (a page with a contact sheet
of each class), dataset.json and contact_sheet.jpg."""

_NEAR = 0.97
_ENCODER = "efficientnet-lite2"


def add_to(commands: Commands) -> None:
    """Add this command to the command line."""
    parser = add_command(commands, "dataset", "look at labelled photographs before figures are made of them", _usage)
    parser.set_defaults(usage=parser)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    show = add_command(
        actions,
        "show",
        "show counts, sizes, orientation, groups, copies and a contact sheet of each class",
        run,
        _DETAILS,
    )
    add_dataset(show)
    add_encoder(show, f"the encoder that near copies are told by (default: {_ENCODER})")
    add_view(show)
    show.add_argument(
        "--near",
        metavar="COSINE",
        type=cosine,
        default=_NEAR,
        help="two pictures above this are near copies (default: %(default)s)",
    )
    show.add_argument(
        "--seed", metavar="N", type=int, default=0, help="draws the contact sheet's pictures (default: %(default)s)"
    )
    show.add_argument("--out", metavar="FOLDER", help="write the page, the JSON and the contact sheet there")
    show.add_argument("--json", action="store_true", help="print JSON and nothing else")


def cosine(text: str) -> float:
    """A number from -1 to 1."""
    number = float(text)
    if not -1 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no cosine: they go from -1 to 1")
    return number


def _usage(options: argparse.Namespace) -> int:
    options.usage.error("say what to do with a dataset: show")
    return 2


def run(options: argparse.Namespace) -> int:
    """Carry out the command."""
    from lookalike.evaluation.dataset_display import display_dataset
    from lookalike.report.output import output_folder

    folder = output_folder(options.out) if options.out else None
    dataset = read_dataset(options, one_class=True)
    display = display_dataset(
        embed(dataset, load(options, options.encoder or _ENCODER)), near=options.near, seed=options.seed
    )
    if folder is not None:
        _write(display, folder, _command(options))
    if options.json:
        print_json(display)
        return 0
    _print(display)
    if folder is not None:
        print(f"\nwritten to {shown(folder)}: dataset.html, dataset.json, contact_sheet.jpg")
    return 0


def print_json(display: DatasetDisplay) -> None:
    """Print the display as JSON."""
    from lookalike.report.dataset_json import dataset_answer
    from lookalike.report.search_json import as_text

    sys.stdout.buffer.write(as_text(dataset_answer(display)).encode() + b"\n")


def _command(options: argparse.Namespace) -> str:
    words = ["lookalike", "dataset", "show", options.dataset]
    words += [] if options.labels is None else ["--labels", options.labels]
    words += ["--encoder", options.encoder or _ENCODER, "--near", f"{options.near:g}", "--seed", str(options.seed)]
    return shlex.join(words)


def _write(display: DatasetDisplay, folder: Path, command: str) -> None:
    from lookalike.evaluation.provenance import provenance
    from lookalike.report.dataset_json import dataset_answer
    from lookalike.report.dataset_page import dataset_page
    from lookalike.report.dataset_sheet import dataset_sheet
    from lookalike.report.output import whole, write_text
    from lookalike.report.search_json import as_text

    with whole(folder / "contact_sheet.jpg") as file:
        dataset_sheet(display).save(file, "JPEG", quality=90)
    write_text(folder / "dataset.json", as_text(dataset_answer(display)) + "\n")
    write_text(folder / "dataset.html", dataset_page(display, provenance(command)))


def _print(display: DatasetDisplay) -> None:
    dataset, whole, near = display.dataset, display.whole, display.near
    print(f"dataset    {shown(dataset.name)}: {dataset.understood}")
    classes = f"{len(display.classes):,} class{'' if len(display.classes) == 1 else 'es'}"
    print(f"pictures   {whole.pictures:,} in {classes}, {whole.skipped:,} skipped")
    if dataset.has_split:
        print(f"split      {whole.queries:,} query, {whole.gallery:,} are searched")
    if whole.sizes is not None:
        sizes = whole.sizes
        print(f"sizes      {_size(sizes.smallest)} to {_size(sizes.largest)}, median {_size(sizes.median)} (upright)")
        shapes = ", ".join(f"{count:,} {name}" for name, count in whole.orientations.items())
        print(f"shape      {shapes}; {whole.turned:,} turned by EXIF")
    for name, units in whole.units.items():
        mixed = f", {units.mixed:,} with several classes" if units.mixed else ""
        print(f"{name + 's':<10} {units.several:,}, up to {units.largest:,} pictures{mixed}; {units.without:,} without")
    for junk, number in whole.answerless.items():
        print(f"R = 0      {number:,} queries with nothing to find (--junk {junk})")
    print(f"copies     {sum(map(len, display.copies)):,} pictures with an exact copy")
    closest = "" if near.greatest is None else f"; the closest two {near.greatest:.3f}"
    print(
        f"near       {near.pairs:,} pairs above {near.threshold:g} by {display.embedded.spec.name}: "
        f"{near.counts['labels']:,} of different classes, {near.counts['groups']:,} of one class without a common "
        f"group, {near.counts['group']:,} within a group{closest}"
    )
    print()
    _print_classes(display)
    for skipped in display.embedded.skipped:
        print(f"skipped    {shown(skipped.path)}: {skipped.reason}")


def _print_classes(display: DatasetDisplay) -> None:
    names = [shown(label) for label in display.classes]
    wide = max(5, *map(len, names)) if names else 5
    units = "".join(f"{name.upper() + 'S':>9}" for name in display.whole.units)
    print(f"{'CLASS':<{wide}} {'PICTURES':>9}{units} {'MEDIAN':>13} {'LANDSCAPE':>10} {'SQUARE':>7} {'PORTRAIT':>9}")
    for name, part in zip(names, display.classes.values(), strict=True):
        counts = "".join(f"{unit.several:>9,}" for unit in part.units.values())
        median = "" if part.sizes is None else _size(part.sizes.median)
        shapes = part.orientations
        print(
            f"{name:<{wide}} {part.pictures:>9,}{counts} {median:>13} {shapes['landscape']:>10,} "
            f"{shapes['square']:>7,} {shapes['portrait']:>9,}"
        )


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
