"""Decoding images: upright, in RGB, with bounded memory."""

import errno
import io
import os
import struct
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from drawing import CORNERS, cmyk_profile, exif, png, quarters, saved
from lookalike import ImageError
from lookalike.images.decode import ReadOptions, check_not_blank, from_pillow, image_properties, open_image
from lookalike.images.files import SkipKind, image_error
from lookalike.images.formats import EXTENSIONS, FORMATS
from lookalike.images.pixels.rgb import to_rgb
from lookalike.images.readers import webp as webp_module
from lookalike.images.sniff import content_format
from odd_files import box

DATA = Path(__file__).parents[1] / "data"

STORED_AS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""The transposition of the stored image for each EXIF orientation."""

GREY_16 = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
ORIENTATION_6 = (0x0112, 3, 1, struct.pack("<HH", 6, 0))


def stored(orientation: int, form: str, size: tuple[int, int] = (96, 64), **options: object) -> io.BytesIO:
    """The four quarters as a camera stores them with ``orientation``."""
    method = STORED_AS[orientation]
    image = quarters(size) if method is None else quarters(size).transpose(method)
    tags = Image.Exif()
    tags[0x0112] = orientation
    return saved(image, form, exif=tags, **options)


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    """The colours at the centres of the four quarters."""
    x, y = image.width // 4, image.height // 4
    centres = ((x, y), (3 * x, y), (x, 3 * y), (3 * x, 3 * y))
    colours = [image.getpixel(centre) for centre in centres]
    return [colour for colour in colours if isinstance(colour, tuple)]


def assert_upright(image: Image.Image) -> None:
    """All four quarters have their colours, up to compression."""
    assert np.abs(np.subtract(corners(image), CORNERS)).max() <= 12


def first_pixel(file: io.BytesIO) -> tuple[int, ...]:
    """The colour of the top left pixel of an opened image."""
    opened = open_image(file).pixels
    assert opened.mode == "RGB"
    colour = opened.getpixel((0, 0))
    assert isinstance(colour, tuple)
    return colour


def open_error(file: io.BytesIO | Path, **options: int) -> ImageError:
    """The error raised when the file is opened."""
    with pytest.raises(ImageError) as caught:
        open_image(file, **options)
    return caught.value


@pytest.mark.parametrize("orientation", STORED_AS)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_every_orientation_is_made_upright(form: str, orientation: int):
    """All eight EXIF orientations are undone in every format that has them, and the size is upright too."""
    image = open_image(stored(orientation, form))
    assert image.size == image.pixels.size == (96, 64)
    assert_upright(image.pixels)


@pytest.mark.parametrize("orientation", STORED_AS)
def test_images_decoded_at_a_fraction_are_upright(orientation: int):
    """A JPEG decoded at a fraction of its size is upright, and ``size`` is that of the full image."""
    image = open_image(stored(orientation, "JPEG", (960, 640), quality=95), min_side=100)
    assert image.size == (960, 640)
    assert image.pixels.size == (240, 160)
    assert_upright(image.pixels)


@pytest.mark.parametrize(("min_side", "size"), [(64, (120, 80)), (81, (240, 160)), (320, (480, 320)), (321, None)])
def test_a_fraction_keeps_the_requested_pixels(min_side: int, size: tuple[int, int] | None):
    """The smallest fraction is used at which the shorter side has at least the requested pixels."""
    image = open_image(saved(quarters((960, 640)), "JPEG"), min_side=min_side)
    assert image.pixels.size == (size or (960, 640))


def test_pillow_images_are_made_upright_and_not_modified():
    """A Pillow image is turned by its EXIF tag; the caller's image isn't changed."""
    image = Image.open(stored(6, "JPEG"))
    assert_upright(from_pillow(image).pixels)
    assert from_pillow(image).size == (96, 64)
    assert image.size == (64, 96)


@pytest.mark.parametrize(
    "tag",
    [
        pytest.param((0x010F, 2, 500, struct.pack("<I", 99999)), id="a string beyond the end"),
        pytest.param((0x0110, 77, 1, b"abcd"), id="an unknown type"),
        pytest.param((0x011A, 2, 4, b"AAAA"), id="a string instead of a fraction"),
        pytest.param((0x0100, 11, 1, struct.pack("<f", 1.5)), id="a float instead of an integer"),
        pytest.param((0x8769, 4, 1, struct.pack("<I", 99999)), id="a directory beyond the end"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_a_valid_orientation_in_damaged_exif_is_used(tag: tuple[int, int, int, bytes]):
    """An image whose other EXIF tags are damaged is still made upright."""
    file = saved(quarters().transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif(ORIENTATION_6, tag))
    assert_upright(open_image(file).pixels)


@pytest.mark.parametrize("block", [b"Exif\0\0junk and more junk", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0"])
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_invalid_exif_is_ignored(block: bytes):
    """An image with unreadable EXIF is not turned."""
    assert_upright(open_image(saved(quarters(), "JPEG", exif=block)).pixels)


@pytest.mark.parametrize(
    "tag", [(3, 1, b"\0\0\0\0"), (3, 1, b"\x09\0\0\0"), (3, 1, b"\xff\xff\0\0"), (2, 4, b"left"), (3, 2, b"\6\0\6\0")]
)
def test_invalid_orientations_are_ignored(tag: tuple[int, int, bytes]):
    """Orientations outside 1 to 8, and values that aren't a number, are ignored."""
    tags = exif((0x0112, *tag))
    assert_upright(open_image(saved(quarters(), "JPEG", exif=tags)).pixels)


