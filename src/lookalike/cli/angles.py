"""``lookalike angles``: same scene, other frame."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.cli.arguments import add_command
from lookalike.cli.dataset import cosine
from lookalike.cli.dataset_options import DATASET_DETAILS, add_dataset, embed, own_or_named, read_dataset
from lookalike.cli.encoder_options import add_encoder, add_view
from lookalike.cli.evaluate import ranks
from lookalike.cli.progress import progress_bar
from lookalike.picture_files import shown

if TYPE_CHECKING:
    from lookalike.cli.arguments import Commands
    from lookalike.encoders.spec import EncoderSpec
    from lookalike.evaluation.angles import Angles

_DETAILS = f"""\
{DATASET_DETAILS}

Multi-angle retrieval on real pictures: for each query that has a group (one scene), the other frames of its group are
relevant, whatever their label, and all else is wrong. Near copies of the query, told by efficientnet-lite2 whatever
encoder is measured, are junk. With --out, FOLDER gets angles.html, angles.json and queries.csv."""

_NEAR = 0.97


def add_to(commands: Commands) -> None:
    """Add this command to the command line."""
    parser = add_command(commands, "angles", "measure how well other frames of the same scene are found", run, _DETAILS)
    add_dataset(parser)
    add_encoder(
        parser,
        "the encoder to measure: a name (see lookalike encoders), or the path of a checkpoint (default: the one of the "
        "gallery that the photographs lie in, else the best on this machine)",
    )
    add_view(parser)
    parser.add_argument(
        "--k", metavar="K,K,...", type=ranks, default=(1, 5, 10), help="the ranks of precision@k and the like (1,5,10)"
    )
    parser.add_argument(
        "--near",
        metavar="COSINE",
        type=cosine,
        default=_NEAR,
        help="two pictures above this are near copies (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        metavar="N",
        type=int,
        default=0,
        help="decides the order of ties and what intervals resample (default: %(default)s)",
    )
    parser.add_argument("--out", metavar="FOLDER", help="write the page, the JSON and the CSV there")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")


def run(options: argparse.Namespace) -> int:
    """Carry out the command."""
    from lookalike.encoders.encoder import load_encoder
    from lookalike.evaluation.angles import angles, check
    from lookalike.evaluation.near_copies import NEAR_ENCODER
    from lookalike.report.output import output_folder

    folder = output_folder(options.out) if options.out else None
    dataset = read_dataset(options, one_class=True)
    check(dataset, options.k)
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
            command=_command(options, encoder.spec, encoder.location),
        )
    if folder is not None:
        write(found, folder)
    if options.json:
        from lookalike.report.angles_json import angles_answer
        from lookalike.report.search_json import as_text

        sys.stdout.buffer.write(as_text(angles_answer(found)).encode() + b"\n")
        return 0
    _print(found)
    if folder is not None:
        print(f"\nwritten to {shown(folder)}: angles.html, angles.json, queries.csv")
    return 0


def _command(options: argparse.Namespace, spec: EncoderSpec, location: Path | None) -> str:
    words = ["lookalike", "angles", options.dataset]
    words += [] if options.labels is None else ["--labels", options.labels]
    words += ["--encoder", str(location or spec.name), "--precision", spec.precision, "--view", spec.view]
    words += [] if options.activation is None else ["--activation", options.activation]
    words += ["--k", ",".join(map(str, options.k)), "--near", f"{options.near:g}", "--seed", str(options.seed)]
    return shlex.join(words)


def write(found: Angles, folder: Path) -> None:
    """Write the page, the JSON and the CSV of ``found`` into ``folder``."""
    from lookalike.report.angles_json import angles_answer, angles_csv
    from lookalike.report.angles_page import angles_page
    from lookalike.report.output import write_text
    from lookalike.report.search_json import as_text

    write_text(folder / "queries.csv", angles_csv(found))
    write_text(folder / "angles.json", as_text(angles_answer(found)) + "\n")
    write_text(folder / "angles.html", angles_page(found))


def _print(found: Angles) -> None:
    from lookalike.report.angles_json import WHAT, figure_keys
    from lookalike.report.definitions import interval_notes
    from lookalike.report.evaluation_text import interval_text, skipped_lines, table
    from lookalike.report.pages import share

    excluded = sum(found.excluded.values())
    print(f"{WHAT}: {shown(found.dataset.name)} by {found.encoder.name}")
    print(f"{found.scored:,} queries of {found.scenes:,} scenes, {found.gallery:,} pictures, {excluded:,} excluded")
    for reason, count in found.excluded.items():
        print(f"  excluded: {count:,} {reason}")
    print(
        f"  junk: {found.near_frames:,} pairs of one scene and {found.near_others:,} others are near copies (above "
        f"{found.threshold:g} by {found.near_encoder.name})"
    )
    for line in skipped_lines(found.skipped):
        print(line)
    header = ["FIGURE", "MICRO", "95 % INTERVAL", "BY SCENE", "MACRO", "CHANCE", "CEILING"]
    rows = [
        [
            key,
            share(found.micro[key]),
            interval_text(found.intervals.get(key)),
            share(found.by_scene[key]),
            share(found.macro[key]),
            share(found.chance.get(key)),
            share(found.ceilings[key.replace("precision", "ceiling")]) if key.startswith("precision") else "",
        ]
        for key in figure_keys(found.ks)
    ]
    print()
    for line in table([header, *rows]):
        print(line)
    print()
    print(interval_notes(found.scenes))
