"""One image of a gallery: its thumbnail, its file, and what is known of it."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Path, Query
from pydantic import BeforeValidator
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from lookalike.errors import QueryError
from lookalike.gallery.contents.thumbnails import ThumbnailSide
from lookalike.gallery.gallery import Gallery, GalleryImage
from lookalike.report.browse import details_json
from lookalike.system_files import real_path
from lookalike.web.api.answers import json_response
from lookalike.web.api.errors import NotFoundError, documented
from lookalike.web.api.galleries import GalleryName, found
from lookalike.web.api.models import ImageAnswer
from lookalike.web.galleries.originals import as_jpeg, open_original
from lookalike.web.service import Service

ImageId = Annotated[str, Path(pattern=r"^[0-9a-f]{1,16}$", description="The id of an image, as hits have it.")]

_PLACE = "/api/galleries/{gallery}/images/{image}"
_MINUTE = "private, max-age=60"


def images_router(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["images"])
    _add_thumbnail(router, service)
    _add_original(router, service)
    _add_details(router, service)
    return router


def _image(service: Service, gallery: str, image: str, *, with_values: bool = False) -> tuple[Gallery, GalleryImage]:
    """The image with this id, and its gallery; call this on a thread."""
    now = found(service, gallery).gallery
    try:
        return now, now.image(image, with_values=with_values)
    except QueryError as error:
        raise NotFoundError(str(error)) from error


def _add_thumbnail(router: APIRouter, service: Service) -> None:
    @router.get(
        f"{_PLACE}/thumbnail",
        summary="A small copy of an image",
        response_class=Response,
        responses={200: {"content": {"image/webp": {}}}, **documented(404, 413, 415)},
    )
    async def show_thumbnail(
        request: Request,
        gallery: GalleryName,
        image: ImageId,
        side: Annotated[ThumbnailSide, BeforeValidator(int), Query(description="Its longer side in pixels.")] = 640,
    ) -> Response:
        """WebP, upright, without metadata. It is made once and kept."""

        def read() -> Response:
            now, found_image = _image(service, gallery, image)
            headers = {"ETag": f'"{found_image.sha256}-{side}"', "Cache-Control": _MINUTE}
            if request.headers.get("if-none-match") == headers["ETag"]:
                return Response(status_code=304, headers=headers)
            return Response(now.thumbnail(found_image, side), media_type="image/webp", headers=headers)

        with service.files.admitted():
            return await service.on_file_thread(read)


def _add_original(router: APIRouter, service: Service) -> None:
    @router.get(
        f"{_PLACE}/original",
        summary="The file of an image",
        response_class=Response,
        responses={200: {"content": {"image/*": {}}}, **documented(404, 413, 415)},
    )
    async def send_original(
        gallery: GalleryName,
        image: ImageId,
        form: Annotated[
            Literal["own", "jpeg", "download"],
            Query(alias="as", description="As it is, as a JPEG that every browser shows, or as a download."),
        ] = "own",
    ) -> Response:
        """The file as it is, if browsers can show it, else as a download."""

        def read() -> Response:
            now, found_image = _image(service, gallery, image)
            if form == "jpeg":
                content = as_jpeg(found_image, now.options.reading)
                return Response(content, media_type="image/jpeg", headers={"Cache-Control": _MINUTE})
            original = open_original(found_image)
            is_inline = original.is_shown and form == "own"
            headers = {
                "Content-Length": str(original.size),
                "Content-Disposition": _disposition(found_image.file.name, inline=is_inline),
                "Cache-Control": _MINUTE,
            }
            return StreamingResponse(original.chunks(), media_type=original.media_type, headers=headers)

        with service.files.admitted():
            return await service.on_file_thread(read)


def _add_details(router: APIRouter, service: Service) -> None:
    @router.get(
        f"{_PLACE}/details",
        summary="What is known of an image",
        response_model=None,
        responses={200: {"model": ImageAnswer}, **documented(404)},
    )
    async def show_details(gallery: GalleryName, image: ImageId) -> Response:
        def read() -> Response:
            return json_response(details_json(_image(service, gallery, image, with_values=True)[1]))

        return await service.on_search_thread(read)

    @router.post(
        f"{_PLACE}/reveal",
        summary="Open the folder of an image on the screen of the server",
        status_code=204,
        response_class=Response,
        responses=documented(404),
    )
    async def reveal(gallery: GalleryName, image: ImageId) -> Response:
        """Only a server that no other machine reaches does this."""
        if not service.settings.is_local:
            raise QueryError("folders are opened only by a server that no other machine can reach")

        def open_folder() -> int:
            return service.settings.open_folder(real_path(_image(service, gallery, image)[1].file))

        if await service.on_file_thread(open_folder):
            raise QueryError("no program on this machine opens folders")
        return Response(status_code=204)


def _disposition(name: str, *, inline: bool) -> str:
    """The header for a file called ``name``, which may have any characters (RFC 6266)."""
    encoded = quote(name.encode("utf-8", "replace"), safe="")
    return f"{'inline' if inline else 'attachment'}; filename*=UTF-8''{encoded}"