@pytest.mark.parametrize(
    ("image", "form", "options", "colour"),
    [
        pytest.param(Image.new("RGBA", (8, 8), (255, 0, 0, 0)), "PNG", {}, (255, 255, 255), id="fully transparent"),
        pytest.param(Image.new("RGBA", (8, 8), (255, 0, 0, 51)), "PNG", {}, (255, 204, 204), id="a fifth opaque"),
        pytest.param(Image.new("RGBA", (8, 8), (9, 9, 9, 255)), "WEBP", {"lossless": True}, (9, 9, 9), id="opaque"),
        pytest.param(Image.new("LA", (8, 8), (0, 51)), "PNG", {}, (204, 204, 204), id="grey with alpha"),
        pytest.param(Image.new("P", (8, 8), 0), "PNG", {"transparency": 0}, (255, 255, 255), id="transparent index"),
        pytest.param(Image.new("P", (8, 8), 0), "PNG", {"transparency": b"\x33"}, (204, 204, 204), id="palette alphas"),
        pytest.param(Image.new("P", (8, 8), 0), "GIF", {"transparency": 0}, (255, 255, 255), id="transparent GIF"),
        pytest.param(
            Image.new("RGB", (8, 8)), "PNG", {"transparency": (0, 0, 0)}, (255, 255, 255), id="a clear colour"
        ),
        pytest.param(Image.new("L", (8, 8), 7), "PNG", {"transparency": 7}, (255, 255, 255), id="a clear grey"),
    ],
)
def test_transparency_is_composited_over_white(
    image: Image.Image, form: str, options: dict[str, object], colour: tuple[int, ...]
):
    """Transparent pixels become white and translucent ones are mixed with white, for every encoding of alpha."""
    image = image.copy()
    if image.mode == "P":
        image.putpalette([0, 0, 0, 0, 0, 255])
    marks = {"RGBA": (0, 0, 255, 255), "LA": (0, 255), "P": 1, "RGB": (0, 0, 255), "L": 99}
    image.putpixel((7, 7), marks[image.mode])  # an opaque pixel that shows on white
    assert first_pixel(saved(image, form, **options)) == colour


@pytest.mark.parametrize(
    ("image", "form", "colour"),
    [
        pytest.param(Image.new("1", (8, 8), 1), "PNG", (255, 255, 255), id="one bit"),
        pytest.param(Image.new("L", (8, 8), 77), "BMP", (77, 77, 77), id="grey"),
        pytest.param(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "TIFF", (255, 0, 0), id="CMYK TIFF"),
        pytest.param(Image.new("YCbCr", (8, 8), (128, 128, 128)), "TIFF", (128, 128, 128), id="YCbCr TIFF"),
    ],
)
def test_other_colours_become_rgb(image: Image.Image, form: str, colour: tuple[int, ...]):
    """Grey, black and white, CMYK and YCbCr images come out in RGB."""
    assert first_pixel(saved(image, form)) == colour


