"""The files of a gallery's images, as browsers get them."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from PIL import Image

from lookalike.errors import ImageError
from lookalike.gallery.gallery import GalleryImage
from lookalike.images.decode import ReadOptions, format_of, open_image
from lookalike.images.files import open_file, with_path

_CHUNK: Final = 1 << 18
_QUALITY: Final = 92

_MEDIA_TYPES: Final = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "AVIF": "image/avif",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
    "HEIF": "image/heif",
    "JPEG2000": "image/jp2",
    "JPEGXL": "image/jxl",
    "PPM": "image/x-portable-anymap",
    "ICO": "image/x-icon",
    "TGA": "image/x-tga",
    "RAW": "image/x-dcraw",
}
_SHOWN_BY_BROWSERS: Final = frozenset({"JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP"})


@dataclass(frozen=True, slots=True)
class Original:
    """An open image file, with its ``size`` in bytes, and whether browsers can show it."""

    file: BinaryIO
    size: int
    media_type: str
    is_shown: bool

    def chunks(self) -> Iterator[bytes]:
        """Its bytes, as many as it had when it was opened; afterwards it is closed."""
        left = self.size
        with self.file:
            while left > 0 and (part := self.file.read(min(left, _CHUNK))):
                left -= len(part)
                yield part


def open_original(image: GalleryImage) -> Original:
    """Open the file of an image; raises :class:`~lookalike.errors.ImageError` if it isn't an image any more."""
    try:
        file = open_file(image.file)
        try:
            form = format_of(file, image.file)
        except BaseException:
            file.close()
            raise
    except ImageError as error:
        raise with_path(error, image.path) from error
    return Original(file, os.fstat(file.fileno()).st_size, _MEDIA_TYPES[form], form in _SHOWN_BY_BROWSERS)


def as_jpeg(image: GalleryImage, reading: ReadOptions) -> bytes:
    """The image as a JPEG of full size, upright and without metadata, for browsers that can't show its own format.

    Raises :class:`~lookalike.errors.ImageError` if it can't be used.
    """
    try:
        with open_file(image.file) as opened:
            pixels = open_image(opened, options=reading, name=image.file).pixels
    except ImageError as error:
        raise with_path(error, image.path) from error
    file = io.BytesIO()
    with Image.new("RGB", pixels.size) as copy:  # what is saved has nothing but pixels
        copy.paste(pixels)
        copy.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
