"""Bands, transparency, palettes and colour profiles: every sound image looks like its plain twin."""

import io
import struct
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from lookalike import ImageError, load_encoder
from lookalike.images.decode import check_not_blank, from_pillow, image_extent, open_image
from lookalike.images.files import SkipKind
from lookalike.images.thumbnails import thumbnail
from odd_files import SIZE, chunk, encoded, grey, opened, photo, png_16, profile, rgb, tiff, with_chunks


def decoded(content: bytes) -> NDArray[np.int16]:
    """The pixels of a file: int16 (height, width, 3)."""
    return np.asarray(opened(content).pixels).astype(np.int16)


def difference(content: bytes, twin: NDArray[np.uint8]) -> int:
    """The largest difference between the pixels of a file and those of its twin."""
    return int(np.abs(decoded(content) - twin.astype(np.int16)).max())


def stacked(*bands: NDArray[Any]) -> NDArray[Any]:
    """The photo with more bands: (240, 320, 3 + n)."""
    return np.dstack([rgb(), *bands])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize(
    ("bands", "options"),
    [
        pytest.param(4, {"photometric": "rgb", "extrasamples": ["unspecified"]}, id="RGB and infrared"),
        pytest.param(4, {"photometric": "rgb", "extrasamples": ["unassalpha"]}, id="RGB and alpha"),
        pytest.param(5, {"photometric": "rgb", "extrasamples": ["unspecified"] * 2}, id="RGB and two bands"),
        pytest.param(5, {"photometric": "rgb", "extrasamples": ["unspecified", "unassalpha"]}, id="RGB, band, alpha"),
        pytest.param(4, {"photometric": "minisblack"}, id="four bands called grey"),
        pytest.param(7, {"photometric": "minisblack"}, id="seven bands called grey"),
    ],
)
def test_bands_of_a_tiff(bands: int, options: dict[str, Any], planar: str, dtype: type):
    """The first three bands are red, green and blue, whatever follows them; full opacity changes nothing."""
    extra = [np.full(SIZE[::-1], 255, np.uint8)] * (bands - 3)
    values = stacked(*extra).astype(dtype) * dtype(257 if dtype is np.uint16 else 1)
    values = np.moveaxis(values, 2, 0) if planar == "separate" else values
    assert difference(tiff(values, planarconfig=planar, **options), rgb()) <= 1


@pytest.mark.parametrize("compression", ["lzw", "zlib", "packbits", "zstd", "lzma", "webp", "jpeg2000", "png", "lerc"])
@pytest.mark.parametrize("tile", [None, (64, 64)])
def test_compressed_tiffs(compression: str, tile: tuple[int, int] | None):
    """Every lossless compression that occurs in TIFF is read."""
    options: dict[str, Any] = {"compressionargs": {"lossless": True}} if compression == "webp" else {}
    assert difference(tiff(rgb(), photometric="rgb", compression=compression, tile=tile, **options), rgb()) == 0


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt", "tiff_lzw", None])
def test_bilevel_tiffs(compression: str | None):
    """Scans of one bit are read in every fax compression."""
    bilevel = photo().convert("1")
    assert difference(encoded(bilevel, "TIFF", compression=compression), np.asarray(bilevel.convert("RGB"))) == 0


def test_the_first_page_that_is_no_thumbnail():
    """Some programs write a thumbnail before the image."""
    thumb = tiff(rgb()[::8, ::8], photometric="rgb", subfiletype=1)
    file = io.BytesIO(thumb)
    import tifffile

    with tifffile.TiffWriter(file, append=True) as writer:
        writer.write(rgb(), photometric="rgb")
    assert difference(file.getvalue(), rgb()) == 0


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_deep_and_compressed_tiffs_are_upright(orientation: int, compression: str | None, tmp_path: Any):
    """The orientation of a TIFF is applied whichever library reads it, and its header tells the upright size."""
    values = rgb().astype(np.uint16) * np.uint16(257)
    turned = tiff(values, photometric="rgb", compression=compression, extratags=[(274, 3, 1, orientation, True)])
    plain = encoded(photo(), "PNG", exif=_exif(orientation))
    assert difference(turned, decoded(plain).astype(np.uint8)) == 0
    path = tmp_path / "turned.tif"
    path.write_bytes(turned)
    assert image_extent(path).size == open_image(path).size


