"""What the commands of experiments share: options, the dataset, and how a report is printed and written."""

from __future__ import annotations

import argparse
import shlex
import sys
from typing import TYPE_CHECKING, Any

from lookalike.cli.arguments import positive_integer
from lookalike.cli.encoder_options import load, loader
from lookalike.cli.output import print_json
from lookalike.cli.terminal.progress import progress_bar
from lookalike.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from lookalike.encoders.encoder import Encoder
    from lookalike.evaluation.data.dataset import Dataset
    from lookalike.evaluation.data.embedded import EmbeddedDataset
    from lookalike.report.document.blocks import Document
    from lookalike.report.document.files import Content

DATASET_DETAILS = """\
DATASET is a folder with a folder for each class; a folder of flat names (cat.123.jpg, as Kaggle's Dogs vs. Cats); a CSV
with the columns path,label[,group][,visit][,split][,mask], paths relative to it; or a gallery, or a folder, with such a
CSV (labels.csv, or --labels), which then takes precedence. group names one scene, visit one inspection round. Each
image is the query once and all others are its gallery (leave-one-out), unless split assigns images to query and
gallery."""

OWN_OR_BEST = (
    "the encoder: a name (see lookalike encoders), or the path of a checkpoint (default: the encoder of the gallery "
    "that contains the images, else the best on this machine)"
)
"""The help of ``--encoder`` where :func:`own_or_named` decides."""


def add_dataset(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Add DATASET, ``--labels``, ``--on-missing`` and ``--allow-outside``."""
    dataset = parser.add_argument("dataset", metavar="DATASET", help="labelled images: see below")
    if optional:
        dataset.nargs, dataset.required = "?", False
    parser.add_argument("--labels", metavar="CSV", help="the labels, if they aren't beside the images")
    parser.add_argument(
        "--on-missing",
        choices=("error", "skip"),
        help="what to do about images that can't be used: end with an error, or leave them out and count them "
        "(default: error for a row of a CSV whose file is missing, skip for files that are damaged or blank)",
    )
    add_allow_outside(parser)


def add_allow_outside(parser: argparse.ArgumentParser) -> None:
    """Add ``--allow-outside``."""
    parser.add_argument(
        "--allow-outside", action="store_true", help="let a CSV of labels name files outside of its own folder"
    )


def add_ranks(parser: argparse.ArgumentParser) -> None:
    """Add ``--k``."""
    parser.add_argument(
        "--k",
        metavar="K,K,...",
        type=_ranks,
        default=(1, 5, 10),
        help="the ranks k of precision, recall, hit rate and nDCG (default: 1,5,10)",
    )


def add_junk(parser: argparse.ArgumentParser) -> None:
    """Add ``--junk``."""
    parser.add_argument(
        "--junk",
        choices=("group", "visit", "none"),
        default="group",
        help="which images with the query's label are ignored: those of its group (default), of its visit, or none",
    )


def add_seed(parser: argparse.ArgumentParser, decides: str = "the order of ties and what intervals resample") -> None:
    """Add ``--seed``; its help says what it ``decides``."""
    parser.add_argument("--seed", metavar="N", type=int, default=0, help=f"decides {decides} (default: %(default)s)")


def add_report(parser: argparse.ArgumentParser, *files: str) -> None:
    """Add ``--out``, which writes ``files``, and ``--json``."""
    *others, last = files
    parser.add_argument("--out", metavar="FOLDER", help=f"write {', '.join(others)} and {last} there")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")
    parser.set_defaults(files=files)


def _ranks(text: str) -> tuple[int, ...]:
    """Whole numbers of at least 1 with commas between them."""
    return tuple(sorted({positive_integer(part.strip()) for part in text.split(",")}))


def read_dataset(options: argparse.Namespace, *, one_class: bool = False) -> Dataset:
    """The dataset that the options name."""
    from lookalike.evaluation.data.load import load_dataset

    return load_dataset(
        options.dataset,
        csv=options.labels,
        one_class=one_class,
        skip_missing=options.on_missing == "skip",
        require_all=options.on_missing == "error",
        allow_outside=options.allow_outside,
    )


def with_notes(dataset: Dataset) -> Dataset:
    """The dataset, once its notes have been printed on standard error."""
    for note in dataset.notes:
        print(f"lookalike: {note}", file=sys.stderr)
    return dataset


def own_or_named(options: argparse.Namespace, dataset: Dataset) -> Encoder:
    """The encoder that the options name, or that of the dataset's gallery, or the best on this machine."""
    from lookalike.evaluation.scoring.default_encoder import default_encoder

    default = options.encoder is None and (options.precision, options.view) == ("auto", "centre")
    if default and dataset.gallery is not None:
        return default_encoder(dataset, loader(options))
    return load(options, options.encoder or "auto")


def embed(dataset: Dataset, encoder: Encoder, *, quiet: bool = False) -> EmbeddedDataset:
    """The dataset's embeddings, with a progress bar; reports skipped images unless ``quiet``."""
    from lookalike.evaluation.data.embedded import embed_dataset

    with progress_bar(encoder.spec.name) as progress:
        embedded = embed_dataset(dataset, encoder, progress=progress)
    if embedded.skipped and not quiet:
        first = embedded.skipped[0]
        print(
            f"lookalike: {len(embedded.skipped):,} skipped, the first {printable(first.path)}: {first.reason}",
            file=sys.stderr,
        )
    return embedded


def command_line(options: argparse.Namespace, command: str, *further: str, encoder: Encoder | None = None) -> str:
    """The command line that makes the same report again, with every option written out.

    ``command`` is its name, ``further`` are the arguments that only this command has. ``encoder`` is the one that was
    used, if it isn't among the options.
    """
    arguments = ["lookalike", *command.split(), *filter(None, [getattr(options, "dataset", None)])]
    if getattr(options, "labels", None) is not None:
        arguments += ["--labels", options.labels]
    if getattr(options, "on_missing", None) is not None:
        arguments += ["--on-missing", options.on_missing]
    if getattr(options, "allow_outside", False):
        arguments.append("--allow-outside")
    arguments += [*further, *_encoder_arguments(options, encoder)]
    if hasattr(options, "k"):
        arguments += ["--k", ",".join(map(str, options.k))]
    if hasattr(options, "junk"):
        arguments += ["--junk", options.junk]
    return shlex.join([*arguments, "--seed", str(options.seed)])


def _encoder_arguments(options: argparse.Namespace, encoder: Encoder | None) -> list[str]:
    names: Sequence[str] = options.encoder if isinstance(options.encoder, list) else ()
    precision, view = options.precision, options.view
    if encoder is not None:
        names = [str(encoder.location or encoder.spec.name)]
        precision, view = encoder.spec.precision, encoder.spec.view
    arguments = [argument for name in names for argument in ("--encoder", name)]
    arguments += ["--precision", precision, "--view", view]
    return arguments if options.activation is None else [*arguments, "--activation", options.activation]


def deliver(
    options: argparse.Namespace,
    folder: Path | None,
    document: Callable[[], Document],
    answer: Callable[[], dict[str, Any]],
    files: Callable[[], Mapping[str, Content]] | None = None,
) -> int:
    """Write the report's ``files`` to ``folder``, if there is one, and print its JSON or its text; returns 0."""
    from lookalike.report.document.files import write_files
    from lookalike.report.document.terminal import terminal_text

    if folder is not None and files is not None:
        write_files(folder, files())
    if options.json:
        print_json(answer())
        return 0
    print(terminal_text(document()))
    if folder is not None:
        print(f"\nwritten to {printable(folder)}: {', '.join(options.files)}")
    return 0
