"""``lookalike index``: create or update a gallery."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.cli.arguments import add_command, positive_integer
from lookalike.cli.encoder_options import add_encoder, add_view, load, loader, resolve_encoder
from lookalike.cli.file_limits import add_file_limits, set_file_limits
from lookalike.cli.output import PARTLY_DONE, tell_stop
from lookalike.cli.terminal.progress import progress_bar
from lookalike.errors import StampMismatchError
from lookalike.text import plural, printable

if TYPE_CHECKING:
    from lookalike.cli.arguments import Commands
    from lookalike.encoders.encoder import Encoder
    from lookalike.gallery.gallery import Gallery
    from lookalike.gallery.updating.missing import Loss
    from lookalike.gallery.updating.update import UpdateReport
    from lookalike.images.pixels.levels import Levels

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

_NOT_GIVEN = object()
"""The default of an option for which None is a value."""


def add_to(commands: Commands) -> None:
    """Add this command to the command line."""
    parser = add_command(
        commands, "index", "make a folder of images searchable, or update it after changes", run, _DETAILS
    )
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        nargs="?",
        help="the folder of images (default: that of --gallery, or of the nearest gallery upwards from here)",
    )
    parser.add_argument("--gallery", metavar="PATH", help="store the gallery here instead of in FOLDER/.lookalike")
    add_encoder(
        parser,
        "encoder of a new gallery: a name (see lookalike encoders) or the path of a checkpoint (default: auto: a CLIP "
        "encoder on this machine, or one downloaded if you agree, or else the included encoder)",
    )
    add_view(parser)
    parser.add_argument(
        "--yes",
        action="store_true",
        help="download the weights of the encoder without asking; for auto, those of a CLIP encoder",
    )
    parser.add_argument(
        "--reencode",
        metavar="NAME|PATH",
        help="switch the gallery to another encoder; it stays searchable with the old one until this is complete",
    )
    parser.add_argument(
        "--accept-missing",
        action="store_true",
        help="complete --reencode without the images that can't be read now; they are taken out of the gallery",
    )
    parser.add_argument(
        "--prune",
        metavar="FOLDER",
        nargs="?",
        const="",
        help="remove the images that are gone or offline (below FOLDER) from the gallery",
    )
    parser.add_argument(
        "--verify",
        action="store_true",
        help="read and hash unchanged files too, and those that were skipped",
    )
    add_file_limits(parser)
    parser.add_argument(
        "--strict",
        action=argparse.BooleanOptionalAction,
        help="skip images whose end is missing, and those whose extension belongs to another format, such as a WebP "
        "named .jpg (default: use them, and list them in lookalike status)",
    )
    parser.add_argument(
        "--max-megapixels",
        metavar="N",
        type=positive_integer,
        help="skip larger images without decoding them (default: 200)",
    )
    parser.add_argument(
        "--levels",
        metavar="auto|BITS|BLACK:WHITE",
        type=_levels,
        help="which sample values are black and white in images with more than 8 bits, such as 12 or 0:4095 (default: "
        "auto: what each file says, or what its largest value fits into)",
    )
    for option, help_text in (
        ("--exclude", "pass over files and folders that match, in the form of .gitignore; can be given several times"),
        ("--include", "look at what matches although it is hidden, a system folder or excluded"),
    ):
        parser.add_argument(option, metavar="PATTERN", action="append", help=help_text)
    parser.add_argument(
        "--reset-options",
        action="store_true",
        help="forget the options kept in the gallery",
    )
    parser.set_defaults(levels=_NOT_GIVEN)
    # None: the value of the existing gallery, or the default of a new one.
    parser.set_defaults(usage=parser, precision=None, view=None)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    if options.reencode and options.encoder:
        options.usage.error("use either --encoder, for a new gallery, or --reencode, for an existing one")
    set_file_limits(options)
    with _open_or_create(options) as gallery, progress_bar() as progress:
        _set_options(gallery, options)
        if options.reencode:
            report = gallery.reencode(
                _new_encoder(options, gallery),
                verify=options.verify,
                accept_missing=options.accept_missing,
                prune=options.prune,
                progress=progress,
            )
            print(f"switched to {gallery.stamp.name}: {plural(report.encoded, 'image')} encoded; ", end="")
        else:
            report = gallery.update(verify=options.verify, prune=options.prune, progress=progress)
    print(_summary(report))
    for loss in report.losses:
        print(f"lookalike: {_describe(loss)}", file=sys.stderr)
    tell_stop(report)
    return 0 if report.stopped_at is None and not report.losses else PARTLY_DONE


def _describe(loss: Loss) -> str:
    folder = printable(shlex.quote(loss.folder)) if loss.folder else ""
    lost = plural(loss.count, "image") + (f" below {folder}" if folder else "")
    message = (
        f"{lost} {'is' if loss.count == 1 else 'are'} gone all at once; perhaps a disk or a share is not connected. "
        f"They stay in the gallery, marked offline. If they were deleted on purpose: lookalike index --prune {folder}"
    )
    return message.rstrip()


def _levels(text: str) -> Levels | None:
    """The type of ``--levels``; None is ``auto``."""
    from lookalike.images.pixels.levels import Levels

    try:
        return None if text == "auto" else Levels.parse(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not auto, 8 to 32, or BLACK:WHITE") from None


def _set_options(gallery: Gallery, options: argparse.Namespace) -> None:
    """Keep the options that are given in the gallery; the others stay as they are there."""
    from lookalike.gallery.options import GalleryOptions
    from lookalike.images.decode import limit_frames

    changed = GalleryOptions() if options.reset_options else gallery.options
    pixel_cap = None if options.max_megapixels is None else options.max_megapixels * 1_000_000
    given = {
        "strict": options.strict,
        "pixel_cap": pixel_cap,
        "exclude": None if options.exclude is None else tuple(options.exclude),
        "include": None if options.include is None else tuple(options.include),
    }
    given = {name: value for name, value in given.items() if value is not None}
    if options.levels is not _NOT_GIVEN:
        given["levels"] = options.levels
    gallery.set_options(changed.with_changes(**given))
    limit_frames(gallery.options.reading)


def _open_or_create(options: argparse.Namespace) -> Gallery:
    """The gallery to update, opened for writing; created if there is none."""
    from lookalike.gallery.gallery import Gallery, gallery_at

    if options.folder is None:
        gallery = Gallery.open(options.gallery or ".", writing=True, load=loader(options))
    else:
        path = gallery_at(options.gallery or options.folder)
        if path is None:
            return _create(options)
        gallery = Gallery.open(path, writing=True, load=loader(options))
        gallery.confirm_root(options.folder)
    try:
        if not options.reencode:
            _check_encoder(gallery, options)
    except BaseException:
        gallery.close()
        raise
    return gallery


def _create(options: argparse.Namespace) -> Gallery:
    from lookalike.gallery.gallery import Gallery, check_root

    check_root(options.folder)  # before the user is asked about a download
    name = options.reencode or options.encoder or "auto"
    options.precision, options.view = options.precision or "auto", options.view or "centre"
    encoder = load(options, resolve_encoder(options, name))
    return Gallery.create(options.folder, options.gallery, encoder=encoder)


def _new_encoder(options: argparse.Namespace, gallery: Gallery) -> Encoder:
    """The encoder to switch to, with the view of the gallery unless ``--view`` is given."""
    options.precision, options.view = options.precision or "auto", options.view or gallery.stamp.view
    return load(options, resolve_encoder(options, options.reencode))


def _check_encoder(gallery: Gallery, options: argparse.Namespace) -> None:
    """Raise :class:`StampMismatchError` if an encoder option that was given differs from the gallery."""
    stamp, name = gallery.stamp, None if options.encoder == "auto" else options.encoder
    activation = stamp.clip.activation if stamp.clip else None
    for option, wanted, own in (
        ("precision", None if options.precision == "auto" else options.precision, stamp.precision),
        ("view", options.view, stamp.view),
        ("activation", options.activation, activation),
        ("encoder", name if name and _is_known(name) and gallery.weights_path is None else None, stamp.name),
    ):
        if wanted not in (None, own):
            raise StampMismatchError(
                f"{printable(gallery.path)}: this gallery's {option} is {own}, not {wanted}. Omit --{option}, switch "
                "encoders with --reencode NAME, or create another gallery with --gallery PATH"
            )
    if name is None or (_is_known(name) and gallery.weights_path is None):
        return  # the gallery loads its own encoder, and only if there is something to encode
    options.precision, options.view, options.activation = stamp.precision, stamp.view, activation
    gallery.set_encoder(load(options, name))


def _is_known(name: str) -> bool:
    """Whether ``name`` is in the catalogue; raises UnknownEncoderError if there is no file of that name either."""
    from lookalike.encoders import catalog

    if Path(name).exists() and not any(row.name == name for row in catalog.CATALOG):
        return False
    return catalog.find(name) is not None


def _summary(report: UpdateReport) -> str:
    from lookalike.images.kinds import in_words

    again = f", {report.reread:,} read again by new rules" if report.reread else ""
    noted = f", {report.noted:,} with notes" if report.noted else ""
    offline = f", {report.offline:,} offline" if report.offline else ""
    counts = (
        f"{report.added:,} added, {report.updated:,} updated, {report.moved:,} moved, {report.removed:,} removed, "
        f"{report.skipped:,} skipped{again}{noted}{offline}"
    )
    hint = " (for the reasons: lookalike status)" if report.skipped or report.noted else ""
    summary = f"{counts}{hint}; {report.images_per_second:.1f} images/s"
    if passed_over := in_words(report.passed_over):
        summary += f"\npassed over: {passed_over} (lookalike formats tells what is read)"
    return summary
