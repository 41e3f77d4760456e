"""Move a gallery to another encoder: the old one serves until the new one is whole."""

from __future__ import annotations

import time
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.embedding import Progress, Reading, embed_files
from lookalike.encoders.encoder import Encoder
from lookalike.gallery.local_store import LocalStore
from lookalike.gallery.replacement import Replacement
from lookalike.picture_files import Skipped

_COMMIT_SECONDS: Final = 2.0
_REASON: Final = "couldn't be read while the gallery was moved to another encoder; the next lookalike index tries again"


def reencode(store: LocalStore, encoder: Encoder, reading: Reading, progress: Progress | None = None) -> int:
    """Embed every content of the gallery with ``encoder``, then let it serve; returns how many were embedded.

    Stopped or killed, the next call goes on from there. Files that have changed meanwhile, or can't be read, become
    skipped files without a stat: an update reads them afresh.
    """
    replacement = Replacement(store, encoder.spec, encoder.location)
    missing = replacement.missing()
    expected = {file.path: digest for digest, file in missing}
    files = [file for _, file in missing]
    pending: dict[bytes, NDArray[np.float32]] = {}
    done, embedded, since = 0, 0, time.monotonic()
    for batch in embed_files(encoder, store.root, files, reading=reading):
        for outcome in batch:
            if isinstance(outcome, Skipped) or outcome.vector is None:
                continue
            if expected[outcome.file.path] == outcome.digest:
                pending[outcome.digest] = outcome.vector
        done += len(batch)
        if progress is not None:
            progress(done, len(files))
        if pending and (time.monotonic() - since >= _COMMIT_SECONDS or done == len(files)):
            replacement.embed(pending)
            embedded += len(pending)
            pending, since = {}, time.monotonic()
    replacement.promote(_REASON)
    return embedded
