"""Sound pixels behind odd metadata, and damage that viewers forgive."""

import io
import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFile

from lookalike import ImageError
from lookalike.images.decode import ReadOptions
from lookalike.images.files import SkipKind
from odd_files import chunk, encoded, opened, photo, png_16, rgb, segment, with_chunks, with_segments

PNG = encoded(photo(), "PNG")
JPEG = encoded(photo(), "JPEG", quality=90)
PROGRESSIVE = encoded(photo(), "JPEG", quality=90, progressive=True)
LARGE_TEXT = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b'{"prompt": "x"} ' * 100_000))


def decoded(content: bytes) -> NDArray[np.int16]:
    """The pixels of a file: int16 (height, width, 3)."""
    return np.asarray(opened(content).pixels).astype(np.int16)


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([LARGE_TEXT], id="a large text"),
        pytest.param([LARGE_TEXT] * 60, id="many large texts"),
        pytest.param([chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0junk")], id="a broken compressed text"),
        pytest.param([chunk(b"tEXt", b"a\0b")] * 20_000, id="many chunks"),
        pytest.param([chunk(b"pHYs", struct.pack(">IIB", 2835, 2835, 1), sound=False)], id="checksum of the size"),
        pytest.param([chunk(b"tIME", bytes(7), sound=False)], id="checksum of the time"),
        pytest.param([chunk(b"gAMA", b"\0\0", sound=True)], id="a short gamma"),
        pytest.param([chunk(b"cHRM", b"", sound=True)], id="empty chromaticities"),
        pytest.param([chunk(b"pHYs", b"\0")], id="a short size"),
        pytest.param([chunk(b"iCCP", b"x\0\0" + b"junk")], id="a profile that doesn't inflate"),
        pytest.param([chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(40_000_000)))], id="a huge profile"),
        pytest.param([chunk(b"iCCP", b"no separator")], id="a profile without data"),
        pytest.param([chunk(b"iCCP", b"x\0\7" + b"junk")], id="a profile in an unknown compression"),
        pytest.param([chunk(b"eXIf", b"junk")], id="broken EXIF"),
        pytest.param([chunk(b"eXIf", b"MM\0*\0\0\0\x08", sound=False)], id="checksum of EXIF"),
        pytest.param([chunk(b"vpAg", bytes(9), sound=False)], id="a private chunk"),
        pytest.param([chunk(b"iTXt", b"")], id="an empty text"),
    ],
)
def test_pngs_with_odd_chunks(chunks: list[bytes], deep: bool):
    """Chunks that hold no pixels never make a PNG damaged, whatever is in them."""
    content = png_16(rgb().astype(np.uint16) * np.uint16(257)) if deep else PNG
    assert (decoded(with_chunks(content, *chunks)) == rgb()).all()


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("frames", [0, 5])
def test_a_png_whose_animation_is_broken(frames: int):
    """The still image is used."""
    content = with_chunks(PNG, chunk(b"acTL", struct.pack(">II", frames, 0)))
    assert (decoded(content) == rgb()).all()


