"""The decoding rules an embedding was made under, and which images other rules can change."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Self

from lookalike.errors import ImageError
from lookalike.images.decode import ReadOptions
from lookalike.images.files import open_file
from lookalike.images.formats import EXTENSIONS
from lookalike.images.pixels.colour import changes_colours
from lookalike.images.readers.choice import open_content
from lookalike.images.readers.jpeg import without_padding
from lookalike.images.readers.pillow import pillow_image
from lookalike.images.sniff import content_format

DECODING_VERSION: Final = 2
"""The version of the decoding rules in docs/formats.md. It rises whenever an image can decode to other pixels."""

_LEAST_BYTES_A_PIXEL: Final = 0.03
"""A file with fewer bytes for each pixel may be blank: blank JPEGs and PNGs take about 0.01."""
_END_OF_IMAGE: Final = b"\xff\xd9"
_TAIL_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides whether an image is used, and how it is decoded: the version of the rules, and the options."""

    version: int
    options: ReadOptions

    @classmethod
    def current(cls, options: ReadOptions) -> Self:
        """Today's rules with these options."""
        return cls(DECODING_VERSION, options)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the result of ``str()``, also that of an earlier version."""
        version, *fields = text.split()
        return cls(int(version), ReadOptions.from_texts(dict(field.split("=", 1) for field in fields)))

    def __str__(self) -> str:
        fields = (f"{name}={value}" for name, value in self.options.to_texts().items())
        return " ".join((str(self.version), *fields))

    def decodes_like(self, other: Rules) -> bool:
        """Whether an image that both accept decodes to the same pixels under both."""
        return (self.version, self.options.levels) == (other.version, other.options.levels)


def can_change(path: str | os.PathLike[str], before: Rules, after: Rules) -> bool:
    """Whether the image at ``path``, which was used under the rules ``before``, may decode otherwise under ``after``.

    Reads the header. True where that can't tell.
    """
    try:
        with open_file(path) as file:
            return _can_change(file, path, before, after)
    except ImageError:
        return True
    except Exception:  # noqa: BLE001  decoders raise almost anything on damage
        return True


def _can_change(file: BinaryIO, path: str | os.PathLike[str], before: Rules, after: Rules) -> bool:
    form = content_format(file, path)
    if form is None:
        return True
    if before.version < DECODING_VERSION:
        return _version_2_can_change(file, form)
    if after.options.strict and not before.options.strict and _is_irregular(file, form, path):
        return True
    opened = open_content(file, form)
    if opened.size[0] * opened.size[1] > after.options.pixel_cap:
        return True
    return opened.deep and before.options.levels != after.options.levels


def _version_2_can_change(file: BinaryIO, form: str) -> bool:
    """Whether version 2 can change an image: by its colour profile, transparency, levels, frames, or if it is blank."""
    if form not in ("JPEG", "PNG", "WEBP"):
        return True
    opened = open_content(file, form)
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if opened.deep or size < _LEAST_BYTES_A_PIXEL * opened.size[0] * opened.size[1]:
        return True
    image = pillow_image(file, form)
    return image.has_transparency_data or getattr(image, "is_animated", False) or changes_colours(image)


def _is_irregular(file: BinaryIO, form: str, path: str | os.PathLike[str]) -> bool:
    """Whether an image is noted: its extension belongs to another format, or the end of a JPEG is missing."""
    if EXTENSIONS.get(Path(path).suffix.lower(), form) != form:
        return True
    if form != "JPEG":
        return False
    content = without_padding(file)
    content.seek(max(0, content.seek(0, os.SEEK_END) - _TAIL_BYTES))
    missing = _END_OF_IMAGE not in content.read()
    file.seek(0)
    return missing
