"""Answer a search: its images are encoded together with those of others, and compared with one or several galleries."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lookalike.errors import ImageError, QueryError
from lookalike.gallery.gallery import Gallery, GalleryImage
from lookalike.images.files import with_path
from lookalike.report.search import search_json
from lookalike.search.match_words import MatchWord
from lookalike.search.query import EmbeddedImage, Filter, Query, Region, Term
from lookalike.search.ranking import Ranking, merged
from lookalike.web.encoding.query_encoder import QueryEncoder
from lookalike.web.encoding.uploads import Upload
from lookalike.web.galleries.served import ServedGallery
from lookalike.web.service import Service


@dataclass(frozen=True, slots=True)
class GalleryTerm:
    """An image of one of the galleries, by its id; ``gallery`` is None for the first that is searched."""

    id: str
    gallery: str | None = None


@dataclass(frozen=True, slots=True)
class WebTerm:
    """One term: an upload, a text, or an image of a gallery."""

    value: Upload | str | GalleryTerm
    weight: float = 1.0
    region: Region | None = None


@dataclass(frozen=True, slots=True)
class WebSearch:
    """A search as it is asked for: hits from the place ``after`` on, ``k`` of them."""

    galleries: list[str]
    terms: tuple[WebTerm, ...]
    where: Filter
    k: int
    after: int = 0
    min_score: float | None = None
    min_match: MatchWord | None = None
    fold: bool = False
    include_self: bool = False


@dataclass(slots=True)
class Timings:
    """The seconds that the stages of one search took."""

    stages: dict[str, float] = field(default_factory=dict)

    def add(self, stage: str, seconds: float) -> None:
        """Add to the time of a stage."""
        self.stages[stage] = self.stages.get(stage, 0) + seconds

    def header(self) -> str:
        """For the header ``Server-Timing``, in milliseconds."""
        return ", ".join(f"{stage};dur={1000 * seconds:.1f}" for stage, seconds in self.stages.items())


async def answer_search(service: Service, search: WebSearch, timings: Timings) -> dict[str, Any]:
    """The answer to ``search`` as JSON.

    Raises :class:`~lookalike.errors.ImageError`, :class:`~lookalike.errors.QueryError`, and other errors of
    :meth:`~lookalike.Gallery.search`.
    """
    served = service.chosen(search.galleries)
    galleries = await service.on_search_thread(_open, served)
    try:
        return await _answer(service, search, served, galleries, timings)
    except QueryError:
        # Another process may have switched a gallery to another encoder amid this.
        current = await service.on_search_thread(_open, served)
        if all(one is other for one, other in zip(current, galleries, strict=True)):
            raise
        return await _answer(service, search, served, current, timings)


def _open(served: Sequence[ServedGallery]) -> list[Gallery]:
    galleries = [one.gallery for one in served]
    if any(one.stamp.fingerprint != galleries[0].stamp.fingerprint for one in galleries):
        names = " and ".join(dict.fromkeys(f"{one.name} ({one.gallery.stamp.name})" for one in served))
        raise QueryError(f"{names} have different encoders, so that they can't be searched together; choose one")
    return galleries


def _check_text(search: WebSearch, gallery: Gallery) -> None:
    if gallery.stamp.clip is None and any(isinstance(term.value, str) for term in search.terms):
        raise QueryError(f"{gallery.stamp.name}, the encoder of this gallery, has no text input; search by an image")


async def _answer(
    service: Service,
    search: WebSearch,
    served: Sequence[ServedGallery],
    galleries: Sequence[Gallery],
    timings: Timings,
) -> dict[str, Any]:
    _check_text(search, galleries[0])
    by_name = {one.name: gallery for one, gallery in zip(served, galleries, strict=True)}
    embedder = _Embedder(service, served[0], by_name, timings)
    terms = [await embedder.terms(term) for term in search.terms]
    asked = _limited(Query(tuple(_original(term) for term in search.terms)), search)
    queries = [replace(asked, terms=tuple(of_all[number] for of_all in terms)) for number in range(len(galleries))]
    return await service.on_search_thread(_search, search, asked, galleries, queries, timings)


def _search(
    search: WebSearch, asked: Query, galleries: Sequence[Gallery], queries: Sequence[Query], timings: Timings
) -> dict[str, Any]:
    started = time.monotonic()
    rankings = [
        gallery.search(query, include_self=search.include_self)
        for gallery, query in zip(galleries, queries, strict=True)
    ]
    hits = merged(rankings).hits[search.after :]
    timings.add("search", time.monotonic() - started)
    places = [(gallery.path, gallery.root) for gallery in galleries]
    return search_json(galleries[0].stamp.name, places, [Ranking(asked, hits)])


def _limited(query: Query, search: WebSearch) -> Query:
    return replace(
        query,
        where=search.where,
        k=search.k + search.after,
        min_score=search.min_score,
        min_match=search.min_match,
        fold=search.fold,
    )


def _original(term: WebTerm) -> Term:
    """The term as the answer repeats it."""
    if isinstance(term.value, GalleryTerm):
        return Term("id", term.value.id, term.weight, term.region)
    if isinstance(term.value, str):
        return Term("text", term.value, term.weight)
    return Term("image", term.value.content, term.weight, term.region)


@dataclass(frozen=True, slots=True)
class _Embedder:
    """Makes the terms for each of the galleries, in which an image of one of them is a term of different kinds."""

    service: Service
    first: ServedGallery
    galleries: Mapping[str, Gallery]
    timings: Timings

    async def terms(self, term: WebTerm) -> list[Term]:
        if isinstance(term.value, str):
            return [Term("text", term.value, term.weight)] * len(self.galleries)
        if isinstance(term.value, Upload):
            encoder = await self._encoder()
            image = await encoder.embed_upload(term.value, term.region, self.timings.add)
            return [Term("embedding", image, term.weight)] * len(self.galleries)
        return await self._of_image(term, term.value)

    async def _encoder(self) -> QueryEncoder:
        """The encoder of all galleries, which images of theirs don't need."""
        return await self.service.on_search_thread(self.first.query_encoder)

    async def _of_image(self, term: WebTerm, value: GalleryTerm) -> list[Term]:
        name = next(iter(self.galleries)) if value.gallery is None else value.gallery
        owner = self.galleries[name] if name in self.galleries else await self._other(name)
        image = await self.service.on_search_thread(owner.image, value.id)
        embedded = await self._embedded(owner, image, term.region)
        own = replace(embedded, own=image.id)
        return [
            Term("embedding", own if gallery is owner else embedded, term.weight) for gallery in self.galleries.values()
        ]

    async def _other(self, name: str) -> Gallery:
        """A gallery that is not searched, but has an image that is asked about."""
        served = self.service.galleries[name]
        return await self.service.on_search_thread(lambda: served.gallery)

    async def _embedded(self, owner: Gallery, image: GalleryImage, region: Region | None) -> EmbeddedImage:
        if region is not None:
            encoder = await self._encoder()
            try:
                return await encoder.embed_file(image.file, image.digest, region, self.timings.add)
            except ImageError as error:
                raise with_path(error, image.path) from error
        vectors = await self.service.on_search_thread(owner.embeddings_of, [image.digest])
        if image.digest not in vectors:
            raise QueryError(f"image {image.id} has no embedding in this gallery; lookalike index adds it")
        return EmbeddedImage(vectors[image.digest], image.digest, owner.stamp.fingerprint)
