"""Makes image files with one oddity each, from a photo of the demo."""

from __future__ import annotations

import io
import struct
import tempfile
import zlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from lookalike.images.decode import DecodedImage, open_image

SIZE = (320, 240)


@cache
def photo(name: str = "astronaut.png") -> Image.Image:
    """A photo, RGB, 320 x 240 pixels."""
    spec = find_spec("skimage")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    image = Image.open(Path(spec.submodule_search_locations[0]) / "data" / name).convert("RGB").resize(SIZE)
    image.info.clear()
    return image


def rgb() -> NDArray[np.uint8]:
    """The pixels of the photo: uint8 (240, 320, 3)."""
    return np.asarray(photo())


def grey() -> NDArray[np.uint8]:
    """The photo in grey: uint8 (240, 320). Its darkest and lightest levels are 0 and 255."""
    levels = np.asarray(photo().convert("L")).astype(np.float64)
    return np.round((levels - levels.min()) * 255 / (levels.max() - levels.min())).astype(np.uint8)


def opened(content: bytes, **options: Any) -> DecodedImage:
    """Open a file with this content by its path."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(content)
        return open_image(path, **options)


def tiff(values: NDArray[Any], **options: Any) -> bytes:
    """A TIFF of these samples, written by tifffile."""
    file = io.BytesIO()
    tifffile.imwrite(file, values, **options)
    return file.getvalue()


def png_16(values: NDArray[np.uint16], *chunks: bytes) -> bytes:
    """A PNG of 16-bit samples, with ``chunks`` after its header."""
    return with_chunks(imagecodecs.png_encode(values), *chunks)


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    """An image written by Pillow."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def chunk(kind: bytes, data: bytes, *, sound: bool = True) -> bytes:
    """A PNG chunk; its checksum is wrong unless it is ``sound``."""
    checksum = zlib.crc32(kind + data) ^ (0 if sound else 0xDEADBEEF)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def with_chunks(content: bytes, *chunks: bytes) -> bytes:
    """A PNG with ``chunks`` after its header."""
    return content[:33] + b"".join(chunks) + content[33:]


def segment(marker: int, data: bytes) -> bytes:
    """A marker segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def with_segments(content: bytes, *segments: bytes) -> bytes:
    """A JPEG with ``segments`` after its start."""
    return content[:2] + b"".join(segments) + content[2:]


def profile(primaries: tuple[float, ...] = (0.68, 0.32, 0.265, 0.69, 0.15, 0.06), gamma: float = 2.2) -> bytes:
    """An ICC profile of RGB with these primaries (x, y of red, green, blue; by default Display P3) and this gamma."""
    red_x, red_y, green_x, green_y, blue_x, blue_y = primaries
    chromaticities = [red_x, red_y, 1, green_x, green_y, 1, blue_x, blue_y, 1]
    made: bytes = imagecodecs.cms_profile("rgb", whitepoint=[0.3127, 0.3290, 1], primaries=chromaticities, gamma=gamma)
    return made


def box(kind: bytes, *contents: bytes) -> bytes:
    """A box of an ISO media file."""
    content = b"".join(contents)
    return struct.pack(">I4s", 8 + len(content), kind) + content
