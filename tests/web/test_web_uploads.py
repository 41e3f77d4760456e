"""Damaged and hostile uploads: each gets an answer, and the server goes on."""

import io
import random
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import imagecodecs
import numpy as np
import pytest
from PIL import Image

from drawing import draw, saved
from lookalike.images.decode import open_image
from servers import Program, Running

DAMAGES = 1000


def originals(photographs: Path) -> dict[str, bytes]:
    """A real photograph in each format."""
    with Image.open(photographs / "chelsea.png") as image:
        image.thumbnail((300, 300))
        contents = {form: saved(image, form).getvalue() for form in ("JPEG", "PNG", "WEBP", "TIFF")}
    contents["HEIC"] = (Path(__file__).parents[1] / "data" / "turned.heic").read_bytes()
    return contents


def damaged(contents: dict[str, bytes], count: int) -> Iterator[tuple[str, bytes]]:
    """Cut, changed and mixed up files, always the same ones."""
    draws = random.Random(2026)  # noqa: S311  no secret
    names = sorted(contents)
    for number in range(count):
        name = names[number % len(names)]
        content = bytearray(contents[name])
        kind = draws.randrange(5)
        if kind == 0:
            del content[draws.randrange(len(content)) :]
        elif kind == 1:
            for _ in range(draws.randrange(1, 50)):
                content[draws.randrange(len(content))] = draws.randrange(256)
        elif kind == 2:
            start = draws.randrange(len(content))
            content[start : start + draws.randrange(2000)] = draws.randbytes(draws.randrange(2000))
        elif kind == 3:
            for _ in range(draws.randrange(1, 20)):
                content[draws.randrange(min(len(content), 600))] = draws.choice((0, 0x7F, 0x80, 0xFF))
        else:
            other = contents[draws.choice(names)]
            content[draws.randrange(len(content)) :] = other[draws.randrange(len(other)) :]
        yield name, bytes(content)


@pytest.mark.slow
def test_damaged_uploads_are_answered(indexed: Path, photographs: Path, start_server: Callable[..., Program]):
    """A thousand of them: found or refused, never a failure of the server."""
    program = start_server("--gallery", indexed)
    codes: Counter[int] = Counter()
    uploads = list(damaged(originals(photographs), DAMAGES))
    with httpx.Client(base_url=program.address, timeout=60) as client, ThreadPoolExecutor(4) as pool:

        def ask(upload: tuple[str, bytes]) -> httpx.Response:
            return client.post("/api/search", files={"image": upload})

        for upload, answer in zip(uploads, pool.map(ask, uploads), strict=True):
            codes[answer.status_code] += 1
            assert answer.status_code in {200, 413, 415, 422}, (upload[0], answer.text)
            if answer.status_code != 200:
                assert answer.json()["error"]["message"]
        assert codes[200] > 50
        assert codes[422] > 50
        answer = client.post("/api/search", files={"image": (indexed / "chelsea.png").read_bytes()})
        assert answer.json()["results"][0]["hits"][0]["match"] == "identical"


def bombs() -> Iterator[tuple[str, bytes]]:
    """Small files of images that are too large, by their names."""
    side = 20_000
    black = Image.new("1", (side, side))
    png = saved(black, "PNG").getvalue()
    yield "a.png", png
    yield "a.tif", saved(black, "TIFF", compression="group4").getvalue()
    yield "a.gif", saved(Image.new("P", (side, side)), "GIF").getvalue()
    yield "a.jxl", imagecodecs.jpegxl_encode(np.zeros((side, side), np.uint8), effort=1)
    yield "a.ico", struct.pack("<HHHBBBBHHII", 0, 1, 1, 0, 0, 0, 0, 1, 32, len(png), 22) + png
    yield "a.ppm", b"P6\n60000 60000\n255\n" + bytes(1000)
    yield "a.tga", struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, 60_000, 60_000, 24, 0) + bytes(1000)
    small = {form: saved(draw(1, (64, 64)), form).getvalue() for form in ("JPEG", "BMP", "AVIF", "JPEG2000")}
    yield "a.jpg", with_bytes(small["JPEG"], b"\xff\xc0", 3, b"\xff\xff\xff\xff")
    yield "a.bmp", with_bytes(small["BMP"], b"BM", 16, struct.pack("<II", 100_000, 100_000))
    webp = saved(draw(1, (64, 64)), "WEBP", lossless=True).getvalue()
    yield "a.webp", with_bytes(webp, b"VP8L", 5, struct.pack("<I", 0x0FFF_FFFF))
    size = struct.pack(">II", 60_000, 60_000)
    yield "a.avif", with_bytes(small["AVIF"], b"ispe", 4, size)
    heic = (Path(__file__).parents[1] / "data" / "turned.heic").read_bytes()
    yield "a.heic", with_bytes(heic, b"ispe", 4, size)
    jp2 = with_bytes(small["JPEG2000"], b"ihdr", 0, size)
    yield "a.jp2", with_bytes(jp2, b"\xff\x51", 4, size)


def with_bytes(content: bytes, mark: bytes, offset: int, others: bytes) -> bytes:
    """The content with ``others`` so many bytes after each ``mark``."""
    parts = content.split(mark)
    return mark.join([parts[0], *(part[:offset] + others + part[offset + len(others) :] for part in parts[1:])])


@pytest.mark.slow
def test_bombs_are_refused(indexed: Path, start_server: Callable[..., Program]):
    """Without much memory being used for them."""
    program = start_server("--gallery", indexed)
    with httpx.Client(base_url=program.address, timeout=60) as client:
        client.post("/api/search", files={"image": (indexed / "chelsea.png").read_bytes()})
        before = program.memory()
        for name, content in bombs():
            assert len(content) < 2_000_000
            for route in ("/api/search", "/api/preview"):
                answer = client.post(route, files={"image": (name, content)})
                assert answer.status_code == 413, (name, answer.text)
                assert answer.json()["error"]["kind"] == "too-large"
        assert program.memory() - before < 100_000_000
        assert client.get("/api/health").status_code == 200


@pytest.mark.parametrize("form", ["JPEG", "TIFF", "HEIC"])
def test_an_upload_as_a_picture(form: str, web: Running, photographs: Path):
    """A WebP of it, upright, at most 1,600 pixels, with nothing but pixels."""
    content = originals(photographs)[form]
    answer = web.client.post("/api/preview", files={"image": content})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/webp"
    with Image.open(io.BytesIO(answer.content)) as image, open_image(io.BytesIO(content)).pixels as original:
        assert image.size == original.size
        assert not image.getexif()
        difference = np.abs(np.asarray(image.convert("RGB"), float) - np.asarray(original.convert("RGB"), float))
        assert difference.mean() < 6


def test_a_large_upload_as_a_picture(web: Running):
    """Its longer side has 1,600 pixels."""
    answer = web.client.post("/api/preview", files={"image": saved(draw(1, (3000, 1000)), "PNG").getvalue()})
    with Image.open(io.BytesIO(answer.content)) as image:
        assert image.size == (1600, 533)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"files": {"image": b"text"}}, 415),
        ({"files": {"image": b""}}, 415),
        ({"files": {"image": b"\x89PNG\r\n\x1a\n"}}, 422),
        ({"files": {"other": b"x"}}, 422),
        ({"files": {"image": (None, b"x")}}, 400),
        ({"files": [("image", b"x"), ("image", b"y")]}, 400),
        ({"content": b"x"}, 415),
    ],
    ids=str,
)
def test_what_is_no_picture_is_refused(request_: dict, status: int, web: Running):
    """With a reason."""
    answer = web.client.post("/api/preview", **request_)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["message"]
