"""``lookalike dataset show``: a summary of labelled images."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from lookalike.cli.arguments import add_command, add_near
from lookalike.cli.encoder_options import add_encoder, add_view, load
from lookalike.cli.measuring.experiment import (
    DATASET_DETAILS,
    add_dataset,
    add_report,
    add_seed,
    command_line,
    deliver,
    embed,
    read_dataset,
    with_notes,
)

if TYPE_CHECKING:
    from lookalike.cli.arguments import Commands
    from lookalike.evaluation.data.provenance import Provenance
    from lookalike.evaluation.experiments.inspect import DatasetInspection
    from lookalike.report.document.files import Content

_DETAILS = f"""\
{DATASET_DETAILS}

Every image is opened and compared with all others. The page has a contact sheet of each class."""

_ENCODER = "efficientnet-lite2"


def add_to(commands: Commands) -> None:
    """Add this command to the command line."""
    parser = add_command(commands, "dataset", "inspect labelled images before measuring with them", _usage)
    parser.set_defaults(usage=parser)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    show = add_command(
        actions,
        "show",
        "show counts, sizes, orientation, groups, copies and a contact sheet of each class",
        run,
        _DETAILS,
    )
    add_dataset(show)
    add_encoder(show, f"the encoder that finds near duplicates (default: {_ENCODER})")
    add_view(show)
    add_near(show)
    add_seed(show, "the contact sheet's images")
    add_report(show, "dataset.html", "dataset.json", "contact_sheet.jpg")


def _usage(options: argparse.Namespace) -> int:
    options.usage.error("an action is missing: show")
    return 2


def run(options: argparse.Namespace) -> int:
    """Carry out the command."""
    from lookalike.evaluation.data.provenance import provenance
    from lookalike.evaluation.experiments.inspect import inspect_dataset
    from lookalike.report.dataset.document import dataset_document
    from lookalike.report.dataset.json import dataset_json
    from lookalike.report.document.files import output_folder

    folder = output_folder(options.out) if options.out else None
    dataset = with_notes(read_dataset(options, one_class=True))
    encoder = load(options, options.encoder or _ENCODER)
    display = inspect_dataset(embed(dataset, encoder), near=options.near, seed=options.seed)
    command = command_line(options, "dataset show", "--near", f"{options.near:g}", encoder=encoder)
    made_with = replace(provenance(), command=command)
    return deliver(
        options,
        folder,
        document=lambda: dataset_document(display, made_with),
        answer=lambda: dataset_json(display),
        files=lambda: _files(display, made_with),
    )


def _files(display: DatasetInspection, made_with: Provenance) -> dict[str, Content]:
    from lookalike.report.dataset.contact_sheet import dataset_contact_sheet
    from lookalike.report.dataset.document import dataset_document
    from lookalike.report.dataset.json import dataset_json
    from lookalike.report.drawings.raster import jpeg

    return {
        "contact_sheet.jpg": jpeg(dataset_contact_sheet(display), quality=90),
        "dataset.json": dataset_json(display),
        "dataset.html": dataset_document(display, made_with),
    }
