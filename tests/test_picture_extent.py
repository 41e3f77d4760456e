"""How large pictures are, from their heads alone: upright, as they would be decoded."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from drawing import draw, exif
from lookalike.errors import PictureError
from lookalike.images.decode import Extent, open_picture, picture_extent


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "MPO", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_is_that_of_the_upright_picture(form: str, orientation: int, tmp_path: Path):
    """Whatever EXIF asks for, the extent is the size that decoding gives, and tells whether anything is turned."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    file = tmp_path / f"picture.{form.lower()}"
    draw(1, (48, 32)).save(file, form, exif=tags)
    assert picture_extent(file) == Extent(open_picture(file).size, orientation > 1)


def test_a_damaged_body_does_not_matter(tmp_path: Path, photographs: Path):
    """A picture that is cut short still has a size, for only its head is read."""
    file = tmp_path / "cut.jpg"
    file.write_bytes((photographs / "rocket.jpg").read_bytes()[:9000])
    assert picture_extent(file).size == (640, 427)


def test_damaged_exif_does_not_matter(tmp_path: Path):
    """Orientation that can't be read is no orientation."""
    file = tmp_path / "odd.jpg"
    draw(1, (48, 32)).save(file, exif=exif((0x0112, 2, 2, b"6\0\0\0")))
    assert picture_extent(file).size in {(48, 32), (32, 48)}
    assert picture_extent(file).size == open_picture(file).size


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "empty"), (b"words", "not a picture"), (b"\xff\xd8\xff\xe0", "truncated or damaged")]
)
def test_what_is_no_picture_has_no_size(content: bytes, words: str, tmp_path: Path):
    """Files without a readable head raise, naming the file and what is wrong."""
    file = tmp_path / "bad.jpg"
    file.write_bytes(content)
    with pytest.raises(PictureError, match=rf"bad\.jpg: .*{words}"):
        picture_extent(file)
    with pytest.raises(PictureError, match="there is no such file"):
        picture_extent(tmp_path / "none.jpg")
