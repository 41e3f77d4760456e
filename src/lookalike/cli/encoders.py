"""``lookalike encoders``: list the encoders, download their weights and verify them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import rich_click as click

from lookalike.cli.options.command import Options, command, group
from lookalike.cli.options.encoder import threads_option
from lookalike.cli.options.shared import json_option, positive_number
from lookalike.cli.output import print_json
from lookalike.cli.terminal.messages import note
from lookalike.cli.terminal.progress import progress_bar
from lookalike.errors import WeightsError
from lookalike.text import megabytes, printable

if TYPE_CHECKING:
    from pathlib import Path

    from lookalike.encoders.catalog import CatalogRow
    from lookalike.encoders.encoder import Encoder
    from lookalike.encoders.golden import Golden

_DETAILS = """\
Your own CLIP ViT, ResNet or VGG checkpoint in safetensors format works too. Pass its path, or the folder that open_clip
or transformers saved it in. Those on the Hugging Face hub have names:
  lookalike index photos --encoder path/to/checkpoint.safetensors
  lookalike encoders pull hf-hub:owner/repository
  lookalike index photos --encoder hf-hub:owner/repository"""

_BENCH_DETAILS = """\
Images are encoded, not decoded. All combinations take turns, so that other load on the machine affects them equally.
The cosine compares the embeddings of 16 fixed images with those in fp32 on the CPU. A gallery keeps the precision that
it was made with."""


@group("encoders", details=_DETAILS)
@json_option
def encoders(options: Options) -> int:
    """List the encoders, download their weights and verify them."""
    return _list(options)


@command("list", parent=encoders)
@json_option
def list_encoders(options: Options) -> int:
    """List the encoders and where their weights are on this machine (the default)."""
    return _list(options)


def _list(options: Options) -> int:
    from lookalike.encoders.catalog import CATALOG
    from lookalike.encoders.weights import locate
    from lookalike.plugins import plugins

    rows = [(row, locate.weights_path(row)) for row in CATALOG]
    others = plugins("encoders").values()
    if options.json:
        added = [{"name": plugin.name, "package": f"{plugin.package} {plugin.version}"} for plugin in others]
        print_json({"version": 1, "encoders": [*(_row_json(row, path) for row, path in rows), *added]})
        return 0
    line = "{:<20} {:<7} {:>11} {:>6} {:>6}  {:<13} {}"
    print(line.format("NAME", "READY", "SIZE", "PIXELS", "DIM", "LICENCE", "DESCRIPTION, FILE"))
    for row, path in rows:
        size = f"{'~' if row.size_is_rounded else ''}{megabytes(row.size)}".replace(".0 MB", " MB")
        file = f"\n{'':<20} {printable(path)}" if path else ""
        licence, description = row.licence.split(" (")[0], row.summary + file
        pixels = row.preprocessing.crop
        print(line.format(row.name, _readiness(row, path), size, pixels, row.dimension, licence, description))
    for plugin in others:
        package = f"of the package {printable(plugin.package)} {printable(plugin.version)}"
        print(line.format(printable(plugin.name), "plug-in", "", "", "", "", package))
    return 0


def _row_json(row: CatalogRow, path: Path | None) -> dict[str, object]:
    from lookalike.report.document.json import path_fields

    return {
        "name": row.name,
        "ready": _readiness(row, path),
        "bytes": row.size,
        "pixels": row.preprocessing.crop,
        "dimension": row.dimension,
        "licence": row.licence,
        "description": row.summary,
        "file": None if path is None else path_fields(path)["path"],
    }


def _readiness(row: CatalogRow, path: Path | None) -> str:
    """``yes``, ``no`` or ``damaged``, judged by the size of the file at ``path`` alone."""
    from lookalike.encoders.weights import locate

    if path is None:
        return "no"
    return "yes" if locate.has_expected_size(row, path) else "damaged"


@command("pull", parent=encoders)
@click.argument("name", metavar="NAME")
@json_option
def pull(options: Options) -> int:
    """Download the weights of an encoder into the Hugging Face cache.

    NAME is that of an encoder, or hf-hub:owner/repository for a checkpoint on the hub.
    """
    from lookalike.encoders.weights.repository import PREFIX

    if options.name.startswith(PREFIX):
        name, path = options.name, options.encoders.pull_repository(options.name)
    else:
        name, path = _pull_from_catalog(options)
    if options.json:
        from lookalike.report.document.json import path_fields

        print_json({"version": 1, "encoder": name, **path_fields(path)})
    else:
        print(f"{name} is ready: {printable(path)}")
    return 0


def _pull_from_catalog(options: Options) -> tuple[str, Path]:
    """Download an encoder of the catalogue; returns its name, and the path of its weights."""
    from lookalike.encoders import catalog
    from lookalike.encoders.weights import locate

    row = catalog.find(options.name)
    if locate.needs_download(row):
        damaged = locate.weights_path(row)
        reason = f"{printable(damaged)} is damaged and will be replaced; " if damaged else ""
        note(f"{reason}downloading {row.name}: {megabytes(row.size)}, {row.licence}")
    return row.name, options.encoders.pull(row)


@command("verify", parent=encoders)
@click.argument("name", metavar="NAME")
@json_option
def verify(options: Options) -> int:
    """Check the weights of an encoder, and its embeddings against published ones."""
    from lookalike.encoders import catalog
    from lookalike.encoders.golden import GOLDEN, load_recompiled
    from lookalike.encoders.weights import locate

    row = catalog.find(options.name)
    path = locate.verified_path(row, reread=True)  # the results of earlier runs are not used
    checks = GOLDEN.get(row.name, ())
    encoder = load_recompiled(row, path) if checks else None
    differences = {golden.name: _difference(row, golden, encoder) for golden in checks if encoder is not None}
    if options.json:
        differs = [{"image": name, "largest_difference": value} for name, value in differences.items()]
        print_json({"version": 1, "encoder": row.name, "sha256": row.sha256, "embeddings": differs})
        return 0
    print(f"{row.name}: the SHA-256 of {printable(path)} is correct")
    for name, difference in differences.items():
        print(f"{row.name}: {name} matches the published embedding (largest difference {difference:.1e})")
    if not checks:
        print(f"{row.name}: there are no published embeddings to compare with")
    return 0


def _difference(row: CatalogRow, golden: Golden, encoder: Encoder) -> float:
    """How much an embedding differs from the published one; raises :class:`WeightsError` if it is too much."""
    difference = golden.difference(encoder)
    if difference > golden.tolerance:
        raise WeightsError(
            f"{row.name}: {golden.name} differs from the published embedding by {difference:.2g} (tolerance "
            f"{golden.tolerance:g}): the runtime on this machine computes wrong results; please report it"
        )
    return difference


@command("bench", parent=encoders, details=_BENCH_DETAILS)
@click.argument("name", metavar="[NAME|PATH]", default="auto")
@click.option(
    "--seconds",
    metavar="S",
    type=positive_number,
    default=2.0,
    help="Time per combination (default: 2).",
)
@threads_option
@json_option
def bench(options: Options) -> int:
    """Measure how fast an encoder is here, by runtime, device, precision and batch size (default: the best encoder)."""
    from lookalike.encoders.benchmark import measure_speeds
    from lookalike.encoders.encoder import find_checkpoint

    name = find_checkpoint(options.name).name if options.name == "auto" else options.name
    with progress_bar(name, "measurements") as progress:
        speeds, unsupported = measure_speeds(
            name, seconds=options.seconds, progress=progress, load=options.encoders.load
        )
    fastest = max(speeds, key=lambda speed: speed.images_per_second)
    if options.json:
        print_json(
            {
                "version": 1,
                "encoder": name,
                "speeds": [asdict(speed) for speed in speeds],
                "unsupported": [asdict(one) for one in unsupported],
                "fastest": asdict(fastest),
            }
        )
        return 0
    line = "{:<12} {:<7} {:<10} {:>5} {:>9}  {}"
    print(name)
    print(line.format("RUNTIME", "DEVICE", "PRECISION", "BATCH", "IMAGES/S", "LOWEST COSINE TO FP32"))
    for one in speeds:
        rate, cosine = f"{one.images_per_second:,.1f}", f"{one.lowest_cosine:.6f}"
        print(line.format(one.runtime, one.device, one.precision, one.batch, rate, cosine))
    print(
        f"fastest: --runtime {fastest.runtime} --device {fastest.device} --precision {fastest.precision}, "
        f"{fastest.images_per_second:,.1f} images/s in batches of {fastest.batch}; cosine to fp32 "
        f"{fastest.mean_cosine:.6f} on average, {fastest.lowest_cosine:.6f} at least"
    )
    return 0
