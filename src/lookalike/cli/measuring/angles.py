"""``lookalike angles``: same scene, other frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookalike.cli.measuring.experiment import command_line, deliver, embed, own_or_named, read_dataset, with_notes
from lookalike.cli.measuring.options import (
    DATASET_DETAILS,
    OWN_OR_BEST,
    dataset_argument,
    ranks_option,
    report_options,
    seed_option,
)
from lookalike.cli.options.command import Options, command
from lookalike.cli.options.encoder import encoder_options, load, loader, view_option
from lookalike.cli.options.shared import near_option
from lookalike.cli.terminal.progress import progress_bar, stage_progress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lookalike.evaluation.data.dataset import Dataset
    from lookalike.evaluation.data.embedded import EmbeddedDataset
    from lookalike.evaluation.experiments.angle_comparison import AnglesComparison
    from lookalike.evaluation.experiments.angle_results import Angles
    from lookalike.report.document.files import Content

_DETAILS = f"""\
{DATASET_DETAILS}

Multi-angle retrieval on real images: for each query that has a group (one scene), the other frames of its group are
relevant, whatever their label, and all other images are wrong. Near duplicates of the query, found by
efficientnet-lite2 whatever encoder is measured, are junk."""


@command("angles", details=_DETAILS)
@dataset_argument()
@encoder_options(
    f"{OWN_OR_BEST} Repeat it to compare several, the one that the others are tested against first.", several=True
)
@view_option()
@ranks_option
@near_option
@seed_option()
@report_options("angles.html", "angles.json", "queries.csv")
def angles(options: Options) -> int:
    """Measure how well other frames of the same scene are retrieved, by one encoder or by several."""
    from lookalike.evaluation.experiments.angles import check_angles
    from lookalike.report.document.files import output_folder

    folder = output_folder(options.out) if options.out else None
    dataset = with_notes(read_dataset(options, one_class=True))
    check_angles(dataset, options.k)
    return _one(options, dataset, folder) if len(options.encoder) < 2 else _several(options, dataset, folder)  # noqa: PLR2004


def _one(options: Options, dataset: Dataset, folder: Path | None) -> int:
    """Measure one encoder."""
    from lookalike.evaluation.data.provenance import with_command
    from lookalike.evaluation.experiments.angles import measure_angles
    from lookalike.report.angles.document import angles_document
    from lookalike.report.angles.json import angles_json

    encoder = own_or_named(options, dataset, *options.encoder)
    embedded = embed(dataset, encoder)
    near = _near(options, dataset, [embedded])
    with progress_bar("ranking", "queries") as progress:
        result = measure_angles(
            embedded,
            near,
            threshold=options.near,
            ks=options.k,
            seed=options.seed,
            progress=progress,
        )
    result = with_command(result, command_line(options, "angles", "--near", f"{options.near:g}", encoder=encoder))
    return deliver(
        options,
        folder,
        document=lambda: angles_document(result),
        answer=lambda: angles_json(result),
        files=lambda: angles_files(result),
    )


def _several(options: Options, dataset: Dataset, folder: Path | None) -> int:
    """Compare several encoders."""
    from lookalike.evaluation.data.provenance import with_command
    from lookalike.evaluation.experiments.angle_comparison import compare_angles
    from lookalike.report.angles.comparison import angles_comparison_document
    from lookalike.report.angles.json import angles_comparison_json

    embedded = [embed(dataset, load(options, name), quiet=number > 0) for number, name in enumerate(options.encoder)]
    near = _near(options, dataset, embedded)
    with stage_progress() as progress:
        comparison = compare_angles(
            embedded, near, threshold=options.near, ks=options.k, seed=options.seed, progress=progress
        )
    comparison = with_command(comparison, command_line(options, "angles", "--near", f"{options.near:g}"))
    return deliver(
        options,
        folder,
        document=lambda: angles_comparison_document(comparison),
        answer=lambda: angles_comparison_json(comparison),
        files=lambda: angles_comparison_files(comparison),
    )


def _near(options: Options, dataset: Dataset, embedded: Sequence[EmbeddedDataset]) -> EmbeddedDataset:
    """The dataset embedded by the encoder that defines near duplicates, which may be one of ``embedded``."""
    from lookalike.evaluation.ranking.near_duplicates import NEAR_ENCODER

    fixed = loader(options)(NEAR_ENCODER, precision="fp32")
    return next((one for one in embedded if one.spec == fixed.spec), None) or embed(dataset, fixed, quiet=True)


def angles_comparison_files(comparison: AnglesComparison) -> dict[str, Content]:
    """The page, the JSON and the CSV of ``comparison``, and a page and a CSV of queries for each encoder."""
    from lookalike.report.angles.comparison import angles_comparison_document
    from lookalike.report.angles.document import angles_document
    from lookalike.report.angles.json import angles_comparison_csv, angles_comparison_json, angles_csv

    files: dict[str, Content] = {}
    for number, row in enumerate(comparison.rows, start=1):
        files[f"queries-{number}.csv"] = angles_csv(row.angles)
        files[f"angles-{number}.html"] = angles_document(row.angles)
    pages = [(row.name, f"angles-{number}.html") for number, row in enumerate(comparison.rows, start=1)]
    return {
        **files,
        "angles.csv": angles_comparison_csv(comparison),
        "angles.json": angles_comparison_json(comparison),
        "angles.html": angles_comparison_document(comparison, pages),
    }


def angles_files(result: Angles) -> dict[str, Content]:
    """The page, the JSON and the CSV of ``result``."""
    from lookalike.report.angles.document import angles_document
    from lookalike.report.angles.json import angles_csv, angles_json

    return {
        "queries.csv": angles_csv(result),
        "angles.json": angles_json(result),
        "angles.html": angles_document(result),
    }
