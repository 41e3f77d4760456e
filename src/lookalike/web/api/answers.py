"""Make answers, and stop making them when nobody waits any more."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

_Result = TypeVar("_Result")

CLOSED_BY_CLIENT = 499


class GoneError(Exception):
    """The client has gone; there is nobody to answer."""


def json_response(content: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON, not escaped to ASCII."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode("utf-8", "replace"), media_type="application/json", headers=dict(headers or {}))


async def while_connected(request: Request, work: Coroutine[Any, Any, _Result]) -> _Result:
    """The result of ``work``, which is cancelled if the client goes; raises :class:`GoneError` then.

    The body of the request must have been read.
    """
    task = asyncio.ensure_future(work)
    watch = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait((task, watch), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise GoneError
        return task.result()
    finally:
        watch.cancel()
        task.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
