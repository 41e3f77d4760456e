"""Which files and folders of a folder are looked at: system folders, ignore files, and patterns of the user."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from lookalike.images.kinds import PassedOver
from lookalike.system_files import read_text

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILE: Final = ".lookalikeignore"
"""The name of files with patterns, in the form of .gitignore, for the folder they are in."""

_SYSTEM_FOLDERS: Final = frozenset(
    name.casefold()
    for name in (
        "@eaDir",  # thumbnails of Synology
        "@__thumb",  # thumbnails of QNAP
        "@tmp",
        "#recycle",
        "@Recycle",
        "@Recently-Snapshot",
        "#snapshot",
        "~snapshot",
        "$RECYCLE.BIN",
        "RECYCLER",
        "System Volume Information",
        "Network Trash Folder",
        "Temporary Items",
        "lost+found",
        "node_modules",
        "__MACOSX",
        "__pycache__",
    )
)
"""Folders of file servers, operating systems and programs: thumbnails, deleted files, snapshots, caches."""

_LIBRARIES: Final = (".photoslibrary", ".photolibrary", ".migratedphotolibrary", ".aplibrary")
"""The extensions of Apple's libraries. Only their folders of original images are looked at."""
_ORIGINALS: Final = frozenset({"originals", "masters"})
_CACHES: Final = (".lrdata", ".cocatalogdb")
"""The extensions of folders with previews, by Lightroom and Capture One."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Patterns in the form of .gitignore, relative to the folder of images.

    What matches ``exclude`` is passed over. What matches ``include`` is looked at although it is hidden, a system
    folder or excluded.
    """

    exclude: tuple[str, ...] = ()
    include: tuple[str, ...] = ()

    def to_lists(self) -> dict[str, list[str]]:
        """The patterns as lists, to be kept with a gallery."""
        return {"exclude": list(self.exclude), "include": list(self.include)}

    @classmethod
    def from_lists(cls, lists: Mapping[str, Iterable[str]]) -> Self:
        """Read the result of :meth:`to_lists`."""
        return cls(tuple(lists.get("exclude", ())), tuple(lists.get("include", ())))


class Selector:
    """Decides for each file and folder of a walk whether it is passed over."""

    def __init__(self, selection: Selection) -> None:
        self._exclude = _spec(selection.exclude)
        self._include = _spec(selection.include)
        self._ignored: dict[str, GitIgnoreSpec | None] = {}

    def enter(self, folder: str, ignore_file: Path | None) -> None:
        """Read the patterns for a ``folder`` of the walk ("" for the root) from its ignore file, if it has one."""
        if ignore_file is not None:
            lines = read_text(ignore_file, errors="surrogateescape").splitlines()
            self._ignored[folder] = _spec(lines)

    def reason(self, path: str, *, is_folder: bool) -> PassedOver | None:
        """Why ``path``, relative to the root, is passed over; None if it is looked at.

        Its parent folders have been entered before.
        """
        marked = f"{path}/" if is_folder else path
        if _decision(self._include, marked):
            return None
        if _decision(self._exclude, marked) or self._is_ignored(marked):
            return PassedOver.EXCLUDED
        parent, _, name = path.rpartition("/")
        return _default_reason(name, parent.rpartition("/")[2], is_folder=is_folder)

    def _is_ignored(self, path: str) -> bool:
        """Whether the ignore files of the parents exclude ``path``; the innermost that says anything decides."""
        if not self._ignored:
            return False
        parent = path.rstrip("/")
        while parent:
            parent = parent.rpartition("/")[0]
            spec = self._ignored.get(parent)
            decision = _decision(spec, path[len(parent) + 1 if parent else 0 :])
            if decision is not None:
                return decision
        return False


def _default_reason(name: str, parent: str, *, is_folder: bool) -> PassedOver | None:
    if name.startswith("."):
        return PassedOver.HIDDEN
    if not is_folder:
        return None
    folded = name.casefold()
    inside_library = parent.casefold().endswith(_LIBRARIES) and folded not in _ORIGINALS
    if folded in _SYSTEM_FOLDERS or folded.endswith(_CACHES) or inside_library:
        return PassedOver.SYSTEM
    return None


def _spec(patterns: Iterable[str]) -> GitIgnoreSpec | None:
    lines = [line for line in patterns if not re.fullmatch(r"\s*(#.*)?", line)]
    if not lines:
        return None
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(lines)


def _decision(spec: GitIgnoreSpec | None, path: str) -> bool | None:
    """Whether the patterns match ``path``; False if a later pattern with ``!`` takes it back, None if none matches."""
    return None if spec is None else spec.check_file(path).include
