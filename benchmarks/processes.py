"""Run the command line as its users do, in a process of its own, and measure that."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.alternation import Measure, Spent

_EVERY_SECONDS = 0.005


def lookalike(*arguments: str) -> Measure:
    """Measure ``lookalike arguments`` as a whole process."""

    def spend() -> Spent:
        wall, cpu = time.perf_counter(), _processor_seconds()
        subprocess.run(_command(arguments), check=True, capture_output=True)
        return Spent(time.perf_counter() - wall, _processor_seconds() - cpu)

    return spend


def peak_memory(*arguments: str, beyond: Path | None = None) -> float | None:
    """Megabytes that ``lookalike arguments`` held at its peak; None where the system doesn't tell (not Linux).

    The kernel's own high-water mark of resident memory is read until the process ends. With ``beyond``, the resident
    part of that mapped file does not count: it is the system's to take back. Then all mappings but the file's are
    summed every few milliseconds, and the mark less the file's whole size stands if it is greater.
    """
    return peak_memory_of(_command(arguments), beyond=beyond)


def peak_memory_of(command: Sequence[str], *, beyond: Path | None = None) -> float | None:
    """The same of any ``command``."""
    if not Path("/proc/self/smaps").exists():
        return None
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    mark = summed = 0
    while process.poll() is None:
        mark = max(mark, _high_water_mark(process.pid))
        if beyond is not None:
            summed = max(summed, _resident(process.pid, leave_out=beyond.name))
        time.sleep(_EVERY_SECONDS)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return (mark if beyond is None else max(summed, mark - beyond.stat().st_size)) / 1e6


def _processor_seconds() -> float:
    """What all processes that were started here and have ended took."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "lookalike.cli.main", *arguments]


def _high_water_mark(process: int) -> int:
    """In bytes; 0 once the process has let go of its memory."""
    for line in _read(Path(f"/proc/{process}/status")):
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    return 0


def _resident(process: int, leave_out: str) -> int:
    """Resident bytes of all mappings but those of the file named ``leave_out``."""
    total, counts = 0, True
    for line in _read(Path(f"/proc/{process}/smaps")):
        key = line.split(maxsplit=1)[0]
        if not key.endswith(":"):  # an address range, which begins a mapping
            counts = not line.endswith(leave_out)
        elif key == "Rss:" and counts:
            total += 1024 * int(line.split()[1])
    return total


def _read(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []  # it has ended meanwhile
