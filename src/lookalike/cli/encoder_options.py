"""Options that choose an encoder, and the download of its weights after the user has agreed."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING

from lookalike.cli.arguments import positive_integer
from lookalike.cli.encoder_source import confirm_download
from lookalike.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lookalike.encoders.encoder import Encoder


def add_encoder(parser: argparse.ArgumentParser, help_text: str, *, several: bool = False) -> None:
    """Add ``--encoder`` (repeatable if ``several``), ``--precision``, ``--activation``, ``--device`` and more."""
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
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "gpu"),
        default="auto",
        help="where to encode (auto: the CPU); lookalike encoders bench measures which is faster",
    )
    parser.add_argument(
        "--runtime",
        choices=("auto", "openvino", "onnxruntime"),
        default="auto",
        help="the library that runs the network (auto: openvino if it is installed, else onnxruntime)",
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
    return loader(options)(name, precision=options.precision, view=options.view, activation=options.activation)


def loader(options: argparse.Namespace) -> Callable[..., Encoder]:
    """The function that loads encoders, with the runtime and the device in ``options``."""
    return partial(options.encoders.load, runtime=options.runtime, device=options.device)


def resolve_encoder(options: argparse.Namespace, name: str) -> str:
    """The encoder to load for ``name``; missing weights are downloaded if ``--yes`` or the user agrees.

    ``auto`` becomes the best encoder on this machine, or one downloaded now. Paths are returned unchanged, and so are
    names whose download is declined: :func:`load` then raises the error. Raises
    :class:`~lookalike.errors.DownloadError` and :class:`~lookalike.errors.WeightsError`.
    """
    from lookalike.encoders import catalog
    from lookalike.encoders.weights import locate

    if name == "auto":
        return str(options.encoders.automatic(yes=options.yes))
    row = next((row for row in catalog.CATALOG if row.name == name), None)
    if row is not None and locate.needs_download(row):
        damaged = locate.weights_path(row)
        problem = f"{printable(damaged)} is damaged." if damaged else f"{name} is not on this machine."
        if confirm_download(row, problem, yes=options.yes):
            options.encoders.pull(row)
    return name
