"""``lookalike galleries``: the galleries that this user has made."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lookalike.cli.options.command import Options, command
from lookalike.cli.options.shared import json_option
from lookalike.cli.output import print_json
from lookalike.errors import LookalikeError
from lookalike.system_files import parse_json, read_bytes
from lookalike.text import plural, printable

if TYPE_CHECKING:
    from lookalike.gallery.gallery import Gallery

_FILE: Final = "galleries.json"

_DETAILS = """\
Every gallery that lookalike index has made or updated on this machine, by this user, is listed, as long as it is there.
The list is kept in the cache folder, and nowhere else."""


@command("galleries", details=_DETAILS)
@json_option
def galleries(options: Options) -> int:
    """List the galleries that you have made, with their folders and sizes."""
    from lookalike.gallery.gallery import gallery_at

    listed = [_look(path) for path in _known() if gallery_at(path) is not None]
    if options.json:
        print_json({"version": 1, "galleries": [one.to_json() for one in listed]})
        return 0
    for one in listed:
        print(f"{printable(one.path)}: {one.problem or plural(one.images, 'image')}")
    if not listed:
        print("no galleries yet; to make one: lookalike index FOLDER")
    return 0


@dataclass(frozen=True, slots=True)
class _Listed:
    """A gallery with its folder and the number of its images, or the problem why it can't be opened."""

    path: Path
    folder: Path | None = None
    images: int = 0
    problem: str | None = None

    def to_json(self) -> dict[str, object]:
        from lookalike.report.document.json import path_fields

        return {
            "gallery": path_fields(self.path)["path"],
            "folder": None if self.folder is None else path_fields(self.folder)["path"],
            "images": None if self.problem else self.images,
            "problem": self.problem,
        }


def _look(path: Path) -> _Listed:
    from lookalike.gallery.gallery import Gallery

    try:
        with Gallery.open(path) as gallery:
            return _Listed(path, gallery.root, len(gallery))
    except LookalikeError as error:
        return _Listed(path, problem=str(error))


def remember(gallery: Gallery) -> None:
    """Add a gallery to the list; nothing happens where the cache can't be written."""
    from lookalike.encoders.weights.cache import cache_folder, write_to_cache

    path = os.fspath(gallery.path)
    known = [os.fspath(one) for one in _known()]
    if path not in known:
        content = json.dumps([*known, path], indent=1).encode()
        write_to_cache(cache_folder() / _FILE, lambda file: file.write(content))


def _known() -> list[Path]:
    from lookalike.encoders.weights.cache import cache_folder

    try:
        return [Path(path) for path in parse_json(read_bytes(cache_folder() / _FILE)) if isinstance(path, str)]
    except (OSError, ValueError, TypeError):  # there is none yet, or it is damaged
        return []