def _exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def test_a_palette_of_a_tiff_with_small_values():
    """Some programs write the colours of a palette as 8 bits in 16; viewers show them all the same."""
    paletted = photo().quantize(64)
    indices = np.asarray(paletted)
    colours = np.zeros((3, 256), np.uint16)
    colours[:, :64] = np.array(paletted.getpalette(), np.uint16).reshape(-1, 3)[:64].T
    twin = np.asarray(paletted.convert("RGB"))
    for factor in (1, 257):
        content = tiff(indices, photometric="palette", colormap=colours * np.uint16(factor))
        assert difference(content, twin) == 0


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(np.zeros((9, 8, 3), np.complex64), id="complex numbers"),
        pytest.param(np.zeros((9, 8, 3), np.complex128), id="complex doubles"),
    ],
)
def test_what_no_decoder_reads_is_unsupported(values: NDArray[Any]):
    """A sound TIFF with samples that are no levels is unsupported by name, not damaged."""
    with pytest.raises(ImageError) as caught:
        opened(tiff(values[..., 0], photometric="minisblack"))
    assert caught.value.kind == SkipKind.UNSUPPORTED
    assert "TIFF" in caught.value.reason


@pytest.mark.parametrize("compression", [32809, 34661, 34676, 65123])
def test_unknown_compressions_of_a_tiff_are_unsupported(compression: int):
    """A TIFF with a compression that no decoder here has (ThunderScan, JBIG, SGILOG, a private one) is unsupported."""
    content = bytearray(tiff(rgb(), photometric="rgb"))
    place = content.find(struct.pack("<HHI", 259, 3, 1))
    content[place + 8 : place + 10] = struct.pack("<H", compression)
    with pytest.raises(ImageError) as caught:
        opened(bytes(content))
    assert caught.value.kind == SkipKind.UNSUPPORTED


def test_a_truncated_deep_tiff_is_damaged():
    """Missing samples are damage; they aren't taken for black."""
    with pytest.raises(ImageError) as caught:
        opened(tiff(rgb().astype(np.uint16), photometric="rgb")[:-50_000])
    assert caught.value.kind == SkipKind.DAMAGED


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
def test_tiffs_in_ycbcr(compression: str | None):
    """TIFFs of luma and colour differences are read in every compression, and damage to them is noticed."""
    content = encoded(photo().convert("YCbCr"), "TIFF", compression=compression)
    assert difference(content, rgb()) <= (60 if compression == "jpeg" else 3)
    if compression == "tiff_adobe_deflate":
        with pytest.raises(ImageError) as caught:
            opened(content[:2000] + bytes(50) + content[2050:])
        assert caught.value.kind == SkipKind.DAMAGED


def bmp(alpha: int) -> bytes:
    """A BMP of 32 bits a pixel with an alpha mask."""
    height, width = rgb().shape[:2]
    pixels = np.dstack([rgb()[::-1, :, ::-1], np.full((height, width), alpha, np.uint8)]).tobytes()
    head = struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, 3, len(pixels), 2835, 2835, 0, 0)
    head += struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    head = (head + b"BGRs" + bytes(48))[:108]
    return b"BM" + struct.pack("<IHHI", 122 + len(pixels), 0, 0, 122) + head + pixels


def tga(alpha: int) -> bytes:
    """A TGA of 32 bits a pixel."""
    return encoded(Image.fromarray(stacked(np.full(SIZE[::-1], alpha, np.uint8)), "RGBA"), "TGA")


@pytest.mark.parametrize(
    "head", [b"P4\n12 3\n", b"P7\nWIDTH 12\nHEIGHT 3\nDEPTH 1\nMAXVAL 1\nTUPLTYPE BLACKANDWHITE\nENDHDR\n"]
)
def test_bitmaps(head: bytes):
    """In a PBM 1 is black, in a PAM it is white."""
    bits = np.arange(36).reshape(3, 12) % 5 == 0
    body = np.packbits(bits, axis=1).tobytes() if head.startswith(b"P4") else bits.astype(np.uint8).tobytes()
    white = ~bits if head.startswith(b"P4") else bits
    assert (decoded(head + body)[..., 0] == white * 255).all()


def test_a_bmp_without_its_first_header():
    """A DIB, as programs save the clipboard, is read like a BMP."""
    assert difference(encoded(photo(), "DIB"), rgb()) == 0


@pytest.mark.parametrize("make", [bmp, tga])
@pytest.mark.parametrize("alpha", [0, 255])
def test_an_alpha_of_0_everywhere_is_opaque(make: Callable[[int], bytes], alpha: int):
    """Programs that leave the fourth byte of a BMP or TGA empty mean an opaque image."""
    assert difference(make(alpha), rgb()) == 0


