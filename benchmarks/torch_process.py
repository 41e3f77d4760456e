"""Torch in a process and environment of its own, because Lookalike doesn't depend on it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO, cast

from benchmarks.alternation import Measure, Timing

NO_TORCH: Final = "needs torch (installed by make verify-encoders)"

GIGAFLOP: Final = 2 * 2048**3 / 1e9
"""GFLOP of the matrix product that :meth:`TorchProcess.product` measures."""


def torch_python() -> Path | None:
    """An interpreter with torch and the reference libraries, from ``$LOOKALIKE_TORCH_PYTHON`` or ``.venv-verify``."""
    path = os.environ.get("LOOKALIKE_TORCH_PYTHON")
    python = Path(path) if path else Path(__file__).parents[1] / ".venv-verify" / "bin" / "python"
    return python if python.exists() else None


@dataclass(frozen=True, slots=True)
class TorchProcess:
    """The process that runs torch: it answers requests with seconds."""

    version: str
    requests: TextIO
    answers: TextIO

    def encoding(self, batch: int, times: int = 1) -> Measure:
        """Measure the network on a batch of images in fp32, repeated ``times`` times."""
        return lambda: self._request(f"image {batch} {times}")

    def product(self, dtype: str) -> Measure:
        """Measure one large matrix product."""
        return lambda: self._request(f"gemm {dtype} 1")

    def _request(self, request: str) -> Timing:
        print(request, file=self.requests, flush=True)
        answer = self.answers.readline().split()
        if len(answer) != 2:  # noqa: PLR2004  wall-clock and CPU seconds
            raise RuntimeError(f"torch answered {request!r} with {answer}; see its output above")
        return Timing(*map(float, answer))


@contextmanager
def start_torch(python: Path, network: str, folder: Path) -> Iterator[TorchProcess]:
    """Start torch with ``network``; for random weights its checkpoint is written to ``folder``."""
    command = [python, Path(__file__).with_name("torch_peer.py"), network, folder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        requests, answers = cast("TextIO", process.stdin), cast("TextIO", process.stdout)
        yield TorchProcess(answers.readline().strip(), requests, answers)
