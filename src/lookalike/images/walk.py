"""Find the image files in a folder."""

from __future__ import annotations

import errno
import os
import stat
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lookalike.images.files import FileStat, FoundFile, SkipKind, Skipped
from lookalike.images.formats import EXTENSIONS
from lookalike.images.kinds import PassedOver, kind_of
from lookalike.images.selection import IGNORE_FILE, Selection, Selector


@dataclass(frozen=True, slots=True)
class FolderContents:
    """The image files of a folder, what had to be skipped, and how many of which kind were passed over.

    Both lists are sorted by the bytes of the paths. ``devices`` are the file systems (``st_dev``) of the folders that
    were listed, by their paths; "" is the folder itself.
    """

    files: list[FoundFile]
    skipped: list[Skipped]
    passed_over: Mapping[PassedOver, int]
    devices: Mapping[str, int]


def find_images(
    root: Path,
    *,
    selection: Selection | None = None,
    leave_out: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> FolderContents:
    """Find all files below ``root`` with an image extension.

    Hidden files and folders (names that begin with a dot), system folders and what ``selection`` or an ignore file
    excludes are passed over, and so is the folder ``leave_out``. A symbolic link is followed unless its target has
    already been found, so cycles end and a linked folder is listed once. Folders are told apart by their real paths,
    not by inodes, which some file systems don't have. ``progress`` is called with the number of files found so far.
    Raises ``OSError`` only if ``root`` itself can't be listed.
    """
    walk = _Walk(root, selection or Selection(), leave_out, progress)
    walk.run()
    files, skipped = sorted(walk.found, key=by_path), sorted(walk.skipped, key=by_path)
    return FolderContents(files, skipped, +walk.passed_over, walk.devices)


def has_images(root: Path, selection: Selection | None = None) -> bool:
    """Whether there is any image file below ``root``; stops at the first one."""

    def stop(_: int) -> None:
        raise _OneFoundError

    try:
        find_images(root, selection=selection, progress=stop)
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

    def __init__(
        self, root: Path, selection: Selection, leave_out: Path | None, progress: Callable[[int], None] | None
    ) -> None:
        self.root = root
        self.found: list[FoundFile] = []
        self.skipped: list[Skipped] = []
        self.passed_over: Counter[PassedOver] = Counter()
        self.devices: dict[str, int] = {}
        self._selector = Selector(selection)
        self._progress = progress
        self._links: list[str] = []
        self._real_root = os.path.realpath(root)
        # The real paths of all folders reached, and where the linked ones among them really are.
        self._seen_folders: set[str] = {self._real_root}
        self._linked: dict[str, str] = {}
        if leave_out is not None:
            self._seen_folders.add(os.path.realpath(leave_out))

    def run(self) -> None:
        self._walk_folder("")
        if not self._links:
            return
        self._real_files = {self._real(file.path) for file in self.found}
        while self._links:
            links, self._links = sorted(self._links, key=os.fsencode), []
            for path in links:
                self._follow_link(path)

    def _walk_folder(self, first: str) -> None:
        pending = [first]
        while pending:
            folder = pending.pop()
            try:
                with os.scandir(self.root / folder) as scanned:
                    entries = list(scanned)
                self.devices[folder] = (self.root / folder).stat().st_dev
                self._read_ignore_file(folder, entries)
                for entry in entries:
                    pending += self._add_entry(f"{folder}/{entry.name}" if folder else entry.name, entry)
            except OSError as error:  # also raised where names can be listed but files can't be accessed
                if not folder:
                    raise
                reason = f"folder can't be listed ({error.strerror}); images indexed from it are kept"
                self.skipped.append(Skipped(folder, SkipKind.UNREADABLE_FOLDER, reason))

    def _read_ignore_file(self, folder: str, entries: list[os.DirEntry[str]]) -> None:
        if any(entry.name == IGNORE_FILE for entry in entries):
            path = f"{folder}/{IGNORE_FILE}" if folder else IGNORE_FILE
            try:
                self._selector.enter(folder, self.root / path)
            except OSError as error:
                reason = f"can't be read ({error.strerror}); its patterns are not applied"
                self.skipped.append(Skipped(path, SkipKind.UNREADABLE, reason))

    def _add_entry(self, path: str, entry: os.DirEntry[str]) -> list[str]:
        """Handle one directory entry; returns the folders to walk next."""
        try:
            is_link = _is_link(entry)
            is_folder = not is_link and entry.is_dir()
            reason = self._selector.reason(path, is_folder=is_folder)
            if reason is not None:
                self._pass_over(path, reason)
            elif is_link:
                self._links.append(path)
            elif is_folder:
                return self._add_folder(path, self._real(path))
            elif _has_image_extension(path):
                self._add_file(path, entry.stat(follow_symlinks=False))
            else:
                self.passed_over[kind_of(path)] += 1
        except FileNotFoundError:
            self.skipped.append(Skipped(path, SkipKind.VANISHED, "deleted while the folder was being read"))
        except PermissionError:
            raise  # it holds for the whole folder
        except OSError as error:
            self.skipped.append(Skipped(path, SkipKind.UNREADABLE, f"can't be read ({error.strerror})"))
        return []

    def _pass_over(self, path: str, reason: PassedOver) -> None:
        is_own = os.path.basename(path) == IGNORE_FILE or self._real(path) in self._seen_folders  # noqa: PTH119
        self.passed_over[reason] += not is_own

    def _add_folder(self, path: str, real: str) -> list[str]:
        if real in self._seen_folders:
            return []
        self._seen_folders.add(real)
        if _has_image_extension(path):
            self.skipped.append(Skipped(path, SkipKind.FOLDER, "not an image (folder); the files in it are indexed"))
        return [path]

    def _add_file(self, path: str, status: os.stat_result) -> None:
        self.found.append(FoundFile(path, FileStat.of(status)))
        if self._progress is not None:
            self._progress(len(self.found))

    def _follow_link(self, path: str) -> None:
        try:
            status = (self.root / path).stat()
        except OSError as error:
            self._add_broken_link(path, error)
            return
        real = os.path.realpath(self.root / path)
        if stat.S_ISDIR(status.st_mode):
            self._linked[path] = real
            first = len(self.found)
            for folder in self._add_folder(path, real):
                self._walk_folder(folder)
            self._real_files.update(self._real(file.path) for file in self.found[first:])
        elif _has_image_extension(path) and real not in self._real_files:
            self._real_files.add(real)
            self._add_file(path, status)
        elif not _has_image_extension(path):
            self.passed_over[kind_of(path)] += 1

    def _real(self, path: str) -> str:
        """The real path of something found: below the root, or below a folder that a link in it leads to."""
        parent = path
        while self._linked and parent:
            if parent in self._linked:
                return self._linked[parent] + path[len(parent) :].replace("/", os.sep)
            parent = parent.rpartition("/")[0]
        return os.path.join(self._real_root, path.replace("/", os.sep))  # noqa: PTH118  one of many

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


def _is_link(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a symbolic link, or a junction of Windows."""
    is_junction = getattr(entry, "is_junction", None)  # since Python 3.12
    return entry.is_symlink() or (is_junction is not None and is_junction())


def _has_image_extension(path: str) -> bool:
    return os.path.splitext(path)[1].lower() in EXTENSIONS  # noqa: PTH122  a str of many, not one Path
