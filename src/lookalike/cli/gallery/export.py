"""``lookalike export``: the embeddings of a gallery for other programs."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from lookalike.cli.options.command import Options, command
from lookalike.cli.options.shared import gallery_option, json_option
from lookalike.cli.output import print_json, warn_if_incomplete
from lookalike.cli.terminal.progress import progress_bar
from lookalike.report.export import FORMATS, Format
from lookalike.text import plural, printable

_DETAILS = """\
parquet is one file with a row for each image: path, SHA-256, size, time, embedding and thumbnail. It needs pyarrow (pip
install "lookalike[parquet]"). To see it as a map with images:
  lookalike export photos.parquet
  pip install embedding-atlas
  embedding-atlas photos.parquet --vector embedding --image image

npy is a folder with embeddings.npy (float32, a row for each image), images.csv and about.json. clip-retrieval is a
folder as its inference command writes it (needs pyarrow). projector is a folder that TensorBoard's embedding projector
loads. Embeddings have length 1. In paths, bytes that aren't UTF-8 appear as \\xff."""


@command("export", details=_DETAILS)
@click.argument("out", metavar="OUT")
@click.option(
    "--format",
    "named_format",
    type=click.Choice(FORMATS),
    allow_from_autoenv=False,
    help="The format (default: parquet for a name that ends with .parquet, else npy).",
)
@click.option("--images/--no-images", default=True, help="Put thumbnails into Parquet (default: yes).")
@gallery_option
@json_option
def export(options: Options) -> int:
    """Write the embeddings of a gallery to OUT, a file or a folder, for other programs."""
    from lookalike.gallery.gallery import Gallery
    from lookalike.report.export.export import export as write

    out = Path(options.out)
    form: Format = options.named_format or ("parquet" if out.suffix.lower() == ".parquet" else "npy")
    with Gallery.open(options.gallery or ".") as gallery:
        warn_if_incomplete(gallery)
        with progress_bar("exporting") as progress:
            count = write(gallery, out, form, images=options.images, progress=progress)
    if options.json:
        print_json({"version": 1, "format": form, "images": count, "out": str(out.absolute())})
    else:
        print(f"{plural(count, 'image')} written to {printable(out)}")
    return 0
