"""``lookalike index``: make or update a gallery."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.cli.arguments import add_command, positive
from lookalike.cli.encoder_options import add_encoder, add_view, fetched, load
from lookalike.cli.progress import progress_bar
from lookalike.errors import StampMismatchError
from lookalike.text import shown

if TYPE_CHECKING:
    from lookalike.cli.arguments import Commands
    from lookalike.encoders.encoder import Encoder
    from lookalike.gallery.gallery import Gallery
    from lookalike.gallery.update import UpdateReport

_DETAILS = """\
The gallery is kept in FOLDER/.lookalike, or where --gallery says (for a folder that can't be written to).
The first run encodes every picture; later runs read only files whose size, time or inode changed, know renamed
and moved ones by their content, and forget what is gone. Stop it whenever you like: the next run goes on from
there. Pictures: JPEG, PNG, WebP, GIF (first frame), BMP, TIFF, MPO, AVIF, HEIC, in any case of extension. Hidden
files and folders (a dot in front) are left out."""


def add_to(commands: Commands) -> None:
    """Add this command to the command line."""
    parser = add_command(
        commands, "index", "make a folder of photographs searchable, or bring it up to date", run, _DETAILS
    )
    parser.add_argument(
        "folder", metavar="FOLDER", nargs="?", help="the photographs (default: those of the gallery found from here)"
    )
    parser.add_argument("--gallery", metavar="PATH", help="keep the gallery here instead of in FOLDER/.lookalike")
    add_encoder(
        parser,
        "encoder of a new gallery: a name (see lookalike encoders), or the path of a checkpoint (default: auto, a CLIP "
        "encoder that is on this machine, or is fetched if you agree, else the one that comes with Lookalike)",
    )
    add_view(parser)
    parser.add_argument(
        "--yes",
        action="store_true",
        help="agree to the download of the encoder's weights, which for auto are those of a CLIP encoder",
    )
    parser.add_argument(
        "--reencode",
        metavar="NAME|PATH",
        help="move the gallery to another encoder; the old one serves until the new one is whole",
    )
    parser.add_argument("--verify", action="store_true", help="read and hash every file, also unchanged ones")
    parser.add_argument(
        "--any-extension", action="store_true", help="index pictures whose name promises another format, too"
    )
    parser.add_argument(
        "--max-megapixels",
        metavar="N",
        type=positive,
        default=200,
        help="skip larger pictures without decoding them (default: %(default)s)",
    )
    # None is the gallery's own, where there is a gallery already.
    parser.set_defaults(usage=parser, precision=None, view=None)


def run(options: argparse.Namespace) -> int:
    """Carry out the command."""
    if options.reencode and options.encoder:
        options.usage.error("--encoder is for a new gallery, --reencode for one that is there: give one of them")
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = (
        options.max_megapixels * 1_000_000
    )  # Pillow's own limit, for what a file's head doesn't tell
    with _gallery(options) as gallery, progress_bar() as progress:
        reading = {
            "verify": options.verify,
            "pixel_cap": options.max_megapixels * 1_000_000,
            "any_extension": options.any_extension,
        }
        if options.reencode:
            report = gallery.reencode(_new_encoder(options, gallery), **reading, progress=progress)
            print(f"moved to {gallery.stamp.name}, {report.encoded:,} encoded; ", end="")
        else:
            report = gallery.update(**reading, progress=progress)
    print(_summary(report))
    return 0


def _gallery(options: argparse.Namespace) -> Gallery:
    """The gallery to update, made where there is none yet."""
    from lookalike.gallery.gallery import Gallery, gallery_at

    if options.folder is None:
        gallery = Gallery.open(options.gallery or ".", writing=True)
    else:
        place = gallery_at(options.gallery or options.folder)
        if place is None:
            return _new_gallery(options)
        gallery = Gallery.open(place, writing=True)
        gallery.expect_root(options.folder)
    try:
        if not options.reencode:
            _expect_encoder(gallery, options)
    except BaseException:
        gallery.close()
        raise
    return gallery


def _new_gallery(options: argparse.Namespace) -> Gallery:
    from lookalike.gallery.gallery import Gallery, check_root

    check_root(options.folder)  # before anything is asked or downloaded
    name = options.reencode or options.encoder or "auto"
    options.precision, options.view = options.precision or "auto", options.view or "centre"
    return Gallery.create(options.folder, options.gallery, encoder=load(options, fetched(options, name)))


def _new_encoder(options: argparse.Namespace, gallery: Gallery) -> Encoder:
    """The encoder that the gallery is to move to; it looks at the same view unless told otherwise."""
    options.precision, options.view = options.precision or "auto", options.view or gallery.stamp.view
    return load(options, fetched(options, options.reencode))


def _expect_encoder(gallery: Gallery, options: argparse.Namespace) -> None:
    """Make sure that the gallery was made with what the options name; what they don't name is the gallery's own."""
    stamp, name = gallery.stamp, None if options.encoder == "auto" else options.encoder
    activation = stamp.clip.activation if stamp.clip else None
    for option, wanted, own in (
        ("precision", None if options.precision == "auto" else options.precision, stamp.precision),
        ("view", options.view, stamp.view),
        ("activation", options.activation, activation),
        ("encoder", name if name and _is_known(name) and gallery.weights is None else None, stamp.name),
    ):
        if wanted not in (None, own):
            raise StampMismatchError(
                f"{shown(gallery.path)}: this gallery's {option} is {own}, not {wanted}; update it without --{option}, "
                "move it with --reencode NAME, or index into another with --gallery"
            )
    if name is None or (_is_known(name) and gallery.weights is None):
        return  # its own encoder, which it loads only if there is something to encode
    options.precision, options.view, options.activation = stamp.precision, stamp.view, activation
    gallery.use(load(options, name))


def _is_known(name: str) -> bool:
    """Whether the catalogue has an encoder of that name; raises, naming those it has, where no file has it either."""
    from lookalike.encoders import catalog

    if Path(name).exists() and not any(row.name == name for row in catalog.CATALOG):
        return False
    return catalog.find(name) is not None


def _summary(report: UpdateReport) -> str:
    counts = (
        f"{report.added:,} added, {report.updated:,} updated, {report.moved:,} moved, {report.removed:,} removed, "
        f"{report.skipped:,} skipped"
    )
    why = " (lookalike status tells why)" if report.skipped else ""
    return f"{counts}{why}; {report.images_per_second:.1f} images a second"