@pytest.mark.parametrize(
    ("file", "ends"),
    [
        pytest.param(saved(Image.fromarray(GREY_16), "PNG"), (0, 255), id="16-bit PNG"),
        pytest.param(saved(Image.fromarray(GREY_16), "TIFF"), (0, 255), id="16-bit TIFF"),
        pytest.param(
            saved(Image.frombytes("I;16B", (8, 8), GREY_16.astype(">u2").tobytes()), "TIFF"), (0, 255), id="big-endian"
        ),
        pytest.param(saved(Image.fromarray(GREY_16 // 2), "TIFF"), (0, 127), id="half of the 16-bit range"),
        pytest.param(saved(Image.fromarray(GREY_16.astype(np.int32)), "TIFF"), (0, 255), id="16 bits in 32"),
        pytest.param(saved(Image.fromarray(GREY_16 * np.int32(9) - 70000), "TIFF"), (0, 255), id="32-bit TIFF"),
        pytest.param(saved(Image.fromarray(GREY_16 / np.float32(131070)), "TIFF"), (0, 128), id="0 to 1/2 in float"),
        pytest.param(saved(Image.fromarray(GREY_16 - np.float32(300)), "TIFF"), (0, 255), id="any range in float"),
    ],
)
def test_wide_greys_become_eight_bits_without_wrapping(file: io.BytesIO, ends: tuple[int, int]):
    """16-bit levels are scaled, other ranges are stretched to 0..255, and the order of levels is kept."""
    levels = np.asarray(open_image(file).pixels)[..., 0].ravel()
    assert (levels[0], levels[-1]) == ends
    assert (np.diff(levels.astype(int)) >= 0).all()
    assert len(set(levels.tolist())) > 60


def test_nan_and_infinite_levels_are_transparent():
    """Samples that are no numbers hold no data, and become white; finite levels keep their contrast."""
    levels = np.linspace(-5, 5, 64, dtype=np.float32).reshape(8, 8)
    levels[0, 0], levels[0, 1], levels[0, 2] = np.nan, np.inf, -np.inf
    pixels = np.asarray(open_image(saved(Image.fromarray(levels), "TIFF")).pixels)[..., 0]
    assert pixels[0, :3].tolist() == [255, 255, 255]
    assert (pixels[0, 3], pixels[-1, -1]) == (0, 255)
    all_nan = saved(Image.fromarray(np.full((8, 8), np.nan, np.float32)), "TIFF")
    with pytest.raises(ImageError) as caught:
        check_not_blank(open_image(all_nan))
    assert caught.value.kind == SkipKind.BLANK


@pytest.mark.parametrize("samples", [2, 3, 4])
def test_sixteen_bits_of_colour_or_with_alpha_become_eight(samples: int):
    """16-bit PNGs in colour, grey with alpha or colour with alpha keep their lightness."""
    rows = np.repeat(GREY_16[..., np.newaxis], samples, axis=2)
    if samples != 3:
        rows[..., -1] = 65535
    raw = b"".join(b"\0" + row.astype(">u2").tobytes() for row in rows)
    pixels = np.asarray(open_image(io.BytesIO(png((8, 8), 16, {2: 4, 3: 2, 4: 6}[samples], raw))).pixels)
    assert np.abs(pixels[..., 0] - GREY_16 / 257).max() <= 1


def test_cmyk_without_a_profile_is_converted():
    """Without a profile, full magenta and yellow are red."""
    assert first_pixel(saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100)) == (255, 0, 0)


def test_cmyk_is_converted_by_its_profile():
    """With a profile whose inks are grey, full magenta and yellow become grey, and paper stays white."""
    options = {"quality": 100, "icc_profile": cmyk_profile()}
    red, green, blue = first_pixel(saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", **options))
    assert max(red, green, blue) - min(red, green, blue) <= 2
    assert 100 < red < 140
    assert min(first_pixel(saved(Image.new("CMYK", (8, 8), (0, 0, 0, 0)), "JPEG", **options))) >= 253


@pytest.mark.parametrize(
    "profile", [b"no profile", ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()], ids=["junk", "RGB"]
)
def test_an_unusable_profile_is_ignored(profile: bytes):
    """CMYK with a damaged profile, or with a profile for other colours, is converted without it."""
    file = saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100, icc_profile=profile)
    assert first_pixel(file) == (255, 0, 0)


def test_lab_becomes_rgb():
    """A TIFF in CIE L*a*b* has its original colours."""
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    image = ImageCms.profileToProfile(quarters(), srgb, lab, outputMode="LAB")
    assert image is not None
    image = open_image(saved(image, "TIFF")).pixels
    assert image.mode == "RGB"
    assert np.abs(np.subtract(corners(image), CORNERS)).max() <= 24


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF", "MPO", "AVIF"])
def test_only_the_first_frame_is_decoded(form: str):
    """The first frame of animations and multi-page files is decoded."""
    others = [Image.new("RGB", (96, 64), "black"), Image.new("RGB", (96, 64), "white")]
    assert_upright(open_image(saved(quarters(), form, save_all=True, append_images=others)).pixels)


def test_heic_is_opened_upright():
    """A HEIC stored rotated, as phones do, is decoded upright."""
    image = open_image(DATA / "turned.heic")
    assert image.size == image.pixels.size == (96, 64)
    assert_upright(image.pixels)


def items(codecs: list[bytes], size: tuple[int, int], *, brand: bytes = b"mif1", wide: bool = False) -> bytes:
    """A file whose first item is a grid of the others, which have these codecs; or is the only one, with its codec."""
    kinds = [b"grid", *codecs] if len(codecs) > 1 else codecs
    number = ">I" if wide else ">H"
    entries = [
        box(b"infe", bytes([3 if wide else 2, 0, 0, 0]), struct.pack(number, at), b"\0\0", kind, b"\0")
        for at, kind in enumerate(kinds, 1)
    ]
    tiles = range(2, len(kinds) + 1)
    references = (
        struct.pack(number, 1) + struct.pack(">H", len(tiles)) + b"".join(struct.pack(number, at) for at in tiles)
    )
    version = bytes([wide, 0, 0, 0])
    return box(b"ftyp", brand, bytes(4), brand) + box(
        b"meta",
        bytes(4),
        box(b"pitm", version, struct.pack(number, 1)),
        box(b"iinf", version, struct.pack(number, len(entries)), *entries),
        box(b"iref", version, box(b"dimg", references)),
        box(b"iprp", box(b"ipco", box(b"ispe", bytes(4), struct.pack(">II", *size)))),
    )


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (items([b"unci"], (64, 64)), "HEIF: uncompressed"),
        (items([b"j2k1"], (64, 64), brand=b"j2ki"), "HEIF: JPEG 2000"),
        (items([b"jpeg"], (64, 64), wide=True), "HEIF: JPEG"),
        (items([b"vvc1", b"vvc1", b"avc1"], (64, 64)), r"HEIF: H.264, H.266"),
        (items([b"unci", b"unci"], (64, 64), wide=True), r"HEIF: uncompressed"),
        (items([b"\x1b[2J"], (64, 64)), r"HEIF: \\x1b\[2J"),
        (box(b"ftyp", b"mif3heic") + box(b"mini", bytes(40)), "HEIF with a minimized header"),
    ],
)
def test_other_codecs_in_heif_are_unsupported(content: bytes, named: str):
    """They are told by name, not called damaged."""
    with pytest.raises(ImageError, match=named) as raised:
        open_image(io.BytesIO(content))
    assert raised.value.kind == SkipKind.UNSUPPORTED


