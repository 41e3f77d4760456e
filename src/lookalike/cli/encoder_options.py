"""Which encoder: the options that choose one, and the consent without which nothing is downloaded."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from lookalike.errors import DownloadError

if TYPE_CHECKING:
    from pathlib import Path

    from lookalike.encoders.catalog import CatalogRow
    from lookalike.encoders.encoder import Encoder


def add_encoder(parser: argparse.ArgumentParser, text: str, *, several: bool = False) -> None:
    """Add ``--encoder``, explained by ``text`` and a list if ``several``, ``--precision`` and ``--activation``."""
    parser.add_argument("--encoder", metavar="NAME|PATH", action="append" if several else "store", help=text)
    parser.add_argument(
        "--precision",
        choices=("auto", "fp32", "bf16"),
        default="auto",
        help="bf16 was 1.9 times as fast as fp32 for CLIP on an AMD Zen 5, and slower than fp32 on an Intel Xeon "
        "without AMX; it moves similarities a little, so auto is fp32 until real weights have shown that retrieval "
        "doesn't suffer",
    )
    parser.add_argument(
        "--activation",
        choices=("quickgelu", "gelu"),
        help="for a CLIP checkpoint by path, where no config beside it tells which it was trained with",
    )


def add_view(parser: argparse.ArgumentParser) -> None:
    """Add ``--view``."""
    parser.add_argument(
        "--view",
        choices=("centre", "whole", "multi"),
        default="centre",
        help="what of a picture is looked at: its centre square, as encoders were trained (default); the whole frame, "
        "for panoramas; or several parts and the mirror image averaged, better and at six times the work",
    )


def load(options: argparse.Namespace, name: str | Path) -> Encoder:
    """The encoder called ``name``, in the precision and view that the options ask for."""
    from lookalike.encoders.encoder import load_encoder

    return load_encoder(name, precision=options.precision, view=options.view, activation=options.activation)


def automatic(*, yes: bool) -> str:
    """What ``auto`` stands for: a CLIP encoder that is here, or is fetched with consent, else the default."""
    from lookalike.encoders import catalog, weights

    ready = weights.best_ready()
    if ready.name != catalog.DEFAULT:
        return ready.name
    wanted = catalog.find(catalog.PREFERRED[0])
    if _consents(wanted, yes=yes):
        try:
            pull(wanted)
        except DownloadError as error:
            print(f"lookalike: {error}", file=sys.stderr)
        else:
            return wanted.name
    print(
        f"lookalike: using {ready.name}, which is always here. For CLIP later: lookalike encoders pull {wanted.name}, "
        f"then lookalike index --reencode {wanted.name}",
        file=sys.stderr,
    )
    return ready.name


def pull(row: CatalogRow) -> Path:
    """Fetch the weights of ``row``, with a progress bar on a terminal."""
    from tqdm import tqdm

    from lookalike.encoders import weights

    class Bar(tqdm):  # type: ignore[misc]  # tqdm has no types
        def __init__(self, *arguments: object, **options: object) -> None:
            options.pop("name", None)  # huggingface_hub's own addition
            super().__init__(*arguments, **options | {"disable": not sys.stderr.isatty(), "desc": row.name})

    return weights.fetch(row, bar=Bar)


def _consents(row: CatalogRow, *, yes: bool) -> bool:
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return False
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(
        f"No CLIP encoder is on this machine. Download {row.name} ({row.size / 1e6:,.0f} MB, {row.licence}) from the "
        "Hugging Face hub now? [y/N] ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    return sys.stdin.readline().strip().lower() in ("y", "yes")
