"""Take images away that were picked: as a list, a table, or the files themselves."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final, Literal

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from lookalike.errors import ImageError, QueryError
from lookalike.gallery.gallery import GalleryImage
from lookalike.report.browse import Pick, picks_csv
from lookalike.web.api.bodies import media_type, parsed
from lookalike.web.api.errors import NotFoundError, documented
from lookalike.web.api.galleries import found
from lookalike.web.api.models import PicksRequest
from lookalike.web.galleries.originals import open_original
from lookalike.web.service import Service

_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/PicksRequest"}},
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "properties": {"picks": {"type": "string", "description": "The same as JSON."}},
                    "required": ["picks"],
                }
            },
        },
    }
}

Format = Literal["csv", "zip"]


def picks_router(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["picks"])

    def read_picks(request: PicksRequest) -> list[Pick]:
        galleries = {name: found(service, name).gallery for name in {one.gallery for one in request.picks}}
        try:
            return [Pick(galleries[one.gallery].image(one.id), one.rank, one.match, one.score) for one in request.picks]
        except QueryError as error:
            raise NotFoundError(str(error)) from error

    @router.post(
        "/api/picks/{form}",
        summary="A table or an archive of images",
        response_class=Response,
        responses={200: {"content": {"text/csv": {}, "application/zip": {}}}, **documented(404, 408, 413, 415)},
        openapi_extra=_BODY,
    )
    async def take_picks(request: Request, form: Format) -> Response:
        """`csv` is a table for spreadsheets with all columns; `zip` has the files as they are."""
        picks = await service.on_search_thread(read_picks, await _read(request))
        if form == "csv":
            content = picks_csv(picks).encode("utf-8-sig")
            return Response(content, media_type="text/csv; charset=utf-8", headers=_attachment("lookalike.csv"))
        return StreamingResponse(
            _zipped([pick.image for pick in picks]), media_type="application/zip", headers=_attachment("lookalike.zip")
        )

    return router


async def _read(request: Request) -> PicksRequest:
    """The picks as JSON, or as a form of a page, whose answer the browser saves as it arrives."""
    form_of_body = media_type(request)
    if form_of_body == "application/json":
        return parsed(PicksRequest, await request.body())
    if form_of_body == "application/x-www-form-urlencoded":
        async with request.form(max_fields=1) as form:
            return parsed(PicksRequest, str(form.get("picks", "")))
    raise HTTPException(415, "send the picks as application/json")


def _attachment(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


class _Growing(io.RawIOBase):
    """A file that is taken away while it is written."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, part: object) -> int:
        content = bytes(part)  # type: ignore[call-overload]  # a buffer
        self._parts.append(content)
        return len(content)

    def take(self) -> bytes:
        content = b"".join(self._parts)
        self._parts.clear()
        return content


def _zipped(images: Sequence[GalleryImage]) -> Iterator[bytes]:
    """The files of ``images`` as an archive; a text in it names those that can't be read."""
    growing, missing = _Growing(), []
    names = _names(images)
    with zipfile.ZipFile(growing, "w", zipfile.ZIP_STORED) as archive:  # images are compressed already
        for image, name in zip(images, names, strict=True):
            try:
                original = open_original(image)
            except ImageError as error:
                missing.append(str(error))
                continue
            with archive.open(name, "w", force_zip64=True) as entry:
                for part in original.chunks():
                    entry.write(part)
                    yield growing.take()
        if missing:
            archive.writestr("missing.txt", "".join(f"{line}\n" for line in missing).encode("utf-8", "replace"))
    yield growing.take()


def _names(images: Sequence[GalleryImage]) -> list[str]:
    """A name in the archive for each image: that of its file, with a number if there are several of that name."""
    names: list[str] = []
    counts: dict[str, int] = {}
    for image in images:
        name = PurePosixPath(image.path).name.encode("utf-8", "replace").decode()
        counts[name] = counts.get(name, 0) + 1
        path = PurePosixPath(name)
        names.append(name if counts[name] == 1 else f"{path.stem} ({counts[name]}){path.suffix}")
    return names
