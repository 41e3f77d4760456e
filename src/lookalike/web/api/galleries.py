"""What there is: the galleries, their images, and what these have in common."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from lookalike.errors import QueryError
from lookalike.gallery.contents.duplicates import DuplicateGroup
from lookalike.gallery.gallery import Gallery
from lookalike.gallery.searching.copies import copy_threshold
from lookalike.report.browse import facets_json, images_json
from lookalike.report.document.json import path_fields
from lookalike.report.duplicates import duplicates_json
from lookalike.report.gallery import quality_json, status_json
from lookalike.search.query import Filter
from lookalike.web.api.answers import json_response, while_connected
from lookalike.web.api.errors import NotFoundError, documented
from lookalike.web.api.models import (
    DuplicatesAnswer,
    EvaluationAnswer,
    FacetsAnswer,
    FilterRequest,
    GalleriesAnswer,
    ImagesAnswer,
    ImagesRequest,
    StatusAnswer,
)
from lookalike.web.galleries.served import ServedGallery
from lookalike.web.kept import Kept
from lookalike.web.service import Service

GalleryName = Annotated[str, Path(max_length=200, description="The name of a gallery.")]

VERSION: Final = 1
_MOST_KEPT: Final = 32


def found(service: Service, name: str) -> ServedGallery:
    """The gallery with this name; raises :class:`NotFoundError`."""
    try:
        return service.galleries[name]
    except QueryError as error:
        raise NotFoundError(str(error)) from error


def galleries_router(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["galleries"])
    _add_galleries(router, service)
    _add_contents(router, service)
    _add_duplicates(router, service)
    return router


def _add_galleries(router: APIRouter, service: Service) -> None:
    @router.get(
        "/api/galleries",
        summary="The galleries that are served",
        response_model=None,
        responses={200: {"model": GalleriesAnswer}, **documented()},
    )
    async def list_galleries() -> Response:
        def read() -> dict[str, Any]:
            galleries = [_gallery_json(one) for one in service.galleries]
            return {"version": VERSION, "local": service.settings.is_local, "galleries": galleries}

        return json_response(await service.on_search_thread(read))

    @router.get(
        "/api/galleries/{gallery}",
        summary="The status of a gallery",
        response_model=None,
        responses={200: {"model": StatusAnswer}, **documented(404)},
    )
    async def show_status(gallery: GalleryName) -> Response:
        """What `lookalike status --json` prints: the encoder, what was skipped and why, and more."""
        served = found(service, gallery)
        return json_response(await service.on_search_thread(lambda: status_json(served.gallery)))

    @router.get(
        "/api/galleries/{gallery}/evaluation",
        summary="How good the search is, by the last evaluation",
        response_model=None,
        responses={200: {"model": EvaluationAnswer}, **documented(404)},
    )
    async def show_evaluation(gallery: GalleryName) -> Response:
        """What `lookalike evaluate --json` printed the last time, if it measured this gallery by its own encoder."""
        served = found(service, gallery)
        return json_response(await service.on_search_thread(lambda: quality_json(served.gallery)))


def _add_contents(router: APIRouter, service: Service) -> None:
    facets_kept: Kept[Hashable, dict[str, Any]] = Kept(_MOST_KEPT)

    @router.get(
        "/api/galleries/{gallery}/images",
        summary="Images of a gallery, in order",
        response_model=None,
        responses={200: {"model": ImagesAnswer}, **documented(404)},
    )
    async def list_images(gallery: GalleryName, asked: Annotated[ImagesRequest, Query()]) -> Response:
        served = found(service, gallery)

        def read() -> dict[str, Any]:
            part, now = Filter(asked.under, asked.where), served.gallery
            images = now.images(part, asked.order, after=asked.after, limit=asked.limit)
            return images_json(now.count(asked.under, asked.where), images)

        return json_response(await service.on_search_thread(read))

    @router.get(
        "/api/galleries/{gallery}/facets",
        summary="Folders, columns and months, with the number of images of each",
        response_model=None,
        responses={200: {"model": FacetsAnswer}, **documented(404)},
    )
    async def show_facets(gallery: GalleryName, asked: Annotated[FilterRequest, Query()]) -> Response:
        served = found(service, gallery)

        def read() -> dict[str, Any]:
            part, now = Filter(asked.under, asked.where), served.gallery
            key = (gallery, now.revision(), part)
            return facets_kept.find_or_make(key, lambda: facets_json(now.facets(part)))

        return json_response(await service.on_search_thread(read))


def _add_duplicates(router: APIRouter, service: Service) -> None:
    duplicates_kept: Kept[Hashable, list[DuplicateGroup]] = Kept(_MOST_KEPT)

    @router.get(
        "/api/galleries/{gallery}/duplicates",
        summary="Groups of identical and nearly identical images",
        response_model=None,
        responses={200: {"model": DuplicatesAnswer}, **documented(404)},
    )
    async def list_duplicates(
        request: Request,
        gallery: GalleryName,
        threshold: Annotated[
            float | None,
            Query(ge=-1, le=1, allow_inf_nan=False, description="Images with a cosine from this on are copies."),
        ] = None,
    ) -> Response:
        """What `lookalike duplicates --json` prints. Every image is compared with every other one, which takes time."""
        served = found(service, gallery)
        stopped = threading.Event()

        def read() -> dict[str, Any]:
            now = served.gallery
            least = copy_threshold(now.stamp) if threshold is None else threshold
            key = (gallery, now.revision(), least)
            groups = duplicates_kept.find_or_make(key, lambda: _duplicates(now, least, stopped))
            return duplicates_json(now.path, now.root, least, groups)

        with service.comparisons.admitted():
            try:
                return json_response(await while_connected(request, service.on_comparison_thread(read)))
            finally:
                stopped.set()


class _StoppedError(Exception):
    """Nobody waits for the result any more."""


def _duplicates(gallery: Gallery, threshold: float, stopped: threading.Event) -> list[DuplicateGroup]:
    def check(_done: int, _total: int) -> None:
        if stopped.is_set():
            raise _StoppedError

    return gallery.duplicates(threshold, progress=check)


def _gallery_json(served: ServedGallery) -> dict[str, Any]:
    gallery = served.gallery
    status_of_update = gallery.last_update()
    offline = gallery.count() - len(gallery)
    return {
        "name": served.name,
        "gallery": path_fields(gallery.path)["path"],
        "root": path_fields(gallery.root)["path"],
        "images": len(gallery),
        "offline": offline,
        "encoder": gallery.stamp.name,
        "text": gallery.stamp.clip is not None,
        "updated": status_of_update.finished and status_of_update.finished.isoformat(),
        "unfinished_files": status_of_update.files,
        "updating": served.updating,
        "columns": gallery.columns(),
    }
