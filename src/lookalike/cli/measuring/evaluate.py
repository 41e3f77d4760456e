"""``lookalike evaluate``: how well an encoder retrieves labelled images."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lookalike.cli.arguments import add_command
from lookalike.cli.encoder_options import add_encoder, add_view
from lookalike.cli.measuring.experiment import (
    DATASET_DETAILS,
    OWN_OR_BEST,
    add_dataset,
    add_junk,
    add_ranks,
    add_report,
    add_seed,
    command_line,
    deliver,
    own_or_named,
    read_dataset,
)
from lookalike.cli.terminal.progress import stage_progress

if TYPE_CHECKING:
    from lookalike.cli.arguments import Commands
    from lookalike.evaluation.scoring.results import Evaluation
    from lookalike.report.document.files import Content

_DETAILS = f"""\
{DATASET_DETAILS}

Junk is neither right nor wrong: exact copies of the query, and by default every image of its own group (one scene, one
burst) with its label; otherwise bursts inflate every score. Intervals are 95 %, and conditional on this gallery. The
page and evaluation.json, which --out writes, define every metric."""


def add_to(commands: Commands) -> None:
    """Add this command to the command line."""
    parser = add_command(commands, "evaluate", "measure how well an encoder retrieves labelled images", run, _DETAILS)
    add_dataset(parser)
    add_encoder(parser, OWN_OR_BEST)
    add_view(parser)
    add_ranks(parser)
    add_junk(parser)
    add_seed(parser)
    add_report(parser, "evaluation.html", "evaluation.json", "queries.csv")


def run(options: argparse.Namespace) -> int:
    """Carry out the command."""
    from lookalike.evaluation.data.provenance import with_command
    from lookalike.evaluation.experiments.evaluate import evaluate
    from lookalike.report.document.files import output_folder
    from lookalike.report.evaluation.document import evaluation_document
    from lookalike.report.evaluation.json import evaluation_json

    dataset = read_dataset(options)
    folder = output_folder(options.out) if options.out else None
    encoder = own_or_named(options, dataset)
    with stage_progress() as progress:
        evaluation = evaluate(
            dataset,
            encoder,
            ks=options.k,
            junk=options.junk,
            seed=options.seed,
            progress=progress,
        )
    evaluation = with_command(evaluation, command_line(options, "evaluate", encoder=encoder))
    return deliver(
        options,
        folder,
        document=lambda: evaluation_document(evaluation),
        answer=lambda: evaluation_json(evaluation),
        files=lambda: _files(evaluation),
    )


def _files(evaluation: Evaluation) -> dict[str, Content]:
    from lookalike.report.evaluation.document import evaluation_document
    from lookalike.report.evaluation.json import evaluation_json, queries_csv

    return {
        "queries.csv": queries_csv(evaluation),
        "evaluation.json": evaluation_json(evaluation),
        "evaluation.html": evaluation_document(evaluation),
    }
