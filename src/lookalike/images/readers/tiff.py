"""Read TIFF: through Pillow where it decodes all levels in the right place, else through tifffile."""

from __future__ import annotations

import contextlib
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np

from lookalike.errors import ImageError
from lookalike.images.files import SkipKind, image_error
from lookalike.images.pixels.levels import Declared, Levels
from lookalike.images.pixels.samples import Samples, to_pillow
from lookalike.images.readers.opened import Decoding, Opened, Shot, opened_samples, unsupported_error
from lookalike.images.readers.pillow import open_with_pillow, pillow_image, shot_of

# Without a handler, Python prints its warnings to standard error. What makes a page unusable it raises.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

if TYPE_CHECKING:
    from PIL import Image
    from tifffile import TiffPage

# Photometric interpretations, planar configurations and extra samples (TIFF 6.0, pages 37 to 39, 31 and 110).
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR, _LAB = 0, 1, 2, 3, 5, 6, 8
_PHOTOMETRICS: Final = {0: "grey", 1: "grey", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "LAB"}
_PLANAR: Final = 2
_PREMULTIPLIED, _STRAIGHT = 1, 2
_UNSIGNED: Final = 1
_OLD_JPEG: Final = 6
_JPEGS: Final = (_OLD_JPEG, 7)

_UNCOMPRESSED: Final = 1
_PILLOW_BANDS: Final = {0: (1,), 1: (1,), 2: (3, 4, 5), 3: (1,), 5: (4,), 6: (3,), 8: (3,)}
"""The number of bands that Pillow reads, for each photometric interpretation."""

_BITS_PER_SAMPLE, _MAX_SAMPLE_VALUE, _S_MIN_SAMPLE_VALUE, _S_MAX_SAMPLE_VALUE = 258, 281, 340, 341
_ORIENTATION, _ICC_PROFILE, _GDAL_NODATA = 274, 34675, 42113
_MAKE, _MODEL, _CHANGED, _EXIF = 271, 272, 306, 34665
_SIDEWAYS: Final = (5, 6, 7, 8)
_MOST_PAGES: Final = 64
"""The number of pages that are looked at to find one that isn't a thumbnail."""


def open_tiff(file: BinaryIO) -> Opened:
    """Open the first page of a TIFF that is not a thumbnail."""
    from tifffile import TiffFile

    try:
        # A name is given because tifffile can't use that of a file opened by its descriptor.
        page = _full_page(TiffFile(file, name="image").pages)
    except Exception as error:
        # Damaged tags may still suit Pillow, which must not be left with samples that it cuts to 8 bits.
        file.seek(0)
        header = pillow_image(file, "TIFF")
        if not set(getattr(header, "tag_v2", {}).get(_BITS_PER_SAMPLE, (1,))) <= {1, 2, 4, 8}:
            raise error from None
        file.seek(0)
        return open_with_pillow(file, "TIFF")
    read = partial(_read, page, file)
    sampled = opened_samples((page.imagewidth, page.imagelength), read, _orientation(page), _shot(page))
    if not _suits_pillow(page):
        return sampled
    if page.compression != _UNCOMPRESSED:
        _check_segments(page, file)
    file.seek(0)
    try:
        opened = open_with_pillow(file, "TIFF")
    except Exception:  # noqa: BLE001  as above; what Pillow refuses may be sound
        return sampled
    return Opened(opened.size, partial(_decode_with_either, opened, page, file), 1, opened.turned, shot=sampled.shot)


def _decode_with_either(opened: Opened, page: TiffPage, file: BinaryIO, decoding: Decoding) -> Image.Image:
    """Decode with Pillow, or if that fails with tifffile where its decoders notice all damage."""
    try:
        return opened.decode(decoding)
    except Exception as error:
        if page.compression not in (_UNCOMPRESSED, *_JPEGS):
            raise
        try:
            return to_pillow(_read(page, file), decoding.levels)
        except ImageError:
            raise
        except Exception:  # noqa: BLE001  the first one says more
            if page.compression == _OLD_JPEG:
                raise unsupported_error(f"{_description(page)} with old-style JPEG compression") from error
            raise error from None


