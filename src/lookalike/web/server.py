"""Run the application on a socket."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import signal
import socket
import threading
from contextlib import suppress
from typing import Any, Final

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from lookalike.errors import ServerError
from lookalike.text import printable
from lookalike.web.app import create_app
from lookalike.web.service import Service

_BACKLOG: Final = 512
_LAST_SECONDS: Final = 1
_MOMENT: Final = 0.2
_IDLE_SECONDS: Final = 30


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on ``host``, an address or a name; any free port if ``port`` is 0.

    Raises :class:`~lookalike.errors.ServerError`.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ServerError(f"port {port} is in use. To use another one: --port {port + 1}") from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise ServerError(f"port {port} is not allowed; use one from 1024 on, such as --port 8080") from error
        raise ServerError(f"{printable(host)}: can't listen here ({error.strerror or error})") from error
    except (OverflowError, UnicodeError) as error:
        raise ServerError(f"{printable(host)}: can't listen here ({error})") from error


def address_of(listening: socket.socket, host: str) -> str:
    """The address to open in a browser: ``http://127.0.0.1:8080/``."""
    port = listening.getsockname()[1]
    name = host
    with suppress(ValueError):
        address = ipaddress.ip_address(host)
        if address.is_unspecified:
            name = socket.gethostname()
        elif address.version == 6:  # noqa: PLR2004  brackets tell the colons from that before the port
            name = f"[{address}]"
    return f"http://{name}:{port}/"


def run(service: Service, listening: socket.socket) -> None:
    """Serve until the process is interrupted or told to end. ``service`` is closed then.

    Call this on the main thread. Raises ``KeyboardInterrupt`` afterwards if it was interrupted.
    """
    server = server_of(service)
    # Not Thread.join: Python 3.11 takes a thread for ended when that is interrupted.
    ended = threading.Event()

    def serve() -> None:
        try:
            server.run(sockets=[listening])
        finally:
            ended.set()

    def end(*_: object) -> None:
        server.should_exit = True

    before = signal.signal(signal.SIGTERM, end)
    # On another thread, uvicorn leaves the handling of signals alone.
    threading.Thread(target=serve, name="server").start()
    try:
        while not ended.wait(_MOMENT):  # without a limit, Windows would not interrupt it
            pass
    finally:
        end()
        ended.wait()
        signal.signal(signal.SIGTERM, before)


def server_of(service: Service) -> uvicorn.Server:
    """The server, which is still to be run on a socket; it closes ``service`` when it ends."""
    limits = service.settings.limits
    config = uvicorn.Config(
        create_app(service),
        http=_protocol(limits.header_seconds),
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,  # the addresses of requests can have a token
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        limit_concurrency=limits.connections,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_LAST_SECONDS,
        h11_max_incomplete_event_size=16 * 1024,
    )
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    return uvicorn.Server(config)


def _protocol(header_seconds: float) -> type[asyncio.Protocol]:
    """HTTP as uvicorn speaks it, but a client that doesn't finish its headers in this time is cut off."""

    class Protocol(H11Protocol):
        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            # asyncio does this only for sockets that name their protocol. Without it, the body of an answer waits until
            # the client has confirmed its headers: 40 ms.
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._set_deadline(is_waiting=True)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._set_deadline(is_waiting=self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0]))

        def connection_lost(self, exc: Exception | None) -> None:
            self._set_deadline(is_waiting=False)
            super().connection_lost(exc)

        def _set_deadline(self, *, is_waiting: bool) -> None:
            """Start to wait for the rest of the headers, or stop."""
            if is_waiting and self._deadline is None:
                self._deadline = self.loop.call_later(header_seconds, self.transport.close)
            elif not is_waiting and self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    return Protocol
