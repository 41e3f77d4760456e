"""Limits of what a client sends: bytes, and the time it takes for them."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.web.security.answers import refusal

_LEAST_BYTES_A_SECOND: Final = 50_000
"""A client whose body takes longer than the time that is given, and than it takes at this speed, is cut off."""


class TooLargeError(Exception):
    """A request has more bytes than are read."""


class TooSlowError(Exception):
    """A request takes too long to arrive."""


class LimitedBodies:
    """Refuses requests with more than ``most_bytes``, and those that take longer than ``seconds`` to arrive."""

    def __init__(self, app: ASGIApp, most_bytes: int, seconds: float = 20) -> None:
        self._app = app
        self._most_bytes = most_bytes
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(receive, self._most_bytes, self._seconds)
        has_begun = False

        async def send_on(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            body.check_length(Headers(scope=scope))
            await self._app(scope, body.receive, send_on)
        except TooLargeError:
            if has_begun:
                raise
            message = f"the request has more than {self._most_bytes / 2**20:g} MB"
            await refusal(413, "too-large", message, {"Connection": "close"})(scope, receive, send)
        except TooSlowError:
            if has_begun:
                raise
            await refusal(408, "too-slow", "the request took too long to arrive", {"Connection": "close"})(
                scope, receive, send
            )


class _Body:
    """The body of one request, as it arrives."""

    def __init__(self, receive: Receive, most_bytes: int, seconds: float) -> None:
        self._receive = receive
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._started = time.monotonic()
        self._count = 0
        self._is_complete = False

    def check_length(self, headers: Headers) -> None:
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > self._most_bytes:
            raise TooLargeError

    async def receive(self) -> Message:
        if self._is_complete:  # what follows is that the client has gone, whenever that may be
            return await self._receive()
        left = self._started + self._seconds + self._count / _LEAST_BYTES_A_SECOND - time.monotonic()
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, left))
        except TimeoutError as error:
            raise TooSlowError from error
        if message["type"] == "http.request":
            self._count += len(message.get("body", b""))
            if self._count > self._most_bytes:
                raise TooLargeError
        self._is_complete = not message.get("more_body", False)
        return message
