"""``lookalike evaluate``: how well an encoder retrieves labelled photographs."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.cli.arguments import add_command, positive
from lookalike.cli.encoder_options import add_encoder, add_view, load
from lookalike.cli.progress import stages
from lookalike.picture_files import shown

if TYPE_CHECKING:
    from lookalike.cli.arguments import Commands
    from lookalike.encoders.encoder import Encoder
    from lookalike.evaluation.dataset import Dataset
    from lookalike.evaluation.results import Evaluation

DATASET_DETAILS = """\
DATASET is a folder with a folder for each class; a folder of flat names (cat.123.jpg, as Kaggle's Dogs vs. Cats); a CSV
with the columns path,label[,group][,visit][,split]; or a gallery, or a folder, with such a CSV (labels.csv, or
--labels). Each picture is the query once and all others are its gallery (leave-one-out), unless the split column says
which are queries and which gallery."""

_DETAILS = f"""\
{DATASET_DETAILS}

Junk is neither right nor wrong: exact copies of the query, and by default every picture of its own group (one scene,
one burst) with its label, so that finding the next frame of the same scene counts for nothing. Intervals are 95 %, and
conditional on this gallery. Every figure's definition is on the page and in evaluation.json, which --out writes."""


def add_to(commands: Commands) -> None:
    """Add this command to the command line."""
    parser = add_command(
        commands, "evaluate", "measure how well an encoder retrieves labelled photographs", run, _DETAILS
    )
    parser.add_argument("dataset", metavar="DATASET", help="the labelled photographs")
    add_encoder(
        parser,
        "the encoder: a name (see lookalike encoders), or the path of a checkpoint (default: the one of the gallery "
        "that the photographs lie in, else the best on this machine)",
    )
    add_view(parser)
    add_protocol(parser)
    parser.add_argument("--out", metavar="FOLDER", help="write evaluation.json, queries.csv and evaluation.html there")
    parser.add_argument("--json", action="store_true", help="print evaluation.json and nothing else")


def add_protocol(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how figures are taken: ``--labels``, ``--k``, ``--junk`` and ``--seed``."""
    parser.add_argument("--labels", metavar="CSV", help="the labels, where they don't lie beside the photographs")
    parser.add_argument(
        "--k",
        metavar="K,K,...",
        type=ranks,
        default=(1, 5, 10),
        help="the ranks at which precision, recall, hit rate and nDCG are taken (default: 1,5,10)",
    )
    parser.add_argument(
        "--junk",
        choices=("group", "visit", "none"),
        default="group",
        help="which pictures with the query's label count neither way: of its group (default), of its visit, none",
    )
    parser.add_argument(
        "--seed",
        metavar="N",
        type=int,
        default=0,
        help="decides the order of ties and what intervals resample (default: %(default)s)",
    )


def ranks(text: str) -> tuple[int, ...]:
    """Whole numbers of at least 1 with commas between them."""
    return tuple(sorted({positive(part) for part in text.split(",")}))


def run(options: argparse.Namespace) -> int:
    """Carry out the command."""
    from lookalike.evaluation.datasets import load_dataset
    from lookalike.evaluation.evaluate import evaluate
    from lookalike.report.output import output_folder

    dataset = load_dataset(options.dataset, csv=options.labels)
    folder = output_folder(options.out) if options.out else None
    encoder = _encoder(options, dataset)
    with stages() as progress:
        evaluation = evaluate(
            dataset,
            encoder,
            ks=options.k,
            junk=options.junk,
            seed=options.seed,
            progress=progress,
            command=_command(options, encoder),
        )
    if folder is not None:
        _write(evaluation, folder)
    _print(evaluation, as_json=options.json)
    if folder is not None and not options.json:
        print(f"\nwritten to {shown(folder)}: evaluation.html, evaluation.json, queries.csv")
    return 0


def protocol_words(options: argparse.Namespace) -> list[str]:
    """The options of :func:`add_protocol` as they are typed, defaults too: what a report says it was made by."""
    labels = [] if options.labels is None else ["--labels", options.labels]
    ks = ",".join(map(str, options.k))
    return [*labels, "--k", ks, "--junk", options.junk, "--seed", str(options.seed)]


def _encoder(options: argparse.Namespace, dataset: Dataset) -> Encoder:
    from lookalike.evaluation.evaluate import own_encoder

    unsaid = options.encoder is None and (options.precision, options.view) == ("auto", "centre")
    if unsaid and dataset.gallery is not None:
        return own_encoder(dataset)
    return load(options, options.encoder or "auto")


def _command(options: argparse.Namespace, encoder: Encoder) -> str:
    spec = encoder.spec
    words = ["lookalike", "evaluate", options.dataset]
    words += ["--encoder", str(encoder.location or spec.name), "--precision", spec.precision, "--view", spec.view]
    words += [] if options.activation is None else ["--activation", options.activation]
    return shlex.join([*words, *protocol_words(options)])


def _write(evaluation: Evaluation, folder: Path) -> None:
    from lookalike.report.evaluation_json import evaluation_answer, queries_csv
    from lookalike.report.evaluation_page import evaluation_page
    from lookalike.report.output import write_text
    from lookalike.report.search_json import as_text

    write_text(folder / "queries.csv", queries_csv(evaluation))
    write_text(folder / "evaluation.json", as_text(evaluation_answer(evaluation)) + "\n")
    write_text(folder / "evaluation.html", evaluation_page(evaluation))


def _print(evaluation: Evaluation, *, as_json: bool) -> None:
    if as_json:
        from lookalike.report.evaluation_json import evaluation_answer
        from lookalike.report.search_json import as_text

        sys.stdout.buffer.write(as_text(evaluation_answer(evaluation)).encode() + b"\n")
    else:
        from lookalike.report.evaluation_text import evaluation_text

        print(evaluation_text(evaluation))
