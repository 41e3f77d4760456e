"""Read images with Pillow."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Any, BinaryIO, Final

from PIL import (
    AvifImagePlugin,  # noqa: F401  each of these imports registers one format with Pillow
    BmpImagePlugin,  # noqa: F401
    GifImagePlugin,  # noqa: F401
    IcoImagePlugin,  # noqa: F401
    Image,
    Jpeg2KImagePlugin,  # noqa: F401
    JpegImagePlugin,  # noqa: F401
    MpoImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TgaImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401
    WebPImagePlugin,  # noqa: F401
)

from lookalike.images.readers.animation import telling_frame
from lookalike.images.readers.opened import Decoding, Opened, Shot, unsupported_error

_ORIENTATION_TAG: Final = 0x0112
_MAKE_TAG: Final = 0x010F
_MODEL_TAG: Final = 0x0110
_CHANGED_TAG: Final = 0x0132
_EXIF_TAGS: Final = 0x8769
"""The tag of the directory that has those of the photograph."""
_TAKEN_TAGS: Final = (0x9003, 0x9004)
"""When it was taken (DateTimeOriginal), and when it became digital."""
_LONGEST_TEXT: Final = 200
_OPTIONAL_ALPHA: Final = ("BMP", "DIB", "TGA", "ICO")
"""Formats whose programs often leave the alpha channel at 0 everywhere."""


_ANIMATED: Final = ("GIF", "PNG", "WEBP", "AVIF")
"""Formats that may hold an animation."""


def pillow_image(file: BinaryIO, name: str) -> Image.Image:
    """Open ``file`` as the format ``name`` with Pillow; reads the header only."""
    # The factory is called directly because the pixel limit of Image.open is global to the process.
    factory: Callable[[BinaryIO, str], Any] = Image.OPEN[name][0]
    image: Image.Image = factory(file, "")
    return image


def open_bmp(file: BinaryIO) -> Opened:
    """Open a BMP, with or without its first header."""
    start = file.read(2)
    file.seek(0)
    if start.isalpha() and start != b"BM":
        raise unsupported_error("OS/2 icon or array of bitmaps")
    return open_with_pillow(file, "BMP" if start == b"BM" else "DIB")


def open_with_pillow(file: BinaryIO, name: str) -> Opened:
    """Open an image that Pillow decodes with the right levels."""
    return opened_with_pillow(pillow_image(file, name), name)


def opened_with_pillow(image: Image.Image, name: str) -> Opened:
    """An image of the format ``name`` whose header Pillow has read."""
    orientation = exif_orientation(image)
    # Pillow turns a TIFF itself, and reports its upright size.
    applied = name == "TIFF"
    pending = 1 if applied else orientation
    return Opened(image.size, partial(_decode, image, name), pending, orientation != 1, shot=exif_shot(image))


def exif_orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 if there is none or EXIF is unreadable."""
    with contextlib.suppress(Exception):  # Pillow raises almost anything on damaged EXIF
        orientation = int(image.getexif().get(_ORIENTATION_TAG, 1))
        return orientation if 1 <= orientation <= 8 else 1  # noqa: PLR2004  the orientations of EXIF
    return 1


def exif_shot(image: Image.Image) -> Shot:
    """When and with which camera EXIF says that an image was taken."""
    with contextlib.suppress(Exception):  # as above
        exif = image.getexif()
        if not exif:
            return Shot()
        times = (*map(exif.get_ifd(_EXIF_TAGS).get, _TAKEN_TAGS), exif.get(_CHANGED_TAG))
        return shot_of(times, exif.get(_MAKE_TAG), exif.get(_MODEL_TAG))
    return Shot()


def shot_of(times: Iterable[object], make: object, model: object) -> Shot:
    """What values of EXIF say: the first of ``times`` that is one, and the camera."""
    taken = next((found for time in times if (found := _exif_time(time))), None)
    return Shot(taken, _camera(_text(make), _text(model)))


def _exif_time(value: object) -> str | None:
    """An EXIF time, "2023:05:31 14:05:59", with hyphens in its date; None if it is none."""
    with contextlib.suppress(ValueError):  # for 0000:00:00 too, which stands for "unknown"
        return str(datetime.strptime(_text(value), "%Y:%m:%d %H:%M:%S"))  # noqa: DTZ007  cameras write local time
    return None


def _camera(make: str, model: str) -> str | None:
    """The make and model, without saying the make twice: "Canon EOS R5", "NIKON Z 6"."""
    is_named = bool(make) and model.casefold().startswith(make.partition(" ")[0].casefold())
    return (model if is_named else f"{make} {model}").strip() or None


def _text(value: object) -> str:
    """A text in EXIF, on one line and without what fills it up."""
    text = value.decode("latin-1") if isinstance(value, bytes) else value if isinstance(value, str) else ""
    return " ".join("".join(c if c.isprintable() else " " for c in text[:_LONGEST_TEXT]).split())


def _decode(image: Image.Image, name: str, decoding: Decoding) -> Image.Image:
    width, height = image.size
    side = decoding.min_side
    if side is not None:
        short = min(width, height)
        image.draft(None, (-(-width * side // short), -(-height * side // short)))
    image.load()
    if name in _ANIMATED:
        image = telling_frame(image)
    if name in _OPTIONAL_ALPHA and image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0):
        return image.convert("RGB")
    return image
