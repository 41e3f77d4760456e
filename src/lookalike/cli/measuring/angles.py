"""``lookalike angles``: same scene, other frame."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lookalike.cli.arguments import add_command, add_near
from lookalike.cli.encoder_options import add_encoder, add_view
from lookalike.cli.measuring.experiment import (
    DATASET_DETAILS,
    OWN_OR_BEST,
    add_dataset,
    add_ranks,
    add_report,
    add_seed,
    command_line,
    embed,
    own_or_named,
    print_or_write,
    read_dataset,
)
from lookalike.cli.progress import progress_bar

if TYPE_CHECKING:
    from pathlib import Path

    from lookalike.cli.arguments import Commands
    from lookalike.evaluation.experiments.angle_results import Angles

_DETAILS = f"""\
{DATASET_DETAILS}

Multi-angle retrieval on real images: for each query that has a group (one scene), the other frames of its group are
relevant, whatever their label, and all else is wrong. Near copies of the query, told by efficientnet-lite2 whatever
encoder is measured, are junk."""


def add_to(commands: Commands) -> None:
    """Add this command to the command line."""
    parser = add_command(commands, "angles", "measure how well other frames of the same scene are found", run, _DETAILS)
    add_dataset(parser)
    add_encoder(parser, OWN_OR_BEST)
    add_view(parser)
    add_ranks(parser)
    add_near(parser)
    add_seed(parser)
    add_report(parser, "angles.html", "angles.json", "queries.csv")


def run(options: argparse.Namespace) -> int:
    """Carry out the command."""
    from lookalike.encoders.encoder import load_encoder
    from lookalike.evaluation.experiments.angles import angles, check_angles
    from lookalike.evaluation.ranking.near_duplicates import NEAR_ENCODER
    from lookalike.report.angles_json import angles_answer
    from lookalike.report.angles_text import angles_text
    from lookalike.report.document.files import output_folder

    folder = output_folder(options.out) if options.out else None
    dataset = read_dataset(options, one_class=True)
    check_angles(dataset, options.k)
    encoder = own_or_named(options, dataset)
    fixed = load_encoder(NEAR_ENCODER, precision="fp32")
    embedded = embed(dataset, encoder)
    near = embedded if fixed.spec == encoder.spec else embed(dataset, fixed, quiet=True)
    with progress_bar("ranking", "queries") as progress:
        found = angles(
            embedded,
            near,
            threshold=options.near,
            ks=options.k,
            seed=options.seed,
            progress=progress,
            command=command_line(options, "angles", "--near", f"{options.near:g}", encoder=encoder),
        )
    if folder is not None:
        write(found, folder)
    return print_or_write(options, folder, lambda: angles_answer(found), lambda: angles_text(found))


def write(found: Angles, folder: Path) -> None:
    """Write the page, the JSON and the CSV of ``found`` into ``folder``."""
    from lookalike.report.angles_json import angles_answer, angles_csv
    from lookalike.report.angles_page import angles_page
    from lookalike.report.document.files import write_answer, write_text

    write_text(folder / "queries.csv", angles_csv(found))
    write_answer(folder / "angles.json", angles_answer(found))
    write_text(folder / "angles.html", angles_page(found))
