"""Convert a gallery to another encoder; the current one stays active until every image is embedded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import closing
from typing import Final

from lookalike.embedding import EmbeddedFile, embed_files
from lookalike.encoders.encoder import Encoder
from lookalike.gallery.store import NewVector, Store
from lookalike.images.decode import ReadOptions
from lookalike.images.files import FoundFile
from lookalike.images.rules import Rules
from lookalike.progress import Progress

_REASON: Final = "could not be read during --reencode; the next lookalike index tries again"


def reencode(
    store: Store, encoder: Encoder, reading: ReadOptions | None = None, progress: Progress | None = None
) -> int:
    """Embed every content of the gallery with ``encoder``, then activate it; returns the number of contents embedded.

    If interrupted, the next call resumes. Files that have changed or can't be read become skipped files without a
    stat, so the next update reads them again.
    """
    reading = reading or ReadOptions()
    rules = str(Rules.current(reading))
    replacement = store.open_replacement(encoder.spec, encoder.location)
    count, done, embedded = replacement.pending_count(), 0, 0
    expected: deque[bytes] = deque()  # the digests of the files that are being embedded, whose results come in order

    def pending_files() -> Iterator[FoundFile]:
        for digest, file in replacement.iter_pending():
            expected.append(digest)
            yield file

    batches = embed_files(encoder, store.root, pending_files(), reading=reading)
    with closing(batches):
        for batch in batches:
            vectors = [
                NewVector(digest, outcome.vector, outcome.share)
                for outcome, digest in zip(batch, [expected.popleft() for _ in batch], strict=True)
                if isinstance(outcome, EmbeddedFile) and outcome.vector is not None and outcome.digest == digest
            ]
            if vectors:
                replacement.add_vectors(vectors, rules)
            embedded += len(vectors)
            done += len(batch)
            if progress is not None:
                progress(done, count)
    replacement.activate(_REASON)
    return embedded
