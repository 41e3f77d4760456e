"""Bring a gallery up to date with its folder."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from lookalike.embedding.files import EmbeddedFile, Loading, embed_files
from lookalike.encoders.encoder import Encoder
from lookalike.errors import GalleryError, TableError, UnreachedImagesError
from lookalike.gallery.contents.annotations import Annotated, annotate_from_labels
from lookalike.gallery.last_update import record_end, record_start
from lookalike.gallery.options import GalleryOptions, record_passed_over
from lookalike.gallery.records import Changes, Entry, EntryChange
from lookalike.gallery.searching.calibration import recalibrate
from lookalike.gallery.store import Store
from lookalike.gallery.updating.comparison import Comparison
from lookalike.gallery.updating.listed import UNREACHED, ListedFolders, unanswered
from lookalike.gallery.updating.missing import Loss, find_losses, is_below
from lookalike.images.decode import ReadOptions
from lookalike.images.files import SkipKind, Skipped
from lookalike.images.kinds import PassedOver
from lookalike.images.rules import Rules
from lookalike.images.selection import Selection
from lookalike.images.walk import FolderContents, find_images
from lookalike.progress import FileProgress
from lookalike.text import printable

_LOG: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class UpdateReport:
    """The result of an update, in numbers of files.

    ``skipped`` counts all files now on the list of skipped files, ``noted`` the images that are used although something
    is wrong with their files, ``reread`` those read again because other decoding rules or options can change them,
    ``offline`` those that are kept although their files are gone, and ``encoded`` the embeddings computed. ``losses``
    are the folders from which images went in bulk in this run. ``stopped_at`` is the folder that stopped answering, as
    when its disk is taken away, so that the run ended early; nothing is removed or offline then that wasn't before.
    ``passed_over`` counts what was not read because of what it is. ``seconds`` is the time spent reading and encoding
    files. ``labels`` is what was read from a new ``labels.csv`` in the folder of images, and ``labels_problem`` why it
    couldn't be used.
    """

    added: int = 0
    updated: int = 0
    moved: int = 0
    removed: int = 0
    unchanged: int = 0
    skipped: int = 0
    noted: int = 0
    reread: int = 0
    encoded: int = 0
    seconds: float = 0.0
    passed_over: Mapping[PassedOver, int] = field(default_factory=dict)
    offline: int = 0
    losses: list[Loss] = field(default_factory=list)
    stopped_at: Path | None = None
    labels: Annotated | None = None
    labels_problem: str | None = None

    @property
    def images_per_second(self) -> float:
        """Images encoded per second; 0 if none was encoded."""
        return self.encoded / self.seconds if self.encoded and self.seconds > 0 else 0.0


def update(
    store: Store,
    encoder: Callable[[], Encoder],
    *,
    verify: bool = False,
    options: GalleryOptions | None = None,
    prune: str | None = None,
    progress: FileProgress | None = None,
) -> UpdateReport:
    """Add new files, re-encode changed ones, follow moved ones, and remove deleted ones.

    Images that are gone in bulk (see :func:`~lookalike.gallery.updating.missing.find_losses`) stay, marked offline;
    ``prune`` removes all that are gone below this folder ("" for all). If a folder stops answering, the run ends early,
    and its report says so. The embeddings of removed images are deleted by the next run that doesn't find them either,
    or at once by ``prune``.

    Files whose size, modification time and inode are unchanged are not read, unless ``verify`` is set: then every file
    is hashed. ``encoder`` is called only if there are files to read; ``progress`` is called with how many of those are
    done and their total. Raises :class:`~lookalike.errors.GalleryError` if the folder can't be listed, or an empty
    gallery would stay empty, and :class:`~lookalike.errors.UnreachedImagesError` if the gallery is gone with its
    folder.
    """
    options = options or GalleryOptions()
    contents = _list(store, options.selection)
    store.shortfall()  # raises if the embeddings can't be read, before anything is done
    if not contents.files and not store.count():
        raise GalleryError(f"{printable(store.root)}: no images in this folder")
    folders = ListedFolders(store.root, contents.devices)
    try:
        run = _Run(store, options.reading, contents, folders, verify=verify)
        run.process(encoder, progress)
        run.settle(prune)
        run.finish()
    except GalleryError as error:
        if folders.lost() is None:
            raise
        raise UnreachedImagesError(f"{unanswered(store.root)}, and the gallery with it ({error})") from error
    return run.report


def _list(store: Store, selection: Selection) -> FolderContents:
    try:
        return find_images(store.root, selection=selection, leave_out=store.folder)
    except OSError as error:
        raise GalleryError(
            f"{printable(store.root)}: can't list this folder ({error.strerror}); the gallery was not changed"
        ) from error


class _Run:
    """One update: reads what differs, and commits changes batch by batch."""

    def __init__(
        self, store: Store, reading: ReadOptions, contents: FolderContents, folders: ListedFolders, *, verify: bool
    ) -> None:
        rules = Rules.current(reading)
        self.store = store
        self.reading = reading
        self.contents = contents
        self.folders = folders
        self.unused = store.unused()
        self.found = found = Comparison(store, contents.files, contents.skipped, rules, verify=verify)
        self.changes = found.changes
        self.missing = found.missing
        self.report = UpdateReport(
            unchanged=found.unchanged, reread=len(found.reread), passed_over=contents.passed_over
        )

    def process(self, encoder: Callable[[], Encoder], progress: FileProgress | None) -> None:
        """Read and encode the files that differ, and commit each batch, so that a killed run loses one batch at most.

        A commit waits for the disk twice, which takes far less time than encoding a batch. Ends early if a folder stops
        answering.
        """
        done, files = 0, self.found.to_read
        _LOG.info("%d files found, %d of them to read", len(self.contents.files), len(files))
        if not files:
            return
        record_start(self.store, len(self.contents.files))
        started = time.monotonic()
        known = partial(self.store.has_content, rules=self.changes.rules)
        loading = Loading(self.store.stamp, encoder)
        batches = embed_files(loading, self.store.root, files, known=known, reading=self.reading)
        # Closed also after an error, so that decoding threads have ended before the store is closed.
        with closing(batches):
            for batch in batches:
                self._process_batch(batch)
                done += len(batch)
                if progress is not None:
                    progress(done, len(files), batch[-1].path)
                if self.report.stopped_at is not None:
                    break
        self.report.seconds = time.monotonic() - started

    def settle(self, prune: str | None) -> None:
        """Remove entries whose files are gone or mark them offline, and update the list of skipped files.

        Also delete the embeddings that were unused before and still are, and those of what is pruned. Does nothing if a
        folder has stopped answering, also where that made files go missing from its listing.
        """
        if self.report.stopped_at is None:
            self.report.stopped_at = self.folders.lost(entry.path for entry in self.missing.absent())
        if self.report.stopped_at is not None:
            return
        self.report.removed += sum(1 for _ in self.missing)
        self._settle_absent(prune)
        skips = self.found.skips
        self.changes.skipped += [problem for problem in self.contents.skipped if skips.get(problem.path) != problem]
        self.changes.unskipped += self.found.left_skips()
        self._commit()
        self.store.delete_unused(self.unused)
        record_passed_over(self.store, self.contents.passed_over)

    def finish(self) -> None:
        """Complete the report, recalibrate, and give back the space of embeddings that were deleted."""
        self._commit()
        self.report.skipped = len(self.store.skips())
        self.report.noted = len({note.path for note in self.store.notes()})
        self.report.offline = self.store.count_offline()
        recalibrate(self.store)
        self.store.compact()
        try:
            self.report.labels = annotate_from_labels(self.store)
        except TableError as error:
            self.report.labels_problem = str(error)
        if self.report.stopped_at is None:
            record_end(self.store)

    def _process_batch(self, batch: list[EmbeddedFile | Skipped]) -> None:
        self.report.stopped_at = self.folders.lost_with(batch)
        entries = self._entries_of(batch)
        for outcome in batch:
            if isinstance(outcome, EmbeddedFile):
                self._upsert(outcome, entries.get(outcome.file.path))
            elif self.report.stopped_at is None or outcome.kind not in UNREACHED:
                _LOG.info("skipped %s: %s", printable(outcome.path), outcome.reason)
                self._skip(outcome, entries.get(outcome.path))
        self._commit()

    def _settle_absent(self, prune: str | None) -> None:
        """Remove the entries that are gone, or mark them offline; ``prune`` as in :func:`update`."""
        absent, unreached = self.missing.absent(), self.found.unreached
        offline = [entry for entry in unreached if entry.offline_since is not None]
        candidates = () if prune is None else (*absent, *offline)
        pruned = {entry.path: entry for entry in candidates if is_below(entry.path, prune or "")}
        self.unused += [entry.digest for entry in pruned.values()]
        # What is still there is passed over now, on purpose.
        excluded = {entry.path: entry for entry in absent if os.path.lexists(self.store.root / entry.path)}
        gone = [entry for entry in absent if entry.offline_since is None and entry.path not in pruned]
        lost = [entry for entry in gone if entry.path not in excluded]
        self.report.losses = losses = find_losses(lost, self.store.count(), self.contents.files)
        lost = [entry for entry in lost if any(is_below(entry.path, loss.folder) for loss in losses)]
        self.changes.offline += [entry.path for entry in (*lost, *unreached) if entry.path not in pruned]
        removed = {*pruned, *excluded, *(entry.path for entry in gone)} - {entry.path for entry in lost}
        self.changes.removed += sorted(removed)
        self.report.removed += len(removed) - len(absent)

    def _entries_of(self, batch: list[EmbeddedFile | Skipped]) -> dict[str, Entry]:
        """The entries at the paths of a batch before this update, by path.

        An unchanged entry, which is only read to verify it, is still in the store as it was: nothing moved it.
        """
        paths = [item.path for item in batch]
        changed, reread = self.found.changed, self.found.reread
        unchanged = self.store.entries_by_path([p for p in paths if p not in changed]) if self.found.verify else {}
        return unchanged | {path: known[path] for known in (reread, changed) for path in paths if path in known}

    def _upsert(self, outcome: EmbeddedFile, entry: Entry | None) -> None:
        file, digest = outcome.file, outcome.digest
        moved_id, replaces_entry = None, False
        if entry is not None and entry.digest == digest:
            self.missing.found(entry)
            self.report.unchanged += 1
        else:
            moved_id = self.missing.take(file, digest)
            was_missing = entry is not None and entry.id in self.missing.ids
            replaces_entry = entry is not None and (was_missing or moved_id is not None)
            if moved_id is not None:
                self.report.moved += 1
                self.report.removed += entry is not None and not was_missing
            elif entry is None or was_missing:
                self.report.added += 1
            else:
                self.report.updated += 1
        self.report.encoded += outcome.vector is not None
        self.changes.upserts.append(
            EntryChange(
                file.path,
                file.stat,
                digest,
                vector=outcome.vector,
                share=outcome.share,
                other_format=outcome.other_format,
                properties=outcome.properties,
                moved_id=moved_id,
                replaces_entry=replaces_entry,
            )
        )
        if file.path in self.found.skips:
            self.changes.unskipped.append(file.path)

    def _skip(self, skipped: Skipped, entry: Entry | None) -> None:
        self.changes.skipped.append(skipped)
        if entry is None:
            return
        if skipped.kind in UNREACHED:
            self.missing.found(entry)
            if skipped.kind == SkipKind.UNREADABLE:
                self.changes.offline.append(skipped.path)
            return
        self.changes.removed.append(skipped.path)
        # A missing entry is counted as moved when its file is found, or as removed at the end.
        self.report.removed += entry.id not in self.missing.ids

    def _commit(self) -> None:
        changes, self.changes = self.changes, Changes(rules=self.changes.rules)
        if changes:
            self.store.commit(changes)
