"""The galleries that are searched, together if there are several, and which part of each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lookalike.cli.options.command import Options
from lookalike.cli.options.encoder import loader
from lookalike.cli.output import warn_if_incomplete
from lookalike.cli.searching.narrowing import folder_to_search
from lookalike.cli.searching.queries import first_folder
from lookalike.cli.terminal.messages import note
from lookalike.errors import EncoderError
from lookalike.text import command_text, plural, printable

if TYPE_CHECKING:
    from lookalike.gallery.gallery import Gallery
    from lookalike.search.query import Query
    from lookalike.search.ranking import Ranking


@dataclass(frozen=True, slots=True)
class Searched:
    """A gallery, and the folder of it that is searched, relative to its root; None for all of it.

    ``count`` is the number of images there for which the condition of ``--where`` holds; None without one.
    """

    gallery: Gallery
    under: str | None
    count: int | None


@contextmanager
def open_galleries(options: Options) -> Iterator[list[Searched]]:
    """The galleries to search: those of ``--gallery``, or the nearest one.

    Raises :class:`~lookalike.errors.StampMismatchError` if they were made with different encoders, and
    :class:`~lookalike.errors.QueryError` if one lacks a column of ``--where``.
    """
    from lookalike.gallery.gallery import Gallery

    with ExitStack() as stack:
        searched: list[Searched] = []
        for address in options.gallery or [None]:
            encoder = searched[0].gallery.encoder if searched else None
            gallery = stack.enter_context(
                Gallery.open(address or _nearest(options), encoder=encoder, load=loader(options))
            )
            if any(gallery.path == one.gallery.path for one in searched):
                continue  # it was named twice
            if encoder is None:
                _use_encoder(gallery, options)
            warn_if_incomplete(gallery)
            under = folder_to_search(gallery, address, options.under)
            count = None if options.where is None else gallery.count(under, options.where)
            searched.append(Searched(gallery, under, count))
        yield searched


def search_all(searched: Sequence[Searched], query: Query, *, include_self: bool) -> Ranking:
    """The ranking of ``query`` in all galleries together; raises what :meth:`~lookalike.Gallery.search` does."""
    from lookalike.search.ranking import merged

    return merged([one.gallery.search(query.under(one.under), include_self=include_self) for one in searched])


def tell_unread(searched: Sequence[Searched], condition: str) -> None:
    """Say if ``condition`` may leave images out because their dates, cameras or sizes were never read."""
    from lookalike.search.conditions import comparisons
    from lookalike.search.grammar import parse_condition
    from lookalike.search.query import READ_PROPERTIES

    names = {one.column.casefold() for one in comparisons(parse_condition(condition))}
    for one in searched:
        uses_properties = names & set(READ_PROPERTIES) - set(map(str.casefold, one.gallery.columns()))
        if uses_properties and (unread := one.gallery.without_properties()):
            note(
                f"date, camera, width and height of {plural(unread, 'image')} were never read: they were indexed by "
                "an earlier version. To read them: lookalike index --verify"
            )


def check_text_input(gallery: Gallery, options: Options) -> None:
    """Raise :class:`EncoderError` if there is text in a query and the gallery's encoder takes images only."""
    from lookalike.encoders.catalog import PREFERRED

    uses_text = options.text or any(name in ("plus_text", "minus_text") for name, *_ in options.modifiers)
    if not uses_text or gallery.stamp.clip is not None:
        return
    inside = gallery.path.parent == gallery.root
    target = [str(gallery.root)] if inside else ["--gallery", str(gallery.path)]
    raise EncoderError(
        f"This gallery's encoder has no text input. To search by text: lookalike encoders pull {PREFERRED[0]}, then "
        f"lookalike index {printable(command_text(target))} --reencode {PREFERRED[0]}"
    )


def _nearest(options: Options) -> str | os.PathLike[str]:
    """The gallery at or above the current folder, or else that at or above the first image."""
    from lookalike.gallery.gallery import find_gallery

    folder = first_folder(options)
    if find_gallery(".") is None and folder is not None and find_gallery(folder) is not None:
        return folder
    return "."


def _use_encoder(gallery: Gallery, options: Options) -> None:
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
        note(
            f"the query is encoded in {gallery.encoder.spec.precision} and the gallery in {stamp.precision}: scores "
            "may differ in the third decimal"
        )
