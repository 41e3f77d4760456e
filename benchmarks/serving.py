"""``lookalike serve``: searches of many clients at once, compared with the same work in one process, and the page."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.images import Workspace
from benchmarks.machine import cores
from benchmarks.report import Line, Target, skipped
from lookalike import Gallery

if TYPE_CHECKING:
    from playwright.sync_api import Page

_CLIENTS: Final = 32
_CROWD: Final = 500
_BUSY: Final = HTTPStatus.SERVICE_UNAVAILABLE
_MOST_MB: Final = 100
_MOST_LATENCY: Final = 1.5
_FIRST_ROW_MS: Final = 150
_LONGEST_TASK_MS: Final = 50
_FIRST_PAINT_MS: Final = 500
_ROUNDS: Final = 3
_DROPS: Final = 9
_PAUSE_MS: Final = 1000

# The time from the drop of a file until the images of the first row are decoded.
_DROP: Final = """
async ([content, name]) => {
  const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name, {type: "image/jpeg"}));
  performance.clearResourceTimings();
  const [before, started] = [location.search, performance.now()];
  window.dispatchEvent(new DragEvent("drop", {dataTransfer, bubbles: true}));
  const isPainted = () => {
    const tiles = [...document.querySelectorAll(".grid .tile")].filter((one) => one.querySelector(".match"));
    const top = tiles[0]?.getBoundingClientRect().top;
    const row = tiles.filter((one) => one.getBoundingClientRect().top === top).map((one) => one.querySelector("img"));
    const isThere = row.length > 0 && row.every((one) => one?.complete && one.naturalWidth);
    return isThere && location.search !== before && !document.querySelector("[aria-busy]");
  };
  while (!isPainted()) await new Promise(requestAnimationFrame);
  const painted = performance.now() - started;
  const search = performance.getEntriesByType("resource").find(
    (one) => one.name.endsWith("/api/search") && one.serverTiming.some((stage) => stage.name === "encode")
  );
  return [painted, Object.fromEntries(search.serverTiming.map((one) => [one.name, one.duration]))];
}
"""
# Scroll from top to bottom through all images, and tell the longest task.
_SCROLL: Final = """
async (seconds) => {
  let longest = 0;
  const observer = new PerformanceObserver((list) => {
    for (const one of list.getEntries()) longest = Math.max(longest, one.duration);
  });
  observer.observe({type: "longtask"});
  const ends = performance.now() + 1000 * seconds;
  while (performance.now() < ends) {
    window.scrollBy(0, 400);
    await new Promise(requestAnimationFrame);
  }
  return [longest, window.scrollY, Number(document.querySelector(".tile:last-child")?.ariaPosInSet ?? 0)];
}
"""


def run(workspace: Workspace) -> Iterator[Line]:
    """Searches by the API, and the page in a browser."""
    images = workspace.small(100 if workspace.quick else 400)
    folder = workspace.copies("served", images, len(images))
    many = workspace.copies("many", images, 1_000 if workspace.quick else 10_000)
    uploads = [image.read_bytes() for image in images]
    _index(folder)
    with _server(folder) as (address, server):
        yield from _many_clients(folder, uploads, address, 10 if workspace.quick else 30)
        yield from _crowd(uploads, address, server, 10 if workspace.quick else 60)
        yield from _in_browser(lambda page: (_first_paint(page, address), _first_row(page, uploads)))
    _index(many)
    with _server(many) as (address, _):
        yield from _in_browser(lambda page: (_scroll(page, address, 4 if workspace.quick else 15),))


def _index(folder: Path) -> None:
    command = [sys.executable, "-m", "lookalike.cli.main", "-q", "index", str(folder), "--thumbnails"]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)


@contextmanager
def _server(folder: Path) -> Iterator[tuple[str, int]]:
    command = [sys.executable, "-m", "lookalike.cli.main", "-q", "serve", "--gallery", str(folder), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline() if process.stdout else ""
        try:
            yield line.split()[1].rstrip("/"), process.pid
        finally:
            process.terminate()


def _many_clients(folder: Path, uploads: list[bytes], address: str, seconds: float) -> Iterator[Line]:
    """The 95th percentile of 32 clients, against the time that 32 searches take if the machine does nothing else."""
    port = int(address.rpartition(":")[2])
    asyncio.run(_clients(port, uploads, 2))
    results = []
    for _ in range(_ROUNDS):
        alone = _in_process(folder, uploads, seconds / _ROUNDS)
        started, cpu = time.perf_counter(), time.process_time()
        latencies = asyncio.run(_clients(port, uploads, seconds / _ROUNDS))
        elapsed = time.perf_counter() - started
        results.append(
            (alone, np.percentile(latencies, 95), len(latencies) / elapsed, (time.process_time() - cpu) / elapsed)
        )
    alone, latency, rate, own = np.median(results, axis=0)
    limit = _CLIENTS / alone
    what = f"POST /api/search, {_CLIENTS} clients: 95 % within"
    against = f"{_CLIENTS} / ({alone:.0f} searches/s in one process)"
    yield Line(what, f"{latency:.2f} s", against, latency / limit, Target(_MOST_LATENCY, most=True))
    yield Line("its throughput", f"{rate:.0f} searches/s", f"clients: {100 * own:.0f} % of a core", rate / alone)


def _crowd(uploads: list[bytes], address: str, server: int, seconds: float) -> Iterator[Line]:
    """What so many clients that never wait are answered, and the memory that the server takes for them."""
    port = int(address.rpartition(":")[2])
    asyncio.run(_demand(port, uploads, _CROWD // 5, 5))
    before = _memory(server)
    seen = asyncio.run(_demand(port, uploads, _CROWD, seconds))
    grown = (_memory(server) - before) / 2**20
    others = sum(count for status, count in seen.items() if status not in (HTTPStatus.OK, _BUSY))
    what = f"{_CROWD} clients for {seconds:.0f} s: answers but 200 and 503"
    against = f"{seen[HTTPStatus.OK]:,} of 200, {seen[_BUSY]:,} of 503"
    yield Line(what, f"{others}", against, float(others), Target(0, most=True))
    limit = f"limit {_MOST_MB} MB"
    yield Line("the memory that they add", f"{grown:.0f} MB", limit, grown / _MOST_MB, Target(1, most=True))


def _memory(process: int) -> int:
    """The memory of a process in bytes."""
    text = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(text.split("VmRSS:")[1].split()[0]) * 1024


async def _demand(port: int, uploads: list[bytes], clients: int, seconds: float) -> Counter[int]:
    """The statuses of all answers to clients that ask again at once, or half a second after a refusal."""
    ends, seen = time.perf_counter() + seconds, Counter[int]()

    async def ask(number: int) -> None:
        while time.perf_counter() < ends:
            try:
                status = await _post(port, uploads[number % len(uploads)] + b"%d" % time.perf_counter_ns())
            except OSError:  # a connection that is one too many
                continue
            seen[status] += 1
            await asyncio.sleep(0.5 if status == _BUSY else 0)

    await asyncio.gather(*map(ask, range(clients)))
    return seen


def _in_process(folder: Path, uploads: list[bytes], seconds: float) -> float:
    """Searches per second: decoded, encoded and searched for by as many threads as there are processors."""
    with Gallery.open(folder) as gallery, ThreadPoolExecutor(cores()) as pool:
        gallery.search(uploads[0])
        count, started = 0, time.perf_counter()
        while time.perf_counter() - started < seconds:
            part = [uploads[(count + number) % len(uploads)] for number in range(_CLIENTS)]
            list(pool.map(gallery.search, part))
            count += len(part)
        return count / (time.perf_counter() - started)


async def _clients(port: int, uploads: list[bytes], seconds: float) -> list[float]:
    """The time of each request, in seconds, of clients that ask one after another; each time for another image."""
    ends, latencies, number = time.perf_counter() + seconds, [], iter(range(10**9))

    async def ask() -> None:
        while time.perf_counter() < ends:
            place = next(number)
            content = uploads[place % len(uploads)] + b"%d-%d" % (place, time.perf_counter_ns())  # none is known
            started = time.perf_counter()
            status = await _post(port, content)
            if status != HTTPStatus.OK:
                raise RuntimeError(f"the server answered {status}")
            latencies.append(time.perf_counter() - started)

    await asyncio.gather(*(ask() for _ in range(_CLIENTS)))
    return latencies


async def _post(port: int, content: bytes) -> int:
    start = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
    middle = b'\r\n--x\r\nContent-Disposition: form-data; name="query"\r\n\r\n{"k": 10, "fold": false}\r\n--x--\r\n'
    body = start + content + middle
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"POST /api/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )
    answer = await reader.read()
    writer.close()
    return int(answer.split(maxsplit=2)[1])


def _in_browser(measured: Callable[[Page], Iterable[Line]]) -> Iterator[Line]:
    path = os.environ.get("LOOKALIKE_CHROMIUM") or shutil.which("chromium")
    if path is None:
        yield skipped("the page in a browser", "no Chromium on this machine")
        return
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        yield from measured(page)
        browser.close()


def _first_paint(page: Page, address: str) -> Line:
    times = []
    for _ in range(_ROUNDS):
        page.goto(address)
        page.wait_for_selector(".tile img.there")
        times.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
    time_ms = float(np.median(times))
    return Line(
        "first paint of the page",
        f"{time_ms:.0f} ms",
        f"limit {_FIRST_PAINT_MS} ms",
        time_ms / _FIRST_PAINT_MS,
        Target(1, most=True),
    )


def _first_row(page: Page, uploads: list[bytes]) -> Line:
    import base64

    painted, encoded = [], []
    for number in range(_DROPS + 1):
        page.wait_for_timeout(_PAUSE_MS)  # what the search before still loads is done
        content = base64.b64encode(uploads[number] + b"%d" % time.time_ns()).decode()
        milliseconds, stages = page.evaluate(_DROP, [content, "dropped.jpg"])
        painted.append(milliseconds)
        encoded.append(stages["decode"] + stages["encode"])
    beyond = float(np.median(np.subtract(painted, encoded)[1:]))  # the first one warms up
    what = "from a drop to the painted first row"
    against = f"decode + encode ({np.median(encoded[1:]):.0f} ms) + {_FIRST_ROW_MS} ms"
    return Line(what, f"{np.median(painted[1:]):.0f} ms", against, beyond / _FIRST_ROW_MS, Target(1, most=True))


def _scroll(page: Page, address: str, seconds: float) -> Line:
    results = []
    for _ in range(_ROUNDS):
        page.goto("about:blank")
        page.goto(address)
        page.wait_for_selector(".tile img.there")
        results.append(page.evaluate(_SCROLL, seconds))
    longest, distance, last = sorted(results)[len(results) // 2]
    what = f"scrolling {distance:,} pixels, {last:,} images: longest task"
    ours = ", ".join(f"{one:.0f} ms" if one else "under 50 ms" for one, *_ in results)
    return Line(what, ours, f"limit {_LONGEST_TASK_MS} ms", longest / _LONGEST_TASK_MS, Target(1, most=True))
