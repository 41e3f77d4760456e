"""Find the image files in a folder."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from lookalike.images.files import FileStat, FoundFile, SkipKind, Skipped
from lookalike.images.formats import EXTENSIONS


def find_images(
    root: Path, *, leave_out: Path | None = None, progress: Callable[[int], None] | None = None
) -> tuple[list[FoundFile], list[Skipped]]:
    """Find all files below ``root`` with an image extension; returns them and what had to be skipped.

    Both lists are sorted by the bytes of the paths. Hidden files and folders (names that begin with a dot) and the
    folder ``leave_out`` are ignored. A symbolic link is followed unless its target has already been found, so cycles
    end and a linked folder is listed once. ``progress`` is called with the number of files found so far. Raises
    ``OSError`` only if ``root`` itself can't be listed.
    """
    walk = _Walk(root, leave_out, progress)
    walk.run()
    return sorted(walk.found, key=by_path), sorted(walk.skipped, key=by_path)


def has_images(root: Path) -> bool:
    """Whether there is any image file below ``root``; stops at the first one."""

    def stop(_: int) -> None:
        raise _OneFoundError

    try:
        find_images(root, progress=stop)
    except _OneFoundError:
        return True
    return False


class _OneFoundError(Exception):
    """Stops the walk of :func:`has_images`."""


def by_path(item: FoundFile | Skipped) -> bytes:
    """Sort key: the bytes of the path."""
    return os.fsencode(item.path)


class _Walk:
    """One walk through a folder. Links are followed last, when all real files and folders are known."""

    def __init__(self, root: Path, leave_out: Path | None, progress: Callable[[int], None] | None) -> None:
        self.root = root
        self.found: list[FoundFile] = []
        self.skipped: list[Skipped] = []
        self._progress = progress
        self._seen_folders: set[tuple[int, int]] = set()
        self._seen_files: set[tuple[int, int]] = set()
        self._links: list[str] = []
        if leave_out is not None and leave_out.exists():
            self._seen_folders.add(_identity(leave_out.stat()))

    def run(self) -> None:
        self._seen_folders.add(_identity(self.root.stat()))
        self._walk_folder("")
        while self._links:
            links, self._links = sorted(self._links, key=os.fsencode), []
            for path in links:
                self._follow_link(path)

    def _walk_folder(self, first: str) -> None:
        pending = [first]
        while pending:
            folder = pending.pop()
            try:
                with os.scandir(self.root / folder) as entries:
                    for entry in entries:
                        if not entry.name.startswith("."):
                            pending += self._add_entry(f"{folder}/{entry.name}" if folder else entry.name, entry)
            except OSError as error:  # also raised where names can be listed but files can't be accessed
                if not folder:
                    raise
                reason = f"folder can't be listed ({error.strerror}); images indexed from it are kept"
                self.skipped.append(Skipped(folder, SkipKind.UNREADABLE_FOLDER, reason))

    def _add_entry(self, path: str, entry: os.DirEntry[str]) -> list[str]:
        """Handle one directory entry; returns the folders to walk next."""
        try:
            if entry.is_symlink():
                self._links.append(path)
            elif entry.is_dir():
                return self._add_folder(path, (self.root / path).stat())
            elif _has_image_extension(path):
                self._add_file(path, entry.stat(follow_symlinks=False))
        except FileNotFoundError:
            self.skipped.append(Skipped(path, SkipKind.VANISHED, "deleted while the folder was being read"))
        return []

    def _add_folder(self, path: str, status: os.stat_result) -> list[str]:
        if _identity(status) in self._seen_folders:
            return []
        self._seen_folders.add(_identity(status))
        if _has_image_extension(path):
            self.skipped.append(Skipped(path, SkipKind.FOLDER, "not an image (folder); the files in it are indexed"))
        return [path]

    def _add_file(self, path: str, status: os.stat_result) -> None:
        self._seen_files.add(_identity(status))
        self.found.append(FoundFile(path, FileStat.of(status)))
        if self._progress is not None:
            self._progress(len(self.found))

    def _follow_link(self, path: str) -> None:
        try:
            status = (self.root / path).stat()
        except OSError as error:
            self._add_broken_link(path, error)
            return
        if stat.S_ISDIR(status.st_mode):
            for folder in self._add_folder(path, status):
                self._walk_folder(folder)
        elif _has_image_extension(path) and _identity(status) not in self._seen_files:
            self._add_file(path, status)

    def _add_broken_link(self, path: str, error: OSError) -> None:
        """List a broken link if it may have pointed to images.

        That is one with an image extension, or one without any extension: perhaps a folder on another drive.
        """
        problem = "link to a target without read permission" if isinstance(error, PermissionError) else "broken link"
        if _has_image_extension(path):
            self.skipped.append(Skipped(path, SkipKind.BROKEN_LINK, problem))
        elif error.errno != errno.ELOOP and not os.path.splitext(path)[1]:  # noqa: PTH122  a str of many, not one Path
            reason = f"{problem}; images indexed through it are kept"
            self.skipped.append(Skipped(path, SkipKind.UNREADABLE_FOLDER, reason))


def _has_image_extension(path: str) -> bool:
    return os.path.splitext(path)[1].lower() in EXTENSIONS  # noqa: PTH122  a str of many, not one Path


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
