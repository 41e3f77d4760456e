"""Refusals, in the form that all errors of the API have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse

from lookalike.report.document.json import utf8


def error_json(kind: str, message: str) -> dict[str, Any]:
    """An error: ``kind`` is for programs, ``message`` for people."""
    return {"error": {"kind": kind, "message": utf8(message)}}


def refusal(status: int, kind: str, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An answer that refuses a request."""
    return JSONResponse(error_json(kind, message), status, headers)
