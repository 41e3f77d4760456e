"""Embed many files: they are read ahead of the encoder, which runs in batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.embedding.ahead import map_ahead
from lookalike.embedding.isolated import open_reader
from lookalike.embedding.limits import FileLimits
from lookalike.embedding.load import Loaded, Loader
from lookalike.encoders.encoder import Encoder
from lookalike.encoders.spec import EncoderSpec
from lookalike.images.decode import Properties, ReadOptions
from lookalike.images.files import FoundFile, Skipped
from lookalike.machine import processors

# The number of batches decoded ahead of the encoder, and the largest output batch where most contents are already
# known. It bounds memory: a prepared image takes a few hundred kilobytes.
_BATCHES_AHEAD: Final = 4

# After so many seconds without one, a batch is yielded as it is: what is done of slow files is kept and shown, and it
# is noticed early that a disk doesn't answer any more.
_BATCH_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Loading:
    """An encoder that is still to be loaded, by ``load``; its specification is known."""

    spec: EncoderSpec
    load: Callable[[], Encoder]


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """A file with its digest and embedding.

    ``digest`` is the SHA-256 of the content (32 bytes). ``vector`` is the embedding, float32 (dimension,), or None if
    the content was already known. ``share`` is the share of the image that could be decoded, None for all of it.
    ``other_format`` is the file's format if its extension belongs to another one. ``file.stat`` describes the file as
    it was when it was read. ``properties`` are as in :class:`~lookalike.embedding.load.Loaded`.
    """

    file: FoundFile
    digest: bytes
    vector: NDArray[np.float32] | None
    share: float | None = None
    other_format: str | None = None
    properties: Properties | None = None

    @property
    def path(self) -> str:
        """The path of the file, as that of a :class:`~lookalike.images.files.Skipped`."""
        return self.file.path


def embed_files(
    encoder: Encoder | Loading,
    root: Path,
    files: Iterable[FoundFile],
    *,
    known: Callable[[bytes], bool] = lambda _: False,
    reading: ReadOptions | None = None,
    limits: FileLimits | None = None,
    threads: int | None = None,
) -> Generator[list[EmbeddedFile | Skipped], None, None]:
    """Embed ``files`` (relative to ``root``) in order, and yield the results in batches.

    An encoder that is still to be loaded is loaded while the processes that read start.
    A file whose digest is ``known`` is neither decoded nor encoded; ``known`` is called on the reading threads. A file
    that can't be used becomes a :class:`~lookalike.images.files.Skipped` instead of raising. ``threads`` read, by
    default one per processor, each with a process of its own unless ``limits`` say otherwise. Memory use doesn't depend
    on the number of files.
    """
    reader = open_reader(Loader(encoder.spec, reading or ReadOptions()), root, known, limits)
    with closing(reader):
        if isinstance(encoder, Loading):
            reader.start(threads or processors())
            encoder = encoder.load()
        batch: list[Loaded | Skipped] = []
        to_encode, limit = 0, _BATCHES_AHEAD * encoder.batch
        started = time.monotonic()
        for item in map_ahead(reader.read, files, limit, threads=threads, cancel=reader.close):
            batch.append(item)
            to_encode += isinstance(item, Loaded) and item.pixels is not None
            is_full = to_encode == encoder.batch or len(batch) >= limit
            if is_full or time.monotonic() - started > _BATCH_SECONDS:
                yield _encode(encoder, batch)
                batch, to_encode, started = [], 0, time.monotonic()
        if batch:
            yield _encode(encoder, batch)


def _encode(encoder: Encoder, batch: list[Loaded | Skipped]) -> list[EmbeddedFile | Skipped]:
    prepared = [item.pixels for item in batch if isinstance(item, Loaded) and item.pixels is not None]
    vectors = iter(encoder.embed_prepared(prepared) if prepared else ())
    return [
        item if isinstance(item, Skipped) else _embedded(item, None if item.pixels is None else next(vectors))
        for item in batch
    ]


def _embedded(loaded: Loaded, vector: NDArray[np.float32] | None) -> EmbeddedFile:
    return EmbeddedFile(
        loaded.file, loaded.digest, vector, loaded.share, loaded.other_format, properties=loaded.properties
    )
