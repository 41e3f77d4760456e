"""Bring a gallery up to date with its folder."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Final

from lookalike.embedding import EmbeddedFile, embed_files, map_ahead
from lookalike.encoders.encoder import Encoder
from lookalike.errors import GalleryError
from lookalike.gallery.calibration import recalibrate
from lookalike.gallery.store import Changes, Entry, EntryChange, Store
from lookalike.images.decode import ReadOptions
from lookalike.images.files import FoundFile, SkipKind, Skipped
from lookalike.images.rules import Rules, can_change
from lookalike.images.walk import by_path, find_images
from lookalike.progress import Progress
from lookalike.text import printable

# These problems last until the file changes; others, such as missing permissions, may go away without a change.
_LASTING: Final = frozenset(
    {
        SkipKind.EMPTY,
        SkipKind.NOT_AN_IMAGE,
        SkipKind.DAMAGED,
        SkipKind.UNSUPPORTED,
        SkipKind.BLANK,
        SkipKind.WRONG_EXTENSION,
    }
)

# How many headers are read ahead, and how many results are committed at once, where decoding rules have changed.
_CHECKED_AHEAD: Final = 256


@dataclass(slots=True)
class UpdateReport:
    """The result of an update, in numbers of files.

    ``skipped`` counts all files now on the list of skipped files, ``noted`` the images that are used although something
    is wrong with their files, ``reread`` those read again because other decoding rules or options can change them, and
    ``encoded`` the embeddings computed. ``seconds`` is the time spent reading and encoding files.
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
    if not files:
        unchanged = "; the gallery was not changed. Check that its drive is connected" if store.count() else ""
        raise GalleryError(f"{printable(store.root)}: no images in this folder{unchanged}")
    run = _Run(store, reading or ReadOptions(), problems, verify=verify)
    started = time.monotonic()
    to_read = run.compare(files)
    if to_read := run.add_outdated(to_read, files):
        run.process(encoder(), to_read, progress)
    run.report.seconds = time.monotonic() - started
    run.finish()
    return run.report


