"""``lookalike search``: the pictures of a gallery most like a picture."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lookalike.cli.arguments import add_command, add_gallery, positive
from lookalike.cli.encoder_options import add_encoder
from lookalike.cli.output import print_answer
from lookalike.images.formats import EXTENSIONS
from lookalike.search.query import Query
from lookalike.text import shown

if TYPE_CHECKING:
    from lookalike.cli.arguments import Commands
    from lookalike.gallery.gallery import Gallery
    from lookalike.search.ranking import Ranking

_DETAILS = """\
Each hit has its rank, its score (the cosine of the two embeddings), its percentile (the share of a sample of this
gallery's pictures whose own best match scores lower: 99 % is unusually close, under 5 % no close match; words have
none), and its path. Without --gallery, the gallery is looked for from the current folder upwards, then from the
picture's.

Words need a gallery made with a CLIP encoder. --plus, --minus and their -text forms shift every query that way, each by
the --weight that follows it (default 1):
  lookalike search joint.jpg --plus-text "at night" --weight 0.5 --minus platform.jpg"""


class _Modifier(argparse.Action):
    """Collects --plus, --minus, --plus-text and --minus-text in their order, each with the weight that follows it."""

    def __call__(
        self, parser: argparse.ArgumentParser, options: argparse.Namespace, value: Any, _: str | None = None
    ) -> None:
        modifiers = [*options.modifiers]
        if self.dest == "weight":
            if not modifiers:
                parser.error("--weight goes behind the --plus, --minus, --plus-text or --minus-text that it is for")
            name, what, _ = modifiers.pop()
            modifiers.append((name, what, value))
        else:
            modifiers.append((self.dest, value, 1.0))
        options.modifiers = modifiers


def add_to(commands: Commands) -> None:
    """Add this command to the command line."""
    parser = add_command(
        commands, "search", "find the pictures most like a picture, or what words describe", run, _DETAILS
    )
    parser.add_argument("pictures", metavar="PICTURE", nargs="*", help="the query; several give one ranking each")
    parser.add_argument(
        "--text", metavar="WORDS", action="append", default=[], help="a query in words; several give one ranking each"
    )
    parser.set_defaults(modifiers=[])
    for name, metavar, text in (
        ("plus", "PICTURE", "more like this picture"),
        ("minus", "PICTURE", "less like this picture"),
        ("plus-text", "WORDS", "more of what these words describe"),
        ("minus-text", "WORDS", "less of what these words describe"),
    ):
        parser.add_argument(f"--{name}", metavar=metavar, action=_Modifier, help=text)
    parser.add_argument("--weight", metavar="W", type=_weight, action=_Modifier, help="weight of the one before it")
    add_gallery(parser)
    parser.add_argument("-k", metavar="N", type=positive, default=10, help="how many hits (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")
    parser.add_argument("--html", metavar="FILE", type=_page_file, help="write a page of results, pictures inside")
    parser.add_argument(
        "--include-self", action="store_true", help="keep the query's own entry (same content) among the hits"
    )
    add_encoder(parser, "where the weights of the gallery's encoder are now, if they were moved")
    parser.set_defaults(usage=parser)


def run(options: argparse.Namespace) -> int:
    """Carry out the command."""
    queries = _queries(options)
    if not queries:
        options.usage.error("name a picture, or say what to look for with --text")
    with _gallery(options) as gallery:
        rankings = [gallery.search(query, options.k, include_self=options.include_self) for query in queries]
        if options.html:
            _write_page(gallery, rankings, options.html)
        if options.json:
            _print_json(gallery, rankings)
        else:
            _print_table(rankings)
    return 0


def _queries(options: argparse.Namespace) -> list[Query]:
    """A query for each picture and each text, in that order, every one with all the modifiers."""
    queries = [*map(Query.picture, options.pictures), *map(Query.text, options.text)]
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
    weight = float(text)
    if not 0 < weight < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return weight


def _gallery(options: argparse.Namespace) -> Gallery:
    from lookalike.gallery.gallery import Gallery, find_gallery

    place = options.gallery or "."
    if options.gallery is None and find_gallery(".") is None and options.pictures:
        beside = Path(options.pictures[0]).parent
        place = beside if find_gallery(beside) else "."
    gallery = Gallery.open(place)
    try:
        _use_encoder(gallery, options)
    except BaseException:
        gallery.close()
        raise
    return gallery


def _use_encoder(gallery: Gallery, options: argparse.Namespace) -> None:
    """Take the encoder from where the options say, or in another precision than the gallery's."""
    from lookalike.encoders.encoder import load_encoder

    stamp = gallery.stamp
    if options.encoder is None and options.precision in ("auto", stamp.precision):
        return
    gallery.use(
        load_encoder(
            options.encoder or gallery.weights or stamp.name,
            precision=stamp.precision if options.precision == "auto" else options.precision,
            view=stamp.view,
            activation=options.activation or (stamp.clip.activation if stamp.clip else None),
        )
    )
    if gallery.encoder.spec.precision != stamp.precision:
        print(
            f"lookalike: the query is encoded in {gallery.encoder.spec.precision}, the gallery was in "
            f"{stamp.precision}: scores may differ in the third digit",
            file=sys.stderr,
        )


def _print_json(gallery: Gallery, rankings: list[Ranking]) -> None:
    from lookalike.report.search_json import search_answer

    print_answer(search_answer(gallery.stamp.name, gallery.path, rankings))


def _print_table(rankings: list[Ranking]) -> None:
    for number, ranking in enumerate(rankings):
        if len(rankings) > 1:
            print(f"{'' if number == 0 else chr(10)}{shown(str(ranking.query))}")
        if ranking.no_close_match:
            print("no close match: every hit is farther than this gallery's pictures are from one another")
        if not ranking.hits:
            print("no other picture in this gallery")
        for hit in ranking.hits:
            unusual = "     " if hit.percentile is None else f"{hit.percentile:3.0f} %"
            print(f"{hit.rank:4d}  {hit.score:6.3f}  {unusual}  {shown(hit.path)}")


def _write_page(gallery: Gallery, rankings: list[Ranking], file: Path) -> None:
    from lookalike.report.document.files import write_text
    from lookalike.report.results_page import results_page

    write_text(file, results_page(gallery.stamp, gallery.status().pictures, gallery.root, rankings))


def _page_file(text: str) -> Path:
    file = Path(text)
    if file.suffix.lower() in EXTENSIONS:
        raise argparse.ArgumentTypeError(f"{shown(text)} is the name of a picture, not of a page; write results.html")
    return file
