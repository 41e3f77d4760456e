"""Opening pictures: upright, in RGB, and nothing that would exhaust the machine."""

import io
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
from lookalike import PictureError
from lookalike.images.decode import as_picture, open_picture
from lookalike.images.files import SkipKind
from lookalike.images.formats import EXTENSIONS
from lookalike.images.sniff import content_format

DATA = Path(__file__).parent / "data"

LAID_DOWN = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a camera stores the picture for each orientation that it then notes."""

GREY_16 = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
ORIENTATION_6 = (0x0112, 3, 1, struct.pack("<HH", 6, 0))


def stored(orientation: int, form: str, size: tuple[int, int] = (96, 64), **options: object) -> io.BytesIO:
    """The four quarters as a camera would store them that was held in one of eight ways."""
    method = LAID_DOWN[orientation]
    picture = quarters(size) if method is None else quarters(size).transpose(method)
    tags = Image.Exif()
    tags[0x0112] = orientation
    return saved(picture, form, exif=tags, **options)


def corners(picture: Image.Image) -> list[tuple[int, ...]]:
    """The colours at the middles of the four quarters."""
    across, down = picture.width // 4, picture.height // 4
    places = ((across, down), (3 * across, down), (across, 3 * down), (3 * across, 3 * down))
    colours = [picture.getpixel(place) for place in places]
    return [colour for colour in colours if isinstance(colour, tuple)]


def assert_upright(picture: Image.Image) -> None:
    """All four quarters have the colours that they were drawn in, give or take what compression does."""
    assert np.abs(np.subtract(corners(picture), CORNERS)).max() <= 12


def first_pixel(file: io.BytesIO) -> tuple[int, ...]:
    """The colour of the top left pixel of a picture that is opened."""
    opened = open_picture(file).pixels
    assert opened.mode == "RGB"
    colour = opened.getpixel((0, 0))
    assert isinstance(colour, tuple)
    return colour


def refused(file: io.BytesIO | Path, **options: int) -> PictureError:
    """The error that opening gives."""
    with pytest.raises(PictureError) as caught:
        open_picture(file, **options)
    return caught.value


@pytest.mark.parametrize("orientation", LAID_DOWN)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_pictures_are_upright_however_the_camera_was_held(form: str, orientation: int):
    """Each of the eight EXIF orientations is undone, in every format that carries one, and the size is the upright."""
    picture = open_picture(stored(orientation, form))
    assert picture.size == picture.pixels.size == (96, 64)
    assert_upright(picture.pixels)


@pytest.mark.parametrize("orientation", LAID_DOWN)
def test_pictures_decoded_at_a_fraction_are_upright_too(orientation: int):
    """A JPEG decoded at a fraction of its size is upright, and its size is that of the whole picture."""
    picture = open_picture(stored(orientation, "JPEG", (960, 640), quality=95), least_side=100)
    assert picture.size == (960, 640)
    assert picture.pixels.size == (240, 160)
    assert_upright(picture.pixels)


@pytest.mark.parametrize(("least_side", "size"), [(64, (120, 80)), (81, (240, 160)), (320, (480, 320)), (321, None)])
def test_a_fraction_keeps_as_many_pixels_as_are_asked_for(least_side: int, size: tuple[int, int] | None):
    """The smallest fraction is taken at which the shorter side has at least the pixels asked for."""
    picture = open_picture(saved(quarters((960, 640)), "JPEG"), least_side=least_side)
    assert picture.pixels.size == (size or (960, 640))


def test_images_in_memory_are_turned_upright_and_left_as_they_are():
    """An image given in memory is turned by its own EXIF tag; the caller's image isn't changed."""
    image = Image.open(stored(6, "JPEG"))
    assert_upright(as_picture(image).pixels)
    assert as_picture(image).size == (96, 64)
    assert image.size == (64, 96)


@pytest.mark.parametrize(
    "tag",
    [
        pytest.param((0x010F, 2, 500, struct.pack("<I", 99999)), id="a text beyond the end"),
        pytest.param((0x0110, 77, 1, b"abcd"), id="an unknown type"),
        pytest.param((0x011A, 2, 4, b"AAAA"), id="a text where a fraction belongs"),
        pytest.param((0x0100, 11, 1, struct.pack("<f", 1.5)), id="a fraction where a number belongs"),
        pytest.param((0x8769, 4, 1, struct.pack("<I", 99999)), id="a directory beyond the end"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damaged_exif_beside_a_good_orientation_does_no_harm(tag: tuple[int, int, int, bytes]):
    """A picture whose EXIF is damaged elsewhere is still turned upright."""
    file = saved(quarters().transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif(ORIENTATION_6, tag))
    assert_upright(open_picture(file).pixels)


@pytest.mark.parametrize("block", [b"Exif\0\0junk and more junk", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0"])
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_exif_that_is_none_does_no_harm(block: bytes):
    """A picture whose EXIF can't be read at all is taken as it lies."""
    assert_upright(open_picture(saved(quarters(), "JPEG", exif=block)).pixels)


