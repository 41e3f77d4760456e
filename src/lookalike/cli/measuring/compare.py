"""``lookalike compare``: several encoders on the same labelled images."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from lookalike.cli.arguments import add_command
from lookalike.cli.encoder_options import add_encoder, add_view, load
from lookalike.cli.measuring.experiment import (
    DATASET_DETAILS,
    add_dataset,
    add_junk,
    add_ranks,
    add_report,
    add_seed,
    command_line,
    deliver,
    read_dataset,
)
from lookalike.cli.terminal.progress import stage_progress

if TYPE_CHECKING:
    from lookalike.cli.arguments import Commands
    from lookalike.encoders.encoder import Encoder
    from lookalike.evaluation.experiments.compare import Comparison
    from lookalike.report.document.files import Content

_DETAILS = f"""\
{DATASET_DETAILS}

The first --encoder is the reference that the others are tested against (paired, whole groups' signs flipped, Holm's
correction): testing against the best row would be selection. An encoder whose weights aren't on this machine is listed
as missing, with the command that downloads them; --yes downloads them first. The published values of the method are
listed separately, because their metric and split aren't known."""


def add_to(commands: Commands) -> None:
    """Add this command to the command line."""
    parser = add_command(
        commands, "compare", "compare encoders on labelled images, each tested against the first", run, _DETAILS
    )
    add_dataset(parser)
    add_encoder(
        parser,
        "an encoder: a name (see lookalike encoders), or the path of a checkpoint; repeat it, the reference first "
        "(default: all encoders of the catalogue, the best on this machine first)",
        several=True,
    )
    add_view(parser)
    add_ranks(parser)
    add_junk(parser)
    add_seed(parser)
    parser.add_argument("--yes", action="store_true", help="download missing weights without asking")
    add_report(parser, "comparison.html", "comparison.md", "comparison.json")


def run(options: argparse.Namespace) -> int:
    """Carry out the command."""
    from lookalike.evaluation.data.provenance import with_command
    from lookalike.evaluation.experiments.compare import compare, known_encoders
    from lookalike.report.comparison.document import comparison_document
    from lookalike.report.comparison.json import comparison_json
    from lookalike.report.document.files import output_folder

    dataset = read_dataset(options)
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
            load=lambda name: _load(options, name),
        )
    comparison = with_command(comparison, command_line(options, "compare"))
    return deliver(
        options,
        folder,
        document=lambda: comparison_document(comparison),
        answer=lambda: comparison_json(comparison),
        files=lambda: comparison_files(comparison),
    )


def _load(options: argparse.Namespace, name: str | os.PathLike[str]) -> Encoder:
    """The encoder ``name``; with --yes, its weights are downloaded first if they are missing."""
    from lookalike.encoders import catalog
    from lookalike.encoders.weights import locate

    row = next((row for row in catalog.CATALOG if row.name == name), None)
    if row is not None and options.yes and locate.weights_path(row) is None:
        options.encoders.pull(row)
    return load(options, os.fspath(name))


def comparison_files(comparison: Comparison) -> dict[str, Content]:
    """The page, the Markdown and the JSON of ``comparison``."""
    from lookalike.report.comparison.document import comparison_document
    from lookalike.report.comparison.json import comparison_json

    document = comparison_document(comparison)
    return {
        "comparison.json": comparison_json(comparison),
        "comparison.md": document,
        "comparison.html": document,
    }
