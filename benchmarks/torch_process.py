"""Torch in a process and an environment of its own, for it is no part of Lookalike's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO, cast

from benchmarks.alternation import Measure, Spent

WHERE_FROM: Final = "no torch here (make verify-encoders sets it up)"

GIGAFLOP: Final = 2 * 2048**3 / 1e9
"""Of the matrix product that :meth:`TorchProcess.product` measures."""


def torch_python() -> Path | None:
    """An interpreter that has torch and the reference libraries, if one was named or set up."""
    chosen = os.environ.get("LOOKALIKE_TORCH_PYTHON")
    python = Path(chosen) if chosen else Path(__file__).parents[1] / ".venv-verify" / "bin" / "python"
    return python if python.exists() else None


@dataclass(frozen=True, slots=True)
class TorchProcess:
    """The process that runs torch: questions go in, seconds come out."""

    version: str
    questions: TextIO
    answers: TextIO

    def encoding(self, batch: int, times: int = 1) -> Measure:
        """Measure the network on so many pictures at once, so many times in a row, in fp32."""
        return lambda: self._spend(f"image {batch} {times}")

    def product(self, dtype: str) -> Measure:
        """Measure one large matrix product."""
        return lambda: self._spend(f"gemm {dtype} 1")

    def _spend(self, question: str) -> Spent:
        print(question, file=self.questions, flush=True)
        answer = self.answers.readline().split()
        if len(answer) != 2:  # noqa: PLR2004  by the clock, and of processor time
            raise RuntimeError(f"torch answered {question!r} with {answer}; what it said last stands above")
        return Spent(*map(float, answer))


@contextmanager
def started(python: Path, network: str, folder: Path) -> Iterator[TorchProcess]:
    """Torch with ``network`` made ready; its checkpoint is in ``folder`` where its weights are random."""
    command = [python, Path(__file__).with_name("torch_peer.py"), network, folder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        questions, answers = cast("TextIO", process.stdin), cast("TextIO", process.stdout)
        yield TorchProcess(answers.readline().strip(), questions, answers)
