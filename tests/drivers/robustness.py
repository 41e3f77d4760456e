"""Encode the corrupted versions of a dataset with the fake encoder, and kill this process at a given moment.

``robustness.py DATASET STORE MOMENT NUMBER``: the process kills itself at the NUMBER-th "batch" or "record"; a record
is left half written.
"""

import os
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from fakes import FakeEncoder
from lookalike.embedding.vector_cache import EmbeddingCache, NewVector
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.robustness.grid import grid, select_corruptions, versions_of
from lookalike.evaluation.robustness.runner import encode_grid

dataset, store, moment, number = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
reached = 0


def is_moment(at: str) -> bool:
    """Whether ``at`` is the moment, for the NUMBER-th time."""
    global reached  # noqa: PLW0603  a script's own counter
    reached += at == moment
    return at == moment and reached == number


def batch(_: int) -> None:
    """Kill the process before a batch is encoded."""
    if is_moment("batch"):
        os.kill(os.getpid(), signal.SIGKILL)


def add(self: EmbeddingCache, vectors: Iterable[NewVector]) -> None:
    """Kill the process with half of an image's vectors written."""
    found = list(vectors)

    def half() -> Iterator[NewVector]:
        yield from found[: len(found) // 2]
        os.kill(os.getpid(), signal.SIGKILL)

    write(self, half() if is_moment("record") else found)


write, EmbeddingCache.add = EmbeddingCache.add, add  # type: ignore[method-assign]
cells = grid(select_corruptions(["gaussian_noise", "fog"]), [1, 5])
encode_grid(
    load_dataset(dataset), [FakeEncoder(before=batch)], versions_of(cells, "both"), seed=3, cache=EmbeddingCache(store)
)
