"""Decode images: upright, in RGB, limited in size."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Final, Self

from PIL import Image

from lookalike.errors import ImageError
from lookalike.images.files import SkipKind, image_error, is_system_error, open_file, unreadable_error, with_path
from lookalike.images.memory import decoding_bytes, taken
from lookalike.images.messages import last_message
from lookalike.images.pixels.levels import Levels
from lookalike.images.pixels.rgb import is_blank, to_rgb
from lookalike.images.readers.choice import open_content
from lookalike.images.readers.jpeg import open_jpeg, without_padding
from lookalike.images.readers.jpeg_damage import completed, decoded_share
from lookalike.images.readers.opened import Decoding, Opened, Shot
from lookalike.images.readers.pillow import exif_orientation
from lookalike.images.sniff import content_format, not_an_image_error

DEFAULT_PIXEL_CAP: Final = 200_000_000
"""By default, images with more pixels than this are skipped."""

_SMALLEST_SHARE: Final = 0.95
"""A JPEG whose end is missing is used if at least this share of its rows can be decoded."""

_LARGE: Final = 40_000_000
"""Images above this many pixels are converted to RGB in parts."""
_MOST_BYTES_A_PIXEL: Final = 20
"""Files with more bytes than this for each pixel of the largest image that is read are not read at all."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The transposition that makes each EXIF orientation upright."""
_SIDEWAYS = (5, 6, 7, 8)
"""The orientations that swap width and height."""
_UNSUPPORTED_SIGNS: Final = (
    "nsupported",
    "not supported",
    "not implemented",
    "cannot handle",
    "unknown pixel mode",
    "dtype mismatch",
    "invalid palette size",
    "unknown TGA",
)
"""What libraries say of images that are sound but that they don't read."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How images are read.

    Images above ``pixel_cap`` pixels are rejected. ``levels`` replace the levels of images with more than 8 bits. With
    ``strict``, images whose end is missing are rejected even if nearly all of it can be decoded, and so are files whose
    extension belongs to another format.
    """

    pixel_cap: int = DEFAULT_PIXEL_CAP
    levels: Levels | None = None
    strict: bool = False

    def check_bytes(self, size: int) -> None:
        """Raise :class:`~lookalike.errors.ImageError` if a file of ``size`` bytes is larger than an image can be."""
        limit = self.pixel_cap * _MOST_BYTES_A_PIXEL
        if size > limit:
            raise image_error(SkipKind.TOO_LARGE, f"{size / 1e9:.1f} GB is above the limit of {limit / 1e9:g} GB")

    def to_texts(self) -> dict[str, str]:
        """Each option as a short text without spaces, to be kept with a gallery."""
        levels = "auto" if self.levels is None else str(self.levels)
        return {"max-pixels": str(self.pixel_cap), "levels": levels, "strict": "yes" if self.strict else "no"}

    @classmethod
    def from_texts(cls, texts: Mapping[str, str]) -> Self:
        """Read the result of :meth:`to_texts`; what is missing gets its default. Raises ``ValueError``."""
        levels = texts.get("levels", "auto")
        return cls(
            pixel_cap=int(texts.get("max-pixels", DEFAULT_PIXEL_CAP)),
            levels=None if levels == "auto" else Levels.parse(levels),
            strict=texts.get("strict") == "yes",
        )


@dataclass(frozen=True, slots=True)
class Properties:
    """What is known of an image beside its pixels: its upright ``width`` and ``height``, and how it was taken."""

    width: int
    height: int
    taken: str | None = None
    camera: str | None = None


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """A decoded image.

    ``pixels`` is upright and RGB. ``size`` is the upright size (width, height) of the full image; ``pixels`` may be
    smaller, because a JPEG can be decoded at a fraction of its size. ``share`` is the share of the image that was
    decoded from data, or None for all of it; ``shot`` is what EXIF says of the photograph.
    """

    pixels: Image.Image
    size: tuple[int, int]
    share: float | None = None
    shot: Shot = field(default_factory=Shot)

    @property
    def properties(self) -> Properties:
        """What is known of it beside its pixels."""
        return Properties(*self.size, self.shot.taken, self.shot.camera)


