"""Encode the damaged versions of a dataset with the fake encoder, and die at a moment that the arguments name.

``robustness.py DATASET STORE MOMENT NUMBER``: at the NUMBER-th "batch" or "record" the process kills itself; a record
is then half written.
"""

import os
import signal
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fakes import FakeEncoder
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.data.vector_store import Segment
from lookalike.evaluation.robustness.grid import chosen, grid, versions_of
from lookalike.evaluation.robustness.runner import encode_grid

dataset, store, moment, number = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
passed = 0


def die(at: str) -> bool:
    """Whether ``at`` is the moment, and has come often enough."""
    global passed  # noqa: PLW0603  a script's own counter
    passed += at == moment
    return at == moment and passed == number


def batch(_: int) -> None:
    """Die before a batch is encoded."""
    if die("batch"):
        os.kill(os.getpid(), signal.SIGKILL)


def append(self: Segment, vectors: NDArray[np.float32]) -> None:
    """Die with half a record written."""
    if die("record"):
        with self.file.open("ab") as file:
            file.write(vectors.tobytes()[: vectors.nbytes // 2 + 3])
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, vectors)


write, Segment.append = Segment.append, append  # type: ignore[method-assign]
cells = grid(chosen(["gaussian_noise", "fog"]), [1, 5])
encode_grid(load_dataset(dataset), FakeEncoder(before=batch), versions_of(cells, "both"), seed=3, folder=store)
