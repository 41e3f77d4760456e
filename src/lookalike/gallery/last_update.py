"""When a gallery was last brought up to date, and whether that is complete."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

from lookalike.gallery.store import Store
from lookalike.system_files import parse_json

_KEY: Final = "update"


@dataclass(frozen=True, slots=True)
class LastUpdate:
    """The last update: when it was ``finished``, None if none ever was.

    ``files`` is the number of image files that an update found which has not finished, and None if all have. Either it
    is still running, or it was interrupted.
    """

    finished: datetime | None = None
    files: int | None = None

    @classmethod
    def read(cls, store: Store) -> Self:
        """What ``store`` has; nothing in galleries of earlier versions, and where it is damaged: no search needs it."""
        try:
            fields = parse_json(store.metadata(_KEY) or "{}")
            finished, files = fields.get("finished"), fields.get("files")
            return cls(finished and datetime.fromisoformat(finished), files and int(files))
        except (ValueError, TypeError, AttributeError):
            return cls()


def record_start(store: Store, files: int) -> None:
    """Note that an update of so many image files has begun."""
    _write(store, LastUpdate.read(store).finished, files)


def record_end(store: Store) -> None:
    """Note that the gallery is up to date now."""
    _write(store, datetime.now(UTC).replace(microsecond=0), None)


def _write(store: Store, finished: datetime | None, files: int | None) -> None:
    store.set_metadata(_KEY, json.dumps({"finished": finished and finished.isoformat(), "files": files}))
