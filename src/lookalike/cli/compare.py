"""``lookalike compare``: several encoders on the same labelled photographs."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.cli.arguments import add_command
from lookalike.cli.encoder_options import add_encoder, add_view, load, pull
from lookalike.cli.evaluate import DATASET_DETAILS, add_protocol, protocol_words
from lookalike.cli.progress import stages
from lookalike.picture_files import shown

if TYPE_CHECKING:
    from lookalike.cli.arguments import Commands
    from lookalike.encoders.encoder import Encoder
    from lookalike.evaluation.compare import Comparison

_DETAILS = f"""\
{DATASET_DETAILS}

The first --encoder is the reference that the others are tested against (paired, whole groups' signs flipped, Holm's
correction): testing against the best row would be selection. An encoder whose weights aren't on this machine keeps a
row that says so, and how to get them; --yes downloads them. The figures that the method was published with stand
apart: their metric and split aren't known."""


def add_to(commands: Commands) -> None:
    """Add this command to the command line."""
    parser = add_command(
        commands, "compare", "compare encoders on labelled photographs, each tested against the first", run, _DETAILS
    )
    parser.add_argument("dataset", metavar="DATASET", help="the labelled photographs")
    add_encoder(
        parser,
        "an encoder: a name (see lookalike encoders), or the path of a checkpoint; several times, the reference first "
        "(default: all that are known, the best on this machine first)",
        several=True,
    )
    add_view(parser)
    add_protocol(parser)
    parser.add_argument("--yes", action="store_true", help="agree to the download of weights that aren't here")
    parser.add_argument(
        "--out", metavar="FOLDER", help="write comparison.html, comparison.md and comparison.json there"
    )
    parser.add_argument("--json", action="store_true", help="print comparison.json and nothing else")


def run(options: argparse.Namespace) -> int:
    """Carry out the command."""
    from lookalike.evaluation.compare import compare, everything_known
    from lookalike.evaluation.datasets import load_dataset
    from lookalike.report.output import output_folder

    dataset = load_dataset(options.dataset, csv=options.labels)
    folder = output_folder(options.out) if options.out else None
    names = options.encoder or everything_known()
    with stages() as progress:
        comparison = compare(
            dataset,
            names,
            ks=options.k,
            junk=options.junk,
            seed=options.seed,
            progress=progress,
            command=_command(options, names),
            load=lambda name: _load(options, name),
        )
    if folder is not None:
        write(comparison, folder)
    _print(comparison, as_json=options.json)
    if folder is not None and not options.json:
        print(f"\nwritten to {shown(folder)}: comparison.html, comparison.md, comparison.json")
    return 0


def _load(options: argparse.Namespace, name: str | os.PathLike[str]) -> Encoder:
    """The encoder called ``name``, its weights fetched first if that was agreed to."""
    from lookalike.encoders import catalog, weights

    row = next((row for row in catalog.CATALOG if row.name == name), None)
    if row is not None and options.yes and weights.locate(row) is None:
        pull(row)
    return load(options, os.fspath(name))


def _command(options: argparse.Namespace, names: list[str]) -> str:
    words = ["lookalike", "compare", options.dataset]
    for name in names:
        words += ["--encoder", name]
    words += ["--precision", options.precision, "--view", options.view]
    words += [] if options.activation is None else ["--activation", options.activation]
    return shlex.join([*words, *protocol_words(options)])


def write(comparison: Comparison, folder: Path) -> None:
    """Write the page, the Markdown and the JSON of ``comparison`` into ``folder``."""
    from lookalike.report.comparison_json import comparison_answer
    from lookalike.report.comparison_page import comparison_page
    from lookalike.report.comparison_text import comparison_markdown
    from lookalike.report.output import write_text
    from lookalike.report.search_json import as_text

    write_text(folder / "comparison.json", as_text(comparison_answer(comparison)) + "\n")
    write_text(folder / "comparison.md", comparison_markdown(comparison) + "\n")
    write_text(folder / "comparison.html", comparison_page(comparison))


def _print(comparison: Comparison, *, as_json: bool) -> None:
    if as_json:
        from lookalike.report.comparison_json import comparison_answer
        from lookalike.report.search_json import as_text

        sys.stdout.buffer.write(as_text(comparison_answer(comparison)).encode() + b"\n")
    else:
        from lookalike.report.comparison_text import comparison_text

        print(comparison_text(comparison))
