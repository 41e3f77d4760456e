"""What a disk may hold after a power cut, given the recorded system calls up to then.

The model is what POSIX promises, which is less than file systems keep. Of what was written to a file since it was
last synced, any part may be there, in units of sectors, in any order. Of the names that were made, replaced or removed
in a folder since that folder was synced, any first part may be there. Files and their names are independent: a file
can have its name and not its bytes.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final

from torture.system_calls import Call

_SECTOR: Final = 512


class Kept(Enum):
    """Which of the unsynced changes are on the disk."""

    NONE = "none"
    ALL = "all"
    SOME = "some"


class _Unsynced:
    """A file's bytes, and the writes since it was last synced."""

    def __init__(self, content: bytes = b"") -> None:
        self.synced = bytearray(content)
        self.pending: list[Call] = []

    def sync(self) -> None:
        for call in self.pending:
            _apply(self.synced, call.operation, call.offset, call.data)
        self.pending.clear()

    def after(self, kept: Kept, rng: random.Random) -> bytes:
        content = bytearray(self.synced)
        for call in self.pending:
            if kept is Kept.ALL:
                _apply(content, call.operation, call.offset, call.data)
            elif kept is Kept.SOME:
                self._apply_some(content, call, rng)
        return bytes(content)

    @staticmethod
    def _apply_some(content: bytearray, call: Call, rng: random.Random) -> None:
        if call.operation == "t":
            if rng.random() < 0.5:
                _apply(content, "t", call.offset, b"")
            return
        share = rng.choice((0.0, 0.5, 1.0))  # of the sectors
        place = call.offset
        while place < call.offset + len(call.data):
            end = min((place // _SECTOR + 1) * _SECTOR, call.offset + len(call.data))
            if rng.random() < share:
                _apply(content, "w", place, call.data[place - call.offset : end - call.offset])
            place = end


@dataclass
class _Folder:
    """The names in a folder, and the changes since it was last synced."""

    synced: dict[str, _Unsynced | _Folder] = field(default_factory=dict)
    now: dict[str, _Unsynced | _Folder] = field(default_factory=dict)
    pending: list[dict[str, _Unsynced | _Folder]] = field(default_factory=list)

    def changed(self) -> None:
        self.pending.append(dict(self.now))

    def sync(self) -> None:
        self.synced = dict(self.now)
        self.pending.clear()

    def after(self, kept: Kept, rng: random.Random) -> dict[str, _Unsynced | _Folder]:
        states = [self.synced, *self.pending]
        return states[{Kept.NONE: 0, Kept.ALL: -1, Kept.SOME: rng.randrange(len(states))}[kept]]


class Disk:
    """The files of a folder, as they are and as they may be after a power cut."""

    def __init__(self, root: Path) -> None:
        """Start with what is at ``root``, all of it synced."""
        self._root = root
        self._top = _folder_at(root)

    def apply(self, call: Call) -> None:
        """Carry out a recorded call."""
        if call.operation == "!":
            return
        if call.operation == "s":
            node = self._node(call.path)
            if node is not None:  # otherwise it is removed, but still open
                node.sync()
            return
        folder, name = self._place(call.path)
        if call.operation in "wt":
            file = folder.now.get(name)
            if isinstance(file, _Unsynced):
                file.pending.append(call)
            return
        if call.operation in "cm":
            folder.now[name] = _Unsynced() if call.operation == "c" else _Folder()
        else:
            node = folder.now.pop(name)
            if call.operation == "n":
                target, new_name = self._place(call.data.decode())
                assert target is folder, "renaming into other folders is not modelled"
                target.now[new_name] = node
        folder.changed()

    def write_after(self, target: Path, kept: Kept, rng: random.Random) -> None:
        """Write the files as they may be after a power cut to the empty folder ``target``."""
        _write(self._top, target, kept, rng)

    def _place(self, path: str) -> tuple[_Folder, str]:
        *folders, name = Path(path).relative_to(self._root).parts
        node: _Unsynced | _Folder = self._top
        for part in folders:
            assert isinstance(node, _Folder)
            node = node.now[part]
        assert isinstance(node, _Folder)
        return node, name

    def _node(self, path: str) -> _Unsynced | _Folder | None:
        if Path(path) == self._root:
            return self._top
        folder, name = self._place(path)
        return folder.now.get(name)


def _folder_at(path: Path) -> _Folder:
    names = {
        child.name: _folder_at(child) if child.is_dir() else _Unsynced(child.read_bytes()) for child in path.iterdir()
    }
    return _Folder(names, dict(names))


def _write(folder: _Folder, target: Path, kept: Kept, rng: random.Random) -> None:
    for name, node in folder.after(kept, rng).items():
        if isinstance(node, _Folder):
            (target / name).mkdir()
            _write(node, target / name, kept, rng)
        else:
            (target / name).write_bytes(node.after(kept, rng))


def _apply(content: bytearray, operation: str, offset: int, data: bytes) -> None:
    end = offset if operation == "t" else offset + len(data)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    if operation == "t":
        del content[end:]
    else:
        content[offset:end] = data