def open_image(
    source: str | os.PathLike[str] | BinaryIO,
    *,
    min_side: int | None = None,
    options: ReadOptions | None = None,
    name: str | os.PathLike[str] = "",
    keep_profile: bool = False,
) -> DecodedImage:
    """Decode an image, upright (EXIF orientation) and as RGB in sRGB (transparency over white).

    ``source`` is a path or a file open for reading, whose ``name`` tells a RAW file that begins like a TIFF. With
    ``min_side``, the image may be decoded at a fraction of its size as long as its shorter side keeps that many pixels.
    Of an animation, the first frame is taken that says something. With ``keep_profile``, the pixels of an RGB image may
    stay in the colour space of their profile (``info["icc_profile"]``), for a caller that makes them smaller and then
    converts them with :func:`~lookalike.images.pixels.colour.to_srgb`. docs/formats.md states all rules. Raises
    :class:`ImageError`; an image with too many pixels is rejected before it is decoded.
    """
    if isinstance(source, (str, os.PathLike)):
        try:
            with open_file(source) as file:
                return open_image(file, min_side=min_side, options=options, name=source, keep_profile=keep_profile)
        except ImageError as error:
            raise with_path(error, source) from error
    options = options or ReadOptions()
    form = format_of(source, name)
    try:
        return _decode(source, form, min_side, options, keep_profile=keep_profile)
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # decoders raise almost anything (struct.error, SyntaxError, zlib.error) on damage
        if form == "JPEG" and not is_system_error(error):
            return _decode_incomplete(source, min_side, options, error, keep_profile=keep_profile)
        raise _failure(error) from error


def format_of(file: BinaryIO, name: str | os.PathLike[str] = "") -> str:
    """The format of a file open for reading, by its first bytes; ``name`` as in :func:`open_image`.

    Raises :class:`~lookalike.errors.ImageError` if it is no image. The file is left at its start.
    """
    form = content_format(file, name)
    if form is None:
        raise not_an_image_error(file)
    return form


def limit_frames(options: ReadOptions) -> None:
    """Let Pillow's own limit, for frames that turn out larger than the header says, be that of ``options``.

    It holds for the whole process, so only a program that owns it may call this.
    """
    Image.MAX_IMAGE_PIXELS = options.pixel_cap


def check_not_blank(image: DecodedImage) -> DecodedImage:
    """Return ``image``; raises :class:`ImageError` if its channels vary by 2 levels at most.

    Such images show nothing, and would all be found equal to each other.
    """
    if is_blank(image.pixels):
        raise image_error(SkipKind.BLANK, "blank (a single colour)")
    return image


@dataclass(frozen=True, slots=True)
class Extent:
    """An image's upright ``size`` (width, height), and whether its EXIF orientation ``turned`` it."""

    size: tuple[int, int]
    turned: bool


def image_properties(file: BinaryIO, form: str) -> Properties:
    """Read what is known of an image of the format ``form`` from its header; raises almost anything on damage."""
    opened = open_content(file, form)
    width, height = opened.size[::-1] if opened.orientation in _SIDEWAYS else opened.size
    return Properties(width, height, opened.shot.taken, opened.shot.camera)


def image_extent(source: str | os.PathLike[str]) -> Extent:
    """Read an image's size from its header; raises :class:`ImageError`, but doesn't notice damaged pixels."""
    try:
        with open_file(source) as file:
            opened = open_content(file, format_of(file, source))
    except ImageError as error:
        raise with_path(error, source) from error
    except Exception as error:  # as in open_image
        raise with_path(_failure(error), source) from error
    sideways = opened.orientation in _SIDEWAYS
    return Extent(opened.size[::-1] if sideways else opened.size, opened.turned)