@pytest.mark.parametrize("factor", [1, 257])
def test_premultiplied_alpha(factor: int):
    """Colours that are multiplied by alpha already look like those that are not."""
    alpha = np.tile(np.linspace(0, 255, SIZE[0]).astype(np.uint8), (SIZE[1], 1))
    straight = stacked(alpha)
    multiplied = stacked(alpha)
    multiplied[..., :3] = np.round(rgb() * (alpha[..., np.newaxis] / 255.0))
    dtype = np.uint8 if factor == 1 else np.uint16
    contents = [
        tiff(values.astype(dtype) * dtype(factor), photometric="rgb", extrasamples=[kind])
        for values, kind in ((straight, "unassalpha"), (multiplied, "assocalpha"))
    ]
    assert np.abs(decoded(contents[0]) - decoded(contents[1])).max() <= 4


@pytest.mark.parametrize("size", [16, 32])
def test_palettes_with_transparency(size: int):
    """Transparent colours of a palette are laid over white."""
    paletted = photo().quantize(size)
    transparent = bytes([0, 128]) + b"\xff" * (size - 2)
    twin = np.asarray(Image.alpha_composite(Image.new("RGBA", SIZE, "white"), _with_alphas(paletted, transparent)))
    content = encoded(paletted, "PNG", transparency=transparent)
    assert difference(content, twin[..., :3]) <= 1


def _with_alphas(paletted: Image.Image, alphas: bytes) -> Image.Image:
    image = paletted.convert("RGB")
    image.putalpha(Image.fromarray(np.frombuffer(alphas, np.uint8)[np.asarray(paletted)]))
    return image


def shape_on_transparency(colour: tuple[int, int, int]) -> Image.Image:
    """A disc of one colour on transparency."""
    y, x = np.mgrid[:200, :200]
    alpha = np.where((x - 90) ** 2 + (y - 110) ** 2 < 60**2, 255, 0).astype(np.uint8)
    return Image.fromarray(np.dstack([np.full((200, 200, 3), colour, np.uint8), alpha]), "RGBA")


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_white_on_transparency_is_seen_on_grey(form: str):
    """What can't be seen on white is laid over mid-grey; everything else over white."""
    options = {"lossless": True} if form == "WEBP" else {}
    white = decoded(encoded(shape_on_transparency((255, 255, 255)), form, **options))
    assert abs(int(white[0, 0, 0]) - 128) <= 2
    assert white[110, 90, 0] >= 253
    black = decoded(encoded(shape_on_transparency((0, 0, 0)), form, **options))
    assert black[0, 0, 0] >= 253
    assert black[110, 90, 0] <= 2


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(Image.new("RGB", SIZE, (17, 99, 200)), id="one colour"),
        pytest.param(Image.fromarray((np.indices((90, 90)).sum(axis=0) % 3 + 100).astype(np.uint8)), id="2 levels"),
        pytest.param(Image.new("RGBA", SIZE, (1, 2, 3, 0)), id="transparent"),
        pytest.param(Image.fromarray(np.full((9, 9), 777, np.uint16)), id="deep"),
    ],
)
def test_images_that_show_nothing_are_blank(image: Image.Image):
    """An image whose channels vary by two levels at most is rejected as blank; three levels are enough."""
    with pytest.raises(ImageError) as caught:
        check_not_blank(opened(encoded(image, "PNG")))
    assert caught.value.kind == SkipKind.BLANK
    marked = photo().copy()
    marked.paste((50, 50, 50), (0, 0, *SIZE))
    marked.putpixel((1, 1), (50, 53, 50))
    assert check_not_blank(from_pillow(marked)).size == SIZE


WIDE = {
    "Display P3": ((0.68, 0.32, 0.265, 0.69, 0.15, 0.06), 2.2),
    "Adobe RGB": ((0.64, 0.33, 0.21, 0.71, 0.15, 0.06), 2.2),
    "ProPhoto": ((0.7347, 0.2653, 0.1596, 0.8404, 0.0366, 0.0001), 1.8),
    "linear": ((0.64, 0.33, 0.30, 0.60, 0.15, 0.06), 1.0),
}


