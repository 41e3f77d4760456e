"""``lookalike search``: the images of a gallery most similar to an image or a text."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lookalike.cli.arguments import add_command, add_gallery, parse_number
from lookalike.cli.encoder_options import add_encoder, loader
from lookalike.cli.output import PARTLY_DONE, warn_if_incomplete
from lookalike.cli.searching.answers import add_formats, print_answers, print_existence
from lookalike.cli.searching.narrowing import add_narrowing, folder_to_search, narrow
from lookalike.errors import EncoderError, ImageError, LookalikeError, QueryError
from lookalike.images.formats import EXTENSIONS
from lookalike.text import printable

if TYPE_CHECKING:
    from lookalike.cli.arguments import Commands
    from lookalike.gallery.gallery import Gallery
    from lookalike.search.query import Query
    from lookalike.search.ranking import FailedQuery, Ranking

_DETAILS = """\
Each hit has a rank, a match, a score (the cosine of the two embeddings) and a path. The match is one word: identical
(the same bytes), copy (saved again, resized, or the next frame), close, similar or weak. The last three compare the
score with those that the gallery's images reach among themselves; text queries have no such word. Only the query's own
file is left out. Without --gallery, the nearest gallery at or above the current folder is used, or else the
nearest one at or above the folder of the first image. If some of several queries can't be used, the others are
answered, and the exit code is 3.

