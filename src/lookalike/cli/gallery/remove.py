"""``lookalike remove``: take images out of a gallery."""

from __future__ import annotations

import rich_click as click

from lookalike.cli.options.command import Options, command
from lookalike.cli.options.shared import gallery_option, json_option
from lookalike.cli.output import PARTLY_DONE, print_json
from lookalike.cli.terminal.messages import problem
from lookalike.text import plural, printable

_DETAILS = """\
The image files are not touched. Images that are still in the folder come back with the next lookalike index, unless
they are excluded: lookalike index --exclude PATTERN."""


@command("remove", details=_DETAILS)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@gallery_option
@json_option
def remove(options: Options) -> int:
    """Take images, or folders of images, out of a gallery, without touching files.

    Each PATH is relative to the gallery's folder.
    """
    from lookalike.gallery.gallery import Gallery

    with Gallery.open(options.gallery or ".", writing=True) as gallery:
        removed, unknown = gallery.remove(options.paths)
    for path in unknown:
        problem(f"{printable(path)}: no image of this gallery is here")
    if options.json:
        print_json({"version": 1, "removed": removed, "unknown": unknown})
    else:
        print(f"{plural(removed, 'image')} removed")
    return 0 if not unknown else PARTLY_DONE if removed else 1
