"""Bring a gallery up to date with its folder."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from lookalike.embedding import Embedded, Progress, Reading, embed_files
from lookalike.encoders.encoder import Encoder
from lookalike.errors import GalleryError
from lookalike.gallery import calibration
from lookalike.gallery.store import Changes, Entry, Store, Write
from lookalike.images.files import Found, SkipKind, Skipped
from lookalike.images.walk import find_pictures
from lookalike.text import shown

# What is wrong with these files stays wrong until they change; other reasons may go away by themselves.
_LASTING: Final = frozenset({SkipKind.EMPTY, SkipKind.NOT_A_PICTURE, SkipKind.DAMAGED, SkipKind.WRONG_EXTENSION})


@dataclass(slots=True)
class UpdateReport:
    """What an update did, in numbers of files.

    ``skipped`` are all that are skipped now, ``encoded`` the embeddings that were made, ``seconds`` the time spent on
    reading and encoding files.
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
        """Pictures encoded a second; 0 where none was."""
        return self.encoded / self.seconds if self.encoded and self.seconds > 0 else 0.0


def update(
    store: Store,
    encoder: Callable[[], Encoder],
    *,
    verify: bool = False,
    reading: Reading | None = None,
    progress: Progress | None = None,
) -> UpdateReport:
    """Enter what is new, encode what has changed, follow what was moved, and let go of what is gone.

    Files whose size, modification time and inode are unchanged are not read, unless ``verify`` asks for every content
    to be hashed. ``encoder`` is called only if there is a file to read; ``progress`` is told how many of those are
    done. Raises :class:`~lookalike.errors.GalleryError` if the folder holds no picture: a gallery is not emptied
    because a disk isn't there.
    """
    try:
        found, problems = find_pictures(store.root, leave_out=store.folder)
    except OSError as error:
        raise GalleryError(
            f"{shown(store.root)}: this folder can't be listed ({error.strerror}); the gallery is kept as it was"
        ) from error
    store.check()
    run = _Run(store, reading or Reading(), found, problems)
    if not found:
        raise GalleryError(f"{shown(store.root)}: no pictures in this folder" + run.kept_as_it_was())
    started = time.monotonic()
    if to_read := [file for file in found if verify or run.must_read(file)]:
        run.process(encoder(), to_read, progress)
    run.report.seconds = time.monotonic() - started
    run.finish()
    return run.report


class _Run:
    """One update: what was known before it, what was found, and what has been done so far."""

    def __init__(self, store: Store, reading: Reading, found: list[Found], problems: list[Skipped]) -> None:
        self.store = store
        self.reading = reading
        self.problems = problems
        self.report = UpdateReport()
        self.entries = {entry.path: entry for entry in store.entries()}
        self.skips = {skipped.path: skipped for skipped in store.skips()}
        self.known = {entry.digest for entry in self.entries.values()}
        self.paths = {file.path for file in found}
        self.unlisted = tuple(f"{p.path}/" for p in problems if p.kind == SkipKind.UNREADABLE_FOLDER)
        self.elsewhere = self._elsewhere(found)
        self.away = {entry.id for entries in self.elsewhere.values() for entry in entries}
        self.changes = Changes()

    def kept_as_it_was(self) -> str:
        return "; the gallery is kept as it was" if self.entries else ""

    def must_read(self, file: Found) -> bool:
        """Whether ``file`` has changed since it was entered or skipped."""
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

    def process(self, encoder: Encoder, files: list[Found], progress: Progress | None) -> None:
        """Read ``files`` and commit what comes of them, a batch at a time: a kill loses no more than the one in hand.

        A commit waits for the disk twice, which takes far less time than a batch does.
        """
        done = 0
        batches = embed_files(encoder, self.store.root, files, known=self.known.__contains__, reading=self.reading)
        for batch in batches:
            for outcome in batch:
                if isinstance(outcome, Skipped):
                    self._skip(outcome)
                else:
                    self._enter(outcome)
            self._commit()
            done += len(batch)
            if progress is not None:
                progress(done, len(files))

    def finish(self) -> None:
        """Let go of what is gone, and bring the calibration up to date."""
        left = [entry for entries in self.elsewhere.values() for entry in entries]
        self.report.removed += len(left)
        self.changes.removed += [entry.path for entry in left if entry.path not in self.paths]
        self.changes.skipped += self._new_problems()
        still = self.paths | {problem.path for problem in self.problems}
        self.changes.unskipped += [
            path for path in self.skips if path not in still and not path.startswith(self.unlisted)
        ]
        self._commit()
        self.store.sweep()
        self.report.skipped = len(self.store.skips())
        recalibrate(self.store)

    def _elsewhere(self, found: list[Found]) -> dict[bytes, list[Entry]]:
        """Entries that are not at their paths any more, by content; not those in a folder that couldn't be listed.

        Their files weren't found; or are under other names by now, as their inodes tell, and others have taken theirs.
        """
        now, elsewhere = {file.path: file.stat for file in found}, defaultdict(list)
        known = set(now.values())
        for entry in self.entries.values():
            if entry.path in now:
                away = now[entry.path] != entry.stat and entry.stat in known
            else:
                away = not entry.path.startswith(self.unlisted)
            if away:
                elsewhere[entry.digest].append(entry)
        return elsewhere

    def _enter(self, outcome: Embedded) -> None:
        file, digest, entry = outcome.file, outcome.digest, self.entries.get(outcome.file.path)
        moved, displaces = None, False
        if entry is not None and entry.digest == digest:
            self._forget_elsewhere(entry)
            self.report.unchanged += 1
        else:
            moved = self._moved_to(file, digest)
            away = entry is not None and entry.id in self.away
            displaces = entry is not None and (away or moved is not None)
            if moved is not None:
                self.report.moved += 1
                self.report.removed += entry is not None and not away
            elif entry is None or away:
                self.report.added += 1
            else:
                self.report.updated += 1
        self.report.encoded += outcome.vector is not None
        self.changes.writes.append(Write(file.path, file.stat, digest, outcome.vector, moved, displaces))
        if file.path in self.skips:
            self.changes.unskipped.append(file.path)

    def _moved_to(self, file: Found, digest: bytes) -> int | None:
        """The id of the entry that ``file`` was, of several with this content the one whose inode it has."""
        candidates = self.elsewhere.get(digest, [])
        entry = next((one for one in candidates if one.stat == file.stat), next(iter(candidates), None))
        if entry is None:
            return None
        candidates.remove(entry)
        return entry.id

    def _forget_elsewhere(self, entry: Entry) -> None:
        if entry in (candidates := self.elsewhere.get(entry.digest, [])):
            candidates.remove(entry)

    def _skip(self, skipped: Skipped) -> None:
        self.changes.skipped.append(skipped)
        if entry := self.entries.get(skipped.path):
            self.changes.removed.append(skipped.path)
            # One that is elsewhere comes back from there, or is counted in the end.
            self.report.removed += entry.id not in self.away

    def _new_problems(self) -> Iterable[Skipped]:
        return [problem for problem in self.problems if self.skips.get(problem.path) != problem]

    def _commit(self) -> None:
        changes, self.changes = self.changes, Changes()
        if changes:
            self.store.commit(changes)
            self.known.update(write.digest for write in changes.writes)


def recalibrate(store: Store) -> None:
    """Bring the stored calibration up to date, if it isn't."""
    sample, last, written = store.sample(calibration.SAMPLE_SIZE), store.calibration(), store.written()
    if not calibration.is_current(sample, last, written):
        store.calibrate(calibration.calibrate(store.vectors(), sample, last, written))
