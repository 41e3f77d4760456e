"""The options of ``lookalike index`` that a gallery keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import rich_click as click

from lookalike.cli.options.command import Options, together
from lookalike.cli.options.shared import positive_integer
from lookalike.text import command_text

if TYPE_CHECKING:
    from lookalike.gallery.gallery import Gallery
    from lookalike.gallery.options import GalleryOptions
    from lookalike.images.pixels.levels import Levels


def _levels(text: str) -> Levels | str:
    """The type of ``--levels``."""
    from lookalike.images.pixels.levels import Levels

    try:
        return text if text == "auto" else Levels.parse(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not auto, 8 to 32, or BLACK:WHITE") from None


kept_options: Final = together(
    click.option(
        "--strict/--no-strict",
        default=None,
        panel="Files",
        help="Skip images whose end is missing, and those whose extension belongs to another format, such as a WebP "
        "named .jpg, and end with exit code 3 if any file was skipped (default: use them, and list them in lookalike "
        "status).",
    ),
    click.option(
        "--max-megapixels",
        metavar="N",
        type=positive_integer,
        panel="Files",
        help="Skip larger images without decoding them (default: 200).",
    ),
    click.option(
        "--levels",
        metavar="auto|BITS|BLACK:WHITE",
        type=_levels,
        panel="Files",
        help="Which sample values are black and white in images with more than 8 bits, such as 12 or 0:4095 (default: "
        "auto: what each file says, or what its largest value fits into).",
    ),
    click.option(
        "--exclude",
        metavar="PATTERN",
        multiple=True,
        panel="Files",
        help="Pass over files and folders that match, in the form of .gitignore; can be given several times.",
    ),
    click.option(
        "--include",
        metavar="PATTERN",
        multiple=True,
        panel="Files",
        help="Look at what matches although it is hidden, a system folder or excluded.",
    ),
    click.option(
        "--reset-options",
        is_flag=True,
        allow_from_autoenv=False,
        panel="Files",
        help="Forget the options kept in the gallery.",
    ),
)
"""Adds the options that a gallery keeps, and the one that forgets them."""


def set_options(gallery: Gallery, options: Options) -> None:
    """Keep the options that are given in the gallery; the others stay as they are there."""
    from lookalike.gallery.options import GalleryOptions
    from lookalike.images.decode import limit_frames

    changed = GalleryOptions() if options.reset_options else gallery.options
    pixel_cap = None if options.max_megapixels is None else options.max_megapixels * 1_000_000
    given = {
        "strict": options.strict,
        "pixel_cap": pixel_cap,
        "exclude": options.exclude or None,
        "include": options.include or None,
    }
    given = {name: value for name, value in given.items() if value is not None}
    if options.levels is not None:
        given["levels"] = None if options.levels == "auto" else options.levels
    gallery.set_options(changed.with_changes(**given))
    limit_frames(gallery.options.reading)


def options_text(options: GalleryOptions) -> str:
    """The options that differ from the defaults, as one types them."""
    from lookalike.images.decode import DEFAULT_PIXEL_CAP

    reading = options.reading
    texts = []
    if reading.strict:
        texts.append("--strict")
    if reading.pixel_cap != DEFAULT_PIXEL_CAP:
        texts.append(f"--max-megapixels {reading.pixel_cap / 1e6:g}")
    if reading.levels is not None:
        texts.append(f"--levels {reading.levels}")
    texts += [command_text(["--exclude", pattern]) for pattern in options.selection.exclude]
    texts += [command_text(["--include", pattern]) for pattern in options.selection.include]
    return " ".join(texts)