class _Run:
    """One update: what differs between the gallery and the files found, and the changes not committed yet.

    The entries of unchanged files are read, but not kept, so that memory depends on what differs.
    """

    def __init__(self, store: Store, reading: ReadOptions, problems: list[Skipped], *, verify: bool) -> None:
        self.store = store
        self.reading = reading
        self.rules = Rules.current(reading)
        self.problems = problems
        self.verify = verify
        self.report = UpdateReport()
        self.skips = {skipped.path: skipped for skipped in store.skips()}
        self.unreadable = tuple(f"{p.path}/" for p in problems if p.kind == SkipKind.UNREADABLE_FOLDER)
        self.changes = Changes(rules=str(self.rules))
        # What compare finds: paths on the list of skipped files that still exist, entries whose file has another stat
        # by path, entries whose file is no longer at their path by digest and by id, and those whose path is gone.
        self.present_skips = {problem.path for problem in problems if problem.path in self.skips}
        self.changed: dict[str, Entry] = {}
        self.rechecked: dict[str, Entry] = {}
        self.missing: dict[bytes, list[Entry]] = defaultdict(list)
        self.missing_ids: set[int] = set()
        self.absent_ids: set[int] = set()

    def compare(self, files: list[FoundFile]) -> list[FoundFile]:
        """The files to read: new ones, those changed since they were added or skipped, or all to verify.

        ``files`` and entries are both ordered by the bytes of their paths. Counts unchanged entries.
        """
        to_read, displaced = [], []
        entries = self.store.iter_entries()
        entry = next(entries, None)
        for file in files:
            while entry is not None and entry.path != file.path and os.fsencode(entry.path) < os.fsencode(file.path):
                displaced.append(entry)
                entry = next(entries, None)
            if file.path in self.skips:
                self.present_skips.add(file.path)
            if entry is None or entry.path != file.path:
                must_read = self._is_new_or_changed(file)
            else:
                must_read = entry.stat != file.stat
                if must_read:
                    self.changed[entry.path] = entry
                    displaced.append(entry)
                elif not self.verify:
                    self.report.unchanged += 1
                entry = next(entries, None)
            if must_read or self.verify:
                to_read.append(file)
        if entry is not None:
            displaced += [entry, *entries]
        self._find_missing(displaced, files)
        return to_read

    def add_outdated(self, to_read: list[FoundFile], files: list[FoundFile]) -> list[FoundFile]:
        """The files to read, with the unchanged ones that other decoding rules than the gallery's can change.

        The other images made under other rules are recorded as right under these.
        """
        outdated = self.store.outdated(str(self.rules))
        first = next(outdated, None)
        if first is None:
            return to_read
        unchanged = {file.path: file for file in files if file.path not in self.changed}
        candidates = (pair for pair in chain([first], outdated) if pair[0].path in unchanged)
        again = []
        for entry, affected in map_ahead(self._check_rules, candidates, _CHECKED_AHEAD):
            if affected:
                again.append(unchanged[entry.path])
                self.rechecked[entry.path] = entry
            else:
                self.changes.confirmed.append(entry.digest)
            if len(self.changes) >= _CHECKED_AHEAD:
                self._commit()
        self._commit()
        self.report.reread = len(again)
        if self.verify:  # all are read in any case
            return to_read
        self.report.unchanged -= len(again)
        return sorted([*to_read, *again], key=by_path)

    def _check_rules(self, outdated: tuple[Entry, str]) -> tuple[Entry, bool]:
        entry, before = outdated
        return entry, can_change(self.store.root / entry.path, Rules.parse(before), self.rules)

    def process(self, encoder: Encoder, files: list[FoundFile], progress: Progress | None) -> None:
        """Read and encode ``files`` and commit each batch, so that a killed run loses one batch at most.

        A commit waits for the disk twice, which takes far less time than encoding a batch.
        """
        done = 0
        known = partial(self.store.has_content, rules=str(self.rules))
        batches = embed_files(encoder, self.store.root, files, known=known, reading=self.reading)
        # Closed also after an error, so that decoding threads have ended before the store is closed.
        with closing(batches):
            for batch in batches:
                entries = self._entries_of(batch)
                for outcome in batch:
                    if isinstance(outcome, Skipped):
                        self._skip(outcome, entries.get(outcome.path))
                    else:
                        self._upsert(outcome, entries.get(outcome.file.path))
                self._commit()
                done += len(batch)
                if progress is not None:
                    progress(done, len(files))

    def finish(self) -> None:
        """Remove entries whose files are gone, update the list of skipped files, and recalibrate."""
        gone = [entry for entries in self.missing.values() for entry in entries]
        self.report.removed += len(gone)
        self.changes.removed += [entry.path for entry in gone if entry.id in self.absent_ids]
        self.changes.skipped += self._new_problems()
        self.changes.unskipped += [
            path for path in self.skips if path not in self.present_skips and not path.startswith(self.unreadable)
        ]
        self._commit()
        self.store.delete_unused()
        self.report.skipped = len(self.store.skips())
        self.report.noted = len({note.path for note in self.store.notes()})
        recalibrate(self.store)

    def _is_new_or_changed(self, file: FoundFile) -> bool:
        """Whether ``file``, which has no entry, must be read: it is new, or may no longer have its problem."""
        skipped = self.skips.get(file.path)
        return not (
            skipped is not None
            and skipped.stat == file.stat
            and skipped.kind in _LASTING
            and skipped.rules == str(self.rules)
        )

    def _find_missing(self, displaced: list[Entry], files: list[FoundFile]) -> None:
        """Find the entries whose file is no longer at their path.

        Either the path is gone (unless it is in a folder that could not be listed), or another file has it and the
        entry's own size, time and inode are now found at another path.
        """
        inodes = {entry.stat.inode for entry in self.changed.values()}
        stats = {file.stat for file in files if file.stat.inode in inodes} if inodes else set()
        for entry in displaced:
            if entry.path in self.changed:
                is_missing = entry.stat in stats
            else:
                is_missing = not entry.path.startswith(self.unreadable)
                self.absent_ids.add(entry.id)
            if is_missing:
                self.missing[entry.digest].append(entry)
                self.missing_ids.add(entry.id)

    def _entries_of(self, batch: list[EmbeddedFile | Skipped]) -> dict[str, Entry]:
        """The entries at the paths of a batch before this update, by path.

        An unchanged entry, which is only read to verify it, is still in the store as it was: nothing moved it.
        """
        paths = [item.path if isinstance(item, Skipped) else item.file.path for item in batch]
        unchanged = self.store.entries_by_path([p for p in paths if p not in self.changed]) if self.verify else {}
        known = self.changed | self.rechecked if self.rechecked else self.changed
        return unchanged | {path: known[path] for path in paths if path in known}

    def _upsert(self, outcome: EmbeddedFile, entry: Entry | None) -> None:
        file, digest = outcome.file, outcome.digest
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
        self.changes.upserts.append(
            EntryChange(
                file.path,
                file.stat,
                digest,
                vector=outcome.vector,
                share=outcome.share,
                other_format=outcome.other_format,
                moved_id=moved_id,
                replaces_entry=replaces_entry,
            )
        )
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

    def _skip(self, skipped: Skipped, entry: Entry | None) -> None:
        self.changes.skipped.append(skipped)
        if entry is not None:
            self.changes.removed.append(skipped.path)
            # A missing entry is counted as moved when its file is found, or as removed at the end.
            self.report.removed += entry.id not in self.missing_ids

    def _new_problems(self) -> Iterable[Skipped]:
        return [problem for problem in self.problems if self.skips.get(problem.path) != problem]

    def _commit(self) -> None:
        changes, self.changes = self.changes, Changes(rules=str(self.rules))
        if changes:
            self.store.commit(changes)