def test_an_avif_beyond_its_decoder_is_too_large():
    """Its size is read from its header; a damaged AVIF stays damaged."""
    for size, kind in (((17000, 17000), SkipKind.TOO_LARGE), ((170, 170), SkipKind.DAMAGED)):
        with pytest.raises(ImageError) as raised:
            open_image(io.BytesIO(items([b"av01"], size, brand=b"avif")))
        assert raised.value.kind == kind


def test_messages_of_decoders_are_one_printable_line():
    """What they quote from a file can't reach the terminal."""
    error = image_error(SkipKind.DAMAGED, "two\nlines \x1b[2Jof text\n")
    assert error.reason == r"two lines \x1b[2Jof text"


@pytest.mark.parametrize("brand", [b"mif1", b"msf1", b"heix", b"heic"])
def test_heic_is_recognised_by_all_its_brands(brand: bytes):
    """A file that HEIF decoders can read is recognised whichever of its brands is the major one."""
    content = (DATA / "turned.heic").read_bytes()
    assert content[4:12] == b"ftypheic"
    file = io.BytesIO(content[:8] + brand + content[12:])
    assert content_format(file) == "HEIF"
    assert open_image(file).size == open_image(DATA / "turned.heic").size


def test_avif_is_recognised_by_its_compatible_brands():
    """A file with the major brand mif1 and avif among the compatible brands is AVIF."""
    content = saved(quarters((96, 64)), "AVIF").getvalue()
    file = io.BytesIO(content[:8] + b"mif1" + content[12:])
    assert content_format(file) == "AVIF"
    assert_upright(open_image(file).pixels)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_the_format_is_detected_from_the_content(form: str, tmp_path: Path):
    """An image is decoded whatever its file name, and its first bytes identify the format."""
    path = tmp_path / "image.txt"
    path.write_bytes(saved(quarters(), form).getvalue())
    assert_upright(open_image(path).pixels)
    with path.open("rb") as file:
        assert content_format(file) == form
        assert file.tell() == 0


