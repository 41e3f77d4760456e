"""The included encoder in fp32, compared with the same network in torch (eager, fp32) and with the arithmetic limit."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from benchmarks.alternation import alternate, measure
from benchmarks.arithmetic import gigaflop
from benchmarks.images import Workspace
from benchmarks.machine import gemm
from benchmarks.report import Line, Target, skipped
from benchmarks.torch_process import NO_TORCH, TorchProcess, start_torch, torch_python
from lookalike.encoders import catalog
from lookalike.encoders.encoder import Encoder, find_checkpoint, load_encoder
from lookalike.images.decode import open_image

_TARGETS = {1: Target(2.5), 32: Target(5)}
_ROUNDS = 15
# Single images are measured in a row; the first one after a pause is part of the start benchmark.
_IMAGES_PER_TURN = 32


def run(workspace: Workspace) -> Iterator[Line]:
    """Per batch size, a line compared with torch and one compared with the arithmetic limit."""
    encoder = load_encoder()
    pixels = np.stack([encoder.prepare(open_image(path)) for path in workspace.small(max(_TARGETS))])
    rounds = 5 if workspace.quick else _ROUNDS
    for batch in _TARGETS:
        yield _compare_with_limit(encoder, pixels[:batch], rounds)
    python = torch_python()
    if python is None:
        yield skipped("encoder fp32 against torch eager fp32", NO_TORCH)
        return
    with start_torch(python, catalog.DEFAULT, workspace.folder) as torch:
        for batch in _TARGETS:
            yield from _compare_with_torch(encoder, pixels[:batch], torch, rounds)


def _compare_with_limit(encoder: Encoder, pixels: NDArray[np.uint8], rounds: int) -> Line:
    limit, product = gemm()
    times = _IMAGES_PER_TURN // len(pixels)
    ours, theirs = alternate(measure(lambda: encoder.embed_prepared(pixels), times), measure(product), rounds=rounds)
    speed, top = _gigaflop() / ours.per(len(pixels) * times).wall, limit / theirs.wall
    what = f"encoder fp32, batch {len(pixels)}: share of the GEMM limit"
    return Line(what, f"{speed:.0f} GFLOP/s", f"numpy fp32 GEMM {top:.0f} GFLOP/s", speed / top)


def _compare_with_torch(
    encoder: Encoder, pixels: NDArray[np.uint8], torch: TorchProcess, rounds: int
) -> Iterator[Line]:
    batch = len(pixels)
    times = _IMAGES_PER_TURN // batch
    measures = measure(lambda: encoder.embed_prepared(pixels), times), torch.encoding(batch, times)
    ours, theirs = (timing.per(batch * times) for timing in alternate(*measures, rounds=rounds))
    what = f"encoder fp32, batch {batch}"
    against = f"torch {torch.version} {theirs.wall * 1e3:.1f} ms"
    yield Line(what, f"{ours.wall * 1e3:.1f} ms/image", against, theirs.wall / ours.wall, _TARGETS[batch])
    against = f"torch {torch.version} {theirs.cpu * 1e3:.1f} ms"
    yield Line(f"{what}: CPU time", f"{ours.cpu * 1e3:.1f} ms/image", against, theirs.cpu / ours.cpu)


@cache
def _gigaflop() -> float:
    return gigaflop(find_checkpoint(catalog.DEFAULT).image_network())
