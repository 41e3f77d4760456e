"""Which dataset: the arguments that name one, and its embeddings."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from lookalike.cli.encoder_options import load
from lookalike.cli.progress import progress_bar

if TYPE_CHECKING:
    from lookalike.encoders.encoder import Encoder
    from lookalike.evaluation.dataset import Dataset
    from lookalike.evaluation.embedded import EmbeddedDataset

DATASET_DETAILS = """\
DATASET is a folder with a folder for each class; a folder of names like cat.123.jpg; a CSV (path,label[,group][,visit]
[,split][,mask], paths relative to it); a gallery with such a CSV; or a folder with a labels.csv, which then decides.
group names one scene, visit one inspection round, split is query or gallery."""


def add_dataset(parser: argparse.ArgumentParser) -> None:
    """Add DATASET and ``--labels``."""
    parser.add_argument("dataset", metavar="DATASET", help="labelled photographs: see below")
    parser.add_argument("--labels", metavar="CSV", help="the labels, where they don't lie beside the photographs")


def read_dataset(options: argparse.Namespace, *, one_class: bool = False) -> Dataset:
    """The dataset that the options name; what is left out of figures is said on standard error."""
    from lookalike.evaluation.datasets import load_dataset

    return told(load_dataset(options.dataset, csv=options.labels, one_class=one_class))


def told(dataset: Dataset) -> Dataset:
    """The dataset, once its notes have been printed on standard error."""
    for note in dataset.notes:
        print(f"lookalike: {note}", file=sys.stderr)
    return dataset


def own_or_named(options: argparse.Namespace, dataset: Dataset) -> Encoder:
    """The encoder that the options name, or that of the gallery the dataset lies in, or the best on this machine."""
    from lookalike.evaluation.evaluate import own_encoder

    unsaid = options.encoder is None and (options.precision, options.view) == ("auto", "centre")
    if unsaid and dataset.gallery is not None:
        return own_encoder(dataset)
    return load(options, options.encoder or "auto")


def embed(dataset: Dataset, encoder: Encoder, *, quiet: bool = False) -> EmbeddedDataset:
    """The dataset's embeddings, made with a progress bar; how many pictures can't be used is said unless ``quiet``."""
    from lookalike.evaluation.embedded import embed_dataset
    from lookalike.picture_files import shown

    with progress_bar(encoder.spec.name) as progress:
        embedded = embed_dataset(dataset, encoder, progress=progress)
    if embedded.skipped and not quiet:
        first = embedded.skipped[0]
        print(
            f"lookalike: {len(embedded.skipped):,} skipped, the first {shown(first.path)}: {first.reason}",
            file=sys.stderr,
        )
    return embedded
