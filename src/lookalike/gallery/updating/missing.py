"""Entries whose file is no longer at its path: moved, gone, or offline."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from lookalike.gallery.records import Changes, Entry
from lookalike.gallery.store import Store
from lookalike.gallery.updating.listed import folders_of
from lookalike.images.files import FoundFile

_MOST_REMOVED: Final = 10
"""More images than this that are gone at once are kept, if they were more than a tenth or a whole folder."""
_SHARE_REMOVED: Final = 0.1


class MissingEntries:
    """The entries whose file is no longer at their path, until it is found elsewhere."""

    def __init__(self) -> None:
        self._by_digest: dict[bytes, list[Entry]] = defaultdict(list)
        self._absent: set[int] = set()
        self.ids: set[int] = set()

    def add(self, entry: Entry, *, absent: bool) -> None:
        """Add an entry; ``absent`` tells that nothing is at its path, otherwise another file is there."""
        self._by_digest[entry.digest].append(entry)
        self.ids.add(entry.id)
        if absent:
            self._absent.add(entry.id)

    def take(self, file: FoundFile, digest: bytes) -> int | None:
        """The id of a missing entry with this content, preferably with the file's own size, time and inode.

        The entry is no longer missing then.
        """
        candidates = self._by_digest.get(digest, [])
        entry = next((one for one in candidates if one.stat == file.stat), next(iter(candidates), None))
        if entry is None:
            return None
        candidates.remove(entry)
        return entry.id

    def found(self, entry: Entry) -> None:
        """The file of ``entry`` is at its path after all."""
        if entry in (candidates := self._by_digest.get(entry.digest, [])):
            candidates.remove(entry)

    def __iter__(self) -> Iterator[Entry]:
        """The entries that are still missing."""
        return (entry for entries in self._by_digest.values() for entry in entries)

    def absent(self) -> list[Entry]:
        """Those of them that have nothing at their path."""
        return [entry for entry in self if entry.id in self._absent]


@dataclass(frozen=True, slots=True)
class Loss:
    """``count`` images that are gone at once from ``folder``; "" is the whole gallery."""

    folder: str
    count: int


def find_losses(gone: Iterable[Entry], total: int, files: Iterable[FoundFile]) -> list[Loss]:
    """The folders from which images are gone in bulk, so that a disk is probably not mounted, outermost first.

    ``gone`` are the entries whose files are gone in this run, of ``total``, and ``files`` is what was found. These are
    bulk: more than 10 and more than a tenth of all, or more than 10 in a folder that has no images any more, or all
    images there were.
    """
    paths = [entry.path for entry in gone]
    present = {folder for file in files for folder in folders_of(file.path)}
    if paths and (not present or (len(paths) > _MOST_REMOVED and len(paths) > total * _SHARE_REMOVED)):
        return [Loss("", len(paths))]
    emptied = Counter(
        folder
        for path in paths
        if (folder := next((one for one in folders_of(path) if one not in present), None)) is not None
    )
    return [Loss(folder, count) for folder, count in sorted(emptied.items()) if count > _MOST_REMOVED]


def remove(store: Store, paths: Iterable[str]) -> tuple[int, list[str]]:
    """Remove the entries at or below ``paths``; returns their number, and the paths at which there is no entry.

    Their embeddings stay until the next update has found that their images are not in the folder.
    """
    wanted, removed = dict.fromkeys(paths, 0), []
    for entry in store.iter_entries():
        for path in wanted:
            if is_below(entry.path, path):
                wanted[path] += 1
                removed.append(entry.path)
                break
    if removed:
        store.commit(Changes(removed=removed))
    return len(removed), [path for path, count in wanted.items() if not count]


def is_below(path: str, folder: str) -> bool:
    """Whether ``path`` is in ``folder`` or is it; "" is the root."""
    return folder in ("", path) or path.startswith(f"{folder}/")
