"""Migrate copies of a gallery, killing each copy's process one step later than the one before.

``migrate.py GALLERY COPIES``: writes ``COPIES/0``, ``COPIES/1``, ... until a migration completes.
"""

import os
import shutil
import signal
import sqlite3
import sys
from pathlib import Path

from lookalike.gallery.local.store import LocalStore

gallery, copies = Path(sys.argv[1]), Path(sys.argv[2])
remaining: int | None = None  # only the copies' processes count; coverage uses files and SQLite too


def step() -> None:
    """Count a step, and kill this process at the last one."""
    global remaining  # noqa: PLW0603  a script's own counter
    if remaining is None:
        return
    remaining -= 1
    if remaining < 0:
        os.kill(os.getpid(), signal.SIGKILL)


class Connection(sqlite3.Connection):
    """A connection whose statements and commits are steps."""

    def execute(self, statement: str, *parameters: object) -> sqlite3.Cursor:
        """Run a statement."""
        step()
        cursor = super().execute(statement, *parameters)
        step()
        return cursor

    def __exit__(self, *error: object) -> bool:
        step()
        result = super().__exit__(*error)
        step()
        return result


def around(owner: object, name: str) -> None:
    """Make the calls of a function steps."""
    real = getattr(owner, name)

    def wrapper(*arguments: object, **options: object) -> object:
        step()
        result = real(*arguments, **options)
        step()
        return result

    setattr(owner, name, wrapper)


real_connect = sqlite3.connect
sqlite3.connect = lambda *arguments, **options: real_connect(*arguments, factory=Connection, **options)
for name in ("open", "replace", "unlink"):
    around(Path, name)
around(os, "fsync")

for number in range(10_000):
    copy = Path(shutil.copytree(gallery, copies / str(number)))
    if (child := os.fork()) == 0:
        remaining = number
        LocalStore.open(copy, writing=True).close()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status == 0:
        break
    assert os.WTERMSIG(status) == signal.SIGKILL, status
print(number)
