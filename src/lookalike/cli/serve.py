"""``lookalike serve``: galleries as a page in the browser, and as an API for programs."""

from __future__ import annotations

import os
import secrets
import sys
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Final

import rich_click as click

from lookalike.cli.options.command import Options, command, wrong_usage
from lookalike.cli.options.encoder import encoder_options, loader
from lookalike.cli.options.shared import json_option
from lookalike.cli.output import print_json, warn_if_incomplete
from lookalike.cli.terminal.interrupt import grace
from lookalike.cli.terminal.messages import is_quiet, note, problem
from lookalike.text import plural, printable

if TYPE_CHECKING:
    from lookalike.web.service import Service
    from lookalike.web.settings import Settings

_TOKEN: Final = "LOOKALIKE_TOKEN"  # noqa: S105  the name of a variable
_TOKEN_BYTES: Final = 24
_LEAST_TOKEN: Final = 12
_MOST_PORTS: Final = 65535
_GRACE_SECONDS: Final = 10
"""How long the server may take to end after Ctrl-C; a second one ends it at once."""

_DETAILS = """\
Only this computer can reach the page, unless --host says otherwise: --host 0.0.0.0 lets others in your network in, who
then need a token. It is in the link that is printed, or you choose it with the variable LOOKALIKE_TOKEN. What is sent
in the network can be overheard, because it is plain HTTP; for more than your own network, put a server with HTTPS
before it. Nothing in a gallery can be changed by way of the page.

Images that lookalike index adds meanwhile are found without a restart. The API is described by /api/openapi.json:
  curl -F image=@joint.jpg http://127.0.0.1:8080/api/search"""


def _port(text: str) -> int:
    port = int(text) if text.isdecimal() else -1
    if not 0 <= port <= _MOST_PORTS:
        raise click.BadParameter(f"{text!r} is not a port; use a number from 1 to {_MOST_PORTS}, or 0 for any free one")
    return port


@command("serve", details=_DETAILS)
@click.option(
    "--gallery",
    metavar="PATH",
    multiple=True,
    type=click.Path(),
    help="A gallery, or the folder that contains it (default: the nearest one at or above the current folder); may be "
    "given several times.",
)
@click.option(
    "--host",
    metavar="ADDRESS",
    default="127.0.0.1",
    help="Where to listen (default: 127.0.0.1, for this computer alone).",
)
@click.option("--port", metavar="N", type=_port, default="8080", help="The port (default: 8080); 0 is any free one.")
@click.option("--open", is_flag=True, allow_from_autoenv=False, help="Open the page in a browser.")
@click.option("--watch", is_flag=True, help="Update the galleries when images are added, changed or deleted.")
@click.option(
    "--allow-host",
    metavar="NAME",
    multiple=True,
    help="Answer to this name, too, such as that of a proxy; addresses and this computer's own name are allowed.",
)
@click.option(
    "--no-auth", is_flag=True, allow_from_autoenv=False, help="Let everyone in who reaches --host, without a token."
)
@encoder_options("Path of the gallery's checkpoint, if it has been moved.")
@json_option
def serve(options: Options) -> int:
    """Look at galleries in the browser: drop an image in, see what is like it."""
    from lookalike.web.server import address_of, listen, run
    from lookalike.web.service import Service

    settings = _settings(options)
    with grace(_GRACE_SECONDS), listen(options.host, options.port) as listening:
        service = Service(settings)
        for served in service.galleries:
            warn_if_incomplete(served.gallery)
        address = address_of(listening, options.host)
        link = address if settings.token is None else f"{address}?token={settings.token}"
        try:
            if options.json:
                print_json({"version": 1, "address": link, "galleries": [one.name for one in service.galleries]})
                sys.stdout.flush()
            else:
                _tell(service, link)
            _warn(service)
            if options.open:
                threading.Timer(0.5, _open_page, (link,)).start()
            run(service, listening)
        except KeyboardInterrupt:
            if not (is_quiet() or options.json):
                print("stopped")
    return 0


def _settings(options: Options) -> Settings:
    from lookalike.web.security.hosts import is_loopback, own_names
    from lookalike.web.settings import Settings

    token = os.environ.get(_TOKEN) or None
    is_local = is_loopback(options.host)
    if token is not None and len(token) < _LEAST_TOKEN:
        wrong_usage(f"{_TOKEN} has fewer than {_LEAST_TOKEN} characters; others could guess it")
    if options.no_auth:
        token = None
    elif token is None and not is_local:
        token = secrets.token_urlsafe(_TOKEN_BYTES)
    return Settings(
        galleries=tuple(map(Path, options.gallery or ["."])),
        token=token,
        host_names=frozenset({*options.allow_host, *(() if is_local else own_names())}),
        is_local=is_local,
        watch=options.watch,
        load=loader(options),
    )


def _tell(service: Service, link: str) -> None:
    """Say where the page is. The link is printed in any case: it is what the user wants."""
    for served in service.galleries if not is_quiet() else ():
        print(f"gallery    {printable(served.gallery.root)} ({plural(len(served.gallery), 'image')})")
    print(f"page       {link}", flush=True)
    if not is_quiet():
        note("Ctrl-C stops the server")


def _warn(service: Service) -> None:
    """Say who can see the images, if that is more than this computer."""
    if not service.settings.is_local:
        who = "everyone who reaches this address" if service.settings.token is None else "everyone who has this link"
        problem(f"{who} can see these images; plain HTTP can be overheard in the network")


def _open_page(link: str) -> None:
    if not webbrowser.open(link):
        problem(f"no browser could be opened; the page is {link}")
