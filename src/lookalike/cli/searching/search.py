"""``lookalike search``: the images of a gallery most similar to an image or a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import rich_click as click

from lookalike.cli.options.command import Options, command
from lookalike.cli.options.encoder import encoder_options
from lookalike.cli.output import PARTLY_DONE
from lookalike.cli.searching.answers import chosen_format, folds, format_options, print_answers, print_existence
from lookalike.cli.searching.galleries import Searched, check_text_input, open_galleries, search_all, tell_unread
from lookalike.cli.searching.modifiers import SearchCommand, modifier_options
from lookalike.cli.searching.narrowing import narrow, narrowing_options
from lookalike.cli.searching.queries import build_queries, query_options
from lookalike.cli.searching.taking import take, taking_options
from lookalike.cli.terminal.messages import problem
from lookalike.errors import ImageError, LookalikeError, QueryError

if TYPE_CHECKING:
    from lookalike.search.query import Query
    from lookalike.search.ranking import FailedQuery, Ranking

_DETAILS = """\
Each hit has a rank, a match, a score (the cosine of the two embeddings) and a path. The match is one word: identical
(the same bytes), copy (saved again, resized, or the next frame), close, similar or weak. The last three compare the
score with those that the gallery's images reach among themselves; text queries have no such word. Only the query's own
file is left out. Without --gallery, the nearest gallery at or above the current folder is used, or else the
nearest one at or above the folder of the first image. If some of several queries can't be used, the others are
answered, and the exit code is 3.

A condition for --where compares columns with values: = != < <= > >= and ~ (contains), in (a, b), and, or, not,
parentheses. Values are compared as numbers or dates if they are such, else as text without case: date=2023-05 is all of
May, and size>2MB are large files. A name or a value with spaces is quoted: [track no]=4 or label="joint ok".

Text needs a gallery made with a CLIP encoder. --plus, --minus, --plus-text and --minus-text modify every query; each
has the --weight that follows it (default 1):
  lookalike search joint.jpg --plus-text "at night" --weight 0.5 --minus platform.jpg"""


@command("search", details=_DETAILS, cls=SearchCommand)
@query_options
@modifier_options
@click.option(
    "--gallery",
    metavar="PATH",
    multiple=True,
    type=click.Path(),
    help="A gallery, or the folder that contains it (default: the nearest one at or above the current folder); if "
    "given several times, they are searched together.",
)
@narrowing_options
@format_options
@taking_options
@click.option("--include-self", is_flag=True, help="Include the query's own file among the hits.")
@encoder_options("Path of the gallery's checkpoint, if it has been moved.")
def search(options: Options) -> int:
    """Find the images most similar to an image or a text.

    Each IMAGE is a query, and gets a ranking of its own: a file, a folder of images, or - for standard input.
    """
    options.format = chosen_format(options) or ("page" if options.html or options.open else "table")
    try:
        return _search(options)
    except LookalikeError as error:
        if options.format != "exists":
            raise
        problem(str(error))
        return 2


def _search(options: Options) -> int:
    from lookalike.images.decode import limit_frames
    from lookalike.search.ranking import Ranking

    queries = build_queries(options)
    with open_galleries(options) as searched:
        first, count = searched[0].gallery, sum(len(one.gallery) for one in searched)
        check_text_input(first, options)
        limit_frames(first.options.reading)
        queries = [narrow(query, options, count, fold=folds(options)) for query in queries]
        if options.where is not None:
            tell_unread(searched, options.where)
        answers = [_answer(searched, query, options) for query in queries]
        rankings = [answer for answer in answers if isinstance(answer, Ranking)]
        if rankings:
            take(searched, rankings, options)
        if options.format == "exists":
            return max(print_existence(rankings), 2 if _report_failures(answers) else 0)
        print_answers(searched, answers, options.format)
    return _report_failures(answers)


def _answer(searched: Sequence[Searched], query: Query, options: Options) -> Ranking | FailedQuery:
    """The ranking of a query, or why it has none."""
    from lookalike.search.ranking import FailedQuery

    try:
        return search_all(searched, query, include_self=options.include_self or options.format == "exists")
    except (ImageError, QueryError) as error:
        return FailedQuery(query, str(error), getattr(error, "kind", "query"))


def _report_failures(answers: list[Ranking | FailedQuery]) -> int:
    """Print why queries failed; returns the exit code."""
    from lookalike.search.ranking import FailedQuery

    failed = [answer for answer in answers if isinstance(answer, FailedQuery)]
    for reason in dict.fromkeys(answer.reason for answer in failed):
        problem(reason)
    return 0 if not failed else 1 if len(failed) == len(answers) else PARTLY_DONE
