"""How many processors and how much memory this process may use, and the limit on its threads."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_UNKNOWN_MEMORY = 8 << 30
"""What is assumed where the system doesn't tell, in bytes."""


class _Limit:
    """The limit on threads, set for the whole process; None for no limit."""

    threads: int | None = None


def processors(cgroup: Path = _CGROUP) -> int:
    """The number of processors that this process may use, at least 1.

    It follows the processor affinity, the quota of a container (``cgroup`` is the root of that file system), rounded
    up, and :func:`limit_threads`. Decoding, encoding and ranking use this many threads each.
    """
    counts = [_usable(), _quota(cgroup), _Limit.threads]
    return max(1, min(count for count in counts if count is not None))


def limit_threads(count: int) -> None:
    """Use at most ``count`` threads each for decoding, for encoding, for ranking and for linear algebra.

    It holds for the whole process and for encoders that are loaded afterwards. Raises ValueError if ``count`` is less
    than 1.
    """
    if count < 1:
        raise ValueError(f"the number of threads must be at least 1, not {count}")
    import numpy as np  # noqa: F401  its linear algebra must be loaded to be limited
    from threadpoolctl import threadpool_limits

    _Limit.threads = count
    threadpool_limits(count, user_api="blas")


def memory(cgroup: Path = _CGROUP) -> int:
    """The bytes of memory that this process may use: what the machine has, or what a container is allowed."""
    limits = [_limit_of(cgroup / "memory.max"), _limit_of(cgroup / "memory" / "memory.limit_in_bytes")]
    return min([_installed(), *(limit for limit in limits if limit is not None)])


def _installed() -> int:
    with suppress(AttributeError, OSError, ValueError):  # Windows has no sysconf
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return _UNKNOWN_MEMORY


def _limit_of(file: Path) -> int | None:
    with suppress(OSError, ValueError):  # "max" without a limit
        return int(file.read_text(encoding="ascii"))
    return None


def _usable() -> int:
    if hasattr(os, "process_cpu_count"):  # Python 3.13
        return os.process_cpu_count() or 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _quota(cgroup: Path) -> int | None:
    """The processors' worth of time that a container's quota allows; None without a quota."""
    with suppress(OSError, ValueError):  # version 2: "200000 100000", or "max 100000"
        quota, period = (cgroup / "cpu.max").read_text(encoding="ascii").split()
        return None if quota == "max" else -(-int(quota) // int(period))
    with suppress(OSError, ValueError):  # version 1: -1 without a quota
        quota_us, period_us = (
            int((cgroup / "cpu" / name).read_text(encoding="ascii"))
            for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        )
        return None if quota_us < 0 else -(-quota_us // period_us)
    return None
