"""Bring a gallery up to date with its folder."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from lookalike.embedding import EmbeddedFile, Progress, ReadOptions, embed_files
from lookalike.encoders.encoder import Encoder
from lookalike.errors import GalleryError
from lookalike.gallery import calibration
from lookalike.gallery.store import Changes, Entry, EntryChange, Store
from lookalike.images.files import FoundFile, SkipKind, Skipped
from lookalike.images.walk import find_images
from lookalike.text import printable

# These problems last until the file changes; others, such as missing permissions, may go away without a change.
_LASTING: Final = frozenset({SkipKind.EMPTY, SkipKind.NOT_AN_IMAGE, SkipKind.DAMAGED, SkipKind.WRONG_EXTENSION})


@dataclass(slots=True)
class UpdateReport:
    """The result of an update, in numbers of files.

    ``skipped`` counts all files now on the list of skipped files, ``encoded`` the embeddings computed. ``seconds`` is
    the time spent reading and encoding files.
    """

    added: int = 0
    updated: int = 0
    moved: int = 0
    removed: int = 0
    unchanged: int = 0
    skipped: int = 0
    encoded: int = 0
    seconds: float = 0.0

    @property
    def images_per_second(self) -> float:
        """Images encoded per second; 0 if none was encoded."""
        return self.encoded / self.seconds if self.encoded and self.seconds > 0 else 0.0


def update(
    store: Store,
    encoder: Callable[[], Encoder],
    *,
    verify: bool = False,
    reading: ReadOptions | None = None,
    progress: Progress | None = None,
) -> UpdateReport:
    """Add new files, re-encode changed ones, follow moved ones, and remove deleted ones.

    Files whose size, modification time and inode are unchanged are not read, unless ``verify`` is set: then every file
    is hashed. ``encoder`` is called only if there are files to read; ``progress`` is called with how many of those are
    done and their total. Raises :class:`~lookalike.errors.GalleryError` if the folder holds no images, so a
    disconnected drive does not empty the gallery.
    """
    try:
        files, problems = find_images(store.root, leave_out=store.folder)
    except OSError as error:
        raise GalleryError(
            f"{printable(store.root)}: can't list this folder ({error.strerror}); the gallery was not changed"
        ) from error
    store.check_vectors()
    run = _Run(store, reading or ReadOptions(), files, problems)
    if not files:
        unchanged = "; the gallery was not changed. Check that its drive is connected" if run.entries else ""
        raise GalleryError(f"{printable(store.root)}: no images in this folder{unchanged}")
    started = time.monotonic()
    if to_read := [file for file in files if verify or run.must_read(file)]:
        run.process(encoder(), to_read, progress)
    run.report.seconds = time.monotonic() - started
    run.finish()
    return run.report


class _Run:
    """One update: the gallery before it, the files found, and the changes not committed yet."""

    def __init__(self, store: Store, reading: ReadOptions, files: list[FoundFile], problems: list[Skipped]) -> None:
        self.store = store
        self.reading = reading
        self.problems = problems
        self.report = UpdateReport()
        self.entries = {entry.path: entry for entry in store.entries()}
        self.skips = {skipped.path: skipped for skipped in store.skips()}
        self.digests = {entry.digest for entry in self.entries.values()}
        self.paths = {file.path for file in files}
        self.unreadable = tuple(f"{p.path}/" for p in problems if p.kind == SkipKind.UNREADABLE_FOLDER)
        self.missing = self._missing_entries(files)
        self.missing_ids = {entry.id for entries in self.missing.values() for entry in entries}
        self.changes = Changes()

    def must_read(self, file: FoundFile) -> bool:
        """Whether ``file`` is new, or has changed since it was added or skipped; counts unchanged entries."""
        entry = self.entries.get(file.path)
        if entry is not None:
            unchanged = entry.stat == file.stat
            self.report.unchanged += unchanged
            return not unchanged
        skipped = self.skips.get(file.path)
        return not (
            skipped is not None
            and skipped.stat == file.stat
            and skipped.kind in _LASTING
            and not (skipped.kind == SkipKind.WRONG_EXTENSION and self.reading.any_extension)
        )

    def process(self, encoder: Encoder, files: list[FoundFile], progress: Progress | None) -> None:
        """Read and encode ``files`` and commit each batch, so that a killed run loses one batch at most.

        A commit waits for the disk twice, which takes far less time than encoding a batch.
        """
        done = 0
        batches = embed_files(encoder, self.store.root, files, known=self.digests.__contains__, reading=self.reading)
        for batch in batches:
            for outcome in batch:
                if isinstance(outcome, Skipped):
                    self._skip(outcome)
                else:
                    self._upsert(outcome)
            self._commit()
            done += len(batch)
            if progress is not None:
                progress(done, len(files))

    def finish(self) -> None:
        """Remove entries whose files are gone, update the list of skipped files, and recalibrate."""
        gone = [entry for entries in self.missing.values() for entry in entries]
        self.report.removed += len(gone)
        self.changes.removed += [entry.path for entry in gone if entry.path not in self.paths]
        self.changes.skipped += self._new_problems()
        present = self.paths | {problem.path for problem in self.problems}
        self.changes.unskipped += [
            path for path in self.skips if path not in present and not path.startswith(self.unreadable)
        ]
        self._commit()
        self.store.delete_unused()
        self.report.skipped = len(self.store.skips())
        recalibrate(self.store)

    def _missing_entries(self, files: list[FoundFile]) -> dict[bytes, list[Entry]]:
        """Entries whose file is no longer at their path, by digest.

        Either the path is gone (unless it is in a folder that could not be listed), or another file has it and the
        entry's own size, time and inode are now found at another path.
        """
        stats, missing = {file.path: file.stat for file in files}, defaultdict(list)
        all_stats = set(stats.values())
        for entry in self.entries.values():
            if entry.path in stats:
                is_missing = stats[entry.path] != entry.stat and entry.stat in all_stats
            else:
                is_missing = not entry.path.startswith(self.unreadable)
            if is_missing:
                missing[entry.digest].append(entry)
        return missing

    def _upsert(self, outcome: EmbeddedFile) -> None:
        file, digest, entry = outcome.file, outcome.digest, self.entries.get(outcome.file.path)
        moved_id, replaces_entry = None, False
        if entry is not None and entry.digest == digest:
            self._mark_present(entry)
            self.report.unchanged += 1
        else:
            moved_id = self._take_missing_id(file, digest)
            was_missing = entry is not None and entry.id in self.missing_ids
            replaces_entry = entry is not None and (was_missing or moved_id is not None)
            if moved_id is not None:
                self.report.moved += 1
                self.report.removed += entry is not None and not was_missing
            elif entry is None or was_missing:
                self.report.added += 1
            else:
                self.report.updated += 1
        self.report.encoded += outcome.vector is not None
        self.changes.upserts.append(EntryChange(file.path, file.stat, digest, outcome.vector, moved_id, replaces_entry))
        if file.path in self.skips:
            self.changes.unskipped.append(file.path)

    def _take_missing_id(self, file: FoundFile, digest: bytes) -> int | None:
        """The id of the missing entry with this content, preferably with the file's own size, time and inode.

        The entry is no longer missing then.
        """
        candidates = self.missing.get(digest, [])
        entry = next((one for one in candidates if one.stat == file.stat), next(iter(candidates), None))
        if entry is None:
            return None
        candidates.remove(entry)
        return entry.id

    def _mark_present(self, entry: Entry) -> None:
        if entry in (candidates := self.missing.get(entry.digest, [])):
            candidates.remove(entry)

    def _skip(self, skipped: Skipped) -> None:
        self.changes.skipped.append(skipped)
        if entry := self.entries.get(skipped.path):
            self.changes.removed.append(skipped.path)
            # A missing entry is counted as moved when its file is found, or as removed at the end.
            self.report.removed += entry.id not in self.missing_ids

    def _new_problems(self) -> Iterable[Skipped]:
        return [problem for problem in self.problems if self.skips.get(problem.path) != problem]

    def _commit(self) -> None:
        changes, self.changes = self.changes, Changes()
        if changes:
            self.store.commit(changes)
            self.digests.update(change.digest for change in changes.upserts)


def recalibrate(store: Store) -> None:
    """Update the stored calibration if it is out of date."""
    sample, last, row_count = store.sample_rows(calibration.SAMPLE_SIZE), store.calibration(), store.row_count()
    if not calibration.is_current(sample, last, row_count):
        store.save_calibration(calibration.calibrate(store.vectors(), sample, last, row_count))