@pytest.mark.parametrize(
    "tag", [(3, 1, b"\0\0\0\0"), (3, 1, b"\x09\0\0\0"), (3, 1, b"\xff\xff\0\0"), (2, 4, b"left"), (3, 2, b"\6\0\6\0")]
)
def test_an_orientation_that_does_not_exist_is_none(tag: tuple[int, int, bytes]):
    """Orientations outside 1 to 8, and those that are no number, are passed over."""
    tags = exif((0x0112, *tag))
    assert_upright(open_picture(saved(quarters(), "JPEG", exif=tags)).pixels)


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
def test_transparency_is_laid_over_white(
    image: Image.Image, form: str, options: dict[str, object], colour: tuple[int, ...]
):
    """What is transparent shows white, what is translucent a mixture with white, in every way a file can say so."""
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
    """Grey, black and white, CMYK and YCbCr pictures come out in RGB."""
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
    """Levels of 16 bits keep their place in the range, others are stretched to it; all rise as they did."""
    levels = np.asarray(open_picture(file).pixels)[..., 0].ravel()
    assert (levels[0], levels[-1]) == ends
    assert (np.diff(levels.astype(int)) >= 0).all()
    assert len(set(levels.tolist())) > 60


def test_levels_that_are_no_numbers_do_not_blacken_a_picture():
    """NaN is taken as the darkest level and infinity as the lightest; the others are stretched between themselves."""
    levels = np.linspace(-5, 5, 64, dtype=np.float32).reshape(8, 8)
    levels[0, 0], levels[0, 1], levels[0, 2] = np.nan, np.inf, -np.inf
    shown = np.asarray(open_picture(saved(Image.fromarray(levels), "TIFF")).pixels)[..., 0]
    assert shown[0, :3].tolist() == [0, 255, 0]
    assert shown[-1, -1] == 255
    nothing = saved(Image.fromarray(np.full((8, 8), np.nan, np.float32)), "TIFF")
    assert not np.asarray(open_picture(nothing).pixels).any()


@pytest.mark.parametrize("samples", [2, 3, 4])
def test_sixteen_bits_of_colour_or_with_alpha_become_eight(samples: int):
    """PNGs with 16 bits of colour, of grey and alpha, or of both, keep their lightness."""
    rows = np.repeat(GREY_16[..., np.newaxis], samples, axis=2)
    if samples != 3:
        rows[..., -1] = 65535
    raw = b"".join(b"\0" + row.astype(">u2").tobytes() for row in rows)
    shown = np.asarray(open_picture(io.BytesIO(png((8, 8), 16, {2: 4, 3: 2, 4: 6}[samples], raw))).pixels)
    assert np.abs(shown[..., 0] - GREY_16 / 257).max() <= 1


def test_cmyk_without_a_profile_is_converted_plainly():
    """Without a profile, full magenta and yellow are red."""
    assert first_pixel(saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100)) == (255, 0, 0)


def test_cmyk_is_converted_through_its_own_profile():
    """With a profile that prints inks as grey, full magenta and yellow are grey, and paper stays white."""
    options = {"quality": 100, "icc_profile": cmyk_profile()}
    red, green, blue = first_pixel(saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", **options))
    assert max(red, green, blue) - min(red, green, blue) <= 2
    assert 100 < red < 140
    assert min(first_pixel(saved(Image.new("CMYK", (8, 8), (0, 0, 0, 0)), "JPEG", **options))) >= 253


@pytest.mark.parametrize(
    "profile", [b"no profile", ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()], ids=["junk", "RGB"]
)
def test_a_profile_that_does_not_fit_is_passed_over(profile: bytes):
    """CMYK with a damaged profile, or one for other colours, is converted as if there were none."""
    file = saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100, icc_profile=profile)
    assert first_pixel(file) == (255, 0, 0)


