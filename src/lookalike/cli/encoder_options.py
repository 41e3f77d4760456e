"""Which encoder: the options that choose one, and the consent without which nothing is downloaded."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from lookalike.errors import DownloadError, WeightsError
from lookalike.text import shown

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

    if name == "auto":
        name = _best_ready().name
    return load_encoder(name, precision=options.precision, view=options.view, activation=options.activation)


def fetched(options: argparse.Namespace, name: str) -> str:
    """The name to load for ``name``, its weights fetched first where they must be and ``--yes`` or a terminal agrees.

    ``auto`` becomes what :func:`automatic` says. A path, and what isn't agreed to, is left to :func:`load`, which tells
    what is missing. Raises :class:`~lookalike.errors.DownloadError` and :class:`~lookalike.errors.WeightsError`.
    """
    from lookalike.encoders import catalog
    from lookalike.encoders.weights import locate

    if name == "auto":
        return automatic(yes=options.yes)
    row = next((row for row in catalog.CATALOG if row.name == name), None)
    if row is not None and locate.must_be_fetched(row):
        damaged = locate.locate(row)
        lacking = f"{shown(damaged)} is damaged." if damaged else f"{name} is not on this machine."
        if _consents(row, lacking, yes=options.yes):
            pull(row)
    return name


def automatic(*, yes: bool) -> str:
    """What ``auto`` stands for: a CLIP encoder that is here, or is fetched with consent, else the default."""
    from lookalike.encoders import catalog

    ready = _best_ready()
    if ready.name != catalog.DEFAULT:
        return ready.name
    wanted = catalog.find(catalog.PREFERRED[0])
    if _consents(wanted, "No CLIP encoder is ready on this machine.", yes=yes):
        try:
            pull(wanted)
        except (DownloadError, WeightsError) as error:
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
    """Fetch the weights of ``row``, with a progress bar on a terminal, and the tokenizer that belongs to them.

    Raises :class:`~lookalike.errors.DownloadError` and :class:`~lookalike.errors.WeightsError`, but not for the
    tokenizer: one line says what became of it.
    """
    from tqdm import tqdm

    from lookalike.encoders.weights import locate

    class Bar(tqdm):  # type: ignore[misc]  # tqdm has no types
        def __init__(self, *arguments: object, **options: object) -> None:
            options.pop("name", None)  # huggingface_hub's own addition
            super().__init__(*arguments, **options | {"disable": not sys.stderr.isatty(), "desc": row.name})

    def waiting() -> None:
        print(f"lookalike: another process is fetching {row.name}; waiting until it has done", file=sys.stderr)

    path = locate.fetch(row, bar=Bar, waiting=waiting)
    try:
        locate.fetch_tokenizer(row)
    except DownloadError as error:
        print(f"lookalike: the weights of {row.name} are here, their tokenizer isn't: {error}", file=sys.stderr)
    return path


def _best_ready() -> CatalogRow:
    """The best encoder on this machine; a line tells of each damaged file that is passed over."""
    from lookalike.encoders.weights import locate

    return locate.best_ready(damaged=lambda error: print(f"lookalike: {error}", file=sys.stderr))


def _consents(row: CatalogRow, lacking: str, *, yes: bool) -> bool:
    """Whether the weights of ``row`` may be downloaded: ``yes``, or the answer at a terminal, told what is lacking."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return False
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(
        f"{lacking} Download {row.name} ({row.size / 1e6:,.0f} MB, {row.licence}) from the "
        "Hugging Face hub now? [y/N] ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    return sys.stdin.readline().strip().lower() in ("y", "yes")
