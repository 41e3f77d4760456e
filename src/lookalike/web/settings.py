"""What a server is told to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import click

from lookalike.embedding.limits import FileLimits
from lookalike.encoders.encoder import Encoder, load_encoder

MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may ask for.

    ``upload_bytes`` is the size of an uploaded image, ``file_limits`` what decoding one may cost. At most ``searches``
    are worked on or waiting, with at most ``waiting_bytes`` of uploads, and ``files`` thumbnails and originals; what is
    beyond is refused for a moment.
    ``body_seconds`` are for the arrival of a request's body, ``header_seconds`` for its headers, and there are at most
    ``connections`` at a time. A gallery that another process writes to is updated ``locked_seconds`` later.
    """

    upload_bytes: int = 32 * MEGABYTE
    file_limits: FileLimits = field(default_factory=lambda: FileLimits(seconds=20))
    searches: int = 64
    waiting_bytes: int = 512 * MEGABYTE
    files: int = 256
    body_seconds: float = 20
    header_seconds: float = 10
    connections: int = 800
    locked_seconds: float = 10


def _open_folder(file: Path) -> int:
    return click.launch(str(file), locate=True)


@dataclass(frozen=True, slots=True)
class Settings:
    """What is served, and to whom.

    ``galleries`` are paths of galleries or their folders. ``token`` is demanded if it is not None. ``host_names`` are
    names under which the server may be reached, besides addresses. ``is_local`` tells that only this machine reaches
    it, so that a folder can be opened on the screen. With ``watch``, galleries are updated when their folders change.
    ``load`` loads encoders, as :func:`~lookalike.load_encoder`, and ``open_folder`` opens the folder of a file on the
    screen and returns an exit code.
    """

    galleries: tuple[Path, ...]
    token: str | None = None
    host_names: frozenset[str] = frozenset()
    is_local: bool = True
    watch: bool = False
    limits: Limits = field(default_factory=Limits)
    load: Callable[..., Encoder] = load_encoder
    open_folder: Callable[[Path], int] = _open_folder
