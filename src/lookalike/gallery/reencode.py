"""Convert a gallery to another encoder; the current one stays active until every image is embedded."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from typing import Final

from lookalike.embedding import EmbeddedFile, ReadOptions, embed_files
from lookalike.encoders.encoder import Encoder
from lookalike.gallery.store import Store
from lookalike.images.files import FoundFile
from lookalike.progress import Progress

_REASON: Final = "could not be read during --reencode; the next lookalike index tries again"

# These images passed the limits when they were added to the gallery.
_WITHOUT_LIMITS: Final = ReadOptions(pixel_cap=sys.maxsize, any_extension=True)


def reencode(store: Store, encoder: Encoder, progress: Progress | None = None) -> int:
    """Embed every content of the gallery with ``encoder``, then activate it; returns the number of contents embedded.

    If interrupted, the next call resumes. Files that have changed or can't be read become skipped files without a
    stat, so the next update reads them again.
    """
    replacement = store.open_replacement(encoder.spec, encoder.location)
    count, done, embedded = replacement.pending_count(), 0, 0
    expected: deque[bytes] = deque()  # the digests of the files that are being embedded, whose results come in order

    def pending_files() -> Iterator[FoundFile]:
        for digest, file in replacement.iter_pending():
            expected.append(digest)
            yield file

    batches = embed_files(encoder, store.root, pending_files(), reading=_WITHOUT_LIMITS)
    with closing(batches):
        for batch in batches:
            vectors = {
                outcome.digest: outcome.vector
                for outcome, digest in zip(batch, [expected.popleft() for _ in batch], strict=True)
                if isinstance(outcome, EmbeddedFile) and outcome.vector is not None and outcome.digest == digest
            }
            if vectors:
                replacement.add_vectors(vectors)
            embedded += len(vectors)
            done += len(batch)
            if progress is not None:
                progress(done, count)
    replacement.activate(_REASON)
    return embedded
