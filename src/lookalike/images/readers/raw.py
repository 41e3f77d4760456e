"""Read the preview that a camera embeds in its RAW files."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import BinaryIO, Final

from PIL import Image

from lookalike.images.readers.jpeg import open_jpeg
from lookalike.images.readers.opened import Opened, unsupported_error

_ORIENTATIONS: Final = {3: 3, 5: 8, 6: 6}
"""The EXIF orientation for each value of LibRaw's ``flip``."""


def _message(error: Exception) -> str:
    """What LibRaw says; rawpy passes it on as bytes."""
    said = error.args[0] if error.args else error
    return said.decode("latin-1") if isinstance(said, bytes) else str(said)


def open_raw(file: BinaryIO) -> Opened:
    """Open the embedded preview of a RAW file; needs the optional library rawpy."""
    try:
        import rawpy
    except ImportError as error:
        raise unsupported_error('RAW photo; to use its preview: pip install "lookalike[raw]"') from error
    try:
        with rawpy.imread(file) as raw:
            preview, flip = raw.extract_thumb(), raw.sizes.flip
    except rawpy.LibRawError as error:
        raise unsupported_error(f"RAW photo without a readable preview: {_message(error)}") from error
    if preview.format == rawpy.ThumbFormat.JPEG:
        opened = open_jpeg(io.BytesIO(preview.data))
    else:
        image = Image.fromarray(preview.data)
        opened = Opened(image.size, lambda _: image)
    if opened.turned:
        return opened
    orientation = _ORIENTATIONS.get(flip, 1)
    return replace(opened, orientation=orientation, turned=orientation != 1)
