"""``POST /api/preview``."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from lookalike.web.api.answers import while_connected
from lookalike.web.api.bodies import body_bytes, media_type, uploads_in
from lookalike.web.api.errors import documented
from lookalike.web.service import Service

_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"image": {"type": "string", "format": "binary"}},
                    "required": ["image"],
                },
            },
        },
    }
}


def previews_router(service: Service) -> APIRouter:
    """The route."""
    router = APIRouter()

    @router.post(
        "/api/preview",
        summary="An uploaded image in a format that every browser shows",
        tags=["search"],
        response_class=Response,
        responses={200: {"content": {"image/webp": {}}}, **documented(408, 413, 415)},
        openapi_extra=_BODY,
    )
    async def preview(request: Request) -> Response:
        """WebP of at most 1,600 pixels, upright, without metadata. Nothing is kept."""
        with service.files.admitted(), service.upload_bytes.admitted(body_bytes(request, service.settings.limits)):
            if media_type(request) != "multipart/form-data":
                raise HTTPException(415, "send an image as multipart/form-data")
            async with request.form(max_files=1, max_fields=0) as form:
                uploads = await uploads_in(form, ("image",))
            if not uploads:
                raise HTTPException(422, "the field image is missing")
            made = service.on_file_thread(service.galleries.previews.make, uploads[0])
            return Response(await while_connected(request, made), media_type="image/webp")

    return router
