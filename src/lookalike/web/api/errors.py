"""Errors as answers: each kind has a status, and a message that names no file that the client can't know of."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from lookalike.errors import EncoderError, GalleryError, ImageError, LookalikeError, OverloadedError, QueryError
from lookalike.images.files import SkipKind
from lookalike.web.api.models import ErrorAnswer
from lookalike.web.security.answers import refusal
from lookalike.web.security.limits import TooLargeError, TooSlowError

_LOG: Final = logging.getLogger(__name__)

_IMAGE_STATUS: Final = {
    SkipKind.TOO_LARGE: 413,
    SkipKind.NOT_AN_IMAGE: 415,
    SkipKind.UNSUPPORTED: 415,
    SkipKind.EMPTY: 415,
    SkipKind.OUT_OF_MEMORY: 413,
    SkipKind.VANISHED: 404,
    SkipKind.UNREADABLE: 404,
    SkipKind.FOLDER: 404,
    SkipKind.SPECIAL: 404,
    SkipKind.BROKEN_LINK: 404,
}
"""The status for an image that can't be used; 422 for other reasons."""
_UNAVAILABLE: Final = 503


class NotFoundError(LookalikeError):
    """No gallery has this name, or no image this id."""


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors that a route may answer with besides those of every route, for the OpenAPI document."""
    everywhere = (400, 401, 403, 421, 422, 500, 503)
    return {
        status: {"model": ErrorAnswer, "description": HTTPStatus(status).phrase} for status in {*everywhere, *statuses}
    }


def add_error_handlers(app: FastAPI) -> None:
    """Let ``app`` answer all errors in the same form."""
    app.add_exception_handler(LookalikeError, _answer_own)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(Exception, _answer_unexpected)


async def _answer_own(_: Request, error: Exception) -> Response:
    if isinstance(error, OverloadedError):
        return refusal(_UNAVAILABLE, "overloaded", str(error), {"Retry-After": str(error.seconds)})
    if isinstance(error, NotFoundError):
        return refusal(404, "not-found", str(error))
    if isinstance(error, ImageError):
        return refusal(_IMAGE_STATUS.get(SkipKind(error.kind), 422), error.kind, str(error))
    if isinstance(error, QueryError):
        return refusal(400, "query", str(error))
    _LOG.error("%s", error)
    kind = "encoder" if isinstance(error, EncoderError) else "gallery" if isinstance(error, GalleryError) else "other"
    return refusal(_UNAVAILABLE, kind, str(error), {"Retry-After": "10"})


async def _answer_invalid(_: Request, error: Exception) -> Response:
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    lines = [f"{_place(one['loc'])}: {str(one['msg']).removeprefix('Value error, ')}" for one in problems]
    return refusal(422, "invalid", "; ".join(lines) or "the request is invalid")


def _place(location: tuple[object, ...]) -> str:
    """Where a mistake is: ``terms.0.weight``."""
    return ".".join(str(part) for part in location[1:]) or str(location[0])


async def _answer_http(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    kinds = {404: "not-found", 405: "method"}
    return refusal(error.status_code, kinds.get(error.status_code, "invalid"), error.detail, error.headers)


async def _answer_unexpected(_: Request, error: Exception) -> Response:
    if isinstance(error, (TooLargeError, TooSlowError)):
        raise error
    _LOG.error("a request failed", exc_info=error)
    return refusal(500, "unexpected", "an unexpected error; the terminal of lookalike serve tells more")
