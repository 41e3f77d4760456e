"""The gallery that ``lookalike index`` updates: the existing one, or a new one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.cli.options.command import Options
from lookalike.cli.options.encoder import load, loader, resolve_encoder
from lookalike.cli.output import path_from_here
from lookalike.cli.terminal.messages import note
from lookalike.errors import StampMismatchError
from lookalike.text import command_text, printable

if TYPE_CHECKING:
    from lookalike.encoders.encoder import Encoder
    from lookalike.gallery.gallery import Gallery


def open_or_create(options: Options) -> Gallery:
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


def _create(options: Options) -> Gallery:
    from lookalike.gallery.gallery import Gallery, check_root, find_gallery

    check_root(options.folder)  # before the user is asked about a download
    outer = find_gallery(options.folder)
    if outer is not None and options.gallery is None:
        note(
            f"{printable(options.folder)} is inside the folder of another gallery, {printable(outer)}. It gets one of "
            "its own, which is used there from now on; to bring the other up to date instead, interrupt this, and run "
            f"lookalike index --gallery {printable(command_text([str(outer)]))}"
        )
    name = options.reencode or options.encoder or "auto"
    options.precision, options.view = options.precision or "auto", options.view or "centre"
    encoder = load(options, resolve_encoder(options, name))
    gallery = Gallery.create(options.folder, options.gallery, encoder=encoder)
    note(f"made a gallery in {printable(path_from_here(gallery.path))}; nothing about your images leaves this machine")
    return gallery


def new_encoder(options: Options, gallery: Gallery) -> Encoder:
    """The encoder to switch to, with the view of the gallery unless ``--view`` is given."""
    options.precision, options.view = options.precision or "auto", options.view or gallery.stamp.view
    return load(options, resolve_encoder(options, options.reencode))


def _check_encoder(gallery: Gallery, options: Options) -> None:
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
