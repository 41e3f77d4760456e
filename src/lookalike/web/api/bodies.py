"""Read the bodies of requests that come in several forms."""

from __future__ import annotations

import json
from typing import TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request

_Model = TypeVar("_Model", bound=BaseModel)


def media_type(request: Request) -> str:
    """The type of a request's body, in lower case and without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def parsed(model: type[_Model], text: bytes | str) -> _Model:
    """The JSON ``text`` as a ``model``; raises what is answered as 422."""
    try:
        return model.model_validate(json.loads(text))
    except ValidationError as error:
        places = [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False)]
        raise RequestValidationError(places) from error
    except (ValueError, RecursionError) as error:
        raise HTTPException(422, "the body is no JSON") from error
