"""``lookalike robustness``: retrieval when images are corrupted."""

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
    deliver,
    own_or_named,
    read_dataset,
)
from lookalike.cli.terminal.progress import stage_progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lookalike.cli.arguments import Commands
    from lookalike.evaluation.data.dataset import Dataset
    from lookalike.evaluation.robustness.examples import Example
    from lookalike.evaluation.robustness.results import Robustness
    from lookalike.report.document.files import Content
    from lookalike.report.robustness.figures import RobustnessFigures

_DETAILS = f"""\
{DATASET_DETAILS}

Every image is made upright, scaled to 512 pixels along its shorter side, and corrupted by each corruption at each
severity; retrieval is measured on each of them, and compared with the same images clean. --list prints all corruptions.
You can interrupt it at any time: vectors are stored (in FOLDER/vectors with --out), and the next run with the same
images, encoder and seed continues from there, even with more corruptions."""

_MUCH = 1_000_000_000
"""Bytes on disk that are announced before they are written."""


def add_to(commands: Commands) -> None:
    """Add this command to the command line."""
    parser = add_command(commands, "robustness", "measure retrieval when images are corrupted", run, _DETAILS)
    add_dataset(parser, optional=True)
    parser.add_argument("--list", action="store_true", help="print all corruptions, each with a description")
    parser.add_argument(
        "--corruption", metavar="NAME", action="append", default=[], help="this corruption; can be repeated"
    )
    parser.add_argument(
        "--family", metavar="NAME", action="append", default=[], help="all corruptions of this family; can be repeated"
    )
    parser.add_argument(
        "--severity", metavar="1-5", type=severities, default=(1, 2, 3, 4, 5), help="as 3, 1,3,5 or 1-5 (the default)"
    )
    parser.add_argument(
        "--target",
        choices=("query", "gallery", "both", "mixed"),
        default="query",
        help="what is corrupted: the queries (default), the gallery, both, or each gallery image with probability 0.5",
    )
    add_encoder(parser, OWN_OR_BEST)
    add_view(parser)
    add_junk(parser)
    parser.add_argument(
        "--limit", metavar="N", type=positive_integer, help="use at most N images of each class, drawn by the seed"
    )
    add_seed(parser, "all damage, the order of ties and the resampling of intervals")
    add_report(parser, "robustness.html", "robustness.json", "robustness.csv")
    parser.set_defaults(usage=parser)


def severities(text: str) -> tuple[int, ...]:
    """The severities in ``text``, whole numbers and ranges (1-5) separated by commas."""
    numbers: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        try:
            low, high = int(first), int(last or first)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a list of severities; write 3, 1,3,5 or 1-5") from None
        if not 1 <= low <= high <= 5:  # noqa: PLR2004  the range of severities
            raise argparse.ArgumentTypeError(f"{part.strip()!r}: severities go from 1 to 5")
        numbers.update(range(low, high + 1))
    return tuple(sorted(numbers))


def run(options: argparse.Namespace) -> int:
    """Carry out the command."""
    if options.list:
        from lookalike.report.robustness.tables import corruptions_text

        print(corruptions_text())
        return 0
    if options.dataset is None:
        options.usage.error("a dataset is required, or --list to print all corruptions")
    from lookalike.evaluation.data.provenance import with_command
    from lookalike.evaluation.robustness.grid import grid, select_corruptions, versions_of
    from lookalike.evaluation.robustness.robustness import measure_robustness
    from lookalike.report.document.files import output_folder
    from lookalike.report.robustness.document import robustness_document
    from lookalike.report.robustness.json import robustness_json

    # Unknown names are reported before anything is read.
    cells = grid(select_corruptions(options.corruption, options.family), options.severity)
    dataset = _dataset(options)
    folder = output_folder(options.out) if options.out else None
    encoder = own_or_named(options, dataset)
    _announce(len(dataset.rows) * len(versions_of(cells, options.target)), encoder.spec.dimension)
    with stage_progress() as progress:
        result = measure_robustness(
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
        )
    result = with_command(result, command_line(options, "robustness", *_own_arguments(options), encoder=encoder))
    return deliver(
        options,
        folder,
        document=lambda: robustness_document(result),
        answer=lambda: robustness_json(result),
        files=lambda: robustness_files(result, *_examples(result)),
    )


def _announce(vectors: int, dimension: int) -> None:
    """Announce a large use of disk space."""
    from lookalike.cli.status import megabytes

    size = 4 * vectors * dimension
    if size >= _MUCH:
        print(
            f"lookalike: {vectors:,} vectors will take {megabytes(size)} on disk; --limit, --corruption and "
            "--severity reduce that",
            file=sys.stderr,
        )


def robustness_files(
    result: Robustness, examples: Sequence[Example], path: str, plots: RobustnessFigures | None = None
) -> dict[str, Content]:
    """The page, the JSON and the CSV of ``result``; ``examples`` are of the image ``path``."""
    from lookalike.report.robustness.document import robustness_document
    from lookalike.report.robustness.json import robustness_csv, robustness_json

    return {
        "robustness.csv": robustness_csv(result),
        "robustness.json": robustness_json(result),
        "robustness.html": robustness_document(result, examples, path, plots),
    }


def _examples(result: Robustness) -> tuple[list[Example], str]:
    """Every severity of one image, and its path."""
    from lookalike.evaluation.robustness.examples import example_row, examples

    row = example_row(result)
    return list(examples(result, row)), result.rows[row].path


def _dataset(options: argparse.Namespace) -> Dataset:
    from lookalike.evaluation.data.sampling import subset

    dataset = read_dataset(options)
    return dataset if options.limit is None else subset(dataset, options.limit, seed=options.seed)


def _own_arguments(options: argparse.Namespace) -> list[str]:
    """The command-line arguments that only this experiment has."""
    arguments = [argument for name in options.corruption for argument in ("--corruption", name)]
    arguments += [argument for name in options.family for argument in ("--family", name)]
    arguments += ["--severity", ",".join(map(str, options.severity)), "--target", options.target]
    return arguments if options.limit is None else [*arguments, "--limit", str(options.limit)]
