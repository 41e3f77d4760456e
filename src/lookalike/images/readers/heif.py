"""Read HEIF and AVIF through Pillow."""

from __future__ import annotations

from functools import cache
from typing import BinaryIO

from lookalike.images.readers.opened import Opened, unsupported_error
from lookalike.images.readers.pillow import open_with_pillow


def open_heif(file: BinaryIO) -> Opened:
    """Open a HEIF image with libheif."""
    _register()
    try:
        return open_with_pillow(file, "HEIF")
    except (RuntimeError, ValueError, SyntaxError) as error:
        if "nsupported" in str(error):
            raise unsupported_error(f"HEIF: {error}") from error
        raise


@cache
def _register() -> None:
    import pi_heif

    pi_heif.register_heif_opener()
