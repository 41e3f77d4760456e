"""Move a gallery to another encoder: the old one serves until the new one is whole."""

from __future__ import annotations

import sys
from typing import Final

from lookalike.embedding import Embedded, Progress, Reading, embed_files
from lookalike.encoders.encoder import Encoder
from lookalike.gallery.store import Store

_REASON: Final = "couldn't be read while the gallery was moved to another encoder; the next lookalike index tries again"


# What is in the gallery was taken in under whatever limits; it isn't judged a second time.
_WITHOUT_LIMITS: Final = Reading(pixel_cap=sys.maxsize, any_extension=True)


def reencode(store: Store, encoder: Encoder, progress: Progress | None = None) -> int:
    """Embed every content of the gallery with ``encoder``, then let it serve; returns how many were embedded.

    Stopped or killed, the next call goes on from there. Files that have changed meanwhile, or can't be read, become
    skipped files without a stat: an update reads them afresh.
    """
    replacement = store.replacement(encoder.spec, encoder.location)
    missing = replacement.missing()
    expected = {file.path: digest for digest, file in missing}
    files = [file for _, file in missing]
    done = embedded = 0
    for batch in embed_files(encoder, store.root, files, reading=_WITHOUT_LIMITS):
        vectors = {
            outcome.digest: outcome.vector
            for outcome in batch
            if isinstance(outcome, Embedded)
            and outcome.vector is not None
            and expected[outcome.file.path] == outcome.digest
        }
        if vectors:
            replacement.embed(vectors)
        embedded += len(vectors)
        done += len(batch)
        if progress is not None:
            progress(done, len(files))
    replacement.promote(_REASON)
    return embedded
