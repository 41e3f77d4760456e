"""``lookalike evaluate``: how well an encoder retrieves labelled images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from lookalike.cli.measuring.experiment import command_line, deliver, embedding_cache, own_or_named, read_dataset
from lookalike.cli.measuring.options import (
    DATASET_DETAILS,
    OWN_OR_BEST,
    dataset_argument,
    junk_option,
    ranks_option,
    report_options,
    seed_option,
)
from lookalike.cli.options.command import Options, command, wrong_usage
from lookalike.cli.options.encoder import encoder_options, view_option
from lookalike.cli.terminal.progress import stage_progress

if TYPE_CHECKING:
    from lookalike.encoders.encoder import Encoder
    from lookalike.evaluation.data.dataset import Dataset
    from lookalike.evaluation.data.embedded import EmbeddedDataset
    from lookalike.evaluation.scoring.results import Evaluation
    from lookalike.report.document.files import Content

_DETAILS = f"""\
{DATASET_DETAILS}

Junk is neither right nor wrong: exact copies of the query, and by default every image of its own group (one scene, one
burst) with its label; otherwise bursts inflate every score. Intervals are 95 %, for new images from the same source.
The page and evaluation.json, which --out writes, define every metric. An evaluation of a gallery by its own encoder is
kept with it: lookalike status and lookalike serve show it.

Embeddings of any model can be measured in the same way. DATASET is then the folder of the images (default: that of the
CSV); they needn't be there:
  lookalike evaluate --embeddings embeddings.npy --labels labels.csv"""


@command("evaluate", details=_DETAILS)
@dataset_argument(required=False)
@click.option(
    "--embeddings",
    metavar="NPY",
    help="Measure embeddings that were computed elsewhere: a numpy array, a row for each row of the CSV of --labels.",
)
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

    dataset, encoder = _input(options)
    folder = output_folder(options.out) if options.out else None
    with embedding_cache() as cache, stage_progress() as progress:
        evaluation = evaluate(
            dataset,
            encoder,
            ks=options.k,
            junk=options.junk,
            seed=options.seed,
            cache=cache,
            progress=progress,
        )
    further = () if options.embeddings is None else ("--embeddings", options.embeddings)
    evaluation = with_command(evaluation, command_line(options, "evaluate", *further, encoder=encoder))
    _keep(evaluation)
    return deliver(
        options,
        folder,
        document=lambda: evaluation_document(evaluation),
        answer=lambda: evaluation_json(evaluation),
        files=lambda: evaluation_files(evaluation),
    )


def _input(options: Options) -> tuple[Dataset | EmbeddedDataset, Encoder | None]:
    """The dataset and the encoder to embed it with, which embeddings from elsewhere don't need."""
    if options.embeddings is None:
        if options.dataset is None:
            wrong_usage("evaluate needs a DATASET, or --embeddings and --labels")
        dataset = read_dataset(options)
        return dataset, own_or_named(options, dataset, options.encoder)
    from lookalike.evaluation.data.external import load_embeddings

    if options.labels is None:
        wrong_usage("--embeddings needs --labels: a CSV (path,label) whose row i is the image of row i of the array")
    if options.encoder is not None:
        wrong_usage("--embeddings and --encoder exclude each other: embeddings from elsewhere need no encoder")
    if options.query_split is not None or options.gallery_split is not None:
        wrong_usage("--embeddings takes the split from the CSV: a column split with query or gallery")
    source = None if options.dataset is None else Path(options.dataset)
    embeddings = Path(options.embeddings), Path(options.labels)
    return load_embeddings(*embeddings, source, allow_outside=options.allow_outside), None


def _keep(evaluation: Evaluation) -> None:
    """Keep the result with the gallery of the images, if that has the same encoder."""
    from lookalike.gallery.gallery import Gallery
    from lookalike.report.evaluation.json import evaluation_json

    if evaluation.dataset.gallery is None:
        return
    with Gallery.open(evaluation.dataset.gallery) as gallery:
        if gallery.stamp.fingerprint == evaluation.encoder.fingerprint:
            gallery.keep_evaluation(evaluation_json(evaluation))


def evaluation_files(evaluation: Evaluation) -> dict[str, Content]:
    """The page and the JSON of ``evaluation``, and a CSV of its queries."""
    from lookalike.report.evaluation.document import evaluation_document
    from lookalike.report.evaluation.json import evaluation_json, queries_csv

    return {
        "queries.csv": queries_csv(evaluation),
        "evaluation.json": evaluation_json(evaluation),
        "evaluation.html": evaluation_document(evaluation),
    }
