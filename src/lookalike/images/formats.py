"""The image formats that are read, and their file name extensions."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

_RAW: Final = (
    ".3fr .ari .arw .bay .cap .cr2 .cr3 .crw .dcr .dcs .dng .drf .eip .erf .fff .gpr .iiq .k25 .kdc .mdc .mef .mos "
    ".mrw .nef .nrw .orf .pef .ptx .pxn .raf .raw .rw2 .rwl .rwz .sr2 .srf .srw .x3f"
)
RAW_EXTENSIONS: Final = frozenset(_RAW.split())
"""The extensions of cameras' RAW files. They are read, by their previews, if the library rawpy is installed."""

_BY_FORMAT: Final = {
    "JPEG": ".jpg .jpeg .jpe .jfif .jif .jfi .mpo .jls",
    "PNG": ".png .apng",
    "WEBP": ".webp",
    "GIF": ".gif",
    "BMP": ".bmp .dib",
    "TIFF": ".tif .tiff",
    "AVIF": ".avif .avifs",
    "HEIF": ".heic .heif .hif .heics .heifs",
    "JPEG2000": ".jp2 .j2k .j2c .jpc .jpf .jpx",
    "JPEGXL": ".jxl",
    "PPM": ".ppm .pgm .pbm .pnm .pam .pfm",
    "ICO": ".ico",
    "TGA": ".tga .icb .vda .vst",
}

EXTENSIONS: Final = {
    **{extension: name for name, extensions in _BY_FORMAT.items() for extension in extensions.split()},
    **(dict.fromkeys(sorted(RAW_EXTENSIONS), "RAW") if find_spec("rawpy") is not None else {}),
}
"""The format that belongs to each file name extension (lower case)."""

FORMATS: Final = tuple(dict.fromkeys(EXTENSIONS.values()))
"""The image formats that are read."""
