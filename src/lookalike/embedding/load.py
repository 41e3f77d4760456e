"""Read one file: its digest and, unless its content is known, its pixels as the encoder or a page wants them."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.spec import EncoderSpec
from lookalike.encoders.views import crop, prepare_views, view_min_side
from lookalike.errors import ImageError
from lookalike.images.decode import (
    DecodedImage,
    Properties,
    ReadOptions,
    check_not_blank,
    format_of,
    image_properties,
    open_image,
)
from lookalike.images.files import (
    FileStat,
    FoundFile,
    SkipKind,
    Skipped,
    image_error,
    open_file,
    sha256,
    unreadable_error,
)
from lookalike.images.formats import EXTENSIONS
from lookalike.images.thumbnails import shrunk
from lookalike.search.query import Region

_DAMAGE: Final = (SkipKind.DAMAGED, SkipKind.UNSUPPORTED)
"""What a file may seem to be that is written to, or on a failing disk: it is read again, which tells."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file that was read.

    ``file.stat`` describes it as it was then, and ``digest`` is the SHA-256 of its content (32 bytes). ``pixels`` are
    what was wanted, uint8 (v, H, W, 3), or None if the content was known. ``share`` is the share of the image that
    could be decoded, None for all of it; ``other_format`` the format if the extension belongs to another one.
    ``properties`` are None if the header of a known content can't be read.
    """

    file: FoundFile
    digest: bytes
    other_format: str | None = None
    pixels: NDArray[np.uint8] | None = None
    share: float | None = None
    properties: Properties | None = None


def encoder_input(
    file: BinaryIO,
    spec: EncoderSpec,
    reading: ReadOptions,
    *,
    name: str | os.PathLike[str] = "",
    region: Region | None = None,
) -> tuple[NDArray[np.uint8], DecodedImage]:
    """What the encoder of ``spec`` wants of the image in ``file``, uint8 (v, S, S, 3), and the image.

    With ``region``, only that part of it is used. ``name`` is as in :func:`~lookalike.images.decode.open_image`. Raises
    :class:`~lookalike.errors.ImageError`.
    """
    share = 1.0 if region is None else min(region.right - region.left, region.bottom - region.top)
    side = math.ceil(view_min_side(spec.preprocessing, spec.view) / share)
    image = check_not_blank(open_image(file, min_side=side, options=reading, name=name, keep_profile=True))
    part = image if region is None else crop(image, region)
    return prepare_views(part, spec.preprocessing, spec.view), image


@dataclass(frozen=True, slots=True)
class Preview:
    """The image itself is wanted, its longer side at most ``side`` pixels: (1, H, W, 3)."""

    side: int


@dataclass(frozen=True, slots=True)
class Loader:
    """Reads files as ``wanted``, the encoder of a spec or a page, with the options ``reading``."""

    wanted: EncoderSpec | Preview
    reading: ReadOptions = field(default_factory=ReadOptions)

    def to_json(self) -> dict[str, Any]:
        """This loader as JSON, for another process."""
        wanted = {"preview": self.wanted.side} if isinstance(self.wanted, Preview) else {"spec": self.wanted.to_json()}
        return {**wanted, "reading": self.reading.to_texts()}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Read the result of :meth:`to_json`."""
        wanted = Preview(fields["preview"]) if "preview" in fields else EncoderSpec.from_json(fields["spec"])
        return cls(wanted, ReadOptions.from_texts(fields["reading"]))

    def load(
        self, root: Path, file: FoundFile, known: Callable[[bytes], bool], region: Region | None = None
    ) -> Loaded | Skipped:
        """Read ``file`` (relative to ``root``), or a ``region`` of it; it is not decoded if its digest is ``known``.

        A file that can't be used becomes a :class:`~lookalike.images.files.Skipped`.
        """
        current = file
        try:
            with open_file(root / file.path) as opened:
                # Taken before reading: if the file changes meanwhile, the next run notices and reads it again.
                current = FoundFile(file.path, FileStat.of(os.fstat(opened.fileno())))
                other_format = self._other_format(opened, file.path)
                self.reading.check_bytes(current.stat.size)
                digest = sha256(opened)
                if known(digest):
                    return Loaded(current, digest, other_format, properties=_properties(opened, file.path))
                pixels, image = self._decoded(opened, file.path, digest, region)
                return Loaded(current, digest, other_format, pixels, image.share, image.properties)
        except ImageError as error:
            return Skipped(file.path, SkipKind(error.kind), error.reason, current.stat)
        except MemoryError:
            return Skipped(file.path, SkipKind.OUT_OF_MEMORY, "too large for this machine's memory", current.stat)
        except OSError as error:
            return Skipped(file.path, SkipKind.UNREADABLE, unreadable_error(error).reason, current.stat)

    def _decoded(
        self, opened: BinaryIO, path: str, digest: bytes, region: Region | None
    ) -> tuple[NDArray[np.uint8], DecodedImage]:
        """The pixels that are wanted, and the image that they were made of."""
        try:
            if isinstance(self.wanted, Preview):
                return _preview(opened, self.wanted.side, self.reading, path)
            return encoder_input(opened, self.wanted, self.reading, name=path, region=region)
        except ImageError as error:
            if error.kind in _DAMAGE and sha256(opened) != digest:
                raise image_error(SkipKind.UNREADABLE, "changed while it was read") from error
            raise

    def _other_format(self, opened: BinaryIO, path: str) -> str | None:
        """The format of a file whose extension belongs to another one.

        Raises :class:`~lookalike.errors.ImageError` if that is not wanted, or if the file is no image.
        """
        extension = os.path.splitext(path)[1].lower()  # noqa: PTH122  a str of many, not one Path
        content = format_of(opened, path)
        if content == EXTENSIONS.get(extension):
            return None
        if self.reading.strict:
            reason = f"named {extension} but contains {content}; rename it, or index with --no-strict"
            raise image_error(SkipKind.WRONG_EXTENSION, reason)
        return content


def _preview(file: BinaryIO, side: int, reading: ReadOptions, name: str) -> tuple[NDArray[np.uint8], DecodedImage]:
    image = open_image(file, min_side=side, options=reading, name=name)
    return np.asarray(shrunk(image.pixels, side), np.uint8)[np.newaxis], image


def _properties(file: BinaryIO, path: str) -> Properties | None:
    """What the header of a file says whose pixels are known already."""
    with suppress(Exception):  # as a decoder may raise on a damaged header: it is a bonus
        return image_properties(file, format_of(file, path))
    return None
