"""Reading the upright size of images from their headers."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from drawing import draw, exif
from lookalike.errors import ImageError
from lookalike.images.decode import Extent, image_extent, open_image
from lookalike.images.files import SkipKind


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "MPO", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_is_that_of_the_upright_image(form: str, orientation: int, tmp_path: Path):
    """For every EXIF orientation, the extent has the size of the decoded image and says whether it is turned."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    file = tmp_path / f"image.{form.lower()}"
    draw(1, (48, 32)).save(file, form, exif=tags)
    assert image_extent(file) == Extent(open_image(file).size, orientation > 1)


def test_damaged_pixels_do_not_matter(tmp_path: Path, photographs: Path):
    """A truncated image still has a size, because only its header is read."""
    file = tmp_path / "cut.jpg"
    file.write_bytes((photographs / "rocket.jpg").read_bytes()[:9000])
    assert image_extent(file).size == (640, 427)


def test_damaged_exif_does_not_matter(tmp_path: Path):
    """An unreadable orientation is ignored."""
    file = tmp_path / "odd.jpg"
    draw(1, (48, 32)).save(file, exif=exif((0x0112, 2, 2, b"6\0\0\0")))
    assert image_extent(file).size in {(48, 32), (32, 48)}
    assert image_extent(file).size == open_image(file).size


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "empty"), (b"words", "not an image"), (b"\xff\xd8\xff\xe0", "truncated or damaged")]
)
def test_files_that_are_not_images_have_no_size(content: bytes, message: str, tmp_path: Path):
    """Files without a readable header raise ImageError with the file's name and the reason."""
    file = tmp_path / "bad.jpg"
    file.write_bytes(content)
    with pytest.raises(ImageError, match=rf"bad\.jpg: .*{message}"):
        image_extent(file)
    with pytest.raises(ImageError) as caught:
        image_extent(tmp_path / "none.jpg")
    assert caught.value.kind == SkipKind.VANISHED
