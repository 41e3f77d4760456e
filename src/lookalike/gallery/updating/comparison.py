"""Compare a gallery with the files found in its folder, before any of them is read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from lookalike.embedding.ahead import map_ahead
from lookalike.gallery.records import Changes, Entry
from lookalike.gallery.store import Store
from lookalike.gallery.updating.missing import MissingEntries, is_below
from lookalike.images.files import FoundFile, SkipKind, Skipped
from lookalike.images.rules import Rules, can_change
from lookalike.images.walk import by_path

# These problems last until the file changes; others, such as missing permissions, may go away without a change.
_LASTING: Final = frozenset(
    {
        SkipKind.EMPTY,
        SkipKind.NOT_AN_IMAGE,
        SkipKind.DAMAGED,
        SkipKind.UNSUPPORTED,
        SkipKind.BLANK,
        SkipKind.WRONG_EXTENSION,
        SkipKind.TOO_LARGE,
        SkipKind.TIMED_OUT,
        SkipKind.CRASHED,
    }
)

_UNREADABLE: Final = frozenset({SkipKind.UNREADABLE_FOLDER, SkipKind.UNREADABLE})
"""Problems found by the walk: whatever is at or below their paths can't be reached, but may be as it was."""

# Up to this many files whose inode alone has changed are read again, even if that is most of them.
_MOST_RENUMBERED: Final = 100

# How many headers are read ahead, and how many results are committed at once, where decoding rules have changed.
_CHECKED_AHEAD: Final = 256


