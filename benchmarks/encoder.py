"""The encoder in fp32: against torch eager fp32 of the same network, and against the limit of arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from benchmarks.alternation import in_turns, measure
from benchmarks.arithmetic import gigaflop
from benchmarks.machine import gemm
from benchmarks.photographs import Place
from benchmarks.report import Line, Target, skipped
from benchmarks.torch_process import WHERE_FROM, TorchProcess, started, torch_python
from lookalike.encoders import catalog
from lookalike.encoders.encoder import Encoder, find_checkpoint, load_encoder
from lookalike.images.decode import open_picture

_TARGETS = {1: Target(2.5), 32: Target(5)}
_ROUNDS = 15
# Pictures that come one at a time come one after another: the first after a rest is measured by the start of a process.
_PICTURES_A_TURN = 32


def run(place: Place) -> Iterator[Line]:
    """A line against torch and one against arithmetic, for each size of batch."""
    encoder = load_encoder()
    pixels = np.stack([encoder.prepare(open_picture(path)) for path in place.small(max(_TARGETS))])
    rounds = 5 if place.quick else _ROUNDS
    for batch in _TARGETS:
        yield _against_arithmetic(encoder, pixels[:batch], rounds)
    python = torch_python()
    if python is None:
        yield skipped("encoder fp32 against torch eager fp32", WHERE_FROM)
        return
    with started(python, catalog.DEFAULT, place.folder) as torch:
        for batch in _TARGETS:
            yield from _against_torch(encoder, pixels[:batch], torch, rounds)


def _against_arithmetic(encoder: Encoder, pixels: NDArray[np.uint8], rounds: int) -> Line:
    limit, product = gemm()
    times = _PICTURES_A_TURN // len(pixels)
    ours, theirs = in_turns(measure(lambda: encoder.embed_prepared(pixels), times), measure(product), rounds=rounds)
    speed, top = _gigaflop() / ours.per(len(pixels) * times).wall, limit / theirs.wall
    what = f"encoder fp32, batch {len(pixels)}: share of the GEMM limit"
    return Line(what, f"{speed:.0f} GFLOP/s", f"numpy fp32 GEMM {top:.0f} GFLOP/s", speed / top)


def _against_torch(encoder: Encoder, pixels: NDArray[np.uint8], torch: TorchProcess, rounds: int) -> Iterator[Line]:
    batch = len(pixels)
    times = _PICTURES_A_TURN // batch
    turns = measure(lambda: encoder.embed_prepared(pixels), times), torch.encoding(batch, times)
    ours, theirs = (spent.per(batch * times) for spent in in_turns(*turns, rounds=rounds))
    what = f"encoder fp32, batch {batch}"
    against = f"torch {torch.version} {theirs.wall * 1e3:.1f} ms"
    yield Line(what, f"{ours.wall * 1e3:.1f} ms/picture", against, theirs.wall / ours.wall, _TARGETS[batch])
    against = f"torch {torch.version} {theirs.cpu * 1e3:.1f} ms"
    yield Line(f"{what}: processor time", f"{ours.cpu * 1e3:.1f} ms/picture", against, theirs.cpu / ours.cpu)


@cache
def _gigaflop() -> float:
    return gigaflop(find_checkpoint(catalog.DEFAULT).image_network())
