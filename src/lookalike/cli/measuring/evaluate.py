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
    own_or_named,
    print_or_write,
)
from lookalike.cli.progress import stage_progress

if TYPE_CHECKING:
    from pathlib import Path

    from lookalike.cli.arguments import Commands
    from lookalike.evaluation.scoring.results import Evaluation

_DETAILS = f"""\
{DATASET_DETAILS}

Junk is neither right nor wrong: exact copies of the query, and by default every image of its own group (one scene,
one burst) with its label, so that finding the next frame of the same scene counts for nothing. Intervals are 95 %, and
conditional on this gallery. Every figure's definition is on the page and in evaluation.json, which --out writes."""


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
    from lookalike.evaluation.data.load import load_dataset
    from lookalike.evaluation.experiments.evaluate import evaluate
    from lookalike.report.document.files import output_folder
    from lookalike.report.evaluation_json import evaluation_answer
    from lookalike.report.evaluation_text import evaluation_text

    dataset = load_dataset(options.dataset, csv=options.labels)
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
            command=command_line(options, "evaluate", encoder=encoder),
        )
    if folder is not None:
        _write(evaluation, folder)
    return print_or_write(options, folder, lambda: evaluation_answer(evaluation), lambda: evaluation_text(evaluation))


def _write(evaluation: Evaluation, folder: Path) -> None:
    from lookalike.report.document.files import write_answer, write_text
    from lookalike.report.evaluation_json import evaluation_answer, queries_csv
    from lookalike.report.evaluation_page import evaluation_page

    write_text(folder / "queries.csv", queries_csv(evaluation))
    write_answer(folder / "evaluation.json", evaluation_answer(evaluation))
    write_text(folder / "evaluation.html", evaluation_page(evaluation))
