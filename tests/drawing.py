"""Small images drawn from a seed, and files built byte by byte."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

CORNERS = ((250, 20, 20), (20, 250, 20), (20, 20, 250), (240, 240, 20))
"""Colours of the quarters of :func:`quarters`: top left, top right, bottom left, bottom right."""


def draw(seed: int, size: tuple[int, int] = (40, 30)) -> Image.Image:
    """An image of blurred colours that is different for every seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BILINEAR)


def drawn(path: Path, seed: int, size: tuple[int, int] = (40, 30)) -> Path:
    """Save the image of ``seed`` as a file, creating its folders; returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(seed, size).save(path)
    return path


def quarters(size: tuple[int, int] = (96, 64)) -> Image.Image:
    """Four quarters of plain colours, which show the orientation of the image."""
    width, height = size
    image = Image.new("RGB", size)
    for place, colour in enumerate(CORNERS):
        left, top = place % 2 * width // 2, place // 2 * height // 2
        image.paste(colour, (left, top, left + width // 2, top + height // 2))
    return image


def saved(image: Image.Image, form: str, **options: object) -> io.BytesIO:
    """The image as an in-memory file."""
    file = io.BytesIO()
    image.save(file, form, **options)
    file.seek(0)
    return file


def png(size: tuple[int, int], depth: int, colour_type: int, pixels: bytes = b"", *extra: tuple[bytes, bytes]) -> bytes:
    """A PNG file: ``pixels`` are its rows, each preceded by a filter byte; ``extra`` are chunks before them."""
    header = struct.pack(">IIBBBBB", *size, depth, colour_type, 0, 0, 0)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(pixels)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def exif(*tags: tuple[int, int, int, bytes]) -> bytes:
    """EXIF made of raw directory entries (tag, type, count, four bytes of value), valid or not."""
    entries = b"".join(struct.pack("<HHI", tag, kind, count) + value for tag, kind, count, value in tags)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0)


def cmyk_profile() -> bytes:
    """A colour profile in which every ink but black prints as middle grey, which is easy to recognise."""
    grey, paper, black = (128, 128, 128), (255, 128, 128), (0, 128, 128)
    corners = [paper, black] + 7 * [
        grey,
        black,
    ]  # all combinations of 0 and 100 % of C, M, Y and K, with K changing fastest
    ramp = bytes(range(256))
    identity = [int(65536 * (row == column)) for row in range(3) for column in range(3)]
    table = b"mft1\0\0\0\0" + struct.pack(">BBBB9i", 4, 3, 2, 0, *identity)
    table += 4 * ramp + bytes(level for corner in corners for level in corner) + 3 * ramp
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    text = b"text\0\0\0\0drawn for a test\0"
    name = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78)
    tags = [(b"desc", name), (b"cprt", text), (b"wtpt", white), (b"A2B0", table)]
    place = 128 + 4 + 12 * len(tags)
    directory, body = struct.pack(">I", len(tags)), b""
    for tag, data in tags:
        directory += tag + struct.pack(">II", place + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = place + len(body)
    illuminant = struct.pack(">3i", 63190, 65536, 54061)
    header = struct.pack(">I4sI4s4s4s12x4s28x", size, b"test", 0x02100000, b"prtr", b"CMYK", b"Lab ", b"acsp")
    return (header + illuminant).ljust(128, b"\0") + directory + body
