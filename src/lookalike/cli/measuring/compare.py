"""``lookalike compare``: several encoders on the same labelled images."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from lookalike.cli.arguments import add_command
from lookalike.cli.encoder_options import add_encoder, add_view, load, pull
from lookalike.cli.measuring.experiment import (
    DATASET_DETAILS,
    add_dataset,
    add_junk,
    add_ranks,
    add_report,
    add_seed,
    command_line,
    print_or_write,
)
from lookalike.cli.progress import stage_progress

if TYPE_CHECKING:
    from pathlib import Path

    from lookalike.cli.arguments import Commands
    from lookalike.encoders.encoder import Encoder
    from lookalike.evaluation.experiments.compare import Comparison

_DETAILS = f"""\
{DATASET_DETAILS}

The first --encoder is the reference that the others are tested against (paired, whole groups' signs flipped, Holm's
correction): testing against the best row would be selection. An encoder whose weights aren't on this machine keeps a
row that says so, and how to get them; --yes downloads them. The figures that the method was published with stand
apart: their metric and split aren't known."""


def add_to(commands: Commands) -> None:
    """Add this command to the command line."""
    parser = add_command(
        commands, "compare", "compare encoders on labelled images, each tested against the first", run, _DETAILS
    )
    add_dataset(parser)
    add_encoder(
        parser,
        "an encoder: a name (see lookalike encoders), or the path of a checkpoint; several times, the reference first "
        "(default: all that are known, the best on this machine first)",
        several=True,
    )
    add_view(parser)
    add_ranks(parser)
    add_junk(parser)
    add_seed(parser)
    parser.add_argument("--yes", action="store_true", help="agree to the download of weights that aren't here")
    add_report(parser, "comparison.html", "comparison.md", "comparison.json")


def run(options: argparse.Namespace) -> int:
    """Carry out the command."""
    from lookalike.evaluation.data.load import load_dataset
    from lookalike.evaluation.experiments.compare import compare, known_encoders
    from lookalike.report.comparison_json import comparison_answer
    from lookalike.report.comparison_text import comparison_text
    from lookalike.report.document.files import output_folder

    dataset = load_dataset(options.dataset, csv=options.labels)
    folder = output_folder(options.out) if options.out else None
    options.encoder = options.encoder or known_encoders()
    with stage_progress() as progress:
        comparison = compare(
            dataset,
            options.encoder,
            ks=options.k,
            junk=options.junk,
            seed=options.seed,
            progress=progress,
            command=command_line(options, "compare"),
            load=lambda name: _load(options, name),
        )
    if folder is not None:
        write(comparison, folder)
    return print_or_write(options, folder, lambda: comparison_answer(comparison), lambda: comparison_text(comparison))


def _load(options: argparse.Namespace, name: str | os.PathLike[str]) -> Encoder:
    """The encoder called ``name``, its weights fetched first if that was agreed to."""
    from lookalike.encoders import catalog
    from lookalike.encoders.weights import locate

    row = next((row for row in catalog.CATALOG if row.name == name), None)
    if row is not None and options.yes and locate.weights_path(row) is None:
        pull(row)
    return load(options, os.fspath(name))


def write(comparison: Comparison, folder: Path) -> None:
    """Write the page, the Markdown and the JSON of ``comparison`` into ``folder``."""
    from lookalike.report.comparison_json import comparison_answer
    from lookalike.report.comparison_page import comparison_page
    from lookalike.report.comparison_text import comparison_markdown
    from lookalike.report.document.files import write_answer, write_text

    write_answer(folder / "comparison.json", comparison_answer(comparison))
    write_text(folder / "comparison.md", comparison_markdown(comparison) + "\n")
    write_text(folder / "comparison.html", comparison_page(comparison))
