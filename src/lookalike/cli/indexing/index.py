"""``lookalike index``: create or update a gallery."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from lookalike.cli.galleries import remember
from lookalike.cli.indexing.kept_options import kept_options, set_options
from lookalike.cli.indexing.opening import new_encoder, open_or_create
from lookalike.cli.indexing.summary import print_summary, tell_losses, tell_what_is_next
from lookalike.cli.options.command import Options, command, wrong_usage
from lookalike.cli.options.encoder import encoder_options, view_option
from lookalike.cli.options.file_limits import file_limit_options, set_file_limits
from lookalike.cli.options.shared import json_option, yes_option
from lookalike.cli.output import PARTLY_DONE, print_json, tell_stop
from lookalike.cli.terminal.messages import is_quiet, problem
from lookalike.cli.terminal.progress import file_progress, progress_bar
from lookalike.text import plural

if TYPE_CHECKING:
    from lookalike.gallery.gallery import Gallery
    from lookalike.gallery.updating.update import UpdateReport

_DETAILS = """\
The gallery is stored in FOLDER/.lookalike, or where --gallery says (for a folder that is read-only). The first run
encodes every image. Later runs read only files whose size or time has changed, recognise renamed and moved images by
their content, and remove deleted ones from the gallery. Images that are gone all at once, as when a disk is not
connected, stay and are marked offline, until they are back or --prune removes them. You can interrupt indexing at any
time; the next run continues where it stopped.

--strict, --max-megapixels, --levels, --exclude and --include are kept in the gallery until they are given again, and
the first three apply to its queries too. Hidden files and folders (names that start with a dot), the system folders of
file servers and computers, and what a file named .lookalikeignore excludes (in the form of .gitignore, for the folder
it is in) are passed over."""


@command("index", details=_DETAILS)
@click.argument("folder", metavar="[FOLDER]", required=False)
@click.option("--gallery", metavar="PATH", help="Store the gallery here instead of in FOLDER/.lookalike.")
@encoder_options(
    "Encoder of a new gallery: a name (see lookalike encoders) or the path of a checkpoint (default: auto: a CLIP "
    "encoder on this machine, or one downloaded if you agree, or else the included encoder).",
    precision=None,  # that of the gallery, if it exists
)
@view_option(default=None)
@yes_option("Download the weights of the encoder without asking; for auto, those of a CLIP encoder.")
@click.option(
    "--reencode",
    metavar="NAME|PATH",
    allow_from_autoenv=False,
    help="Switch the gallery to another encoder; it stays searchable with the old one until this is complete.",
)
@click.option(
    "--accept-missing",
    is_flag=True,
    allow_from_autoenv=False,
    help="Complete --reencode without the images that can't be read now; they are taken out of the gallery.",
)
@click.option(
    "--prune",
    metavar="[FOLDER]",
    is_flag=False,
    flag_value="",
    allow_from_autoenv=False,
    help="Remove the images that are gone or offline (below FOLDER) from the gallery.",
)
@click.option(
    "--thumbnails",
    is_flag=True,
    help="Also make the thumbnails that lookalike serve shows; without this, they are made when they are first seen.",
)
@click.option("--verify", is_flag=True, help="Read and hash unchanged files too, and those that were skipped.")
@file_limit_options
@kept_options
@json_option
def index(options: Options) -> int:
    """Make a folder of images searchable, or update it after changes.

    FOLDER is the folder of images; without it, that of --gallery or of the nearest gallery at or above the current
    folder.
    """
    if options.reencode and options.encoder:
        wrong_usage("use either --encoder, for a new gallery, or --reencode, for an existing one")
    set_file_limits(options)
    with open_or_create(options) as gallery:
        is_new = len(gallery) == 0
        remember(gallery)
        set_options(gallery, options)
        report = _update(gallery, options)
        if options.json:
            from lookalike.report.gallery import update_json

            print_json(update_json(gallery, report))
        elif not is_quiet():
            print_summary(gallery, report, switched=bool(options.reencode))
        tell_losses(report.losses)
        tell_stop(report)
        if options.thumbnails and report.stopped_at is None:
            _make_thumbnails(gallery)
        if is_new and report.stopped_at is None:
            tell_what_is_next(gallery)
        is_strict = gallery.options.reading.strict
    is_complete = report.stopped_at is None and not report.losses and not (is_strict and report.skipped)
    return 0 if is_complete else PARTLY_DONE


def _make_thumbnails(gallery: Gallery) -> None:
    with progress_bar("thumbnails") as progress:
        failed = gallery.make_thumbnails(progress=progress)
    if failed:
        problem(f"no thumbnails of {plural(failed, 'image')}: their files can't be read now")


def _update(gallery: Gallery, options: Options) -> UpdateReport:
    with file_progress() as progress:
        if not options.reencode:
            return gallery.update(verify=options.verify, prune=options.prune, progress=progress)
        return gallery.reencode(
            new_encoder(options, gallery),
            verify=options.verify,
            accept_missing=options.accept_missing,
            prune=options.prune,
            progress=progress,
        )
