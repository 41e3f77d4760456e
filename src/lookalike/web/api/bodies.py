"""Read the bodies of requests that come in several forms."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from lookalike.web.encoding.uploads import Upload
from lookalike.web.settings import Limits

_Model = TypeVar("_Model", bound=BaseModel)


def media_type(request: Request) -> str:
    """The type of a request's body, in lower case and without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def body_bytes(request: Request, limits: Limits) -> int:
    """The size of a request's body, or the largest one if it isn't known before it arrives."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() else limits.upload_bytes


def parsed(model: type[_Model], text: bytes | str) -> _Model:
    """The JSON ``text`` as a ``model``; raises what is answered as 422."""
    try:
        return model.model_validate(json.loads(text))
    except ValidationError as error:
        places = [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False)]
        raise RequestValidationError(places) from error
    except (ValueError, RecursionError) as error:
        raise HTTPException(422, "the body is no JSON") from error


async def uploads_in(form: FormData, fields: Sequence[str]) -> list[Upload]:
    """The files in the field ``image`` of a form that may have these ``fields``; raises what is answered as 422."""
    if unknown := set(form) - set(fields):
        raise HTTPException(422, f"unknown field {min(unknown)!r}; use {' and '.join(fields)}")
    files = [value for value in form.getlist("image") if isinstance(value, UploadFile)]
    if len(files) != len(form.getlist("image")):
        raise HTTPException(422, "the field image must be a file; in curl: -F image=@FILE")
    return list(await asyncio.gather(*map(_upload, files)))


async def _upload(file: UploadFile) -> Upload:
    return Upload(await file.read(), file.filename or "")
