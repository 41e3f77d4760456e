"""The file ``gallery.json``: what the database says about the gallery as a whole, to rebuild it if it is lost.

It is replaced as a whole after each change; after a power cut it may be one change behind until the next writer opens
the gallery.
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from lookalike.atomic import atomic_writer
from lookalike.encoders.spec import EncoderSpec
from lookalike.gallery.local.sql import tables
from lookalike.system_files import parse_json, read_bytes, read_text

NAME: Final = "gallery.json"


@dataclass(frozen=True, slots=True)
class StampSummary:
    """An encoder: its number in the names of files, its stamp as JSON, and the path of its weights, if it has one."""

    id: int
    spec: str
    weights: str | None
    active: bool

    @property
    def fingerprint(self) -> bytes:
        """The SHA-256 of the stamp, 32 bytes; empty if it is invalid."""
        try:
            return bytes.fromhex(EncoderSpec.from_json(self.spec).fingerprint)
        except (TypeError, ValueError, KeyError):
            return b""


@dataclass(frozen=True, slots=True)
class Summary:
    """A gallery as a whole. ``id`` is hexadecimal; ``root`` is relative to the gallery if that is inside it."""

    id: str
    root: str
    stamps: tuple[StampSummary, ...]
    metadata: dict[str, str]

    @classmethod
    def of(cls, connection: sqlite3.Connection) -> Self:
        """What the database says."""
        identity, root = (tables.read_value(connection, key) for key in ("id", "root"))
        stamps = connection.execute("SELECT id, spec, location, serving FROM stamps ORDER BY id").fetchall()
        return cls(
            bytes(identity).hex(),
            os.fsdecode(root),
            tuple(StampSummary(n, spec, path and os.fsdecode(path), bool(active)) for n, spec, path, active in stamps),
            tables.all_metadata(connection),
        )

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """What the file in ``folder`` says; None if it is missing or damaged."""
        try:
            fields: dict[str, Any] = parse_json(read_bytes(folder / NAME))
            return cls(
                bytes.fromhex(fields["id"]).hex(),
                str(fields["root"]),
                tuple(StampSummary(**stamp) for stamp in fields["stamps"]),
                {str(key): str(text) for key, text in fields["metadata"].items()},
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def write(self, folder: Path) -> None:
        """Replace the file in ``folder`` if it says something else; raises ``OSError``."""
        text = json.dumps(asdict(self), indent=1)
        with suppress(OSError, ValueError):
            if read_text(folder / NAME) == text:
                return
        with atomic_writer(folder / NAME, unfinished=folder / f"{NAME}-new") as file:
            file.write(text.encode())

    def write_if_possible(self, folder: Path) -> None:
        """As :meth:`write`, but errors are ignored: the next writer tries again."""
        with suppress(OSError):
            self.write(folder)
