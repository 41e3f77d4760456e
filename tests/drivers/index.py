"""Index a folder with the fake encoder, and kill this process at a given moment.

``index.py FOLDER GALLERY MOMENT NUMBER``: the process kills itself the NUMBER-th time that MOMENT is reached.
"""

import os
import signal
import sys
from pathlib import Path

from fakes import FakeEncoder
from lookalike import Gallery
from lookalike.gallery.local.store import LocalStore
from lookalike.gallery.updating import update

folder, gallery_path, moment, number = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
reached = 0


def die(at: str) -> None:
    """Kill this process at the NUMBER-th call for MOMENT."""
    global reached  # noqa: PLW0603  a script's own counter
    if at == moment:
        reached += 1
        if reached == number:
            os.kill(os.getpid(), signal.SIGKILL)


def around(owner: object, name: str, moment: str) -> None:
    """Let the process be killed before or after a function."""
    real = getattr(owner, name)

    def wrapper(*arguments: object, **options: object) -> object:
        die(f"before {moment}")
        result = real(*arguments, **options)
        die(f"after {moment}")
        return result

    setattr(owner, name, wrapper)


around(LocalStore, "delete_unused", "deleting unused contents")
around(update, "recalibrate", "calibration")

encoder = FakeEncoder()
exists = (gallery_path / "gallery.sqlite3").exists()
with (
    Gallery.open(gallery_path, encoder=encoder, writing=True)
    if exists
    else Gallery.create(folder, gallery_path, encoder=encoder) as gallery
):
    gallery.update(progress=lambda done, total, _: sys.stdout.write(f"{done}\n") and sys.stdout.flush())