def _full_page(pages: Any) -> TiffPage:
    for number, page in enumerate(pages):
        if not page.is_reduced:
            return page  # type: ignore[no-any-return]  # pages is a lazy sequence
        if number == _MOST_PAGES:
            break
    return pages[0]  # type: ignore[no-any-return]


def _orientation(page: TiffPage) -> int:
    value = page.tags.valueof(_ORIENTATION, 1)
    return value if value in range(1, 9) else 1


def _shot(page: TiffPage) -> Shot:
    with contextlib.suppress(Exception):  # damaged tags raise almost anything
        exif = page.tags.valueof(_EXIF, {})
        changed, make, model = map(page.tags.valueof, (_CHANGED, _MAKE, _MODEL))
        return shot_of((exif.get("DateTimeOriginal"), exif.get("DateTimeDigitized"), changed), make, model)
    return Shot()


def _suits_pillow(page: TiffPage) -> bool:
    """Whether Pillow decodes the page with all its levels, each band in its place.

    Compressed pages are left to tifffile: the libtiff in Pillow prints to standard error where they are damaged.
    """
    bands, bits = page.samplesperpixel, page.bitspersample
    return (
        page.index == 0
        and page.imagedepth == 1
        and (page.compression in (_UNCOMPRESSED, _OLD_JPEG) or not _is_converted(page))
        and page.sampleformat == _UNSIGNED
        and (bits == 8 or (bands == 1 and bits in (1, 2, 4)))  # noqa: PLR2004
        and bands in _PILLOW_BANDS.get(page.photometric, ())
        and (bands == 1 or page.planarconfig != _PLANAR)
        and _GDAL_NODATA not in page.tags
        and not (page.photometric == _PALETTE and _has_small_colormap(page))
    )


def _has_small_colormap(page: TiffPage) -> bool:
    """Whether the colours of the palette use 8 of their 16 bits, as some programs write them."""
    return page.colormap is None or int(page.colormap.max()) < 256  # noqa: PLR2004


def _read(page: TiffPage, file: BinaryIO) -> Samples:
    _check_supported(page)
    _check_complete(page, file)
    values = page.asarray(maxworkers=1)
    values = values[0] if page.imagedepth > 1 and values.ndim > 2 else values  # noqa: PLR2004  the first slice
    if page.samplesperpixel > 1 and page.planarconfig == _PLANAR:
        values = np.moveaxis(values, 0, -1)
    values = values.reshape(page.imagelength, page.imagewidth, -1)
    profile = page.tags.valueof(_ICC_PROFILE)
    if page.photometric == _PALETTE:
        return Samples(_with_palette(page, values), 3, profile=profile)
    if values.dtype == np.bool_:
        values = values.astype(np.uint8) * np.uint8(255)
    colours, alpha = _bands(page, values.shape[2])
    return Samples(
        values,
        colours,
        alpha,
        premultiplied=alpha is not None and _extra(page, alpha) == _PREMULTIPLIED,
        inverted=page.photometric == _WHITE_IS_ZERO,
        declared=_declared(page),
        profile=bytes(profile) if profile else None,
    )


def _check_supported(page: TiffPage) -> None:
    from tifffile import TIFF

    known = page.photometric in (*_PHOTOMETRICS,) and (page.photometric != _LAB or page.compression in _JPEGS)
    if page.dtype is None or page.dtype.kind not in "buif" or not known or not _is_converted(page):
        raise unsupported_error(_description(page))
    try:
        TIFF.DECOMPRESSORS[page.compression]
    except KeyError as error:
        raise unsupported_error(f"{_description(page)} with {_compression(page)} compression") from error


