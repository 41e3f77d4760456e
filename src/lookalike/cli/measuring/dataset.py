"""``lookalike dataset show``: what labelled images look like."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lookalike.cli.arguments import add_command, add_near
from lookalike.cli.encoder_options import add_encoder, add_view, load
from lookalike.cli.measuring.experiment import (
    DATASET_DETAILS,
    add_dataset,
    add_report,
    add_seed,
    command_line,
    embed,
    print_or_write,
    read_dataset,
)

if TYPE_CHECKING:
    from pathlib import Path

    from lookalike.cli.arguments import Commands
    from lookalike.evaluation.data.provenance import Provenance
    from lookalike.evaluation.experiments.inspect import DatasetInspection

_DETAILS = f"""\
{DATASET_DETAILS}

Every image is opened and compared with all others. The page has a contact sheet of each class."""

_ENCODER = "efficientnet-lite2"


def add_to(commands: Commands) -> None:
    """Add this command to the command line."""
    parser = add_command(commands, "dataset", "look at labelled images before figures are made of them", _usage)
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
    add_encoder(show, f"the encoder that near copies are told by (default: {_ENCODER})")
    add_view(show)
    add_near(show)
    add_seed(show, "the contact sheet's images")
    add_report(show, "dataset.html", "dataset.json", "contact_sheet.jpg")


def _usage(options: argparse.Namespace) -> int:
    options.usage.error("say what to do with a dataset: show")
    return 2


def run(options: argparse.Namespace) -> int:
    """Carry out the command."""
    from lookalike.evaluation.data.provenance import provenance
    from lookalike.evaluation.experiments.inspect import inspect_dataset
    from lookalike.report.dataset_json import dataset_answer
    from lookalike.report.dataset_text import dataset_text
    from lookalike.report.document.files import output_folder

    folder = output_folder(options.out) if options.out else None
    dataset = read_dataset(options, one_class=True)
    encoder = load(options, options.encoder or _ENCODER)
    display = inspect_dataset(embed(dataset, encoder), near=options.near, seed=options.seed)
    if folder is not None:
        command = command_line(options, "dataset show", "--near", f"{options.near:g}", encoder=encoder)
        _write(display, folder, provenance(command))
    return print_or_write(options, folder, lambda: dataset_answer(display), lambda: dataset_text(display))


def _write(display: DatasetInspection, folder: Path, made: Provenance) -> None:
    from lookalike.report.dataset_json import dataset_answer
    from lookalike.report.dataset_page import dataset_page
    from lookalike.report.dataset_sheet import dataset_sheet
    from lookalike.report.document.files import atomic_writer, write_answer, write_text

    with atomic_writer(folder / "contact_sheet.jpg") as file:
        dataset_sheet(display).save(file, "JPEG", quality=90)
    write_answer(folder / "dataset.json", dataset_answer(display))
    write_text(folder / "dataset.html", dataset_page(display, made))
