"""``lookalike evaluate``: how well an encoder retrieves labelled images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookalike.cli.measuring.experiment import command_line, deliver, own_or_named, read_dataset
from lookalike.cli.measuring.options import (
    DATASET_DETAILS,
    OWN_OR_BEST,
    dataset_argument,
    junk_option,
    ranks_option,
    report_options,
    seed_option,
)
from lookalike.cli.options.command import Options, command
from lookalike.cli.options.encoder import encoder_options, view_option
from lookalike.cli.terminal.progress import stage_progress

if TYPE_CHECKING:
    from lookalike.evaluation.scoring.results import Evaluation
    from lookalike.report.document.files import Content

_DETAILS = f"""\
{DATASET_DETAILS}

Junk is neither right nor wrong: exact copies of the query, and by default every image of its own group (one scene, one
burst) with its label; otherwise bursts inflate every score. Intervals are 95 %, and conditional on this gallery. The
page and evaluation.json, which --out writes, define every metric."""


@command("evaluate", details=_DETAILS)
@dataset_argument()
@encoder_options(OWN_OR_BEST)
@view_option()
@ranks_option
@junk_option
@seed_option()
@report_options("evaluation.html", "evaluation.json", "queries.csv")
def evaluate(options: Options) -> int:
    """Measure how well an encoder retrieves labelled images."""
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