def _check_complete(page: TiffPage, file: BinaryIO) -> None:
    """Raise if the file ends before its pixels do: tifffile would fill the rest with zeros."""
    end = file.seek(0, 2)
    if any(offset + size > end for offset, size in zip(page.dataoffsets, page.databytecounts, strict=False)):
        raise image_error(SkipKind.DAMAGED, "damaged (the file ends before its pixels do)")


def _is_converted(page: TiffPage) -> bool:
    """Whether tifffile converts the page to RGB if it is stored as YCbCr."""
    return page.photometric != _YCBCR or page.compression in _JPEGS


def _check_segments(page: TiffPage, file: BinaryIO) -> None:
    """Raise what the decompressor raises on damage, which the libtiff in Pillow only prints for YCbCr."""
    from tifffile import TIFF

    if page.compression in _JPEGS:
        return
    decompress = TIFF.DECOMPRESSORS[page.compression]
    for offset, size in zip(page.dataoffsets, page.databytecounts, strict=True):
        file.seek(offset)
        decompress(file.read(size))


def _description(page: TiffPage) -> str:
    layout = " planar" if page.samplesperpixel > 1 and page.planarconfig == _PLANAR else ""
    bits = page.bitspersample if isinstance(page.bitspersample, int) else max(page.bitspersample)
    photometric = _PHOTOMETRICS.get(page.photometric, getattr(page.photometric, "name", str(page.photometric)))
    return f"{bits}-bit{layout} {photometric} TIFF"


def _compression(page: TiffPage) -> str:
    return str(getattr(page.compression, "name", page.compression))


def _with_palette(page: TiffPage, indices: Any) -> Any:
    """The colours (height, width, 3) uint8 of a palette image."""
    colours = np.asarray(page.colormap)
    colours = (colours if _has_small_colormap(page) else colours >> 8).astype(np.uint8)
    return np.moveaxis(colours[:, np.minimum(indices[..., 0], colours.shape[1] - 1)], 0, -1)


def _bands(page: TiffPage, bands: int) -> tuple[int, int | None]:
    """The number of colour bands, and the band of alpha."""
    extra = page.extrasamples
    first = bands - len(extra)
    alpha = next((first + number for number, kind in enumerate(extra) if kind in (_PREMULTIPLIED, _STRAIGHT)), None)
    if page.photometric == _CMYK:
        return 4, None
    # Satellite images have many bands and call them grey; their viewers show the first three as RGB.
    colours = 3 if bands >= 3 and (alpha is None or alpha >= 3) else 1  # noqa: PLR2004  RGB
    return colours, alpha


def _extra(page: TiffPage, band: int) -> int:
    return int(page.extrasamples[band - page.samplesperpixel])


def _declared(page: TiffPage) -> Declared:
    bits = page.bitspersample if isinstance(page.bitspersample, int) else max(page.bitspersample)
    whole = page.dtype is not None and bits == page.dtype.itemsize * 8
    return Declared(None if whole else bits, _declared_levels(page), _missing(page))


def _declared_levels(page: TiffPage) -> Levels | None:
    """The levels by the tags for the smallest and largest value.

    Many programs write the image's own extremes there. Those are levels for floats, where nothing else is known; the
    largest integer counts only if it is that of a number of bits, and not just that of the type.
    """
    if page.dtype is not None and page.dtype.kind == "f":
        low, high = (page.tags.valueof(tag) for tag in (_S_MIN_SAMPLE_VALUE, _S_MAX_SAMPLE_VALUE))
        return Levels(float(np.min(low)), float(np.max(high))) if low is not None and high is not None else None
    largest = page.tags.valueof(_MAX_SAMPLE_VALUE)
    largest = int(np.max(largest)) if largest is not None else 0
    fills_type = page.dtype is not None and largest >= 2 ** (8 * page.dtype.itemsize) - 1
    return Levels(0, largest) if largest > 0 and largest & (largest + 1) == 0 and not fills_type else None


def _missing(page: TiffPage) -> float | None:
    with contextlib.suppress(TypeError, ValueError):
        return float(page.tags.valueof(_GDAL_NODATA))
    return None
