"""Many files through one encoder: decoding runs ahead on its own threads, pictures are encoded in batches."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.encoder import Encoder
from lookalike.errors import PictureError
from lookalike.images.decode import DEFAULT_PIXEL_CAP, open_picture
from lookalike.images.files import FileStat, Found, SkipKind, Skipped, open_file, refusal, sha256
from lookalike.images.formats import EXTENSIONS
from lookalike.images.sniff import content_format

Progress = Callable[[int, int], None]
"""Told how many of how many are done, now and then."""

# Two threads keep two cores busy beside the encoder's own; more only wait for one another (docs/measurements.md).
_DECODERS: Final = 2
# How many batches of files are read ahead of the encoder, or are in one where their contents are known. It bounds
# memory: a prepared picture is a few hundred kilobytes.
_BATCHES_AHEAD: Final = 4


@dataclass(frozen=True, slots=True)
class Embedded:
    """A file's content and what the encoder made of it.

    ``digest`` is the SHA-256 of its bytes (32 bytes), ``vector`` its embedding, float32 (dimension,); None where the
    caller knew that content already. ``file.stat`` is what the file was when it was read.
    """

    file: Found
    digest: bytes
    vector: NDArray[np.float32] | None


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are read: ``pixel_cap`` in pixels; ``any_extension`` takes a PNG called ``.jpg`` for what it is."""

    pixel_cap: int = DEFAULT_PIXEL_CAP
    any_extension: bool = False


def embed_files(
    encoder: Encoder,
    root: Path,
    files: Iterable[Found],
    *,
    known: Callable[[bytes], bool] = lambda _: False,
    reading: Reading | None = None,
) -> Iterator[list[Embedded | Skipped]]:
    """Embed ``files`` (relative to ``root``), in their order, a batch at a time.

    A file whose digest is ``known`` (called on the decoding threads) is neither decoded nor encoded. A file that can't
    be used becomes a :class:`~lookalike.images.files.Skipped`; no file raises. Memory stays bounded however many
    files there are.
    """
    load = _Loader(encoder, root, known, reading or Reading())
    batch: list[_Loaded | Skipped] = []
    waiting, most = 0, _BATCHES_AHEAD * encoder.batch
    for item in _ahead(load, files, most):
        batch.append(item)
        waiting += isinstance(item, _Loaded) and item.pixels is not None
        if waiting == encoder.batch or len(batch) >= most:
            yield _encoded(encoder, batch)
            batch, waiting = [], 0
    if batch:
        yield _encoded(encoder, batch)


@dataclass(frozen=True, slots=True)
class _Loaded:
    file: Found
    digest: bytes
    pixels: NDArray[np.uint8] | None


@dataclass(frozen=True, slots=True)
class _Loader:
    """Reads one file: digest first, then, if its content is new, decoding and preprocessing."""

    encoder: Encoder
    root: Path
    known: Callable[[bytes], bool]
    reading: Reading

    def __call__(self, file: Found) -> _Loaded | Skipped:
        now = file
        try:
            with open_file(self.root / file.path) as opened:
                # Taken before reading: should the file change meanwhile, the next run sees that and reads it again.
                now = Found(file.path, FileStat.of(os.fstat(opened.fileno())))
                self._check_extension(opened, file.path)
                digest = sha256(opened)
                pixels = None if self.known(digest) else self._pixels(opened)
                return _Loaded(now, digest, pixels)
        except PictureError as error:
            return Skipped(file.path, SkipKind(error.kind), error.reason, now.stat)
        except MemoryError:
            return Skipped(file.path, SkipKind.TOO_LARGE, "too large for this machine's memory", now.stat)
        except OSError as error:
            reason = f"can't be read ({error.strerror or error})"
            return Skipped(file.path, SkipKind.UNREADABLE, reason, now.stat)

    def _check_extension(self, opened: BinaryIO, path: str) -> None:
        extension = os.path.splitext(path)[1].lower()  # noqa: PTH122  a str of many, not one Path
        content = content_format(opened)
        if content is not None and content != EXTENSIONS[extension] and not self.reading.any_extension:
            raise refusal(
                SkipKind.WRONG_EXTENSION,
                f"named {extension}, but what it holds is {content}: rename it, or index with --any-extension",
            )

    def _pixels(self, opened: BinaryIO) -> NDArray[np.uint8]:
        picture = open_picture(opened, least_side=self.encoder.least_side, pixel_cap=self.reading.pixel_cap)
        return self.encoder.prepare(picture)


def _encoded(encoder: Encoder, batch: list[_Loaded | Skipped]) -> list[Embedded | Skipped]:
    prepared = [item.pixels for item in batch if isinstance(item, _Loaded) and item.pixels is not None]
    vectors = iter(encoder.embed_prepared(prepared) if prepared else ())
    return [
        item
        if isinstance(item, Skipped)
        else Embedded(item.file, item.digest, None if item.pixels is None else next(vectors))
        for item in batch
    ]


def _ahead(load: _Loader, files: Iterable[Found], most: int) -> Iterator[_Loaded | Skipped]:
    """``load`` of every file, in order, computed up to ``most`` files before it is asked for."""
    remaining = iter(files)
    pending: deque[Future[_Loaded | Skipped]] = deque()
    with _decoders() as pool:
        pending.extend(pool.submit(load, file) for file in islice(remaining, most))
        while pending:
            yield pending.popleft().result()
            pending.extend(pool.submit(load, file) for file in islice(remaining, 1))


@contextmanager
def _decoders() -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(_DECODERS, thread_name_prefix="decoder")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