@pytest.mark.parametrize("deep", [False, True])
def test_a_png_with_damaged_pixels_is_damaged(deep: bool):
    """A wrong bit in the pixels is still damage, with odd metadata too."""
    content = bytearray(png_16(rgb().astype(np.uint16)) if deep else PNG)
    content[len(content) // 2] ^= 1
    for extra in ([], [LARGE_TEXT]):
        with pytest.raises(ImageError) as caught:
            opened(with_chunks(bytes(content), *extra))
        assert caught.value.kind == SkipKind.DAMAGED


@pytest.mark.parametrize(
    "segments",
    [
        pytest.param([segment(0xE1, b"Exif\0\0junk")], id="broken EXIF"),
        pytest.param([segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<junk")], id="broken XMP"),
        pytest.param([segment(0xE2, b"ICC_PROFILE\0\1\1junk")], id="a broken profile"),
        pytest.param([segment(0xE2, b"ICC_PROFILE\0")], id="an empty profile"),
        pytest.param([segment(0xE2, b"MPF\0junk")], id="a broken index of images"),
        pytest.param([segment(0xED, b"Photoshop 3.0\x008BIM\4\4\0\0\0\0\xff\xff")], id="broken Photoshop data"),
        pytest.param([segment(0xE0, b"JFIF\0")], id="a short JFIF header"),
        pytest.param([segment(0xFE, bytes(60_000))] * 30, id="many comments"),
        pytest.param([segment(0xEE, b"Adobe")], id="a short Adobe segment"),
        pytest.param([segment(0xE1, b"x" * 65_000)] * 30, id="many application segments"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_jpegs_with_odd_segments(segments: list[bytes]):
    """Segments that hold no pixels never make a JPEG damaged."""
    assert np.abs(decoded(with_segments(JPEG, *segments)) - decoded(JPEG)).max() == 0


@pytest.mark.parametrize("padding", [b"\n", b"\r\n\r\n", b"\0" * 20, b"\xef\xbb\xbf", b" \t\n"])
def test_bytes_before_a_jpeg_are_skipped(padding: bytes):
    """White space, NUL bytes or a byte order mark before a JPEG don't matter."""
    assert (decoded(padding + JPEG) == decoded(JPEG)).all()
    assert opened(padding + JPEG).share is None


def share_of(content: bytes) -> float | None:
    """The share that was decoded of an image that is used."""
    return opened(content).share


def test_a_jpeg_of_hundreds_of_scans_is_not_decoded():
    """Each would be decoded over the whole image: the last scan is repeated here, in 10 bytes each."""
    start = PROGRESSIVE.rindex(b"\xff\xda")
    scan = PROGRESSIVE[start:-2]
    assert opened(PROGRESSIVE[:-2] + 100 * scan + b"\xff\xd9").size
    with pytest.raises(ImageError) as caught:
        opened(PROGRESSIVE[:-2] + 500 * scan + b"\xff\xd9")
    assert caught.value.kind == SkipKind.UNSUPPORTED
    assert "scans" in caught.value.reason


@pytest.mark.parametrize("content", [JPEG, PROGRESSIVE], ids=["baseline", "progressive"])
@pytest.mark.parametrize("missing", [1, 2, 10])
def test_a_jpeg_without_its_end_is_used(content: bytes, missing: int):
    """A JPEG a few bytes short is used and marked; with strict it is damaged."""
    cut = content[:-missing]
    image = opened(cut)
    assert image.share is not None
    assert image.share >= 0.95
    rows = int(image.share * image.size[1]) // 16 * 16 - 1  # colours are interpolated across blocks
    assert np.abs(decoded(cut)[:rows] - decoded(content)[:rows]).max() <= (0 if content is JPEG else 80)
    with pytest.raises(ImageError) as caught:
        opened(cut, options=ReadOptions(strict=True))
    assert caught.value.kind == SkipKind.DAMAGED


@pytest.mark.parametrize("subsampling", [0, 2])
@pytest.mark.parametrize("restarts", [0, 4])
@pytest.mark.parametrize("kept", [0.2, 0.5, 0.8])
def test_the_share_of_a_cut_jpeg_is_exact_to_a_row_of_blocks(kept: float, restarts: int, subsampling: int):
    """The share in the reason is that of the rows that are equal to those of the whole image."""
    options = {"restart_marker_blocks": restarts} if restarts else {}
    whole = encoded(photo(), "JPEG", quality=90, subsampling=subsampling, **options)
    cut = whole[: int(len(whole) * kept)]
    with pytest.raises(ImageError) as caught:
        opened(cut)
    assert caught.value.kind == SkipKind.DAMAGED
    percent = int(caught.value.reason.split(" %")[0].split("(")[1])
    seen = np.asarray(_completed(cut)).astype(int)
    equal = (np.abs(seen - decoded(whole)).max(axis=(1, 2)) <= 8).argmin()  # the first row that differs
    unit = 16
    assert abs(percent / 100 * 240 - equal) <= unit + 2


def _completed(cut: bytes) -> Image.Image:
    """What a viewer shows of a cut JPEG."""
    parser = ImageFile.Parser()
    parser.feed(cut + b"\xff\xd9")
    return parser.close()


def test_a_progressive_jpeg_cut_in_a_later_scan_is_used():
    """Once the first scan is complete, every pixel is covered; before that, the image is damaged."""
    scans = [place for place in range(len(PROGRESSIVE) - 1) if PROGRESSIVE[place : place + 2] == b"\xff\xda"]
    assert len(scans) > 3
    assert share_of(PROGRESSIVE[: scans[2] + 30]) == 1.0
    with pytest.raises(ImageError):
        opened(PROGRESSIVE[: (scans[0] + scans[1]) // 2])


def test_no_switch_of_the_whole_process_is_used():
    """Other users of Pillow in the process still get an error for a truncated image."""
    share_of(JPEG[:-10])
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
    with pytest.raises(OSError, match="truncated"):
        Image.open(io.BytesIO(JPEG[:-2000])).load()


@pytest.mark.parametrize("form", ["PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "JPEG2000"])
def test_other_formats_that_are_cut_are_damaged(form: str):
    """A file that ends in the middle is damaged in every other format."""
    content = encoded(photo(), form)
    with pytest.raises(ImageError) as caught:
        opened(content[: len(content) // 2])
    assert caught.value.kind == SkipKind.DAMAGED


def fade(colour: str, steps: tuple[float, ...] = (0.0, 0.01, 0.5, 1.0)) -> list[Image.Image]:
    """The frames of an animation that fades in from a colour."""
    return [Image.blend(Image.new("RGB", photo().size, colour), photo(), step) for step in steps]


@pytest.mark.parametrize("colour", ["white", "black", "navy"])
@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "AVIF"])
def test_an_animation_that_fades_in_is_represented_by_a_later_frame(form: str, colour: str):
    """A first frame that says nothing is not taken; the frame with the greatest contrast is."""
    first, *rest = fade(colour)
    content = encoded(first, form, save_all=True, append_images=rest, duration=100)
    assert np.abs(decoded(content) - rgb()).mean() < 12


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
def test_an_animation_with_a_telling_first_frame(form: str):
    """Otherwise the first frame is taken, even if a later one has more contrast."""
    frames = [photo(), Image.fromarray(np.where(rgb() > 99, 255, 0).astype(np.uint8))]
    content = encoded(frames[0], form, save_all=True, append_images=frames[1:], duration=100)
    assert np.abs(decoded(content) - rgb()).mean() < 12


def test_a_damaged_later_frame_ends_the_search():
    """What follows damage in an animation isn't needed."""
    first, *rest = fade("white", (0.0, 0.6, 1.0))
    content = encoded(first, "GIF", save_all=True, append_images=rest, duration=100)
    assert np.abs(decoded(content[: int(len(content) * 0.7)]) - np.asarray(rest[0]).astype(int)).mean() < 12
