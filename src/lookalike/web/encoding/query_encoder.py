"""Encode the images of queries: decoded in processes of their own, encoded together with those of other requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from lookalike.embedding.isolated import open_reader
from lookalike.embedding.limits import FileLimits
from lookalike.embedding.load import Loaded, Loader
from lookalike.encoders.encoder import Encoder
from lookalike.images.decode import ReadOptions
from lookalike.images.files import FileStat, FoundFile, Skipped
from lookalike.machine import processors
from lookalike.search.query import EmbeddedImage, Region
from lookalike.web.encoding.batches import MicroBatches
from lookalike.web.encoding.uploads import Upload, Uploads, digest_and_pixels
from lookalike.web.kept import Kept

Timer = Callable[[str, float], None]
"""Called with the name of a stage of a search, and the seconds that it took."""

_MOST_KEPT: Final = 1000
"""How many embeddings are kept, for clients that ask for more hits of the same image."""

_Key = tuple[bytes, Region | None]


class QueryEncoder:
    """Encodes images with the encoder of one gallery, read by its options. Use it on the thread of the event loop."""

    def __init__(self, encoder: Encoder, reading: ReadOptions, limits: FileLimits, uploads: Uploads) -> None:
        self.encoder = encoder
        self.reading = reading
        self._uploads = uploads
        self._fingerprint = encoder.spec.fingerprint
        self._reader = open_reader(Loader(encoder.spec, reading), Path(), lambda _: False, limits)
        self._threads = ThreadPoolExecutor(processors(), thread_name_prefix="decode")
        self._batches = MicroBatches(encoder.embed_prepared, encoder.batch)
        self._kept: Kept[_Key, EmbeddedImage] = Kept(_MOST_KEPT)

    def start(self) -> None:
        """Start the processes that decode; otherwise the first requests do."""
        self._reader.start(processors())

    @property
    def waiting(self) -> int:
        """How many images are decoded, and wait to be encoded."""
        return self._batches.waiting

    async def embed_upload(self, upload: Upload, region: Region | None, timer: Timer) -> EmbeddedImage:
        """The embedding of an upload, or of a ``region`` of it; raises :class:`~lookalike.errors.ImageError`."""
        return await self._embed(upload.digest, region, partial(self._read_upload, upload, region), timer)

    async def embed_file(self, path: Path, digest: bytes, region: Region | None, timer: Timer) -> EmbeddedImage:
        """As :meth:`embed_upload`, for the file of an image of the gallery; its content had this ``digest``."""
        return await self._embed(digest, region, partial(self._read_file, path, region), timer)

    def close(self) -> None:
        """End all processes."""
        self._reader.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _embed(
        self, digest: bytes, region: Region | None, read: Callable[[], Loaded | Skipped], timer: Timer
    ) -> EmbeddedImage:
        if (kept := self._kept.find((digest, region))) is not None:
            return kept
        with _timed(timer, "decode"):
            outcome = await asyncio.get_running_loop().run_in_executor(self._threads, read)
        current, pixels = digest_and_pixels(outcome)  # the file of a gallery may have another content by now
        with _timed(timer, "encode"):
            vector = await self._batches.embed(pixels)
        embedded = EmbeddedImage(vector, current if region is None else None, self._fingerprint)
        self._kept.keep((current, region), embedded)
        return embedded

    def _read_upload(self, upload: Upload, region: Region | None) -> Loaded | Skipped:
        with self._uploads.file(upload) as file:
            return self._reader.read(file, region)

    def _read_file(self, path: Path, region: Region | None) -> Loaded | Skipped:
        return self._reader.read(FoundFile(str(path), FileStat(0, 0, 0)), region)


@contextmanager
def _timed(timer: Timer, stage: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    timer(stage, time.monotonic() - started)