def from_pillow(image: Image.Image) -> DecodedImage:
    """Convert a Pillow image: upright by its EXIF tag, and RGB in sRGB. The image itself is not changed.

    Raises :class:`ImageError` if it has no pixels or its file is damaged.
    """
    if 0 in image.size:
        raise image_error(SkipKind.NOT_AN_IMAGE, f"not an image ({image.width} x {image.height} pixels)")
    try:
        upright = _upright(to_rgb(image), exif_orientation(image))
    except (MemoryError, ImageError):
        raise
    except Exception as error:  # as in open_image: Pillow may read the file only now
        raise _failure(error) from error
    return DecodedImage(upright, upright.size)


def _decode(
    file: BinaryIO, form: str, min_side: int | None, options: ReadOptions, *, keep_profile: bool
) -> DecodedImage:
    opened = open_content(file, form)
    width, height = opened.size
    if width * height > options.pixel_cap:
        raise image_error(
            SkipKind.TOO_LARGE,
            f"{width} x {height} pixels ({width * height / 1e6:.0f} megapixels) is above the limit of "
            f"{options.pixel_cap / 1e6:g} megapixels",
        )
    with taken(decoding_bytes(form, opened.size)):
        return _to_rgb(opened, min_side, options, keep_profile=keep_profile)


def _to_rgb(opened: Opened, min_side: int | None, options: ReadOptions, *, keep_profile: bool) -> DecodedImage:
    width, height = opened.size
    image = opened.decode(Decoding(min_side, options.levels))
    large = image.width * image.height > _LARGE
    factor = max(1, min(image.size) // min_side) if large and min_side is not None else 1
    pixels = to_rgb(image, levels=options.levels, factor=factor, keep_profile=keep_profile)
    # A JPEG is decoded at a fraction of its size; some formats know their true size only when they are decoded.
    size = opened.size if image.width < width and image.height < height else image.size
    upright = size[::-1] if opened.orientation in _SIDEWAYS else size
    return DecodedImage(_upright(pixels, opened.orientation), upright, shot=opened.shot)


def _decode_incomplete(
    file: BinaryIO, min_side: int | None, options: ReadOptions, cause: Exception, *, keep_profile: bool
) -> DecodedImage:
    """Decode a JPEG whose end is missing, if nearly all of it is there."""
    file.seek(0)
    content = without_padding(file).read()
    share = decoded_share(content)
    percent = f"{int(share * 100)} % of its rows can be decoded"
    if share < _SMALLEST_SHARE or options.strict:
        raise image_error(SkipKind.DAMAGED, f"truncated or damaged ({percent if share else cause})") from cause
    try:
        opened = open_jpeg(io.BytesIO(completed(content)))
        with taken(decoding_bytes("JPEG", opened.size)):
            decoded = _to_rgb(opened, min_side, options, keep_profile=keep_profile)
    except (ImageError, MemoryError):
        raise
    except Exception as error:
        raise _failure(error) from error
    return replace(decoded, share=share)


def _failure(error: Exception) -> ImageError:
    if is_system_error(error):
        return unreadable_error(error)
    if isinstance(error, Image.DecompressionBombError):  # Pillow's own limit, for sizes known only while decoding
        return image_error(SkipKind.TOO_LARGE, "one of its frames has too many pixels")
    text = "it ends too early" if isinstance(error, struct.error) else str(error) or type(error).__name__
    if message := last_message():
        text = f"{text}: {message}"
    if any(sign in text for sign in _UNSUPPORTED_SIGNS):
        return image_error(SkipKind.UNSUPPORTED, f"unsupported ({text}); convert it to PNG or JPEG")
    return image_error(SkipKind.DAMAGED, f"truncated or damaged ({text})")


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    # Not ImageOps.exif_transpose: it also rewrites the remaining EXIF, and fails if that is damaged.
    method = _UPRIGHT.get(orientation)
    return image if method is None else image.transpose(method)
