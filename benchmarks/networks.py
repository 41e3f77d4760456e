"""CLIP and the baselines at full size, compared with torch, ONNX Runtime and the arithmetic limit.

Weights are random but have the real shapes; speed doesn't depend on their values.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np

from benchmarks.alternation import Measure, alternate, measure
from benchmarks.arithmetic import gigaflop
from benchmarks.images import Workspace
from benchmarks.machine import computes_bf16, gemm
from benchmarks.report import Line, Target, skipped
from benchmarks.torch_process import GIGAFLOP as TORCH_GIGAFLOP
from benchmarks.torch_process import NO_TORCH, TorchProcess, start_torch, torch_python
from lookalike.encoders.encoder import find_checkpoint, load_encoder
from lookalike.encoders.spec import Precision

_NETWORKS = {"ViT-B/32": 9, "ViT-B/16": 5, "ViT-L/14": 3, "resnet50": 7, "resnet152": 5, "vgg16": 5}
"""The number of rounds for each network."""

_TARGETED = "ViT-B/32"
_BATCHES = {1: 4, 32: 1}
"""Batch sizes, and how many times in a row each is encoded."""
_TORCH_TYPES = {"fp32": "float32", "bf16": "bfloat16"}


def run(workspace: Workspace) -> Iterator[Line]:
    """The lines of each network in fp32 and bf16, for batches of 1 and 32."""
    python = torch_python()
    if python is None:
        yield skipped("CLIP, ResNet and VGG at full size", NO_TORCH)
        return
    with patch.dict(os.environ, LOOKALIKE_CACHE=str(workspace.folder / "compiled")):
        for name, rounds in _NETWORKS.items():
            if workspace.quick and name != _TARGETED:
                continue
            folder = workspace.folder / name.replace("/", "-")
            folder.mkdir()
            with start_torch(python, name, folder) as torch:
                yield from _network(name, folder, torch, 3 if workspace.quick else rounds)


def _network(name: str, folder: Path, torch: TorchProcess, rounds: int) -> Iterator[Line]:
    work = gigaflop(find_checkpoint(str(folder)).image_network())
    precisions: tuple[Precision, ...] = ("fp32", "bf16") if computes_bf16() else ("fp32",)
    for batch, times in _BATCHES.items():
        limit, product = gemm()
        torch_timing, peer, numpy32, *timings = alternate(
            torch.encoding(batch, times),
            _encoding(folder, (batch, times), "fp32", "onnxruntime"),
            measure(product),
            *(torch.product(_TORCH_TYPES[precision]) for precision in precisions),
            *(_encoding(folder, (batch, times), precision) for precision in precisions),
            rounds=rounds,
        )
        products, ours = timings[: len(precisions)], timings[len(precisions) :]
        for precision, product_timing, timing in zip(precisions, products, ours, strict=True):
            highest = TORCH_GIGAFLOP / product_timing.wall
            yield from _lines(
                f"{name} {precision}, batch {batch}",
                timing.per(batch * times).wall,
                torch_timing.per(batch * times).wall,
                work=work,
                limit=max(highest, limit / numpy32.wall) if precision == "fp32" else highest,
                targets=_targets(name, precision, batch),
            )
        what = f"{name} fp32, batch {batch}: compared with ONNX Runtime"
        seconds, peer_seconds = (timing.per(batch * times).wall for timing in (ours[0], peer))
        target = Target(1) if name == _TARGETED else None
        yield Line(what, _ms(seconds), _ms(peer_seconds), peer_seconds / seconds, target)
    if len(precisions) == 1:
        yield skipped(f"{name} bf16", "this processor has no bf16 instructions")


def _lines(
    what: str, ours: float, theirs: float, *, work: float, limit: float, targets: tuple[Target | None, Target | None]
) -> Iterator[Line]:
    """Lines compared with torch and with the limit; times in s/image, ``work`` in GFLOP/image, ``limit`` in GFLOP/s."""
    yield Line(what, _ms(ours), f"torch eager fp32 {_ms(theirs)}", theirs / ours, targets[0])
    speed = work / ours
    against = f"GEMM limit {limit:.0f} GFLOP/s"
    yield Line(f"{what}: share of the limit", f"{speed:.0f} GFLOP/s", against, speed / limit, targets[1])


def _targets(name: str, precision: Precision, batch: int) -> tuple[Target | None, Target | None]:
    """The targets compared with torch and with the limit."""
    if name != _TARGETED:
        return None, None
    return Target(4) if precision == "bf16" else None, Target(0.9) if batch == max(_BATCHES) else None


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms/image"


def _encoding(
    folder: Path, batch_and_times: tuple[int, int], precision: Precision, runtime: str = "openvino"
) -> Measure:
    """Measure an encoder on a batch of noise, repeated several times."""
    batch, times = batch_and_times
    encoder = load_encoder(folder, precision=precision, runtime=runtime)
    side = encoder.spec.preprocessing.crop
    noise = list(np.random.default_rng(0).integers(0, 256, (batch, 1, side, side, 3), np.uint8))
    return measure(lambda: encoder.embed_prepared(noise), times)