Text needs a gallery made with a CLIP encoder. --plus, --minus, --plus-text and --minus-text modify every query; each
has the --weight that follows it (default 1):
  lookalike search joint.jpg --plus-text "at night" --weight 0.5 --minus platform.jpg"""


class _ModifierAction(argparse.Action):
    """Collects --plus, --minus, --plus-text and --minus-text in order, each with the --weight that follows it."""

    def __call__(
        self, parser: argparse.ArgumentParser, options: argparse.Namespace, value: Any, _: str | None = None
    ) -> None:
        modifiers = [*options.modifiers]
        if self.dest == "weight":
            if not modifiers:
                parser.error("put --weight after the --plus, --minus, --plus-text or --minus-text that it applies to")
            name, term, _ = modifiers.pop()
            modifiers.append((name, term, value))
        else:
            modifiers.append((self.dest, value, 1.0))
        options.modifiers = modifiers


def add_to(commands: Commands) -> None:
    """Add this command to the command line."""
    parser = add_command(commands, "search", "find the images most similar to an image or a text", run, _DETAILS)
    parser.add_argument("images", metavar="IMAGE", nargs="*", help="the query; each image gets a ranking of its own")
    parser.add_argument(
        "--text", metavar="TEXT", action="append", default=[], help="a text query; each text gets a ranking of its own"
    )
    parser.set_defaults(modifiers=[])
    for name, metavar, help_text in (
        ("plus", "IMAGE", "more like this image"),
        ("minus", "IMAGE", "less like this image"),
        ("plus-text", "TEXT", "more of what this text describes"),
        ("minus-text", "TEXT", "less of what this text describes"),
    ):
        parser.add_argument(f"--{name}", metavar=metavar, action=_ModifierAction, help=help_text)
    parser.add_argument(
        "--weight", metavar="W", type=_weight, action=_ModifierAction, help="weight of the option before it"
    )
    add_gallery(parser)
    add_narrowing(parser)
    add_formats(parser)
    parser.add_argument(
        "--html", metavar="FILE", type=_page_file, help="write a page of the results, with thumbnails embedded"
    )
    parser.add_argument("--include-self", action="store_true", help="include the query's own file among the hits")
    add_encoder(parser, "path of the gallery's checkpoint, if it has been moved")
    parser.set_defaults(usage=parser)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    try:
        return _search(options)
    except LookalikeError as error:
        if options.format != "exists":
            raise
        print(f"lookalike: {error}", file=sys.stderr)
        return 2


def _search(options: argparse.Namespace) -> int:
    from lookalike.images.decode import limit_frames
    from lookalike.search.ranking import Ranking

    queries = _build_queries(options)
    if not queries:
        options.usage.error("no query; pass an image, or a text with --text")
    with _open_gallery(options) as gallery:
        warn_if_incomplete(gallery.shortfall(), gallery.path)
        _check_text_input(gallery, options)
        limit_frames(gallery.options.reading)
        under = folder_to_search(gallery, options)
        queries = [narrow(query, gallery, options, under) for query in queries]
        answers = [_answer(gallery, query, options) for query in queries]
        rankings = [answer for answer in answers if isinstance(answer, Ranking)]
        if options.html and rankings:
            _write_page(gallery, rankings, options.html)
        if options.format == "exists":
            return max(print_existence(rankings), 2 if _report_failures(answers) else 0)
        print_answers(gallery, answers, options.format, under)
    return _report_failures(answers)


def _answer(gallery: Gallery, query: Query, options: argparse.Namespace) -> Ranking | FailedQuery:
    """The ranking of a query, or why it has none."""
    from lookalike.search.ranking import FailedQuery

    try:
        return gallery.search(query, include_self=options.include_self or options.format == "exists")
    except (ImageError, QueryError) as error:
        return FailedQuery(query, str(error), getattr(error, "kind", "query"))


def _report_failures(answers: list[Ranking | FailedQuery]) -> int:
    """Print why queries failed; returns the exit code."""
    from lookalike.search.ranking import FailedQuery

    failed = [answer for answer in answers if isinstance(answer, FailedQuery)]
    for reason in dict.fromkeys(answer.reason for answer in failed):
        print(f"lookalike: {reason}", file=sys.stderr)
    return 0 if not failed else 1 if len(failed) == len(answers) else PARTLY_DONE


def _build_queries(options: argparse.Namespace) -> list[Query]:
    """One query per image, then one per text, each with all the modifiers."""
    from lookalike.search.query import Query

    queries = [*map(Query.image, options.images), *map(Query.text, options.text)]
    for name, value, weight in options.modifiers:
        add = {
            "plus": Query.plus,
            "minus": Query.minus,
            "plus_text": Query.plus_text,
            "minus_text": Query.minus_text,
        }[name]
        queries = [add(query, value, weight) for query in queries]
    return queries


def _weight(text: str) -> float:
    weight = parse_number(text, "a weight above 0")
    if not 0 < weight < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a weight; use a number above 0")
    return weight


def _open_gallery(options: argparse.Namespace) -> Gallery:
    from lookalike.gallery.gallery import Gallery, find_gallery

    path = options.gallery or "."
    if options.gallery is None and find_gallery(".") is None and options.images:
        folder = Path(options.images[0]).parent
        path = folder if find_gallery(folder) else "."
    gallery = Gallery.open(path, load=loader(options))
    try:
        _use_encoder(gallery, options)
    except BaseException:
        gallery.close()
        raise
    return gallery


def _use_encoder(gallery: Gallery, options: argparse.Namespace) -> None:
    """Apply ``--encoder`` and ``--precision``, if given, to the gallery."""
    stamp = gallery.stamp
    if options.encoder is None and options.precision in ("auto", stamp.precision):
        return
    gallery.set_encoder(
        loader(options)(
            options.encoder or gallery.weights_path or stamp.name,
            precision=stamp.precision if options.precision == "auto" else options.precision,
            view=stamp.view,
            activation=options.activation or (stamp.clip.activation if stamp.clip else None),
        )
    )
    if gallery.encoder.spec.precision != stamp.precision:
        print(
            f"lookalike: the query is encoded in {gallery.encoder.spec.precision} and the gallery in "
            f"{stamp.precision}: scores may differ in the third decimal",
            file=sys.stderr,
        )


def _check_text_input(gallery: Gallery, options: argparse.Namespace) -> None:
    """Raise :class:`EncoderError` if there is text in a query and the gallery's encoder takes images only."""
    from lookalike.encoders.catalog import PREFERRED

    uses_text = options.text or any(name in ("plus_text", "minus_text") for name, *_ in options.modifiers)
    if not uses_text or gallery.stamp.clip is not None:
        return
    inside = gallery.path.parent == gallery.root
    target = [str(gallery.root)] if inside else ["--gallery", str(gallery.path)]
    raise EncoderError(
        f"This gallery's encoder has no text input. To search by text: lookalike encoders pull {PREFERRED[0]}, then "
        f"lookalike index {printable(shlex.join(target))} --reencode {PREFERRED[0]}"
    )


def _write_page(gallery: Gallery, rankings: list[Ranking], file: Path) -> None:
    from lookalike.report.document.files import write_text
    from lookalike.report.search import results_page

    write_text(file, results_page(gallery.stamp, gallery.status().images, gallery.root, rankings))


def _page_file(text: str) -> Path:
    file = Path(text)
    if file.suffix.lower() in EXTENSIONS:
        raise argparse.ArgumentTypeError(
            f"{printable(text)} has the extension of an image; use a name such as results.html"
        )
    return file