def test_every_extension_has_a_supported_format():
    """The formats of the extensions are the supported ones."""
    assert set(EXTENSIONS.values()) == set(FORMATS)
    assert EXTENSIONS[".heic"] == content_format(io.BytesIO((DATA / "turned.heic").read_bytes())) == "HEIF"


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 2)])
def test_tiny_and_long_images_are_decoded(size: tuple[int, int]):
    """A single pixel and a line of pixels are images."""
    for form in ("PNG", "JPEG"):
        image = open_image(saved(Image.new("RGB", size, "red"), form), min_side=594)
        assert image.pixels.size == size


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (b"", SkipKind.EMPTY, "empty"),
        (b"Dear diary,\r\n\ttoday I took no photograph.\n", SkipKind.NOT_AN_IMAGE, "text file"),
        ("Liebes Tagebuch, schöne Grüße".encode(), SkipKind.NOT_AN_IMAGE, "text file"),
        (bytes(64), SkipKind.NOT_AN_IMAGE, "unknown format"),
        (b"%PDF-1.7\n\x80\x81\x00", SkipKind.NOT_AN_IMAGE, "not an image"),
        (saved(quarters(), "PNG").getvalue()[:60], SkipKind.DAMAGED, "truncated or damaged"),
        (saved(quarters((640, 480)), "JPEG").getvalue()[:-800], SkipKind.DAMAGED, "truncated"),
        (saved(quarters(), "WEBP").getvalue()[:-40], SkipKind.DAMAGED, "damaged"),
        (saved(quarters(), "AVIF").getvalue()[:-40], SkipKind.DAMAGED, "damaged"),
        (saved(quarters(), "TIFF").getvalue()[:99], SkipKind.DAMAGED, "damaged"),
        (saved(quarters(), "GIF").getvalue()[:13], SkipKind.DAMAGED, "damaged"),
        (b"\xff\xd8\xff", SkipKind.DAMAGED, "damaged"),
        (b"BM and then nothing of the kind, but long enough", SkipKind.DAMAGED, "damaged"),
        (b"\0\0\0\x18ftypheic" + bytes(40), SkipKind.DAMAGED, "damaged"),
    ],
)
def test_files_that_are_not_images_are_rejected(content: bytes, kind: SkipKind, words: str):
    """A file that can't be decoded gives a kind for programs and a reason for people."""
    error = open_error(io.BytesIO(content))
    assert error.kind == kind
    assert words in error.reason


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_damage_raises_nothing_but_image_errors(form: str):
    """An image with overwritten or missing bytes is decoded or raises ImageError, and nothing else."""
    content = saved(quarters((64, 48)), form).getvalue()
    draw = np.random.default_rng(7)
    for _ in range(60):
        damaged = bytearray(content[: draw.integers(1, len(content) + 1)])
        for offset in draw.integers(0, len(damaged), 4):
            damaged[offset] = draw.integers(0, 256)
        try:
            open_image(io.BytesIO(bytes(damaged)), min_side=32)
        except ImageError as error:
            assert error.kind in SkipKind  # noqa: PT017  both outcomes are right, but an error needs a kind
        except Warning:
            pass  # warnings are errors in tests only


