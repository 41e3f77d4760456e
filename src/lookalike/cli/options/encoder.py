"""Options that choose an encoder, and the download of its weights after the user has agreed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import rich_click as click

from lookalike.cli.encoder_source import confirm_download
from lookalike.cli.options.command import Decorator, Options, together
from lookalike.cli.options.shared import positive_integer
from lookalike.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lookalike.encoders.encoder import Encoder


def encoder_options(help_text: str, *, several: bool = False, precision: str | None = "auto") -> Decorator:
    """Add ``--encoder`` (repeatable if ``several``), ``--precision``, ``--activation``, ``--device`` and more.

    ``precision`` is that option's default.
    """
    return together(
        click.option("--encoder", metavar="NAME|PATH", multiple=several, panel="Encoder", help=help_text),
        click.option(
            "--precision",
            type=click.Choice(("auto", "fp32", "bf16")),
            default=precision,
            panel="Encoder",
            help="Precision of the computation (auto, the default: fp32). It changes scores slightly; lookalike "
            "encoders bench measures which is faster here.",
        ),
        click.option(
            "--activation",
            type=click.Choice(("quickgelu", "gelu")),
            panel="Encoder",
            help="Activation function of a CLIP checkpoint that has no config file to specify it.",
        ),
        click.option(
            "--device",
            type=click.Choice(("auto", "cpu", "gpu")),
            default="auto",
            panel="Encoder",
            help="Where to encode (auto, the default: the CPU); lookalike encoders bench measures which is faster.",
        ),
        click.option(
            "--runtime",
            type=click.Choice(("auto", "openvino", "onnxruntime")),
            default="auto",
            panel="Encoder",
            help="The library that runs the network (auto, the default: openvino if installed, else onnxruntime).",
        ),
        threads_option,
    )


threads_option: Final = click.option(
    "--threads",
    metavar="N",
    type=positive_integer,
    panel="Encoder",
    help="Use at most N threads each for decoding, encoding and ranking (default: one per processor).",
)
"""Adds ``--threads``; the limit is set before the command runs."""


def view_option(default: str | None = "centre") -> Decorator:
    """Add ``--view``."""
    return click.option(
        "--view",
        type=click.Choice(("centre", "whole", "multi")),
        default=default,
        panel="Encoder",
        help="The part of each image that is encoded: the centre square, as encoders were trained (the default); the "
        "whole frame, for panoramas; or the average of several parts and the mirror image, at six times the cost.",
    )


def load(options: Options, name: str | Path) -> Encoder:
    """Load the encoder ``name`` with the precision, view and activation in ``options``; nothing is downloaded."""
    return loader(options)(name, precision=options.precision, view=options.view, activation=options.activation)


def loader(options: Options) -> Callable[..., Encoder]:
    """The function that loads encoders, with the runtime and the device in ``options``."""
    return partial(options.encoders.load, runtime=options.runtime, device=options.device)


def resolve_encoder(options: Options, name: str) -> str:
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
        reason = f"{printable(damaged)} is damaged." if damaged else f"{name} is not on this machine."
        if confirm_download(row, reason, "Without it, nothing is done.", yes=options.yes):
            options.encoders.pull(row)
    return name
