"""``lookalike encoders``: list the encoders, download their weights and verify them."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from lookalike.cli.arguments import add_command, positive_number
from lookalike.cli.encoder_options import add_threads
from lookalike.cli.output import print_json
from lookalike.cli.status import megabytes
from lookalike.cli.terminal.progress import progress_bar
from lookalike.errors import WeightsError
from lookalike.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from lookalike.cli.arguments import Commands
    from lookalike.encoders.catalog import CatalogRow

_DETAILS = """\
Your own CLIP ViT, ResNet or VGG checkpoint in safetensors format works too. Pass its path, or the folder that open_clip
or transformers saved it in:
  lookalike index photos --encoder path/to/checkpoint.safetensors"""

_BENCH_DETAILS = """\
Images are encoded, not decoded. All combinations take turns, so that other load on the machine affects them equally.
The cosine compares the embeddings of 16 fixed images with those in fp32 on the CPU. A gallery keeps the precision that
it was made with."""


def add_to(commands: Commands) -> None:
    """Add this command to the command line."""
    parser = add_command(
        commands, "encoders", "list the encoders, download their weights and verify them", run_list, _DETAILS
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    add_command(actions, "list", "list the encoders and where their weights are on this machine (default)", run_list)
    pull_parser = add_command(
        actions, "pull", "download the weights of an encoder into the Hugging Face cache", run_pull
    )
    pull_parser.add_argument("name", metavar="NAME", help="the encoder")
    verify_parser = add_command(
        actions, "verify", "check the weights of an encoder, and its embeddings against published ones", run_verify
    )
    verify_parser.add_argument("name", metavar="NAME", help="the encoder")
    bench_parser = add_command(
        actions,
        "bench",
        "measure how fast an encoder is here, by runtime, device, precision and batch size",
        run_bench,
        _BENCH_DETAILS,
    )
    bench_parser.add_argument(
        "name", metavar="NAME|PATH", nargs="?", default="auto", help="the encoder (default: the best on this machine)"
    )
    bench_parser.add_argument(
        "--seconds", metavar="S", type=positive_number, default=2.0, help="time per combination (default: %(default)g)"
    )
    bench_parser.add_argument("--json", action="store_true", help="print JSON only")
    add_threads(bench_parser)


def run_list(_: argparse.Namespace) -> int:
    """List the encoders."""
    from lookalike.encoders.catalog import CATALOG
    from lookalike.encoders.weights import locate

    line = "{:<20} {:<7} {:>11} {:>6} {:>6}  {:<13} {}"
    print(line.format("NAME", "READY", "SIZE", "PIXELS", "DIM", "LICENCE", "DESCRIPTION, FILE"))
    for row in CATALOG:
        path = locate.weights_path(row)
        size = f"{'~' if row.size_is_rounded else ''}{megabytes(row.size)}".replace(".0 MB", " MB")
        file = f"\n{'':<20} {printable(path)}" if path else ""
        licence = row.licence.split(" (")[0]
        print(
            line.format(
                row.name,
                _readiness(row, path),
                size,
                row.preprocessing.crop,
                row.dimension,
                licence,
                row.summary + file,
            )
        )
    return 0


def _readiness(row: CatalogRow, path: Path | None) -> str:
    """``yes``, ``no`` or ``damaged``, judged by the size of the file at ``path`` alone."""
    from lookalike.encoders.weights import locate

    if path is None:
        return "no"
    return "yes" if locate.has_expected_size(row, path) else "damaged"


def run_pull(options: argparse.Namespace) -> int:
    """Download the weights of an encoder, or replace damaged ones."""
    from lookalike.encoders import catalog
    from lookalike.encoders.weights import locate

    row = catalog.find(options.name)
    if locate.needs_download(row):
        damaged = locate.weights_path(row)
        reason = f"{printable(damaged)} is damaged and will be replaced; " if damaged else ""
        print(f"{reason}downloading {row.name}: {megabytes(row.size)}, {row.licence}", file=sys.stderr)
    print(f"{row.name} is ready: {printable(options.encoders.pull(row))}")
    return 0


def run_verify(options: argparse.Namespace) -> int:
    """Check the weights of an encoder and its embeddings; the results of earlier runs are not used."""
    from lookalike.encoders import catalog
    from lookalike.encoders.golden import GOLDEN, load_recompiled
    from lookalike.encoders.weights import locate

    row = catalog.find(options.name)
    path = locate.verified_path(row, reread=True)
    print(f"{row.name}: the SHA-256 of {printable(path)} is correct")
    checks = GOLDEN.get(row.name, ())
    if not checks:
        print(f"{row.name}: there are no published embeddings to compare with")
        return 0
    encoder = load_recompiled(row, path)
    for golden in checks:
        difference = golden.difference(encoder)
        if difference > golden.tolerance:
            raise WeightsError(
                f"{row.name}: {golden.name} differs from the published embedding by {difference:.2g} (tolerance "
                f"{golden.tolerance:g}): the runtime on this machine computes wrong results; please report it"
            )
        print(f"{row.name}: {golden.name} matches the published embedding (largest difference {difference:.1e})")
    return 0


def run_bench(options: argparse.Namespace) -> int:
    """Measure the speed of an encoder in every supported combination."""
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
