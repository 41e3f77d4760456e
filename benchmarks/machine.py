"""This machine: a description, the limits of its processor and memory, and the load of other processes."""

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
_TOLERATED_LOAD = 0.05


def cores() -> int:
    """The number of processors that this process may use."""
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
    """GFLOP of a large fp32 matrix product, and the product as an action: the practical arithmetic limit."""
    rng = np.random.default_rng(0)
    left, right = (rng.random((_GEMM_SIDE, _GEMM_SIDE), np.float32) for _ in range(2))
    return 2 * _GEMM_SIDE**3 / 1e9, lambda: left @ right


@cache
def computes_bf16() -> bool:
    """Whether the processor has bf16 instructions, according to OpenVINO."""
    from openvino import Core

    return "BF16" in Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def reader(array: NDArray[np.float32]) -> Callable[[], object]:
    """An action that reads ``array`` from memory with one thread per core: the faster of two simple methods."""
    parts = np.array_split(array.reshape(-1), cores())
    pool = ThreadPoolExecutor(len(parts))
    methods = (lambda: list(pool.map(np.max, parts)), lambda: list(pool.map(lambda part: np.dot(part, part), parts)))
    return min(methods, key=lambda method: min(measure(method)().wall for _ in range(5)))


@contextmanager
def watch_other_processes() -> Iterator[list[str]]:
    """A list that contains a warning, after the block, if other processes used the processors meanwhile."""
    warnings: list[str] = []
    before, start = _other_cpu_seconds(), perf_counter()
    yield warnings
    after = _other_cpu_seconds()
    if before is not None and after is not None:
        share = (after - before) / (perf_counter() - start) / (os.cpu_count() or 1)
        if share > _TOLERATED_LOAD:
            warnings.append(f"other processes used {share:.0%} of the processors; repeat on an idle machine")


def _other_cpu_seconds() -> float | None:
    """CPU seconds since boot of all processes except this one and its finished children; None if unknown."""
    stat = Path("/proc/stat")
    if not stat.is_file():
        return None
    user, nice, system, _, _, irq, soft, steal, *_ = (
        int(ticks) for ticks in stat.read_text().split("\n")[0].split()[1:]
    )
    ours = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    busy = (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")
    return busy - sum(usage.ru_utime + usage.ru_stime for usage in ours)