class Comparison:
    """What differs between a gallery and the files found.

    The entries of unchanged files are read, but not kept, so that memory depends on what differs. ``to_read`` are the
    files to read, ordered by path; ``unchanged`` counts the others that have an entry. ``changed`` are the entries
    whose file has another size or time, by path, and ``reread`` those of unchanged files that are read again for other
    decoding rules. ``missing`` are the entries whose file is no longer at their path, and ``unreached`` those whose
    file can't be reached. ``skips`` are the skipped files of the gallery by path.
    """

    def __init__(
        self, store: Store, files: list[FoundFile], problems: list[Skipped], rules: Rules, *, verify: bool = False
    ) -> None:
        """Compare; what needs no reading is added to :attr:`changes`."""
        self.store = store
        self.rules = rules
        self.verify = verify
        self.changes = Changes(rules=str(rules))
        self.skips = {skipped.path: skipped for skipped in store.skips()}
        self.to_read: list[FoundFile] = []
        self.unchanged = 0
        self.changed: dict[str, Entry] = {}
        self.reread: dict[str, Entry] = {}
        self.missing = MissingEntries()
        self.unreached: list[Entry] = []
        self._displaced: list[Entry] = []
        self._renumbered: list[tuple[FoundFile, Entry]] = []
        paths = chain((file.path for file in files), (problem.path for problem in problems))
        self._present_skips = {path for path in paths if path in self.skips}
        self._unreadable = tuple(problem.path for problem in problems if problem.kind in _UNREADABLE)
        self._compare(files)
        self._find_missing(files)
        self._add_outdated(files)

    def left_skips(self) -> list[str]:
        """The paths on the list of skipped files at which there is nothing any more."""
        return [path for path in self.skips if path not in self._present_skips and not self._is_unreadable(path)]

    def _compare(self, files: list[FoundFile]) -> None:
        """Find new and changed files, and entries without a file. Both are ordered by the bytes of their paths."""
        for file, entry in _paired(files, self.store.iter_entries()):
            if file is not None and entry is not None:
                self._match(file, entry)
            elif entry is not None:
                self._displaced.append(entry)
            elif file is not None and (self.verify or self._is_new_or_changed(file)):
                self.to_read.append(file)
        # Some file systems number their files anew whenever they are mounted. If that happened, an inode tells nothing.
        is_new_numbering = len(self._renumbered) > max(self.unchanged, _MOST_RENUMBERED)
        for file, entry in self._renumbered:
            if is_new_numbering:
                self._keep(file, entry)
            else:
                self._read_again(file, entry)
        self.to_read.sort(key=by_path)

    def _match(self, file: FoundFile, entry: Entry) -> None:
        if entry.stat == file.stat:
            self._keep(file, entry)
        elif entry.stat.is_like(file.stat):
            self._renumbered.append((file, entry))
        else:
            self._read_again(file, entry)

    def _keep(self, file: FoundFile, entry: Entry) -> None:
        if entry.offline_since is not None:
            self.changes.returned.append(entry.path)
        if self.verify:
            self.to_read.append(file)
        else:
            self.unchanged += 1

    def _read_again(self, file: FoundFile, entry: Entry) -> None:
        self.changed[entry.path] = entry
        self._displaced.append(entry)
        self.to_read.append(file)

    def _add_outdated(self, files: list[FoundFile]) -> None:
        """Add the unchanged files that today's decoding rules can change.

        Of the other images made under other rules it is recorded that they are right under these.
        """
        outdated = self.store.outdated(str(self.rules))
        first = next(outdated, None)
        if first is None:
            return
        unchanged = {file.path: file for file in files if file.path not in self.changed}
        candidates = (pair for pair in chain([first], outdated) if pair[0].path in unchanged)
        for entry, affected in map_ahead(self._check_rules, candidates, _CHECKED_AHEAD):
            if affected:
                self.reread[entry.path] = entry
            else:
                self.changes.confirmed.append(entry.digest)
            if len(self.changes) >= _CHECKED_AHEAD:
                self._commit()
        self._commit()  # now, so that copies of these images aren't encoded again
        if not self.verify:  # otherwise they are read in any case
            self.unchanged -= len(self.reread)
            self.to_read = sorted([*self.to_read, *(unchanged[path] for path in self.reread)], key=by_path)

    def _commit(self) -> None:
        self.store.commit(self.changes)
        self.changes = Changes(rules=str(self.rules))

    def _check_rules(self, outdated: tuple[Entry, str | None]) -> tuple[Entry, bool]:
        entry, before = outdated
        if before is None:
            return entry, True
        return entry, can_change(self.store.root / entry.path, Rules.parse(before), self.rules)

    def _is_new_or_changed(self, file: FoundFile) -> bool:
        """Whether ``file``, which has no entry, must be read: it is new, or may no longer have its problem."""
        skipped = self.skips.get(file.path)
        return not (
            skipped is not None
            and skipped.stat is not None
            and skipped.stat.is_like(file.stat)
            and skipped.kind in _LASTING
            and skipped.rules == str(self.rules)
        )

    def _find_missing(self, files: list[FoundFile]) -> None:
        """Find the entries whose file is no longer at their path.

        Either the path is gone (unless it is in a folder that could not be listed), or another file has it and the
        entry's own size, time and inode are now found at another path.
        """
        inodes = {entry.stat.inode for entry in self.changed.values()}
        stats = {file.stat for file in files if file.stat.inode in inodes} if inodes else set()
        for entry in self._displaced:
            if entry.path not in self.changed and self._is_unreadable(entry.path):
                self.unreached.append(entry)
            elif entry.path not in self.changed or entry.stat in stats:
                self.missing.add(entry, absent=entry.path not in self.changed)

    def _is_unreadable(self, path: str) -> bool:
        return any(is_below(path, unreadable) for unreadable in self._unreadable)


def _paired(files: Iterable[FoundFile], entries: Iterable[Entry]) -> Iterator[tuple[FoundFile | None, Entry | None]]:
    """Files and entries of the same path in pairs, and those without a partner; both are ordered by path."""
    remaining = iter(entries)
    entry = next(remaining, None)
    for file in files:
        key = by_path(file)
        while entry is not None and os.fsencode(entry.path) < key:
            yield None, entry
            entry = next(remaining, None)
        if entry is not None and entry.path == file.path:
            yield file, entry
            entry = next(remaining, None)
        else:
            yield file, None
    while entry is not None:
        yield None, entry
        entry = next(remaining, None)
