"""``POST /api/search``."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from lookalike.errors import QueryError
from lookalike.images.files import SkipKind, image_error
from lookalike.search.query import Filter, Region
from lookalike.web.api.answers import json_response, while_connected
from lookalike.web.api.bodies import body_bytes, media_type, parsed, uploads_in
from lookalike.web.api.errors import documented
from lookalike.web.api.models import MOST_TERMS, SearchAnswer, SearchRequest, TermRequest
from lookalike.web.encoding.uploads import Upload
from lookalike.web.searching import GalleryTerm, Timings, WebSearch, WebTerm, answer_search
from lookalike.web.service import Service

_FIELDS: Final = ("image", "query")

_SCHEMA: Final = {"$ref": "#/components/schemas/SearchRequest"}
_EXAMPLES: Final = {
    "like": {"summary": "Images like one of the gallery", "value": {"terms": [{"id": "1"}], "k": 20}},
    "combined": {
        "summary": "Like the left half of an image, but less like another one, from May 2023 on",
        "value": {
            "terms": [{"id": "1", "region": [0, 0, 0.5, 1]}, {"id": "2", "weight": -0.5}],
            "where": "date>=2023-05",
            "fold": True,
        },
    },
}
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _SCHEMA, "examples": _EXAMPLES},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "image": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "maxItems": MOST_TERMS,
                            "description": "An image file, or several; terms refer to them by their places.",
                        },
                        "query": _SCHEMA,
                    },
                    "required": ["image"],
                },
                "encoding": {"query": {"contentType": "application/json"}},
            },
        },
    }
}


def search_router(service: Service) -> APIRouter:
    """The route."""
    router = APIRouter()

    @router.post(
        "/api/search",
        summary="The images most similar to images or texts",
        tags=["search"],
        response_model=None,
        responses={200: {"model": SearchAnswer}, **documented(404, 408, 413, 415)},
        openapi_extra=_BODY,
    )
    async def search(request: Request) -> Response:
        """The answer is what `lookalike search --json` prints.

        Send the query as JSON, or images as the field `image` of a form, with the query as JSON in the field `query`:
        `curl -F image=@joint.jpg -F 'query={"k": 20}' http://127.0.0.1:8080/api/search`
        """
        with service.searches.admitted(), service.upload_bytes.admitted(body_bytes(request, service.settings.limits)):
            asked, uploads = await _read(request)
            timings = Timings()
            query = _search_of(asked, uploads)
            answer = await while_connected(request, answer_search(service, query, timings))
        for stage, seconds in timings.stages.items():
            service.telemetry.observe_stage(stage, seconds)
        return await run_in_threadpool(json_response, answer, {"Server-Timing": timings.header()})

    return router


async def _read(request: Request) -> tuple[SearchRequest, list[Upload]]:
    """The query and the uploads of a request, in either of its forms."""
    form_of_body = media_type(request)
    if form_of_body == "application/json":
        return parsed(SearchRequest, await request.body()), []
    if form_of_body != "multipart/form-data":
        raise HTTPException(415, "send the query as application/json, or images as multipart/form-data")
    async with request.form(max_files=MOST_TERMS, max_fields=len(_FIELDS)) as form:
        uploads = await uploads_in(form, _FIELDS)
        query = form.get("query", "{}")
        return parsed(SearchRequest, await query.read() if isinstance(query, UploadFile) else query), uploads


def _search_of(asked: SearchRequest, uploads: list[Upload]) -> WebSearch:
    """The search that is asked for; raises :class:`~lookalike.errors.QueryError`."""
    requests = asked.terms or [TermRequest(upload=place) for place in range(len(uploads))]
    if not requests:
        raise QueryError("the query is empty: send an image, or terms")
    return WebSearch(
        galleries=asked.galleries,
        terms=tuple(_term(one, uploads) for one in requests),
        where=Filter(asked.under, asked.where),
        k=asked.k,
        after=asked.after,
        min_score=asked.min_score,
        min_match=asked.match,
        fold=asked.fold,
        include_self=asked.include_self,
    )


def _term(request: TermRequest, uploads: list[Upload]) -> WebTerm:
    region = None if request.region is None else Region(*request.region)
    if request.text is not None:
        return WebTerm(request.text, request.weight)
    if request.id is not None:
        return WebTerm(GalleryTerm(request.id, request.gallery), request.weight, region)
    if request.upload is None or request.upload >= len(uploads):
        raise QueryError(f"upload {request.upload}: there is no such file in this request")
    if not uploads[request.upload].content:
        raise image_error(SkipKind.EMPTY, "empty file")
    return WebTerm(uploads[request.upload], request.weight, region)
