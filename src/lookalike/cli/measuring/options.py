"""Options of several experiments."""

from __future__ import annotations

from typing import Final

import rich_click as click

from lookalike.cli.options.command import Decorator, together
from lookalike.cli.options.shared import json_option, positive_integer

DATASET_DETAILS = """\
DATASET is a folder with a folder for each class; a folder of flat names (cat.123.jpg, as Kaggle's Dogs vs. Cats); a CSV
with the columns path,label[,group][,visit][,split][,mask], paths relative to it; or a gallery, or a folder, with such a
CSV (labels.csv, or --labels), which then takes precedence; an ImageFolder of Hugging Face's datasets has a metadata.csv
or .jsonl with file_name and label. group names one scene, visit one inspection round. Each
image is the query once and all others are its gallery (leave-one-out), unless split assigns images to query and
gallery."""

OWN_OR_BEST = (
    "The encoder: a name (see lookalike encoders), or the path of a checkpoint (default: the encoder of the gallery "
    "that contains the images, else the best on this machine)."
)
"""The help of ``--encoder`` where :func:`own_or_named` decides."""


def _ranks(text: str) -> tuple[int, ...]:
    """Whole numbers of at least 1 with commas between them."""
    return tuple(sorted({positive_integer(part.strip()) for part in text.split(",")}))


def dataset_argument(*, required: bool = True) -> Decorator:
    """Add DATASET, ``--labels``, ``--query-split``, ``--gallery-split``, ``--on-missing`` and ``--allow-outside``."""
    return together(
        click.argument("dataset", metavar="DATASET" if required else "[DATASET]", required=required),
        click.option("--labels", metavar="CSV", help="The labels, if they aren't beside the images."),
        click.option("--query-split", metavar="FOLDER", help="The folder of DATASET with the queries, such as test."),
        click.option("--gallery-split", metavar="FOLDER", help="The folder with the images searched, such as train."),
        click.option(
            "--on-missing",
            type=click.Choice(("error", "skip")),
            help="What to do about images that can't be used: end with an error, or leave them out and count them "
            "(default: error for a row of a CSV whose file is missing, skip for files that are damaged or blank).",
        ),
        allow_outside_option,
    )


allow_outside_option: Final = click.option(
    "--allow-outside", is_flag=True, help="Let a CSV of labels name files outside of its own folder."
)
"""Adds ``--allow-outside``."""

ranks_option: Final = click.option(
    "--k",
    metavar="K,K,...",
    type=_ranks,
    default="1,5,10",
    help="The ranks k of precision, recall, hit rate and nDCG (default: 1,5,10).",
)
"""Adds ``--k``."""

junk_option: Final = click.option(
    "--junk",
    type=click.Choice(("group", "visit", "none")),
    default="group",
    help="Which images with the query's label are ignored: those of its group (the default), of its visit, or none.",
)
"""Adds ``--junk``."""


def seed_option(decides: str = "the order of ties") -> Decorator:
    """Add ``--seed``; its help says what it ``decides``."""
    return click.option("--seed", metavar="N", type=int, default=0, help=f"Decides {decides} (default: 0).")


def report_options(*files: str) -> Decorator:
    """Add ``--out``, which writes ``files``, and ``--json``."""
    *others, last = files
    return together(
        click.option(
            "--out",
            metavar="FOLDER",
            allow_from_autoenv=False,
            help=f"Write {', '.join(others)} and {last} there.",
        ),
        json_option,
    )
