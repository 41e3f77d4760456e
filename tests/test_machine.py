"""How many threads are used: processors, quotas and the limit that users set."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lookalike.machine import limit_threads, memory, processors
from processes import python_path


def run(program: str) -> str:
    """What ``program`` prints in a process of its own, as the limit holds for a whole process."""
    return subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": python_path()},
    ).stdout


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no processor affinity")
def test_processors_follow_the_affinity():
    """A process that may use one processor counts one."""
    program = (
        "import os\nfrom lookalike.machine import processors\n"
        "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\nprint(processors())"
    )
    assert run(program) == "1\n"


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"memory.max": "3000000\n"}, 3_000_000),
        ({"memory.max": "max\n"}, None),
        ({"memory/memory.limit_in_bytes": "4000000\n"}, 4_000_000),
        ({"memory/memory.limit_in_bytes": "9223372036854771712\n"}, None),
        ({}, None),
    ],
)
def test_memory_follows_the_limit_of_a_container(files: dict[str, str], limit: int | None, tmp_path: Path):
    """The limit of either version of control groups counts; without one it is what the machine has."""
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert memory(tmp_path) == (installed if limit is None else limit)


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu.max": "nonsense"}, None),
        ({}, None),
    ],
)
def test_processors_follow_the_quota_of_a_container(tmp_path: Path, files: dict[str, str], quota: int | None):
    """The quota of both versions of control groups counts, rounded up; none and an unreadable one don't."""
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    unlimited = processors(tmp_path / "absent")
    assert processors(tmp_path) == (unlimited if quota is None else min(quota, unlimited))


@pytest.mark.slow
def test_the_limit_caps_every_part():
    """After limit_threads(1), one thread decodes, BLAS and both runtimes compute on one, and ranking uses one."""
    program = """
import threading
from threadpoolctl import threadpool_info
import numpy as np
from lookalike.machine import limit_threads, processors
from lookalike.embedding.ahead import map_ahead
limit_threads(1)
print(processors(), {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"})
print(len(set(map_ahead(lambda _: threading.get_ident(), range(50), 8))))
from lookalike import load_encoder
for runtime in ("openvino", "onnxruntime"):
    encoder = load_encoder("efficientnet-lite2", runtime=runtime)
    encoder.embed([np.zeros((300, 300, 3), np.uint8)])
    print(encoder._network.threads)
"""
    assert run(program).split("\n")[:-1] == ["1 {1}", "1", "1", "1"]


def test_a_limit_below_one_is_refused():
    """Zero threads is an error that names the number."""
    with pytest.raises(ValueError, match="not 0"):
        limit_threads(0)
