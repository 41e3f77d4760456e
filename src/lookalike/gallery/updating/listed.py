"""The folders that a run reads: whether they still answer, or their disk was taken away."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, Self

from lookalike.embedding.files import EmbeddedFile
from lookalike.images.files import SkipKind, Skipped
from lookalike.text import printable

UNREACHED: Final = frozenset({SkipKind.UNREADABLE, SkipKind.VANISHED})
"""Files with these problems may be as they were, so their entries stay; or their folder has stopped answering."""

_ANSWER_SECONDS: Final = 10.0
"""How long a folder may take to answer. A disk that has to start up takes less, a share that is gone for ever."""


class ListedFolders:
    """Folders that answered when a run began.

    ``devices`` are their file systems (``st_dev``) by their paths relative to ``root``; "" is the root itself. A folder
    has stopped answering when it is gone, gives an error or no answer, or when there is another file system at its
    path, as after a disk was unmounted.
    """

    def __init__(self, root: Path, devices: Mapping[str, int]) -> None:
        self._root = root
        self._devices = devices

    @classmethod
    def of_files(cls, root: Path, paths: Iterable[str]) -> Self:
        """Those folders of the files at ``paths`` (relative to ``root``) that answer now."""
        answering: dict[str, int] = {}
        for folder in sorted({"", *(folder for path in paths for folder in folders_of(path))}):
            # What is below a folder that doesn't answer isn't asked, as that could take long for each.
            if not folder or folder.rpartition("/")[0] in answering:
                device = _device(root / folder)
                if device is not None:
                    answering[folder] = device
        return cls(root, answering)

    def lost(self, paths: Iterable[str] = ()) -> Path | None:
        """The outermost folder with one of the files at ``paths`` that has stopped answering; None if all answer.

        The root is always asked.
        """
        folders = {"": None} | {folder: None for path in paths for folder in folders_of(path)}
        asked = (folder for folder in folders if folder in self._devices)
        return next((self._root / folder for folder in asked if not self._answers(folder)), None)

    def lost_with(self, outcomes: Iterable[EmbeddedFile | Skipped]) -> Path | None:
        """As :meth:`lost`, for those of the files that could not be read; None if there is none."""
        unreached = [item.path for item in outcomes if isinstance(item, Skipped) and item.kind in UNREACHED]
        return self.lost(unreached) if unreached else None

    def _answers(self, folder: str) -> bool:
        return _device(self._root / folder) == self._devices[folder]


def folders_of(path: str) -> Iterator[str]:
    """The folders that contain a path, outermost first; "" is the root."""
    yield ""
    position = path.find("/")
    while position >= 0:
        yield path[:position]
        position = path.find("/", position + 1)


def unanswered(folder: Path) -> str:
    """The beginning of a message about a folder that stopped answering."""
    return f"{printable(folder)}: this folder stopped answering; perhaps its disk or share was disconnected"


def _device(folder: Path) -> int | None:
    """The file system of a folder; None if it gives no answer."""
    found: list[int] = []

    def ask() -> None:
        try:
            found.append(folder.stat().st_dev)
        except OSError:
            return

    # On a thread of its own, since a share that is gone can hang for ever.
    asking = threading.Thread(target=ask, name="asking a folder", daemon=True)
    asking.start()
    asking.join(_ANSWER_SECONDS)
    return found[0] if found else None