class FailingFile(io.BytesIO):
    """A file on a disk that fails when more than the first ``sound`` bytes are read."""

    def __init__(self, content: bytes, sound: int, number: int) -> None:
        super().__init__(content)
        self.sound, self.number = sound, number

    def read(self, size: int | None = -1) -> bytes:
        """Read, or raise the error of the system."""
        content = super().read(size)
        if self.tell() > self.sound:
            raise OSError(self.number, os.strerror(self.number))
        return content

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """Read into ``buffer``, as :meth:`read`."""
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ENXIO])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_an_image_on_a_failing_disk_is_not_damaged(form: str, number: int):
    """It can't be read now, so that the next run tries again."""
    content = saved(quarters((640, 480)), form, **({"save_all": True} if form == "GIF" else {})).getvalue()
    error = open_error(FailingFile(content, max(64, len(content) // 2), number))
    assert error.kind == SkipKind.UNREADABLE
    assert os.strerror(number) in error.reason


def test_the_error_names_the_file(tmp_path: Path):
    """The message begins with the file's name and has one line."""
    path = tmp_path / "not\nan image.jpg"
    path.write_bytes(b"words")
    error = open_error(path)
    assert str(error) == f"{tmp_path}/not\\nan image.jpg: not an image (text file)"
    assert error.reason == "not an image (text file)"


@pytest.mark.parametrize(
    ("make", "kind"),
    [(lambda path: None, SkipKind.VANISHED), (Path.mkdir, SkipKind.FOLDER)],
)
def test_missing_files_and_folders_are_rejected(make: Callable[[Path], None], kind: SkipKind, tmp_path: Path):
    """A missing file and a folder each have their own kind of error."""
    path = tmp_path / "x.jpg"
    make(path)
    assert open_error(path).kind == kind


def test_images_above_the_pixel_cap_are_rejected():
    """An image with exactly as many pixels as the cap is accepted; the error for a larger one names its size."""
    file = saved(quarters((100, 50)), "PNG")
    assert open_image(file, options=ReadOptions(pixel_cap=5000)).size == (100, 50)
    file.seek(0)
    error = open_error(file, options=ReadOptions(pixel_cap=4999))
    assert error.kind == SkipKind.TOO_LARGE
    assert "100 x 50" in error.reason


BOMBS = {
    "png": png((60_000, 60_000), 8, 2),
    "gif": b"GIF89a" + struct.pack("<HH", 60_000, 60_000) + saved(quarters(), "GIF").getvalue()[10:],
    "bmp": b"BM" + struct.pack("<IIIIiiHHIIiiII", 99, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0),
    "jpeg": b"\xff\xd8\xff\xc0\x00\x11\x08"
    + struct.pack(">HH", 60_000, 60_000)
    + b"\x03\x01\x22\0\x02\x11\x01\x03\x11\x01\xff\xda\x00\x0c\x03\x01\0\x02\x11\x03\x11\0\x3f\0",
    "ico": struct.pack("<HHHBBBBHHII", 0, 1, 1, 0, 0, 0, 0, 1, 32, 99, 22) + png((60_000, 60_000), 8, 2),
    "webp": b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(4) + 2 * (60_000 - 1).to_bytes(3, "little"),
}


@pytest.mark.parametrize("options", [{"quality": 60}, {"lossless": True}, {"exif": Image.Exif()}, {"save_all": True}])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (301, 200), (37, 2049)])
def test_the_size_of_a_webp_is_read_from_its_header(
    size: tuple[int, int], mode: str, options: dict[str, object], monkeypatch: pytest.MonkeyPatch
):
    """Of lossy, lossless and extended files; Pillow would take the memory of all pixels to tell it."""
    image = quarters(size).convert(mode)
    file = saved(image, "WEBP", **options | ({"append_images": [image]} if "save_all" in options else {}))
    monkeypatch.setattr(webp_module, "open_with_pillow", None)
    assert webp_module.open_webp(file).size == size


@pytest.mark.parametrize("form", BOMBS)
def test_a_decompression_bomb_is_rejected_before_decoding(form: str, tmp_path: Path):
    """A file of a few bytes that claims 3,600 megapixels is rejected without allocating its pixels."""
    (tmp_path / "bomb").write_bytes(BOMBS[form])
    code = """
        import resource, sys
        from lookalike import ImageError
        from lookalike.images.decode import open_image
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            open_image(sys.argv[1])
        except ImageError as error:
            print(error.kind)
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used
            assert grown < 64 * 1024, grown
    """
    pytest.importorskip("resource")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "bomb")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "too-large\n"


