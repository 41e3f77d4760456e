"""A token lets its holder in: sent once in a link, then kept by the browser as a cookie; programs send a header."""

from __future__ import annotations

import hashlib
import hmac
from http.cookies import SimpleCookie
from typing import Final
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from lookalike.web.security.answers import refusal

_COOKIE: Final = "lookalike_session"
_PARAMETER: Final = "token"
_SECONDS: Final = 30 * 24 * 3600


class TokenRequired:
    """Refuses requests without the token.

    The cookie has a hash of the token, so that it is of no use elsewhere. It is of the kind ``Lax``: browsers don't
    send a ``Strict`` one right after a link in a message was followed, which is how the token arrives.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token
        self._session = hashlib.sha256(f"lookalike session {token}".encode()).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        fields = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = [value for name, value in fields if name == _PARAMETER]
        if given and scope["method"] == "GET" and self._is_token(given[0]):
            rest = urlencode([(name, value) for name, value in fields if name != _PARAMETER])
            answer = RedirectResponse(f"./?{rest}" if rest else "./", 303, {"Cache-Control": "no-store"})
            answer.set_cookie(
                _COOKIE,
                self._session,
                max_age=_SECONDS,
                httponly=True,
                samesite="lax",
                secure=scope["scheme"] == "https",
            )
            await answer(scope, receive, send)
        elif self._is_let_in(Headers(scope=scope)):
            await self._app(scope, receive, send)
        else:
            message = (
                "a token is needed: open the link that lookalike serve printed, or send the token as "
                "'Authorization: Bearer TOKEN'"
            )
            await refusal(401, "token", message, {"WWW-Authenticate": "Bearer"})(scope, receive, send)

    def _is_let_in(self, headers: Headers) -> bool:
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self._is_token(token.strip()):
            return True
        for text in headers.getlist("cookie"):
            cookie: SimpleCookie = SimpleCookie()
            try:
                cookie.load(text)
            except ValueError:
                continue
            if _COOKIE in cookie and hmac.compare_digest(cookie[_COOKIE].value.encode(), self._session.encode()):
                return True
        return False

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self._token.encode())
