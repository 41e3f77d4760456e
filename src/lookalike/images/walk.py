"""Find the picture files in a folder."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from lookalike.images.files import FileStat, Found, SkipKind, Skipped
from lookalike.images.formats import EXTENSIONS


def find_pictures(
    root: Path, *, leave_out: Path | None = None, progress: Callable[[int], None] | None = None
) -> tuple[list[Found], list[Skipped]]:
    """Every file below ``root`` that has a picture's extension, and all that looked like one but can't be read.

    Both lists are sorted by path, in the order of the paths' bytes. Hidden files and folders (a dot in front), and the
    folder ``leave_out``, are passed over. A symbolic link is followed unless what it leads to has been found already,
    so that links in a circle end and a linked folder counts once. ``progress`` is told the number found so far.
    Raises ``OSError`` only if ``root`` itself can't be listed.
    """
    walk = _Walk(root, leave_out, progress)
    walk.run()
    return sorted(walk.found, key=by_path), sorted(walk.skipped, key=by_path)


def has_pictures(root: Path) -> bool:
    """Whether :func:`find_pictures` would find any file below ``root``; stops at the first."""

    def stop(_: int) -> None:
        raise _OneFoundError

    try:
        find_pictures(root, progress=stop)
    except _OneFoundError:
        return True
    return False


class _OneFoundError(Exception):
    """Ends a walk that only asks whether there is anything to find."""


def by_path(item: Found | Skipped) -> bytes:
    """The order that lists of files are sorted in."""
    return os.fsencode(item.path)


class _Walk:
    """One walk through a folder. Real files and folders come first; links wait until all of those are known."""

    def __init__(self, root: Path, leave_out: Path | None, progress: Callable[[int], None] | None) -> None:
        self.root = root
        self.found: list[Found] = []
        self.skipped: list[Skipped] = []
        self._progress = progress
        self._seen_folders: set[tuple[int, int]] = set()
        self._seen_files: set[tuple[int, int]] = set()
        self._links: list[str] = []
        if leave_out is not None and leave_out.exists():
            self._seen_folders.add(_identity(leave_out.stat()))

    def run(self) -> None:
        self._seen_folders.add(_identity(self.root.stat()))
        self._folder("")
        while self._links:
            links, self._links = sorted(self._links, key=os.fsencode), []
            for path in links:
                self._link(path)

    def _folder(self, first: str) -> None:
        pending = [first]
        while pending:
            folder = pending.pop()
            try:
                with os.scandir(self.root / folder) as entries:
                    for entry in entries:
                        if not entry.name.startswith("."):
                            pending += self._entry(f"{folder}/{entry.name}" if folder else entry.name, entry)
            except OSError as error:  # also where its names can be read, but nothing of what they stand for
                if not folder:
                    raise
                reason = f"this folder can't be listed ({error.strerror}); pictures in it stay as they were"
                self.skipped.append(Skipped(folder, SkipKind.UNREADABLE_FOLDER, reason))

    def _entry(self, path: str, entry: os.DirEntry[str]) -> list[str]:
        """Sort one directory entry into its place; returns the folders to walk next."""
        try:
            if entry.is_symlink():
                self._links.append(path)
            elif entry.is_dir():
                return self._real_folder(path, (self.root / path).stat())
            elif _promises_picture(path):
                self._file(path, entry.stat(follow_symlinks=False))
        except FileNotFoundError:
            self.skipped.append(Skipped(path, SkipKind.VANISHED, "it vanished while the folder was being read"))
        return []

    def _real_folder(self, path: str, status: os.stat_result) -> list[str]:
        if _identity(status) in self._seen_folders:
            return []
        self._seen_folders.add(_identity(status))
        if _promises_picture(path):
            self.skipped.append(Skipped(path, SkipKind.FOLDER, "a folder, not a picture (what is in it is indexed)"))
        return [path]

    def _file(self, path: str, status: os.stat_result) -> None:
        self._seen_files.add(_identity(status))
        self.found.append(Found(path, FileStat.of(status)))
        if self._progress is not None:
            self._progress(len(self.found))

    def _link(self, path: str) -> None:
        try:
            status = (self.root / path).stat()
        except OSError as error:
            self._broken(path, error)
            return
        if stat.S_ISDIR(status.st_mode):
            for folder in self._real_folder(path, status):
                self._folder(folder)
        elif _promises_picture(path) and _identity(status) not in self._seen_files:
            self._file(path, status)

    def _broken(self, path: str, error: OSError) -> None:
        """A link with a picture's extension was meant for one; one with none perhaps for a folder on another drive."""
        where = "where it may not be read" if isinstance(error, PermissionError) else "nowhere (or in a circle)"
        if _promises_picture(path):
            self.skipped.append(Skipped(path, SkipKind.BROKEN_LINK, f"a link that leads {where}"))
        elif error.errno != errno.ELOOP and not os.path.splitext(path)[1]:  # noqa: PTH122  a str of many, not one Path
            reason = f"a link that leads {where}; pictures that were found behind it stay as they were"
            self.skipped.append(Skipped(path, SkipKind.UNREADABLE_FOLDER, reason))


def _promises_picture(path: str) -> bool:
    return os.path.splitext(path)[1].lower() in EXTENSIONS  # noqa: PTH122  a str of many, not one Path


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
