"""The cache folder, and the checksums in it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import platformdirs

from lookalike.atomic import atomic_writer
from lookalike.system_files import open_regular, parse_json, read_bytes, real_path


def cache_folder() -> Path:
    """The folder of Lookalike's caches: ``$LOOKALIKE_CACHE``, or the standard place of the operating system."""
    folder = os.environ.get("LOOKALIKE_CACHE")
    return Path(folder) if folder else platformdirs.user_cache_path("lookalike", appauthor=False)


def write_to_cache(path: Path, write: Callable[[BinaryIO], object]) -> bool:
    """Create ``path`` with what ``write`` writes, completely or not at all; False if the cache isn't writable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_writer(path) as file:
            write(file)
    except OSError:
        return False
    return True


def file_sha256(path: Path, *, reread: bool = False, before_reading: Callable[[], object] = lambda: None) -> str:
    """SHA-256 of the file ``path`` in hex, cached by path, size and modification time.

    With ``reread``, the cached value is ignored. ``before_reading`` is called if the file must be read, which takes
    about a second per gigabyte. Raises :class:`OSError` if the file can't be read.
    """
    path = real_path(path)
    stat = path.stat()
    identity = [str(path), stat.st_size, stat.st_mtime_ns]
    entry = cache_folder() / "sha256" / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:32]}.json"
    if not reread and (cached := _cached_sha256(entry, identity)) is not None:
        return cached
    before_reading()
    with open_regular(path) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    content = json.dumps({"of": identity, "sha256": digest}).encode()
    write_to_cache(entry, lambda file: file.write(content))
    return digest


def _cached_sha256(entry: Path, identity: list[object]) -> str | None:
    """The SHA-256 in the cache file ``entry``; None if it is missing, unreadable or of another ``identity``."""
    try:
        content = parse_json(read_bytes(entry))
        return str(content["sha256"]) if content["of"] == identity else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
