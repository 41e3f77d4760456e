"""A dataset's embeddings, kept on disk as they are made: what an earlier run has left isn't made again."""

from __future__ import annotations

import json
import time
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np

from lookalike.embedding import Progress, Reading, embed_files
from lookalike.encoders.encoder import Encoder
from lookalike.encoders.weights.cache import write_atomically
from lookalike.evaluation.data.contents import NO_STAT, contents_of, nothing_usable
from lookalike.evaluation.data.dataset import Dataset
from lookalike.evaluation.data.embedded import EmbeddedDataset
from lookalike.evaluation.data.vector_store import Segment, VectorShape, VectorStore
from lookalike.images.files import Found, Skipped

_FORMAT: Final = "embeddings 1"


def embed_kept(
    dataset: Dataset, encoder: Encoder, folder: Path, *, progress: Progress | None = None
) -> EmbeddedDataset:
    """As :func:`~lookalike.evaluation.data.embedded.embed_dataset`, but the vectors are kept below ``folder``.

    A run that was stopped goes on from there. The speed reported is that of the run that made all vectors at one go, if
    one did. Raises what that function does, and :class:`~lookalike.errors.OutputError` where vectors can't be kept.
    """
    started = time.monotonic()
    contents = contents_of(dataset, encoder)
    place = folder / contents.fingerprint([_FORMAT, encoder.spec.to_json()])
    store = VectorStore(place, VectorShape(len(contents.rows), encoder.spec.dimension))
    with store.locked():
        (segment,) = store.segments_for(["embeddings"])
        reused = segment.done
        _fill(segment, dataset, encoder, [row.path for row in contents.rows], progress)
        skipped = {skip.path: skip for skip in segment.skipped}
        usable = [number for number, row in enumerate(contents.rows) if row.path not in skipped]
        if not usable:
            raise nothing_usable(dataset, next(iter(skipped.values())))
        seconds = time.monotonic() - started
        if not reused:
            _write_speed(place, len(usable) / seconds)
    digests = tuple(contents.digests[number] for number in usable)
    first: dict[bytes, int] = {}
    alike = [first.setdefault(digest, number) for number, digest in enumerate(digests)]
    return EmbeddedDataset(
        dataset=dataset,
        vectors=np.array(segment.vectors("embeddings"))[usable][alike],
        digests=digests,
        rows=tuple(contents.rows[number] for number in usable),
        skipped=(*dataset.skipped, *contents.skipped, *skipped.values()),
        spec=encoder.spec,
        seconds=seconds,
        images_per_second=_read_speed(place),
        reused=reused,
    )


def _fill(segment: Segment, dataset: Dataset, encoder: Encoder, paths: list[str], progress: Progress | None) -> None:
    files = (Found(path, NO_STAT) for path in paths[segment.done :])
    if progress is not None:
        progress(segment.done, len(paths))
    for outcome in chain.from_iterable(embed_files(encoder, dataset.root, files, reading=Reading(any_extension=True))):
        if isinstance(outcome, Skipped):
            segment.append_skipped(outcome)
        elif outcome.vector is not None:  # always: no content was called known
            segment.append(outcome.vector[np.newaxis])
        if progress is not None:
            progress(segment.done, len(paths))


def _write_speed(place: Path, speed: float) -> None:
    written = json.dumps({"images_per_second": speed}).encode()
    write_atomically(place / "speed", lambda file: file.write(written))


def _read_speed(place: Path) -> float:
    """Pictures a second of the run that made all vectors; 0 where several runs did."""
    try:
        return float(json.loads((place / "speed").read_text())["images_per_second"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0
