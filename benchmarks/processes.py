"""Measure the command line in a process of its own, as users run it."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.alternation import Measure, Timing

_EVERY_SECONDS = 0.005


def lookalike(*arguments: str) -> Measure:
    """Measure the whole process of ``lookalike arguments``."""

    def run() -> Timing:
        wall, cpu = time.perf_counter(), _cpu_seconds()
        subprocess.run(_command(arguments), check=True, capture_output=True)
        return Timing(time.perf_counter() - wall, _cpu_seconds() - cpu)

    return run


def peak_memory(*arguments: str, beyond: Path | None = None) -> float | None:
    """Peak memory of ``lookalike arguments`` in MB; None on systems other than Linux.

    Reads the kernel's high-water mark of resident memory until the process ends. With ``beyond``, resident pages of
    that mapped file are not counted, because the system can reclaim them: the other mappings are summed every few
    milliseconds, and the result is the larger of this sum and the high-water mark minus the size of the file.
    """
    return peak_memory_of(_command(arguments), beyond=beyond)


def peak_memory_of(command: Sequence[str], *, beyond: Path | None = None) -> float | None:
    """The same for any ``command``."""
    if not Path("/proc/self/smaps").exists():
        return None
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    mark = total = 0
    while process.poll() is None:
        mark = max(mark, _high_water_mark(process.pid))
        if beyond is not None:
            total = max(total, _resident(process.pid, excluded=beyond.name))
        time.sleep(_EVERY_SECONDS)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return (mark if beyond is None else max(total, mark - beyond.stat().st_size)) / 1e6


def _cpu_seconds() -> float:
    """CPU seconds of all finished child processes."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "lookalike.cli.main", *arguments]


def _high_water_mark(process: int) -> int:
    """In bytes; 0 after the process has released its memory."""
    for line in _read(Path(f"/proc/{process}/status")):
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    return 0


def _resident(process: int, excluded: str) -> int:
    """Resident bytes of all mappings except those of the file named ``excluded``."""
    total, counts = 0, True
    for line in _read(Path(f"/proc/{process}/smaps")):
        key = line.split(maxsplit=1)[0]
        if not key.endswith(":"):  # an address range: the start of a mapping
            counts = not line.endswith(excluded)
        elif key == "Rss:" and counts:
            total += 1024 * int(line.split()[1])
    return total


def _read(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []  # the process has ended
