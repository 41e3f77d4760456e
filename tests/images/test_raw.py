"""RAW photos by the previews in them."""

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from lookalike import ImageError
from lookalike.images.decode import image_extent, open_image
from lookalike.images.files import SkipKind
from lookalike.images.sniff import content_format
from odd_files import photo, rgb

BOTH = (50706, 50708, 50721, 50728, 50778, 271, 272)


def dng() -> bytes:
    """A DNG whose first page is a preview in JPEG, with the samples of a sensor in a page below it."""
    tags: list[tuple[Any, ...]] = [
        (50706, 1, 4, (1, 4, 0, 0), True),
        (50708, 2, 0, "Camera", True),
        (50721, 10, 9, (1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1), True),
        (33421, 3, 2, (2, 2), True),
        (33422, 1, 4, (0, 1, 1, 2), True),
        (50717, 4, 1, 16383, True),
        (50714, 4, 1, 0, True),
        (271, 2, 0, "Maker", True),
        (272, 2, 0, "Camera", True),
        (50778, 3, 1, 21, True),
        (50728, 5, 3, (1, 1, 1, 1, 1, 1), True),
    ]
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        preview = [tag for tag in tags if tag[0] in BOTH]
        writer.write(
            rgb(), photometric="rgb", subfiletype=1, subifds=1, compression="jpeg", extratags=preview, metadata=None
        )
        sensor = [tag for tag in tags if tag[0] not in BOTH]
        writer.write(
            rgb()[..., 1].astype(np.uint16) * np.uint16(64), photometric="cfa", extratags=sensor, metadata=None
        )
    return file.getvalue()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A DNG file."""
    (tmp_path / "photo.dng").write_bytes(dng())
    return tmp_path / "photo.dng"


def test_the_preview_is_used(path: Path):
    """The embedded JPEG stands for the photo."""
    pytest.importorskip("rawpy", reason="the extra raw is not installed")
    image = open_image(path)
    assert image.size == image_extent(path).size == photo().size
    assert np.abs(np.asarray(image.pixels).astype(int) - rgb()).mean() < 4


@pytest.fixture
def without_rawpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if rawpy were not installed."""
    monkeypatch.setitem(sys.modules, "rawpy", None)


@pytest.mark.usefixtures("without_rawpy")
def test_without_the_library_it_is_unsupported(path: Path):
    """A RAW photo is never taken for the small TIFF that it begins with; the error says what to install."""
    with pytest.raises(ImageError) as caught:
        open_image(path)
    assert caught.value.kind == SkipKind.UNSUPPORTED
    assert 'pip install "lookalike[raw]"' in caught.value.reason


def test_a_raw_file_without_a_preview_is_unsupported(tmp_path: Path):
    """What rawpy can't read is unsupported, with its reason."""
    pytest.importorskip("rawpy", reason="the extra raw is not installed")
    (tmp_path / "photo.raf").write_bytes(b"FUJIFILMCCD-RAW" + bytes(5000))
    with pytest.raises(ImageError) as caught:
        open_image(tmp_path / "photo.raf")
    assert caught.value.kind == SkipKind.UNSUPPORTED


@pytest.mark.parametrize(
    ("head", "name", "form"),
    [
        (b"II*\0\x10\0\0\0CR\2\0", "a.jpg", "RAW"),
        (b"II*\0\x08\0\0\0\0\0", "a.nef", "RAW"),
        (b"II*\0\x08\0\0\0\0\0", "a.tif", "TIFF"),
        (b"FUJIFILMCCD-RAW 0201", "a.raf", "RAW"),
        (b"IIRO\x08\0\0\0", "a.orf", "RAW"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "a.cr3", "RAW"),
    ],
)
def test_raw_files_are_recognised(head: bytes, name: str, form: str):
    """By their first bytes, or by their extension if they begin like a TIFF."""
    assert content_format(io.BytesIO(head + bytes(300)), name) == form
