"""Only pages of this server may use it: no other site in the same browser, under whatever name it reaches this machine.

A page of another site can send requests to any address that the browser reaches. Browsers say where a request comes
from (``Origin``, ``Sec-Fetch-Site``). A site whose name is made to lead to this machine (DNS rebinding) counts as the
same origin, but its requests name it in ``Host``; names that can't be made to lead elsewhere are accepted: addresses,
``localhost``, and those that the user allows.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from contextlib import suppress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from lookalike.web.security.answers import refusal

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens on ``host``."""
    if host.lower() == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def own_names() -> set[str]:
    """The names of this machine in its network."""
    name = socket.gethostname().lower()
    return {name, name.partition(".")[0], f"{name.partition('.')[0]}.local"}


class CheckedHosts:
    """Refuses requests that name another host, or that come from a page of another site."""

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self._app = app
        self._names = {name.lower() for name in names} | {"localhost"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            if not self._is_own(headers.get("host", "")):
                message = (
                    "this server doesn't answer under this name. To allow a name: lookalike serve --allow-host NAME"
                )
                await refusal(421, "host", message)(scope, receive, send)
                return
            if _is_foreign(scope, headers):
                await refusal(403, "origin", "requests of other sites are refused")(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_own(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        with suppress(ValueError):
            ipaddress.ip_address(name)
            return True
        return name in self._names


def _is_foreign(scope: Scope, headers: Headers) -> bool:
    """Whether a page of another site made this request, other than by a link to the page here."""
    is_link = headers.get("sec-fetch-mode") == "navigate" and scope["method"] == "GET"
    if headers.get("sec-fetch-site") in ("cross-site", "same-site") and not is_link:
        return True
    origin = headers.get("origin")
    if origin is None or (scope["method"] in _SAFE_METHODS and origin != "null"):
        return False
    return origin != f"{scope['scheme']}://{headers.get('host')}"
