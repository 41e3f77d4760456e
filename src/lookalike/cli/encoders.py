"""``lookalike encoders``: the encoders we know, fetching their weights, and checking them."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from lookalike.cli.arguments import add_command
from lookalike.cli.encoder_options import pull
from lookalike.cli.status import in_megabytes
from lookalike.errors import WeightsError
from lookalike.text import shown

if TYPE_CHECKING:
    from pathlib import Path

    from lookalike.cli.arguments import Commands
    from lookalike.encoders.catalog import CatalogRow

_DETAILS = """\
Any CLIP ViT, ResNet or VGG checkpoint in safetensors can be used by its path as well: lookalike index photos
--encoder path/to/checkpoint.safetensors (or a folder as open_clip or transformers save it)."""


def add_to(commands: Commands) -> None:
    """Add this command to the command line."""
    parser = add_command(commands, "encoders", "list the encoders, fetch and check their weights", run_list, _DETAILS)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    add_command(actions, "list", "tell which encoders are ready on this machine, and where (the default)", run_list)
    fetch = add_command(actions, "pull", "fetch an encoder's weights into the Hugging Face cache", run_pull)
    fetch.add_argument("name", metavar="NAME", help="the encoder")
    check = add_command(actions, "verify", "check an encoder's weights, and what comes out of them", run_verify)
    check.add_argument("name", metavar="NAME", help="the encoder")


def run_list(_: argparse.Namespace) -> int:
    """List the encoders."""
    from lookalike.encoders.catalog import CATALOG
    from lookalike.encoders.weights import locate

    line = "{:<20} {:<7} {:>11} {:>6} {:>6}  {:<13} {}"
    print(line.format("NAME", "READY", "SIZE", "PIXELS", "DIM", "LICENCE", "WHAT IT IS, AND WHERE"))
    for row in CATALOG:
        place = locate.locate(row)
        size = f"{'about ' if row.size_is_rounded else ''}{in_megabytes(row.size)}".replace(".0 MB", " MB")
        where = f"\n{'':<20} {shown(place)}" if place else ""
        licence = row.licence.split(" (")[0]
        print(
            line.format(
                row.name,
                _readiness(row, place),
                size.replace("about ", "~"),
                row.preprocessing.crop,
                row.dimension,
                licence,
                row.summary + where,
            )
        )
    return 0


def _readiness(row: CatalogRow, place: Path | None) -> str:
    """What is told of the weights of ``row`` at ``place`` without reading them."""
    from lookalike.encoders.weights import locate

    if place is None:
        return "no"
    return "yes" if locate.has_its_size(row, place) else "damaged"


def run_pull(options: argparse.Namespace) -> int:
    """Fetch an encoder's weights, also in the place of damaged ones."""
    from lookalike.encoders import catalog
    from lookalike.encoders.weights import locate

    row = catalog.find(options.name)
    if locate.must_be_fetched(row):
        damaged = locate.locate(row)
        why = f"{shown(damaged)} is damaged and will be replaced; " if damaged else ""
        print(f"{why}fetching {row.name}: {in_megabytes(row.size)}, {row.licence}", file=sys.stderr)
    print(f"{row.name} is ready: {shown(pull(row))}")
    return 0


def run_verify(options: argparse.Namespace) -> int:
    """Check an encoder's weights, and what comes out of them; nothing that earlier runs have found out is believed."""
    from lookalike.encoders import catalog
    from lookalike.encoders.golden import GOLDEN, load_afresh
    from lookalike.encoders.weights import locate

    row = catalog.find(options.name)
    place = locate.checked(row, afresh=True)
    print(f"{row.name}: SHA-256 of {shown(place)} is right")
    checks = GOLDEN.get(row.name, ())
    if not checks:
        print(f"{row.name}: no published embeddings are known to compare with")
        return 0
    encoder = load_afresh(row, place)
    for golden in checks:
        difference = golden.difference(encoder)
        if difference > golden.tolerance:
            raise WeightsError(
                f"{row.name}: {golden.name} differs from the published embedding by {difference:.2g}, more than "
                f"{golden.tolerance:g}: this machine's runtime computes it wrongly; please report it"
            )
        print(f"{row.name}: {golden.name} agrees with the published embedding (largest difference {difference:.1e})")
    return 0
