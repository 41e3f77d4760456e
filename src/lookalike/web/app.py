"""The application: the API, the page, and what guards them."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike import __version__
from lookalike.errors import LookalikeError
from lookalike.web.api.answers import CLOSED_BY_CLIENT, GoneError
from lookalike.web.api.errors import add_error_handlers
from lookalike.web.api.galleries import galleries_router
from lookalike.web.api.images import images_router
from lookalike.web.api.models import PicksRequest, SearchRequest
from lookalike.web.api.picks import picks_router
from lookalike.web.api.previews import previews_router
from lookalike.web.api.searching import search_router
from lookalike.web.api.state import state_router
from lookalike.web.security.access import TokenRequired
from lookalike.web.security.headers import SafeHeaders
from lookalike.web.security.hosts import CheckedHosts
from lookalike.web.security.limits import LimitedBodies, TooLargeError, TooSlowError
from lookalike.web.service import Service
from lookalike.web.telemetry import Telemetry

_LOG: Final = logging.getLogger(__name__)

SHARED: Final = Path(str(files("lookalike.report"))) / "templates"
"""The folder of the styles that all pages of Lookalike share."""
SHARED_STYLES: Final = ("palette.css", "components.css")
ASSETS: Final = Path(str(files("lookalike.web"))) / "assets"

_FORM_BYTES: Final = 1 << 20
"""What a form has besides its images."""
_DESCRIPTION: Final = """\
Image search with CLIP-Retrieval. Images are named by the gallery that has them and an id, which stays the same when
they are renamed or moved. Every error has the form `{"error": {"kind": ..., "message": ...}}`."""


def create_app(service: Service) -> ASGIApp:
    """The application of ``service``; it closes the service when the server ends."""
    app = FastAPI(
        title="Lookalike",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,  # these pages load scripts from other hosts
        redoc_url=None,
        openapi_url="/api/openapi.json",
        redirect_slashes=False,
        lifespan=_lifespan(service),
    )
    add_error_handlers(app)
    app.add_exception_handler(GoneError, _answer_nobody)
    for router in (search_router, previews_router, galleries_router, images_router, picks_router, state_router):
        app.include_router(router(service))
    _add_page(app)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # the way that FastAPI documents
    guarded: ASGIApp = LimitedBodies(
        _Answered(app), service.settings.limits.upload_bytes + _FORM_BYTES, service.settings.limits.body_seconds
    )
    if service.settings.token is not None:
        guarded = TokenRequired(guarded, service.settings.token)
    guarded = CheckedHosts(guarded, service.settings.host_names)
    return SafeHeaders(_Counted(guarded, service.telemetry))


def _lifespan(service: Service) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        threading.Thread(target=_start, args=(service,), name="start", daemon=True).start()
        yield
        service.close()

    return lifespan


def _start(service: Service) -> None:
    try:
        service.start()
    except LookalikeError as error:  # each search says so, too
        _LOG.warning("%s", error)


def _add_page(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def show_page() -> Response:
        return FileResponse(ASSETS / "index.html", headers={"Cache-Control": "no-cache"})

    for name in SHARED_STYLES:
        app.add_api_route(f"/assets/{name}", partial(_send_style, SHARED / name), include_in_schema=False)

    app.mount("/assets", _Assets(directory=ASSETS), name="assets")


async def _send_style(path: Path) -> Response:
    return FileResponse(path, media_type="text/css", headers={"Cache-Control": "no-cache"})


class _Assets(StaticFiles):
    """The files of the page; browsers ask each time whether they have changed."""

    def file_response(self, *arguments: Any, **options: Any) -> Response:
        response = super().file_response(*arguments, **options)
        response.headers["Cache-Control"] = "no-cache"
        return response


async def _answer_nobody(*_: object) -> Response:
    return Response(status_code=CLOSED_BY_CLIENT)


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the bodies that routes read by themselves."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = document["components"]["schemas"]
        for model in (SearchRequest, PicksRequest):
            own = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(own.pop("$defs", {}))
            schemas[model.__name__] = own
        for name in ("HTTPValidationError", "ValidationError"):  # errors have another form here
            schemas.pop(name, None)
        app.openapi_schema = document
    return app.openapi_schema


class _Answered:
    """Ends the matter for a request that failed unexpectedly and was told so: the connection goes on.

    Starlette raises the error again after that, for the server to log, which has been done.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_answered = False

        async def send_on(message: Message) -> None:
            nonlocal is_answered
            is_answered = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        except (TooLargeError, TooSlowError):
            raise
        except Exception:
            if not is_answered:
                raise


class _Counted:
    """Counts requests by their routes."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = scope.get("route")
                self._telemetry.count_request(getattr(route, "path", "other"), message["status"])
            await send(message)

        await self._app(scope, receive, send_on if scope["type"] == "http" else send)
