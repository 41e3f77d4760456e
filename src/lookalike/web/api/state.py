"""Whether the server works, and how much it has to do."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from lookalike import __version__
from lookalike.web.api.answers import json_response
from lookalike.web.api.errors import documented
from lookalike.web.api.models import HealthAnswer
from lookalike.web.service import Service
from lookalike.web.telemetry import MEDIA_TYPE


def state_router(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["server"])

    @router.get(
        "/api/health",
        summary="Whether the server works",
        response_model=None,
        responses={200: {"model": HealthAnswer}, **documented()},
    )
    async def show_health() -> Response:
        return json_response({"status": "ok", "version": __version__, "galleries": len(service.galleries)})

    @router.get(
        "/metrics",
        summary="Figures for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}, **documented()},
    )
    async def show_metrics() -> Response:
        images = await service.on_search_thread(lambda: {one.name: len(one.gallery) for one in service.galleries})
        return Response(service.telemetry.text(service.work(), images), media_type=MEDIA_TYPE)

    return router
