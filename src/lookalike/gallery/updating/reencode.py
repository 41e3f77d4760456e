"""Convert a gallery to another encoder; the current one stays active until every image is embedded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from lookalike.embedding.files import EmbeddedFile, embed_files
from lookalike.encoders.encoder import Encoder
from lookalike.errors import UnreachedImagesError
from lookalike.gallery.records import NewVector
from lookalike.gallery.stamp_check import matches_stamp
from lookalike.gallery.store import Replacement, Store
from lookalike.gallery.updating.listed import ListedFolders, unanswered
from lookalike.gallery.updating.missing import find_losses, is_below
from lookalike.gallery.updating.root import check_writable
from lookalike.images.decode import ReadOptions
from lookalike.images.files import FoundFile, SkipKind, Skipped
from lookalike.images.rules import Rules
from lookalike.progress import FileProgress
from lookalike.text import plural, printable

_NAMED: Final = 3
"""How many images an error names."""

_REASON: Final = "could not be read during --reencode; the next lookalike index tries again"


def reencode(
    store: Store,
    encoder: Encoder,
    reading: ReadOptions | None = None,
    *,
    accept_missing: bool = False,
    progress: FileProgress | None = None,
) -> int:
    """Embed every content of the gallery with ``encoder``, then activate it; returns the number of contents embedded.

    If ``encoder`` is the gallery's own, an unfinished replacement is discarded. If interrupted, the next call resumes.
    Files that have changed or are damaged become skipped files without a stat, so the next update reads them again.
    Raises :class:`~lookalike.errors.UnreachedImagesError`, and changes nothing, if images can't be read that may still
    exist; with ``accept_missing`` these become skipped files too, unless they could be reached when it began.
    """
    if matches_stamp(store, encoder):
        store.discard_replacement()
        return 0
    check_writable(store)
    replacement = store.open_replacement(encoder.spec, encoder.location)
    run = _Reencoding(store, encoder, replacement, reading or ReadOptions())
    run.run(progress)
    if run.stopped_at is not None:
        raise UnreachedImagesError(f"{unanswered(run.stopped_at)}. {_kept(store, encoder)}")
    unreached = run.unreached()
    if unreached and not accept_missing:
        raise _unreached_error(store, encoder, unreached)
    replacement.activate(_REASON)
    return run.embedded


class _Reencoding:
    """The embedding of what a replacement lacks.

    ``stopped_at`` is the folder that stopped answering, so that it ended early.
    """

    def __init__(self, store: Store, encoder: Encoder, replacement: Replacement, reading: ReadOptions) -> None:
        self._store = store
        self._encoder = encoder
        self._replacement = replacement
        self._reading = reading
        self._failed: dict[str, SkipKind] = {}
        # The digests of the files that are being embedded, whose results come in order.
        self._expected: deque[bytes] = deque()
        self.stopped_at: Path | None = None
        self.embedded = 0

    def run(self, progress: FileProgress | None) -> None:
        rules = str(Rules.current(self._reading))
        count, done = self._replacement.pending_count(), 0
        folders = ListedFolders.of_files(self._store.root, (entry.path for entry in self._store.iter_entries()))
        batches = embed_files(self._encoder, self._store.root, self._pending_files(), reading=self._reading)
        with closing(batches):
            for batch in batches:
                if vectors := self._vectors(batch):
                    self._replacement.add_vectors(vectors, rules)
                self.embedded += len(vectors)
                done += len(batch)
                if progress is not None:
                    progress(done, count, batch[-1].path)
                self.stopped_at = folders.lost_with(batch)
                if self.stopped_at is not None:
                    break

    def unreached(self) -> list[str]:
        """The paths of images that can't be read but may still exist.

        These are unreadable or were offline before, or they are gone in bulk; others that are gone were deleted.
        """
        vanished = {path for path, kind in self._failed.items() if kind == SkipKind.VANISHED}
        unreached = [path for path, kind in self._failed.items() if kind == SkipKind.UNREADABLE]
        if vanished:
            entries = list(self._store.iter_entries())
            gone = [entry for entry in entries if entry.path in vanished and entry.offline_since is None]
            files = (FoundFile(entry.path, entry.stat) for entry in entries if entry.path not in vanished)
            losses = find_losses(gone, len(entries), files)
            unreached += [entry.path for entry in entries if entry.path in vanished and entry.offline_since is not None]
            unreached += [entry.path for entry in gone if any(is_below(entry.path, loss.folder) for loss in losses)]
        return sorted(unreached)

    def _pending_files(self) -> Iterator[FoundFile]:
        for digest, file in self._replacement.iter_pending():
            self._expected.append(digest)
            yield file

    def _vectors(self, batch: list[EmbeddedFile | Skipped]) -> list[NewVector]:
        vectors = []
        for outcome in batch:
            digest = self._expected.popleft()
            if isinstance(outcome, Skipped):
                self._failed[outcome.path] = outcome.kind
            elif outcome.vector is not None and outcome.digest == digest:
                vectors.append(NewVector(digest, outcome.vector, outcome.share))
        return vectors


def _unreached_error(store: Store, encoder: Encoder, unreached: list[str]) -> UnreachedImagesError:
    examples = ", ".join(map(printable, unreached[:_NAMED])) + (", ..." if len(unreached) > _NAMED else "")
    return UnreachedImagesError(
        f"{printable(store.address)}: {plural(len(unreached), 'image')} can't be read now ({examples}). "
        f"{_kept(store, encoder)}. To complete it without these images: --accept-missing"
    )


def _kept(store: Store, encoder: Encoder) -> str:
    return (
        f"The gallery keeps its encoder {store.stamp.name}, and what was encoded with {encoder.spec.name} is kept too: "
        "connect the disk and run the same command again"
    )
