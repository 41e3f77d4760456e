"""``lookalike robustness``: how retrieval holds when images are damaged."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from lookalike.cli.arguments import add_command, positive_integer
from lookalike.cli.encoder_options import add_encoder, add_view
from lookalike.cli.measuring.experiment import (
    DATASET_DETAILS,
    OWN_OR_BEST,
    add_dataset,
    add_junk,
    add_report,
    add_seed,
    command_line,
    own_or_named,
    print_or_write,
)
from lookalike.cli.progress import stage_progress
from lookalike.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from lookalike.cli.arguments import Commands
    from lookalike.evaluation.data.dataset import Dataset
    from lookalike.evaluation.robustness.results import Robustness

_DETAILS = f"""\
{DATASET_DETAILS}

Every image is made upright, scaled to 512 pixels along its shorter side, and damaged by each corruption at each
severity; retrieval is measured on each of them, and set against the same images clean. --list prints all corruptions.
Stop it whenever you like: the vectors made so far are kept (in FOLDER/vectors with --out), and the next run with the
same images, encoder and seed goes on from there, also with more corruptions."""

_MUCH = 1_000_000_000
"""Bytes that are worth a word before they are written."""


def add_to(commands: Commands) -> None:
    """Add this command to the command line."""
    parser = add_command(commands, "robustness", "measure how retrieval holds when images are damaged", run, _DETAILS)
    add_dataset(parser, optional=True)
    parser.add_argument("--list", action="store_true", help="print all corruptions, each with its sentence")
    parser.add_argument(
        "--corruption", metavar="NAME", action="append", default=[], help="this corruption; several can be named"
    )
    parser.add_argument(
        "--family", metavar="NAME", action="append", default=[], help="all of this family; several can be named"
    )
    parser.add_argument(
        "--severity", metavar="1-5", type=severities, default=(1, 2, 3, 4, 5), help="as 3, 1,3,5 or 1-5 (the default)"
    )
    parser.add_argument(
        "--target",
        choices=("query", "gallery", "both", "mixed"),
        default="query",
        help="what is damaged: the queries (default), the gallery, both, or each gallery image with probability 0.5",
    )
    add_encoder(parser, OWN_OR_BEST)
    add_view(parser)
    add_junk(parser)
    parser.add_argument(
        "--limit", metavar="N", type=positive_integer, help="use at most N images of each class, drawn by the seed"
    )
    add_seed(parser, "all damage, the order of ties and what intervals resample")
    add_report(parser, "robustness.html", "robustness.json", "robustness.csv")
    parser.set_defaults(usage=parser)


def severities(text: str) -> tuple[int, ...]:
    """Severities from ``text``: whole numbers and ranges (1-5) with commas between them."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        try:
            low, high = int(first), int(last or first)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} names no severities; write 3, 1,3,5 or 1-5") from None
        if not 1 <= low <= high <= 5:  # noqa: PLR2004  the severities there are
            raise argparse.ArgumentTypeError(f"{part.strip()!r} is no severity: they go from 1 to 5")
        found.update(range(low, high + 1))
    return tuple(sorted(found))


def run(options: argparse.Namespace) -> int:
    """Carry out the command."""
    if options.list:
        from lookalike.report.robustness_text import corruptions_text

        print(corruptions_text())
        return 0
    if options.dataset is None:
        options.usage.error("name a dataset, or see what there is with --list")
    from lookalike.evaluation.robustness.grid import grid, select_corruptions, versions_of
    from lookalike.evaluation.robustness.robustness import robustness
    from lookalike.report.document.files import output_folder
    from lookalike.report.robustness_json import robustness_answer
    from lookalike.report.robustness_text import robustness_text

    # An unknown name is better known before anything is read.
    cells = grid(select_corruptions(options.corruption, options.family), options.severity)
    dataset = _dataset(options)
    folder = output_folder(options.out) if options.out else None
    encoder = own_or_named(options, dataset)
    _announce(len(dataset.rows) * len(versions_of(cells, options.target)), encoder.spec.dimension)
    with stage_progress() as progress:
        result = robustness(
            dataset,
            encoder,
            corruptions=options.corruption,
            families=options.family,
            severities=options.severity,
            target=options.target,
            junk=options.junk,
            seed=options.seed,
            folder=None if folder is None else folder / "vectors",
            progress=progress,
            command=command_line(options, "robustness", *_asked(options), encoder=encoder),
        )
    if folder is not None:
        write(result, folder)
    return print_or_write(
        options, folder, lambda: robustness_answer(result), lambda: f"{robustness_text(result)}\n\n{_made(result)}"
    )


def _announce(vectors: int, dimension: int) -> None:
    """Say beforehand what takes much room on disk."""
    from lookalike.cli.status import megabytes

    size = 4 * vectors * dimension
    if size >= _MUCH:
        print(
            f"lookalike: {vectors:,} vectors will take {megabytes(size)} on disk; --limit, --corruption and "
            "--severity make it less",
            file=sys.stderr,
        )


def write(result: Robustness, folder: Path) -> None:
    """Write the page, the JSON and the CSV of ``result`` into ``folder``."""
    from lookalike.evaluation.robustness.examples import example_row, examples
    from lookalike.report.document.files import write_answer, write_text
    from lookalike.report.robustness_json import robustness_answer, robustness_csv
    from lookalike.report.robustness_page import robustness_page

    row = example_row(result)
    page = robustness_page(result, list(examples(result, row)), result.rows[row].path)
    write_text(folder / "robustness.csv", robustness_csv(result))
    write_answer(folder / "robustness.json", robustness_answer(result))
    write_text(folder / "robustness.html", page)


def _dataset(options: argparse.Namespace) -> Dataset:
    from lookalike.evaluation.data.load import load_dataset
    from lookalike.evaluation.data.sampling import subset

    dataset = load_dataset(options.dataset, csv=options.labels)
    return dataset if options.limit is None else subset(dataset, options.limit, seed=options.seed)


def _asked(options: argparse.Namespace) -> list[str]:
    """The options that no other experiment has, as they are typed."""
    words = [word for name in options.corruption for word in ("--corruption", name)]
    words += [word for name in options.family for word in ("--family", name)]
    words += ["--severity", ",".join(map(str, options.severity)), "--target", options.target]
    return words if options.limit is None else [*words, "--limit", str(options.limit)]


def _made(result: Robustness) -> str:
    """What was encoded, how fast, and where it is kept."""
    from lookalike.cli.status import megabytes

    made = f"all {result.vector_count:,} vectors were there already"
    if result.encoded_count:
        speed = f", {result.encoded_count / result.seconds:.1f} a second" if result.seconds > 0 else ""
        made = f"{result.encoded_count:,} of {result.vector_count:,} vectors made now{speed}"
    return f"{made}; kept in {printable(result.folder)} ({megabytes(result.stored_bytes)}), which may be deleted"
