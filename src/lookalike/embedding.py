"""Embed many files: threads decode ahead of the encoder, which runs in batches."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.encoder import Encoder
from lookalike.errors import ImageError
from lookalike.images.decode import ReadOptions, check_not_blank, open_image
from lookalike.images.files import FileStat, FoundFile, SkipKind, Skipped, image_error, open_file, sha256
from lookalike.images.formats import EXTENSIONS
from lookalike.images.sniff import content_format
from lookalike.machine import processors

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

# The number of batches decoded ahead of the encoder, and the largest output batch where most contents are already
# known. It bounds memory: a prepared image takes a few hundred kilobytes.
_BATCHES_AHEAD: Final = 4


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """A file with its digest and embedding.

    ``digest`` is the SHA-256 of the content (32 bytes). ``vector`` is the embedding, float32 (dimension,), or None if
    the content was already known. ``share`` is the share of the image that could be decoded, None for all of it.
    ``other_format`` is the file's format if its extension belongs to another one. ``file.stat`` describes the file as
    it was when it was read.
    """

    file: FoundFile
    digest: bytes
    vector: NDArray[np.float32] | None
    share: float | None = None
    other_format: str | None = None


def embed_files(
    encoder: Encoder,
    root: Path,
    files: Iterable[FoundFile],
    *,
    known: Callable[[bytes], bool] = lambda _: False,
    reading: ReadOptions | None = None,
    threads: int | None = None,
) -> Generator[list[EmbeddedFile | Skipped], None, None]:
    """Embed ``files`` (relative to ``root``) in order, and yield the results in batches.

    A file whose digest is ``known`` is neither decoded nor encoded; ``known`` is called on the decoding threads. A file
    that can't be used becomes a :class:`~lookalike.images.files.Skipped` instead of raising. ``threads`` decode, by
    default one per processor. Memory use doesn't depend on the number of files.
    """
    load = _Loader(encoder, root, known, reading or ReadOptions())
    batch: list[_Loaded | Skipped] = []
    to_encode, limit = 0, _BATCHES_AHEAD * encoder.batch
    for item in map_ahead(load, files, limit, threads=threads):
        batch.append(item)
        to_encode += isinstance(item, _Loaded) and item.pixels is not None
        if to_encode == encoder.batch or len(batch) >= limit:
            yield _encode(encoder, batch)
            batch, to_encode = [], 0
    if batch:
        yield _encode(encoder, batch)


@dataclass(frozen=True, slots=True)
class _Loaded:
    file: FoundFile
    digest: bytes
    other_format: str | None
    pixels: NDArray[np.uint8] | None
    share: float | None = None


@dataclass(frozen=True, slots=True)
class _Loader:
    """Reads one file: computes its digest, then decodes and preprocesses it unless its content is known."""

    encoder: Encoder
    root: Path
    known: Callable[[bytes], bool]
    reading: ReadOptions

    def __call__(self, file: FoundFile) -> _Loaded | Skipped:
        current = file
        try:
            with open_file(self.root / file.path) as opened:
                # Taken before reading: if the file changes meanwhile, the next run notices and reads it again.
                current = FoundFile(file.path, FileStat.of(os.fstat(opened.fileno())))
                other_format = self._other_format(opened, file.path)
                digest = sha256(opened)
                if self.known(digest):
                    return _Loaded(current, digest, other_format, None)
                image = open_image(
                    opened,
                    min_side=self.encoder.min_side,
                    options=self.reading,
                    name=file.path,
                    keep_profile=True,
                )
                check_not_blank(image)
                return _Loaded(current, digest, other_format, self.encoder.prepare(image), image.share)
        except ImageError as error:
            return Skipped(file.path, SkipKind(error.kind), error.reason, current.stat)
        except MemoryError:
            return Skipped(file.path, SkipKind.TOO_LARGE, "too large for this machine's memory", current.stat)
        except OSError as error:
            reason = f"can't be read ({error.strerror or error})"
            return Skipped(file.path, SkipKind.UNREADABLE, reason, current.stat)

    def _other_format(self, opened: BinaryIO, path: str) -> str | None:
        """The format of a file whose extension belongs to another one; raises if that is not wanted."""
        extension = os.path.splitext(path)[1].lower()  # noqa: PTH122  a str of many, not one Path
        content = content_format(opened, path)
        if content is None or content == EXTENSIONS.get(extension):
            return None
        if self.reading.strict:
            reason = f"named {extension} but contains {content}; rename it, or index with --no-strict"
            raise image_error(SkipKind.WRONG_EXTENSION, reason)
        return content


def _encode(encoder: Encoder, batch: list[_Loaded | Skipped]) -> list[EmbeddedFile | Skipped]:
    prepared = [item.pixels for item in batch if isinstance(item, _Loaded) and item.pixels is not None]
    vectors = iter(encoder.embed_prepared(prepared) if prepared else ())
    return [
        item
        if isinstance(item, Skipped)
        else EmbeddedFile(
            item.file, item.digest, None if item.pixels is None else next(vectors), item.share, item.other_format
        )
        for item in batch
    ]


def map_ahead(
    function: Callable[[_Item], _Result], items: Iterable[_Item], limit: int, *, threads: int | None = None
) -> Iterator[_Result]:
    """The results of ``function`` for all ``items``, in order, computed on threads ahead of the consumer.

    At most ``limit`` results wait for the consumer. ``threads`` defaults to one per processor. An exception is raised
    in the place of its result; then, and when the consumer stops, items that no thread has begun are dropped.
    """
    remaining = iter(items)
    pending: deque[Future[_Result]] = deque()
    pool = ThreadPoolExecutor(threads or processors(), thread_name_prefix="ahead")
    try:
        pending.extend(pool.submit(function, item) for item in islice(remaining, limit))
        while pending:
            yield pending.popleft().result()
            pending.extend(pool.submit(function, item) for item in islice(remaining, 1))
    finally:
        pool.shutdown(cancel_futures=True)
