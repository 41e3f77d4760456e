"""Run the web server in this process, on a real socket."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from lookalike import Encoder
from lookalike.embedding.limits import FileLimits
from lookalike.web.server import listen, server_of
from lookalike.web.service import Service
from lookalike.web.settings import Limits, Settings


@dataclass(frozen=True)
class Running:
    """A server that runs: its address, its service, and a client that is connected to it."""

    address: str
    service: Service
    client: httpx.Client

    def search(self, *uploads: Path | bytes, **query: Any) -> list[dict[str, Any]]:
        """The hits of a search that succeeds."""
        answer = self.post(*uploads, **query)
        assert answer.status_code == 200, answer.text
        hits: list[dict[str, Any]] = answer.json()["results"][0]["hits"]
        return hits

    def post(self, *uploads: Path | bytes, **query: Any) -> httpx.Response:
        """The answer to a search."""
        if not uploads:
            return self.client.post("/api/search", json=query)
        contents = [(one.name, one.read_bytes()) if isinstance(one, Path) else ("upload", one) for one in uploads]
        files = [("image", content) for content in contents]
        return self.client.post("/api/search", files=files, data={"query": json.dumps(query)})


def limits(*, isolate: bool = False, **others: Any) -> Limits:
    """Limits for tests, where files are read in this process unless they are to be read apart."""
    return Limits(file_limits=FileLimits(seconds=others.pop("seconds", 20), isolate=isolate), **others)


@contextmanager
def running(*galleries: Path, encoder: Encoder | None = None, **settings: Any) -> Iterator[Running]:
    """A server of ``galleries``; ``encoder`` is used instead of any other."""
    if encoder is not None:
        settings.setdefault("load", lambda *_, **__: encoder)
    settings.setdefault("limits", limits())
    listening = listen("127.0.0.1", 0)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    service = Service(Settings(galleries=galleries, **settings))
    server = server_of(service)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        with httpx.Client(base_url=address, timeout=60) as client:
            yield Running(address, service, client)
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()
        listening.close()


@dataclass(frozen=True)
class Program:
    """``lookalike serve`` in a process of its own."""

    process: subprocess.Popen[str]
    address: str

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.address.rstrip("/").rpartition(":")[2].partition("/")[0])

    def memory(self) -> int:
        """The memory of the process in bytes."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]) * 1024

    def stop(self) -> tuple[int, str, str]:
        """Interrupt it as Ctrl-C does; returns the exit code, and the rest of what it printed."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


def start_program(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> Program:
    """Start the command on a free port, and wait until it has printed where the page is."""
    process = subprocess.Popen(
        [sys.executable, "-m", "lookalike.cli.main", "serve", "--port", "0", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("page "):
            return Program(process, line.split()[1])
    raise AssertionError(process.stderr.read() if process.stderr else "")