@pytest.mark.parametrize("mode", ["RGBA", "LA", "I;16", "P", "F", "I"])
def test_large_images_are_converted_in_strips(mode: str):
    """Converting a large image strip by strip gives the same as converting all of it and then shrinking it."""
    rng = np.random.default_rng(0)
    grey = Image.fromarray(rng.integers(0, 256, (30, 21), np.uint8)).resize((210, 300), Image.Resampling.BICUBIC)
    if mode in ("RGBA", "LA"):
        image = grey.convert(mode)
        image.putalpha(grey.transpose(Image.Transpose.FLIP_TOP_BOTTOM))
    elif mode == "P":
        image = grey.convert("P")
    else:
        levels = np.asarray(grey).astype({"I;16": np.uint16, "F": np.float32, "I": np.int32}[mode])
        image = Image.fromarray(levels * {"I;16": 200, "F": 1, "I": 9000}[mode])
    strips = to_rgb(image, factor=5, strip_pixels=4000)
    assert strips.size == (42, 60)
    difference = np.subtract(np.asarray(strips, int), np.asarray(to_rgb(image).reduce(5), int))
    assert np.abs(difference).max() <= 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports the peak memory in kilobytes")
def test_a_large_image_takes_little_more_memory_than_its_pixels(tmp_path: Path):
    """100 megapixels with alpha take 400 MB decoded; preparing them for an encoder makes no second copy."""
    side = 10_000
    (tmp_path / "large.png").write_bytes(png((side, side), 8, 6, bytes(side * (4 * side + 1))))
    program = (
        "import pathlib, sys; from lookalike.images.decode import open_image; "
        "print(open_image(sys.argv[1], min_side=594).pixels.size); "
        "print(pathlib.Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    command = [sys.executable, "-c", program, tmp_path / "large.png"]
    size, peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert size == "(625, 625)"
    assert int(peak) < 600_000


def tags_of_one_block(count: int, size: int) -> bytes:
    """EXIF with ``count`` tags, each of which claims the same block of ``size`` bytes as 16-bit integers."""
    start = 8 + 2 + 12 * count + 4
    tags = b"".join(struct.pack("<HHII", 40000 + number, 3, size // 2, start) for number in range(count))
    return b"II*\0" + struct.pack("<IH", 8, count) + tags + bytes(4) + b"\1" * size


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports the peak memory in kilobytes")
def test_small_metadata_does_not_take_gigabytes(tmp_path: Path):
    """460 KB of EXIF that claim to be 2 GB, as its tags share one block, are left alone."""
    quarters().save(tmp_path / "tags.png", exif=tags_of_one_block(5000, 400_000))
    program = (
        "import pathlib, sys; from lookalike.images.decode import open_image; "
        "print(open_image(sys.argv[1]).pixels.size); "
        "print(pathlib.Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    command = [sys.executable, "-c", program, tmp_path / "tags.png"]
    size, peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert size == str(quarters().size)
    assert int(peak) < 200_000


@pytest.mark.parametrize("image", [Image.new("RGB", (0, 0)), Image.new("L", (0, 5))])
def test_images_without_pixels_are_rejected(image: Image.Image):
    """A Pillow image without pixels raises ImageError."""
    with pytest.raises(ImageError) as caught:
        from_pillow(image)
    assert caught.value.kind == SkipKind.NOT_AN_IMAGE


def test_pillow_images_of_damaged_files_are_rejected(tmp_path: Path):
    """A Pillow image that is read from a damaged file raises the same error as the file's path."""
    content = saved(Image.effect_noise((200, 200), 90), "JPEG").getvalue()
    (tmp_path / "cut.jpg").write_bytes(content[: len(content) // 2])
    with Image.open(tmp_path / "cut.jpg") as image, pytest.raises(ImageError) as caught:
        from_pillow(image)
    assert caught.value.kind == SkipKind.DAMAGED


@pytest.mark.parametrize("bitmap", ["png", "bmp"])
def test_the_largest_image_of_an_icon_is_used(bitmap: str):
    """Its size is told without decoding it, also where the list of images has another one."""
    file = saved(quarters((64, 64)), "ICO", sizes=[(16, 16), (64, 64)], bitmap_format=bitmap)
    content = file.getvalue()
    assert open_image(file).size == (64, 64)
    assert_upright(open_image(io.BytesIO(content)).pixels)
    (place,) = (6 + 16 * number for number in range(2) if content[6 + 16 * number] == 64)
    lying = io.BytesIO(content[:place] + b"\x60\x60" + content[place + 2 :])
    found = image_properties(lying, "ICO")
    assert (found.width, found.height) == (64, 64)


@pytest.mark.parametrize("length", [4, 6, 20, 22, 30])
def test_a_cut_icon_is_damaged(length: int):
    """Wherever it ends."""
    content = saved(quarters((64, 64)), "ICO", sizes=[(64, 64)]).getvalue()
    assert open_error(io.BytesIO(content[:length])).kind == SkipKind.DAMAGED