def test_lab_becomes_rgb():
    """A TIFF in CIE L*a*b* shows the colours that it was made from."""
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    image = ImageCms.profileToProfile(quarters(), srgb, lab, outputMode="LAB")
    assert image is not None
    picture = open_picture(saved(image, "TIFF")).pixels
    assert picture.mode == "RGB"
    assert np.abs(np.subtract(corners(picture), CORNERS)).max() <= 24


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF", "MPO", "AVIF"])
def test_only_the_first_frame_counts(form: str):
    """Of moving and stacked pictures, the first frame is opened."""
    others = [Image.new("RGB", (96, 64), "black"), Image.new("RGB", (96, 64), "white")]
    assert_upright(open_picture(saved(quarters(), form, save_all=True, append_images=others)).pixels)


def test_heic_is_opened_upright():
    """A HEIC stored lying on its side, as phones do, is opened upright."""
    picture = open_picture(DATA / "turned.heic")
    assert picture.size == picture.pixels.size == (96, 64)
    assert_upright(picture.pixels)


@pytest.mark.parametrize("brand", [b"mif1", b"msf1", b"heix", b"heic"])
def test_heic_is_told_by_all_its_brands(brand: bytes):
    """Whichever of its brands a writer puts first, a file that HEIF decoders can read is HEIF, and is opened."""
    content = (DATA / "turned.heic").read_bytes()
    assert content[4:12] == b"ftypheic"
    file = io.BytesIO(content[:8] + brand + content[12:])
    assert content_format(file) == "HEIF"
    assert open_picture(file).size == open_picture(DATA / "turned.heic").size


def test_avif_is_told_by_its_brands_too():
    """A picture that says mif1 first, and avif among the brands it is compatible with, is AVIF."""
    content = saved(quarters((96, 64)), "AVIF").getvalue()
    file = io.BytesIO(content[:8] + b"mif1" + content[12:])
    assert content_format(file) == "AVIF"
    assert_upright(open_picture(file).pixels)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_the_format_is_told_from_the_content(form: str, tmp_path: Path):
    """A picture is opened whatever its file is called, and the first bytes tell its format."""
    path = tmp_path / "picture.txt"
    path.write_bytes(saved(quarters(), form).getvalue())
    assert_upright(open_picture(path).pixels)
    with path.open("rb") as file:
        assert content_format(file) == form
        assert file.tell() == 0


def test_every_format_that_an_extension_promises_is_known():
    """Each promised format is one of those that a content can have."""
    heic = (DATA / "turned.heic").read_bytes()
    assert content_format(io.BytesIO(heic)) == "HEIF"
    assert set(EXTENSIONS.values()) == {"JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF"}


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 2)])
def test_tiny_and_long_pictures_are_opened(size: tuple[int, int]):
    """A single pixel and a line of pixels are pictures."""
    for form in ("PNG", "JPEG"):
        picture = open_picture(saved(Image.new("RGB", size, "red"), form), least_side=594)
        assert picture.pixels.size == size


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (b"", SkipKind.EMPTY, "empty"),
        (b"Dear diary,\r\n\ttoday I took no photograph.\n", SkipKind.NOT_A_PICTURE, "it is a text"),
        ("Liebes Tagebuch, schöne Grüße".encode(), SkipKind.NOT_A_PICTURE, "it is a text"),
        (bytes(64), SkipKind.NOT_A_PICTURE, "its content is none of JPEG, PNG"),
        (b"%PDF-1.7\n\x80\x81\x00", SkipKind.NOT_A_PICTURE, "not a picture"),
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
def test_what_is_no_picture_is_refused_in_words(content: bytes, kind: SkipKind, words: str):
    """A file that can't be opened as a picture gives a kind for programs and a reason that a person understands."""
    error = refused(io.BytesIO(content))
    assert error.kind == kind
    assert words in error.reason


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_damage_anywhere_never_raises_anything_else(form: str):
    """A picture with bytes overwritten, or cut off anywhere, opens or is refused; nothing else is ever raised."""
    whole = saved(quarters((64, 48)), form).getvalue()
    draw = np.random.default_rng(7)
    for _ in range(60):
        damaged = bytearray(whole[: draw.integers(1, len(whole) + 1)])
        for place in draw.integers(0, len(damaged), 4):
            damaged[place] = draw.integers(0, 256)
        try:
            open_picture(io.BytesIO(bytes(damaged)), least_side=32)
        except PictureError as error:
            assert error.kind in SkipKind  # noqa: PT017  either outcome is right, but an error must say what it is
        except Warning:
            pass  # an error only here, where every warning is one


def test_the_error_names_the_file(tmp_path: Path):
    """The message of an error begins with the file's name, on one line."""
    path = tmp_path / "not\na picture.jpg"
    path.write_bytes(b"words")
    error = refused(path)
    assert str(error) == f"{tmp_path}/not\\na picture.jpg: not a picture: it is a text"
    assert error.reason == "not a picture: it is a text"


