"""``lookalike dataset show``: a summary of labelled images."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lookalike.cli.measuring.experiment import command_line, deliver, embed, read_dataset, with_notes
from lookalike.cli.measuring.options import DATASET_DETAILS, dataset_argument, report_options, seed_option
from lookalike.cli.options.command import Options, command, group, wrong_usage
from lookalike.cli.options.encoder import encoder_options, load, view_option
from lookalike.cli.options.shared import near_option

if TYPE_CHECKING:
    from lookalike.evaluation.data.provenance import Provenance
    from lookalike.evaluation.experiments.inspect import DatasetInspection
    from lookalike.report.document.files import Content

_DETAILS = f"""\
{DATASET_DETAILS}

Every image is opened and compared with all others. The page has a contact sheet of each class."""

_ENCODER = "efficientnet-lite2"


@group("dataset")
def dataset(_: Options) -> int:
    """Inspect labelled images before measuring with them."""
    wrong_usage("an action is missing: lookalike dataset show DATASET")


@command("show", parent=dataset, details=_DETAILS)
@dataset_argument()
@encoder_options(f"The encoder that finds near duplicates (default: {_ENCODER}).")
@view_option()
@near_option
@seed_option("the contact sheet's images")
@report_options("dataset.html", "dataset.json", "contact_sheet.jpg")
def show(options: Options) -> int:
    """Show counts, sizes, orientation, groups, copies and a contact sheet of each class."""
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
        files=lambda: dataset_files(display, made_with),
    )


def dataset_files(display: DatasetInspection, made_with: Provenance) -> dict[str, Content]:
    """The page and the JSON of ``display``, and its contact sheet."""
    from lookalike.report.dataset.contact_sheet import dataset_contact_sheet
    from lookalike.report.dataset.document import dataset_document
    from lookalike.report.dataset.json import dataset_json
    from lookalike.report.rasters.raster import jpeg

    return {
        "contact_sheet.jpg": jpeg(dataset_contact_sheet(display), quality=90),
        "dataset.json": dataset_json(display),
        "dataset.html": dataset_document(display, made_with),
    }
