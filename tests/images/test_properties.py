"""What is known of an image beside its pixels: its upright size, and by EXIF when and how it was taken."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.ExifTags import IFD, Base

from drawing import draw, exif, saved
from lookalike.images.decode import Properties, image_properties, open_image


def tags(**values: object) -> Image.Exif:
    """EXIF with these tags of the photograph, a camera and a turn."""
    found = Image.Exif()
    found[Base.Make], found[Base.Model], found[Base.Orientation] = "Canon\0", "Canon EOS R5  ", 6
    for name, value in values.items():
        directory = found if name == "DateTime" else found.get_ifd(IFD.Exif)
        directory[Base[name]] = value
    return found


TAKEN = "2023:05:31 14:05:59"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF", "MPO"])
def test_what_exif_says_is_read_in_every_format(form: str):
    """The time and the camera, and the size as it is seen; the same from the header alone."""
    file = saved(draw(1, (60, 40)), form, exif=tags(DateTimeOriginal=TAKEN).tobytes())
    expected = Properties(40, 60, "2023-05-31 14:05:59", "Canon EOS R5")
    assert open_image(file).properties == expected
    file.seek(0)
    assert image_properties(file, "JPEG" if form == "MPO" else form) == expected


def test_a_deep_tiff():
    """Which Pillow doesn't read."""
    file = saved(draw(1), "PNG")
    file.seek(0)
    file.truncate()
    samples = np.random.default_rng(0).integers(0, 65535, (30, 40, 3), np.uint16)
    camera = [(Base.Make, 2, 6, "NIKON", True), (Base.Model, 2, 10, "NIKON Z 6", True)]
    tifffile.imwrite(file, samples, photometric="rgb", datetime=TAKEN, extratags=camera)
    file.seek(0)
    assert open_image(file).properties == Properties(40, 30, "2023-05-31 14:05:59", "NIKON Z 6")


@pytest.mark.parametrize(
    ("values", "taken"),
    [
        ({"DateTimeOriginal": TAKEN, "DateTimeDigitized": "2024:01:01 00:00:00"}, "2023-05-31 14:05:59"),
        ({"DateTimeDigitized": TAKEN, "DateTime": "2024:01:01 00:00:00"}, "2023-05-31 14:05:59"),
        ({"DateTime": f"{TAKEN}\0"}, "2023-05-31 14:05:59"),
        ({"DateTimeOriginal": "0000:00:00 00:00:00", "DateTime": TAKEN}, "2023-05-31 14:05:59"),
        ({"DateTimeOriginal": "2023:02:30 00:00:00"}, None),
        ({"DateTimeOriginal": "    :  :     :  :  "}, None),
        ({"DateTimeOriginal": "yesterday"}, None),
        ({}, None),
    ],
)
def test_the_time_that_is_most_likely_the_right_one(values: dict[str, str], taken: str | None):
    """That of the photograph before that of a change; what is no time counts for nothing."""
    assert open_image(saved(draw(1), "JPEG", exif=tags(**values).tobytes())).properties.taken == taken


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("NIKON CORPORATION", "NIKON D70", "NIKON D70"),
        ("FUJIFILM", "X100V", "FUJIFILM X100V"),
        ("", "Pixel 7", "Pixel 7"),
        ("Apple", "", "Apple"),
        ("\x1b[31mred\n", "x" * 10_000, "[31mred " + "x" * 200),
        ("", "", None),
    ],
)
def test_the_camera_is_named_once(make: str, model: str, camera: str | None):
    """Without its make twice, on one line of printable characters, and not without end."""
    found = Image.Exif()
    found[Base.Make], found[Base.Model] = make, model
    assert open_image(saved(draw(1), "JPEG", exif=found.tobytes())).properties.camera == camera


DAMAGED: dict[str, Callable[[], bytes]] = {
    "tags of other types": lambda: exif((Base.Make, 5, 1, b"\0" * 4), (Base.DateTime, 3, 1, b"\1\0\0\0")),
    "a directory beyond the end": lambda: exif((Base.ExifOffset, 4, 1, b"\xff\xff\0\0")),
    "a text beyond the end": lambda: exif((Base.Model, 2, 60_000, b"\xff\xff\0\0")),
    "noise": lambda: b"Exif\0\0" + np.random.default_rng(0).bytes(500),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_exif_harms_nothing(kind: str, tmp_path: Path):
    """The size is known in any case."""
    path = tmp_path / "damaged.jpg"
    path.write_bytes(saved(draw(1), "JPEG", exif=DAMAGED[kind]()).getvalue())
    properties = open_image(path).properties
    assert (properties.width, properties.height, properties.taken) == (40, 30, None)