def in_profile(name: str) -> tuple[Image.Image, bytes]:
    """The photo converted to a profile, and the profile."""
    icc = profile(*WIDE[name])
    source = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(photo(), source, ImageCms.ImageCmsProfile(io.BytesIO(icc)))
    assert converted is not None
    return converted, icc


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "WEBP", "AVIF"])
@pytest.mark.parametrize("name", WIDE)
def test_colour_profiles_are_honoured(name: str, form: str):
    """An image in a wide or linear colour space looks like its twin in sRGB, in embeddings and thumbnails too."""
    converted, icc = in_profile(name)
    assert np.abs(np.asarray(converted).astype(int) - rgb()).mean() > 2  # without the profile it looks different
    options = {"quality": 95} if form in ("JPEG", "AVIF") else {"lossless": True} if form == "WEBP" else {}
    content = encoded(converted, form, icc_profile=icc, **options)
    # Lossy compression and 8 linear bits cost the dark levels much.
    assert np.abs(decoded(content) - rgb()).mean() < (5 if name == "linear" else 2.5)


def test_profiles_of_deep_images(tmp_path: Any):
    """The profile of a PNG or TIFF with 16 bits is honoured, in thumbnails too."""
    converted, icc = in_profile("linear")
    values = np.asarray(converted).astype(np.uint16) * np.uint16(257)
    contents = {
        "a.png": png_16(values, chunk(b"iCCP", b"icc\0\0" + _deflated(icc))),
        "a.tif": tiff(values, photometric="rgb", iccprofile=icc),
    }
    for name, content in contents.items():
        assert np.abs(decoded(content) - rgb()).mean() < 2.5
        (tmp_path / name).write_bytes(content)
        shown = np.asarray(Image.open(io.BytesIO(thumbnail(tmp_path / name, 320)))).astype(int)
        assert np.abs(shown - rgb()).mean() < 4


def _deflated(data: bytes) -> bytes:
    import zlib

    return zlib.compress(data)


def test_a_profile_of_srgb_changes_nothing():
    """Pixels with a profile of sRGB, or as good as it, stay exactly as they are."""
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert difference(encoded(photo(), "PNG", icc_profile=own), rgb()) == 0


@pytest.mark.parametrize("icc", [b"", b"junk", profile()[:300], bytes(600)], ids=["empty", "junk", "cut", "zeros"])
def test_broken_profiles_are_ignored(icc: bytes):
    """An image with a profile that can't be read is used as it is."""
    assert difference(encoded(photo(), "TIFF", icc_profile=icc), rgb()) == 0
    assert difference(with_chunks(encoded(photo(), "PNG"), chunk(b"iCCP", b"x\0\0" + icc)), rgb()) == 0


def test_a_profile_for_grey_levels():
    """The profile of a grey image is honoured too: linear levels become lighter."""
    icc = imagecodecs.cms_profile("gray", gamma=1.0)
    content = encoded(Image.fromarray(grey()), "PNG", icc_profile=icc)
    assert decoded(content).mean() > grey().mean() + 10


@pytest.mark.slow
@pytest.mark.parametrize("name", WIDE)
def test_embeddings_of_colour_profiles(name: str, isolated_cache: Any):
    """With the included encoder, an image in another colour space has a cosine of at least 0.99 to its plain twin."""
    converted, icc = in_profile(name)
    converted.info["icc_profile"] = icc
    vectors = load_encoder().embed([photo(), converted]).astype(np.float64)
    assert vectors[0] @ vectors[1] >= 0.99


def os2_array() -> bytes:
    """An array of one OS/2 bitmap, 8 x 8 pixels of 1 bit."""
    bitmap = struct.pack("<2sIHHI", b"BM", 94, 0, 0, 46) + struct.pack("<IHHHH", 12, 8, 8, 1, 1) + bytes(6) + bytes(32)
    return struct.pack("<2sIIHH", b"BA", 40, 0, 0, 0) + bitmap


@pytest.mark.parametrize("content", [os2_array(), b"CI" + os2_array()[16:]], ids=["array", "icon"])
def test_os2_bitmaps_are_unsupported(content: bytes):
    """Arrays and icons of OS/2 are told by name; text that begins like them is text."""
    with pytest.raises(ImageError, match="OS/2") as caught:
        opened(content)
    assert caught.value.kind == SkipKind.UNSUPPORTED
    with pytest.raises(ImageError, match="text file"):
        opened(b"BALLOONS AND CIRCLES, BMWs and other words")


def test_a_bmp_with_too_many_colours_in_its_palette_is_unsupported():
    """It is sound, so it isn't called damaged."""
    content = bytearray(encoded(photo().quantize(256), "BMP"))
    content[10:14] = struct.pack("<I", 14 + 40 + 300 * 4)
    content[46:50] = struct.pack("<I", 300)
    content[54 + 1024 : 54 + 1024] = bytes(44 * 4)
    with pytest.raises(ImageError) as caught:
        opened(bytes(content))
    assert caught.value.kind == SkipKind.UNSUPPORTED
