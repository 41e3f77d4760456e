"""What may be thrown away and made again: checksums already computed, and files written whole."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import platformdirs


def cache_folder() -> Path:
    """Where this user's caches of Lookalike lie: ``$LOOKALIKE_CACHE``, or what the operating system prescribes."""
    chosen = os.environ.get("LOOKALIKE_CACHE")
    return Path(chosen) if chosen else platformdirs.user_cache_path("lookalike", appauthor=False)


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> bool:
    """Put what ``write`` writes at ``path`` whole or not at all; False where the cache can't be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
    except OSError:
        return False
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
        Path(temporary).replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        return False
    return True


def file_sha256(path: Path, *, afresh: bool = False) -> str:
    """SHA-256 of the file at ``path`` in hex, remembered by its size and modification time once computed.

    With ``afresh`` it is computed whatever is remembered. Raises :class:`OSError` where the file can't be read.
    """
    path = path.resolve()
    stat = path.stat()
    identity = [str(path), stat.st_size, stat.st_mtime_ns]
    note = cache_folder() / "sha256" / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:32]}.json"
    if not afresh and (remembered := _remembered(note, identity)) is not None:
        return remembered
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    content = json.dumps({"of": identity, "sha256": digest}).encode()
    write_atomically(note, lambda file: file.write(content))
    return digest


def _remembered(note: Path, identity: list[object]) -> str | None:
    """The SHA-256 in ``note`` of the file with that ``identity``; None if it was never computed or can't be read."""
    try:
        remembered = json.loads(note.read_text())
        return str(remembered["sha256"]) if remembered["of"] == identity else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
