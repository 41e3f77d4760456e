"""``lookalike annotate``: give images the columns of a CSV file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import rich_click as click

from lookalike.cli.options.command import Options, command, wrong_usage
from lookalike.cli.options.shared import gallery_option, json_option
from lookalike.cli.output import describe_annotation, print_json
from lookalike.cli.terminal.messages import note
from lookalike.text import plural, printable

if TYPE_CHECKING:
    from lookalike.gallery.contents.annotations import Annotated

_MOST_NAMED: Final = 5

_DETAILS = """\
The first line of the file names the columns; one of them is path, from the gallery's folder or from that of the file.
All others are kept in the gallery, by path, and follow images that are moved. Given again, a column replaces the values
of the images that are in the file; an empty cell deletes one. Columns may be separated by commas, semicolons or tabs.
A labels.csv in the gallery's folder is read by lookalike index, and needs no annotate.

To search with them: lookalike search joint.jpg --where "km>=32 and label=joint". They are columns of --csv, too."""


@command("annotate", details=_DETAILS)
@click.argument("file", metavar="CSV", type=click.Path(), required=False)
@click.option("--path-column", metavar="NAME", help="The column of paths (default: path, or else file).")
@click.option("--delete", metavar="NAME", multiple=True, help="Delete this column first; may be given several times.")
@gallery_option
@json_option
def annotate(options: Options) -> int:
    """Give images the columns of a CSV file, to search by them."""
    from lookalike.gallery.gallery import Gallery

    if options.file is None and not options.delete:
        wrong_usage("annotate needs a CSV file, or columns to --delete")
    annotated = None
    with Gallery.open(options.gallery or ".", writing=True) as gallery:
        if options.delete:
            gallery.delete_columns(options.delete)
        if options.file is not None:
            annotated = gallery.annotate(options.file, path_column=options.path_column)
        columns = gallery.columns()
    if options.json:
        print_json(_json(annotated, columns))
    elif annotated is not None:
        print(describe_annotation(annotated))
        _tell_unmatched(annotated.unmatched)
    else:
        print(f"columns: {printable(', '.join(columns)) or 'none'}")
    return 0


def _tell_unmatched(paths: tuple[str, ...]) -> None:
    if paths:
        named = ", ".join(map(printable, paths[:_MOST_NAMED]))
        more = f", and {len(paths) - _MOST_NAMED:,} more" if len(paths) > _MOST_NAMED else ""
        verb = "names" if len(paths) == 1 else "name"
        note(f"{plural(len(paths), 'row')} {verb} no image of this gallery: {named}{more}")


def _json(annotated: Annotated | None, columns: list[str]) -> dict[str, object]:
    return {
        "version": 1,
        "images": 0 if annotated is None else annotated.images,
        "unmatched": [] if annotated is None else [printable(path) for path in annotated.unmatched],
        "columns": columns,
    }
