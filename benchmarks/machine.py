"""This machine: what it is, the limits of its processors and memory, and who else is using it."""

from __future__ import annotations

import os
import platform
import resource
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from benchmarks.alternation import measure

_GEMM_SIDE = 2048
_DISTURBED = 0.05


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def description() -> str:
    """Processor, cores, memory, system and Python, on one line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{platform.system()}, Python {platform.python_version()}, numpy {np.__version__}"
    return f"{_processor()}, {cores()} cores, {memory:.0f} GiB; {system}"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@cache
def gemm() -> tuple[float, Callable[[], object]]:
    """GFLOP of a large fp32 matrix product, and the product: as fast as arithmetic gets here."""
    rng = np.random.default_rng(0)
    left, right = (rng.random((_GEMM_SIDE, _GEMM_SIDE), np.float32) for _ in range(2))
    return 2 * _GEMM_SIDE**3 / 1e9, lambda: left @ right


@cache
def computes_bf16() -> bool:
    """Whether this processor has instructions for bf16, as OpenVINO sees it."""
    from openvino import Core

    return "BF16" in Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def reader(array: NDArray[np.float32]) -> Callable[[], object]:
    """Reads ``array`` from memory as fast as this machine can: the faster of two plain ways, a thread a core."""
    parts = np.array_split(array.reshape(-1), cores())
    pool = ThreadPoolExecutor(len(parts))
    ways = (lambda: list(pool.map(np.max, parts)), lambda: list(pool.map(lambda part: np.dot(part, part), parts)))
    return min(ways, key=lambda way: min(measure(way)().wall for _ in range(5)))


@contextmanager
def others_noticed() -> Iterator[list[str]]:
    """A list that holds, once the block has ended, a remark if other processes used the processors meanwhile."""
    remarks: list[str] = []
    before, started = _others_seconds(), perf_counter()
    yield remarks
    after = _others_seconds()
    if before is not None and after is not None:
        share = (after - before) / (perf_counter() - started) / (os.cpu_count() or 1)
        if share > _DISTURBED:
            remarks.append(f"other processes took {share:.0%} of the processors meanwhile: repeat on a quiet machine")


def _others_seconds() -> float | None:
    """Processor seconds that have gone to others than this process and its finished children, since some time ago."""
    stat = Path("/proc/stat")
    if not stat.is_file():
        return None
    user, nice, system, _, _, irq, soft, steal, *_ = (
        int(ticks) for ticks in stat.read_text().split("\n")[0].split()[1:]
    )
    ours = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    busy = (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")
    return busy - sum(usage.ru_utime + usage.ru_stime for usage in ours)
