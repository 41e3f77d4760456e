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
from lookalike.cli.options.encoder import encoder_options, loader, view_option
from lookalike.cli.options.shared import near_option
from lookalike.cli.terminal.progress import progress_bar

if TYPE_CHECKING:
    from lookalike.evaluation.experiments.angle_results import Angles
    from lookalike.report.document.files import Content

_DETAILS = f"""\
{DATASET_DETAILS}

Multi-angle retrieval on real images: for each query that has a group (one scene), the other frames of its group are
relevant, whatever their label, and all other images are wrong. Near duplicates of the query, found by
efficientnet-lite2 whatever encoder is measured, are junk."""


@command("angles", details=_DETAILS)
@dataset_argument()
@encoder_options(OWN_OR_BEST)
@view_option()
@ranks_option
@near_option
@seed_option()
@report_options("angles.html", "angles.json", "queries.csv")
def angles(options: Options) -> int:
    """Measure how well other frames of the same scene are retrieved."""
    from lookalike.evaluation.data.provenance import with_command
    from lookalike.evaluation.experiments.angles import check_angles, measure_angles
    from lookalike.evaluation.ranking.near_duplicates import NEAR_ENCODER
    from lookalike.report.angles.document import angles_document
    from lookalike.report.angles.json import angles_json
    from lookalike.report.document.files import output_folder

    folder = output_folder(options.out) if options.out else None
    dataset = with_notes(read_dataset(options, one_class=True))
    check_angles(dataset, options.k)
    encoder = own_or_named(options, dataset, options.encoder)
    fixed = loader(options)(NEAR_ENCODER, precision="fp32")
    embedded = embed(dataset, encoder)
    near = embedded if fixed.spec == encoder.spec else embed(dataset, fixed, quiet=True)
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


def angles_files(result: Angles) -> dict[str, Content]:
    """The page, the JSON and the CSV of ``result``."""
    from lookalike.report.angles.document import angles_document
    from lookalike.report.angles.json import angles_csv, angles_json

    return {
        "queries.csv": angles_csv(result),
        "angles.json": angles_json(result),
        "angles.html": angles_document(result),
    }
