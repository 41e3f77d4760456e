"""Index a folder with the fake encoder, and die, or run out of disk, at a moment that the arguments name.

``index.py FOLDER GALLERY MOMENT NUMBER``: at the NUMBER-th time that MOMENT comes, the process kills itself.
"""

import os
import signal
import sqlite3
import sys
from pathlib import Path

from fakes import FakeEncoder
from lookalike import Gallery
from lookalike.gallery import update
from lookalike.gallery.local import session, vector_file
from lookalike.gallery.local.store import LocalStore

folder, place, moment, number = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
passed = 0


def die(at: str) -> None:
    """Kill this process if ``at`` is the moment and has come often enough."""
    global passed  # noqa: PLW0603  a script's own counter
    if at == moment:
        passed += 1
        if passed == number:
            os.kill(os.getpid(), signal.SIGKILL)


class Connection(sqlite3.Connection):
    """A connection that can die around the statements and the end of a transaction."""

    def execute(self, statement: str, *parameters: object) -> sqlite3.Cursor:
        """Run a statement; its first word names the moments before and after."""
        word = statement.strip().partition(" ")[0]
        die(f"before {word}")
        cursor = super().execute(statement, *parameters)
        die(f"after {word}")
        return cursor

    def __exit__(self, *error: object) -> bool:
        die("before commit")
        result = super().__exit__(*error)
        die("after commit")
        return result


def around(owner: object, name: str, moment: str) -> None:
    """Let the process die before or after a function."""
    real = getattr(owner, name)

    def mortal(*arguments: object, **options: object) -> object:
        die(f"before {moment}")
        result = real(*arguments, **options)
        die(f"after {moment}")
        return result

    setattr(owner, name, mortal)


real_connect = sqlite3.connect
sqlite3.connect = lambda *arguments, **options: real_connect(*arguments, factory=Connection, **options)
around(os, "fsync", "fsync")
around(vector_file.VectorFile, "write", "vectors")
around(vector_file.VectorFile, "create", "vector file")
around(LocalStore, "sweep", "sweep")
around(update, "recalibrate", "calibration")
around(session, "connect_to_write", "opening")

encoder = FakeEncoder(before=lambda _: die("before encoding"))
there = (place / "gallery.sqlite3").exists()
with (
    Gallery.open(place, encoder=encoder, writing=True)
    if there
    else Gallery.create(folder, place, encoder=encoder) as gallery
):
    gallery.update(progress=lambda done, total: sys.stdout.write(f"{done}\n") and sys.stdout.flush())
