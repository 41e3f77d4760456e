"""Options that choose an encoder, and the download of its weights after the user has agreed."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from lookalike.cli.arguments import positive_integer
from lookalike.errors import DownloadError, WeightsError
from lookalike.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from lookalike.encoders.catalog import CatalogRow
    from lookalike.encoders.encoder import Encoder


def add_encoder(parser: argparse.ArgumentParser, help_text: str, *, several: bool = False) -> None:
    """Add ``--encoder`` (repeatable if ``several``), ``--precision``, ``--activation`` and ``--threads``."""
    parser.add_argument("--encoder", metavar="NAME|PATH", action="append" if several else "store", help=help_text)
    parser.add_argument(
        "--precision",
        choices=("auto", "fp32", "bf16"),
        default="auto",
        help="precision of the computation (auto: fp32). With CLIP, bf16 was 1.9 times as fast as fp32 on an AMD Zen 5 "
        "and slower than fp32 on an Intel Xeon without AMX. It changes scores slightly",
    )
    parser.add_argument(
        "--activation",
        choices=("quickgelu", "gelu"),
        help="activation function of a CLIP checkpoint that has no config file to specify it",
    )
    add_threads(parser)


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add ``--threads``; :func:`lookalike.cli.main.main` sets the limit."""
    parser.add_argument(
        "--threads",
        metavar="N",
        type=positive_integer,
        help="use at most N threads each for decoding, encoding and ranking (default: one per processor)",
    )


def add_view(parser: argparse.ArgumentParser) -> None:
    """Add ``--view``."""
    parser.add_argument(
        "--view",
        choices=("centre", "whole", "multi"),
        default="centre",
        help="the part of each image that is encoded: the centre square, as encoders were trained (default); the whole "
        "frame, for panoramas; or the average of several parts and the mirror image, at six times the cost",
    )


def load(options: argparse.Namespace, name: str | Path) -> Encoder:
    """Load the encoder ``name`` with the precision, view and activation in ``options``; nothing is downloaded."""
    from lookalike.encoders.encoder import load_encoder

    if name == "auto":
        name = _best_available().name
    return load_encoder(name, precision=options.precision, view=options.view, activation=options.activation)


def resolve_encoder(options: argparse.Namespace, name: str) -> str:
    """The encoder to load for ``name``; missing weights are downloaded if ``--yes`` or the user agrees.

    ``auto`` becomes the result of :func:`automatic_encoder`. Paths are returned unchanged, and so are names whose
    download is declined: :func:`load` then raises the error. Raises :class:`~lookalike.errors.DownloadError` and
    :class:`~lookalike.errors.WeightsError`.
    """
    from lookalike.encoders import catalog
    from lookalike.encoders.weights import locate

    if name == "auto":
        return automatic_encoder(yes=options.yes)
    row = next((row for row in catalog.CATALOG if row.name == name), None)
    if row is not None and locate.needs_download(row):
        damaged = locate.weights_path(row)
        problem = f"{printable(damaged)} is damaged." if damaged else f"{name} is not on this machine."
        if _confirm_download(row, problem, yes=options.yes):
            pull(row)
    return name


def automatic_encoder(*, yes: bool) -> str:
    """The encoder for ``auto``: a CLIP encoder on this machine, or one the user agrees to download, or the default."""
    from lookalike.encoders import catalog

    available = _best_available()
    if available.name != catalog.DEFAULT:
        return available.name
    preferred = catalog.find(catalog.PREFERRED[0])
    if _confirm_download(preferred, "No CLIP encoder is available on this machine.", yes=yes):
        try:
            pull(preferred)
        except (DownloadError, WeightsError) as error:
            print(f"lookalike: {error}", file=sys.stderr)
        else:
            return preferred.name
    print(
        f"lookalike: using {available.name}, the encoder included with Lookalike. To use CLIP: lookalike encoders pull "
        f"{preferred.name}, then lookalike index --reencode {preferred.name}",
        file=sys.stderr,
    )
    return available.name


def pull(row: CatalogRow) -> Path:
    """Download the weights of ``row`` and their tokenizer, with a progress bar on a terminal; returns the weights file.

    Raises :class:`~lookalike.errors.DownloadError` and :class:`~lookalike.errors.WeightsError` for the weights; a
    tokenizer that can't be downloaded only prints a warning.
    """
    from tqdm import tqdm

    from lookalike.encoders.weights import locate

    class Bar(tqdm):  # type: ignore[misc]  # tqdm has no types
        def __init__(self, *arguments: object, **options: object) -> None:
            options.pop("name", None)  # huggingface_hub passes it, tqdm rejects it
            super().__init__(*arguments, **options | {"disable": not sys.stderr.isatty(), "desc": row.name})

    def announce_wait() -> None:
        print(f"lookalike: waiting for another process that is downloading {row.name}", file=sys.stderr)

    path = locate.fetch(row, bar=Bar, on_wait=announce_wait)
    try:
        locate.fetch_tokenizer(row)
    except DownloadError as error:
        print(f"lookalike: downloaded the weights of {row.name}, but not their tokenizer: {error}", file=sys.stderr)
    return path


def _best_available() -> CatalogRow:
    """The best encoder on this machine; prints a warning for each damaged file that is ignored."""
    from lookalike.encoders.weights import locate

    return locate.best_available(on_damaged=lambda error: print(f"lookalike: {error}", file=sys.stderr))


def _confirm_download(row: CatalogRow, problem: str, *, yes: bool) -> bool:
    """Whether to download the weights of ``row``: if ``yes``, or if the user agrees at a terminal after ``problem``."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return False
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(
        f"{problem} Download {row.name} ({row.size / 1e6:,.0f} MB, {row.licence}) from the Hugging Face hub now? "
        "[y/N] ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    return sys.stdin.readline().strip().lower() in ("y", "yes")
