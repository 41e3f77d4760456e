"""``lookalike compare``: several encoders on the same labelled images."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lookalike.cli.measuring.experiment import command_line, deliver, embedding_cache, read_dataset
from lookalike.cli.measuring.options import (
    DATASET_DETAILS,
    dataset_argument,
    junk_option,
    ranks_option,
    report_options,
    seed_option,
)
from lookalike.cli.options.command import Options, command
from lookalike.cli.options.encoder import encoder_options, load, view_option
from lookalike.cli.options.shared import yes_option
from lookalike.cli.terminal.progress import stage_progress

if TYPE_CHECKING:
    from lookalike.encoders.encoder import Encoder
    from lookalike.evaluation.experiments.compare import Comparison
    from lookalike.report.document.files import Content

_DETAILS = f"""\
{DATASET_DETAILS}

The first --encoder is the reference that the others are tested against (Student's t of paired differences, Holm's
correction): testing against the best row would be selection. An encoder whose weights aren't on this machine is listed
as missing, with the command that downloads them; --yes downloads them first. The published values of the method are
listed separately, because their metric and split aren't known."""


@command("compare", details=_DETAILS)
@dataset_argument()
@encoder_options(
    "An encoder: a name (see lookalike encoders), or the path of a checkpoint; repeat it, the reference first "
    "(default: all encoders of the catalogue, the best on this machine first).",
    several=True,
)
@view_option()
@ranks_option
@junk_option
@seed_option()
@yes_option("Download missing weights without asking.")
@report_options("comparison.html", "comparison.md", "comparison.json")
def compare(options: Options) -> int:
    """Compare encoders on labelled images, each tested against the first."""
    from lookalike.evaluation.data.provenance import with_command
    from lookalike.evaluation.experiments.compare import compare, known_encoders
    from lookalike.report.comparison.document import comparison_document
    from lookalike.report.comparison.json import comparison_json
    from lookalike.report.document.files import output_folder

    dataset = read_dataset(options)
    folder = output_folder(options.out) if options.out else None
    options.encoder = options.encoder or known_encoders()
    with embedding_cache() as cache, stage_progress() as progress:
        comparison = compare(
            dataset,
            options.encoder,
            ks=options.k,
            junk=options.junk,
            seed=options.seed,
            cache=cache,
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


def _load(options: Options, name: str | os.PathLike[str]) -> Encoder:
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
