"""Many clients at once: what is too much is refused for a moment, and nobody's work goes on who has left."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from drawing import draw, saved
from fakes import FakeEncoder
from servers import Program, Running, limits, running


def wait_until(condition: object, seconds: float = 20) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Gate:
    """Holds the encoder until it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.held = 0
        self.encoder = FakeEncoder(before=self._wait)

    def _wait(self, images: int) -> None:
        self.held = images
        self.opened.wait(30)


@pytest.fixture
def gate() -> Gate:
    """An encoder that is held."""
    return Gate()


def upload(number: int) -> bytes:
    """An image of its own."""
    return saved(draw(1000 + number, (60, 45)), "PNG").getvalue()


def test_what_is_too_much_is_refused_for_a_moment(folder: Path, gate: Gate):
    """With the time after which to try again; what was accepted is answered, in one batch or two."""
    with running(folder, encoder=gate.encoder, limits=limits(searches=8)) as web:
        with ThreadPoolExecutor(20) as pool:
            tries = [pool.submit(_post, web, number) for number in range(20)]
            wait_until(lambda: sum(one.done() for one in tries) == 12)
            assert web.service.work()["search"] == 8
            (served,) = web.service.galleries
            wait_until(lambda: gate.held + served.query_encoder().waiting == 8)
            assert web.client.get("/api/health").status_code == 200
            gate.opened.set()
            answers = [one.result() for one in tries]
        refused = [answer for answer in answers if answer.status_code == 503]
        assert len(refused) == 12
        assert {answer.headers["retry-after"] for answer in refused} == {"1"}
        assert {answer.json()["error"]["kind"] for answer in refused} == {"overloaded"}
        assert [answer.status_code for answer in answers].count(200) == 8
        assert len(gate.encoder.runtime.batches) <= 4
        assert web.service.work()["search"] == 0


def test_uploads_take_so_much_memory_at_a_time(folder: Path, fake: FakeEncoder):
    """What is beyond is refused for a moment; searches without an upload go on."""
    with running(folder, encoder=fake, limits=limits(waiting_bytes=200)) as web:
        assert _post(web, 1).status_code == 503
        assert web.client.post("/api/preview", files={"image": upload(1)}).status_code == 503
        chunks = iter([b'{"terms": [{"id": "1"}]}'])
        headers = {"Content-Type": "application/json"}
        assert web.client.post("/api/search", content=chunks, headers=headers).status_code == 503
        assert web.post(terms=[{"id": "1"}]).status_code == 200


def _post(web: Running, number: int) -> httpx.Response:
    with httpx.Client(base_url=web.address, timeout=60) as client:
        return client.post("/api/search", files={"image": upload(number)})


def test_work_ends_when_the_client_leaves(folder: Path, gate: Gate):
    """An image that waits for the encoder is not encoded for nobody."""
    with running(folder, encoder=gate.encoder) as web:
        gone = [httpx.Client(base_url=web.address, timeout=0.5) for _ in range(6)]

        def ask(number: int) -> None:
            with gone[number] as client, pytest.raises(httpx.ReadTimeout):
                client.post("/api/search", files={"image": upload(number)})

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(ask, range(6)))
        wait_until(lambda: web.service.work()["search"] == 0)
        encoded = len(gate.encoder.runtime.batches)
        gate.opened.set()
        web.search(upload(99))
        assert gate.encoder.encoded <= 13 + 2 + encoded + 1


def test_an_encoder_that_fails_is_an_error_of_its_requests(folder: Path):
    """The next one is answered."""
    failing = [True]

    def before(_: int) -> None:
        if failing[0]:
            raise RuntimeError("secret details")

    with running(folder, encoder=FakeEncoder(before=before)) as web:
        answer = web.post(upload(1))
        assert (answer.status_code, answer.json()["error"]["kind"]) == (500, "unexpected")
        assert "secret" not in answer.text
        failing[0] = False
        assert web.post(upload(1)).status_code == 200


@pytest.mark.slow
def test_a_crowd(indexed: Path, start_server: Callable[..., Program]):
    """Five hundred clients at once: every answer is right or says to come back, and memory stays as it is."""
    program = start_server("--gallery", indexed)
    upload = (indexed / "chelsea.png").read_bytes()
    content, headers = _form(upload)

    async def ask(ends: float, seen: Counter[int]) -> None:
        while time.monotonic() < ends:
            try:
                status, body = await _request(program.port, headers, content)
            except OSError:  # a connection that is one too many
                continue
            seen[status] += 1
            if status == 200:
                assert json.loads(body)["results"][0]["hits"][0]["path"] == "chelsea.png"
            await asyncio.sleep(0 if status == 200 else 0.5)

    async def crowd(count: int, seconds: float) -> Counter[int]:
        seen: Counter[int] = Counter()
        ends = time.monotonic() + seconds
        await asyncio.gather(*(ask(ends, seen) for _ in range(count)))
        return seen

    asyncio.run(crowd(100, 5))
    before = program.memory()
    seen = asyncio.run(crowd(500, 15))
    assert set(seen) <= {200, 503}
    assert seen[200] > 20
    assert program.memory() - before < 100_000_000
    assert httpx.get(f"http://127.0.0.1:{program.port}/api/health", timeout=60).status_code == 200


def _form(upload: bytes) -> tuple[bytes, str]:
    start = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    return start + upload + b"\r\n--x--\r\n", "multipart/form-data; boundary=x"


async def _request(port: int, media_type: str, content: bytes) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(
            f"POST /api/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {media_type}\r\n"
            f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode()
        )
        writer.write(content)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        return int(head.split()[1]), body
    finally:
        writer.close()
