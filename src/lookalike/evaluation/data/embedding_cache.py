"""Embed a dataset with a cache on disk, so that an interrupted run resumes where it stopped."""

from __future__ import annotations

import json
import time
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np

from lookalike.embedding.files import embed_files
from lookalike.encoders.encoder import Encoder
from lookalike.encoders.weights.cache import write_to_cache
from lookalike.evaluation.data.contents import NO_STAT, check_usable, hash_dataset
from lookalike.evaluation.data.dataset import Dataset
from lookalike.evaluation.data.embedded import EmbeddedDataset
from lookalike.evaluation.data.vector_store import Segment, VectorShape, VectorStore
from lookalike.images.files import FoundFile, Skipped
from lookalike.progress import Progress
from lookalike.system_files import parse_json, read_bytes

_FORMAT: Final = "embeddings 1"


def embed_with_cache(
    dataset: Dataset, encoder: Encoder, folder: Path, *, progress: Progress | None = None
) -> EmbeddedDataset:
    """Like :func:`~lookalike.evaluation.data.embedded.embed_dataset`, but with the vectors cached below ``folder``.

    An interrupted run resumes from the cache. The speed reported is that of the run that computed all vectors in one
    go, or 0 if several runs did. Raises the same errors, and :class:`~lookalike.errors.OutputError` where the cache
    can't be written.
    """
    started = time.monotonic()
    contents = hash_dataset(dataset, encoder)
    cache = folder / contents.fingerprint([_FORMAT, encoder.spec.to_json()])
    store = VectorStore(cache, VectorShape(len(contents.rows), encoder.spec.dimension))
    with store.lock():
        (segment,) = store.segments_for(["embeddings"])
        reused = segment.done
        _fill(segment, dataset, encoder, [row.path for row in contents.rows], progress)
        skipped = {skip.path: skip for skip in segment.skipped}
        usable = [number for number, row in enumerate(contents.rows) if row.path not in skipped]
        check_usable(dataset, len(usable), list(skipped.values()))
        seconds = time.monotonic() - started
        if not reused:
            _write_speed(cache, len(usable) / seconds)
    digests = tuple(contents.digests[number] for number in usable)
    first: dict[bytes, int] = {}
    first_copy = [first.setdefault(digest, number) for number, digest in enumerate(digests)]
    return EmbeddedDataset(
        dataset=dataset,
        vectors=np.array(segment.vectors("embeddings"))[usable][first_copy],
        digests=digests,
        rows=tuple(contents.rows[number] for number in usable),
        skipped=(*dataset.skipped, *contents.skipped, *skipped.values()),
        spec=encoder.spec,
        seconds=seconds,
        images_per_second=_read_speed(cache),
        reused=reused,
    )


def _fill(segment: Segment, dataset: Dataset, encoder: Encoder, paths: list[str], progress: Progress | None) -> None:
    files = (FoundFile(path, NO_STAT) for path in paths[segment.done :])
    if progress is not None:
        progress(segment.done, len(paths))
    for outcome in chain.from_iterable(embed_files(encoder, dataset.root, files)):
        if isinstance(outcome, Skipped):
            segment.append_skipped(outcome)
            if dataset.requires_all:
                break
        elif outcome.vector is not None:  # always true: no digest counts as known here
            segment.append(outcome.vector[np.newaxis])
        if progress is not None:
            progress(segment.done, len(paths))


def _write_speed(cache: Path, speed: float) -> None:
    content = json.dumps({"images_per_second": speed}).encode()
    write_to_cache(cache / "speed", lambda file: file.write(content))


def _read_speed(cache: Path) -> float:
    """Images per second of the run that computed all vectors; 0 where several runs did."""
    try:
        return float(parse_json(read_bytes(cache / "speed"))["images_per_second"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0