@pytest.mark.parametrize(
    ("make", "kind"),
    [(lambda path: None, SkipKind.VANISHED), (Path.mkdir, SkipKind.FOLDER)],
)
def test_missing_files_and_folders_are_refused(make: Callable[[Path], None], kind: SkipKind, tmp_path: Path):
    """A path with nothing there, or with a folder, is no picture."""
    path = tmp_path / "x.jpg"
    make(path)
    assert refused(path).kind == kind


def test_pictures_above_the_cap_are_refused_and_those_at_it_are_not():
    """The cap is a number of pixels that a picture may have, and the refusal tells both numbers."""
    file = saved(quarters((100, 50)), "PNG")
    assert open_picture(file, pixel_cap=5000).size == (100, 50)
    file.seek(0)
    error = refused(file, pixel_cap=4999)
    assert error.kind == SkipKind.TOO_LARGE
    assert "100 x 50" in error.reason


BOMBS = {
    "png": png((60_000, 60_000), 8, 2),
    "gif": b"GIF89a" + struct.pack("<HH", 60_000, 60_000) + saved(quarters(), "GIF").getvalue()[10:],
    "bmp": b"BM" + struct.pack("<IIIIiiHHIIiiII", 99, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0),
    "jpeg": b"\xff\xd8\xff\xc0\x00\x11\x08"
    + struct.pack(">HH", 60_000, 60_000)
    + b"\x03\x01\x22\0\x02\x11\x01\x03\x11\x01\xff\xda\x00\x0c\x03\x01\0\x02\x11\x03\x11\0\x3f\0",
}


@pytest.mark.parametrize("form", BOMBS)
def test_a_bomb_is_refused_before_it_is_decoded(form: str, tmp_path: Path):
    """A picture of a few bytes that claims 3,600 megapixels is refused in a process that may have little memory."""
    (tmp_path / "bomb").write_bytes(BOMBS[form])
    code = """
        import resource, sys
        from lookalike import PictureError
        from lookalike.images.decode import open_picture
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            open_picture(sys.argv[1])
        except PictureError as error:
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
def test_giants_look_the_same_strip_by_strip(mode: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A giant is shrunk while it is converted: what comes out is what converting all of it and shrinking it gives."""
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
    tags = Image.Exif()
    tags[0x0112] = 6
    image.save(tmp_path / "giant.tif", exif=tags)
    whole = open_picture(tmp_path / "giant.tif", least_side=40)
    monkeypatch.setattr("lookalike.images.decode._LARGE", 1000)
    monkeypatch.setattr("lookalike.images.rgb._STRIP_PIXELS", 4000)
    strips = open_picture(tmp_path / "giant.tif", least_side=40)
    assert strips.size == whole.size == (300, 210)
    assert strips.pixels.size == (60, 42)
    difference = np.subtract(np.asarray(strips.pixels, int), np.asarray(whole.pixels.reduce(5), int))
    assert np.abs(difference).max() <= 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's peak in kilobytes")
def test_a_giant_takes_little_more_memory_than_its_pixels(tmp_path: Path):
    """100 megapixels with alpha are 400 MB decoded; made ready for an encoder, they take no second copy of that."""
    side = 10_000
    (tmp_path / "giant.png").write_bytes(png((side, side), 8, 6, bytes(side * (4 * side + 1))))
    program = (
        "import pathlib, sys; from lookalike.images.decode import open_picture; "
        "print(open_picture(sys.argv[1], least_side=594).pixels.size); "
        "print(pathlib.Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    words = [sys.executable, "-c", program, tmp_path / "giant.png"]
    size, peak = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    assert size == "(625, 625)"
    assert int(peak) < 600_000


@pytest.mark.parametrize("image", [Image.new("RGB", (0, 0)), Image.new("L", (0, 5))])
def test_images_without_pixels_are_no_pictures(image: Image.Image):
    """An image in memory that has no pixels is refused like a file that isn't one."""
    with pytest.raises(PictureError, match="not a picture"):
        as_picture(image)


def test_images_that_are_still_in_a_damaged_file_are_refused(tmp_path: Path):
    """A Pillow image that reads its file only now raises what a file's path would raise."""
    content = saved(Image.effect_noise((200, 200), 90), "JPEG").getvalue()
    (tmp_path / "cut.jpg").write_bytes(content[: len(content) // 2])
    with Image.open(tmp_path / "cut.jpg") as image, pytest.raises(PictureError, match="truncated or damaged"):
        as_picture(image)
