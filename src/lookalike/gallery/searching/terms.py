"""The terms of a query as embeddings."""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from lookalike.embedding.load import encoder_input
from lookalike.encoders.encoder import Encoder
from lookalike.encoders.spec import EncoderSpec
from lookalike.encoders.views import crop
from lookalike.errors import ImageError, QueryError
from lookalike.gallery.records import Entry
from lookalike.gallery.store import Store
from lookalike.images.decode import ReadOptions, check_not_blank, format_of
from lookalike.images.files import open_file, sha256, with_path
from lookalike.search.query import EmbeddedImage, Query, Region, Term
from lookalike.search.similarity import are_unit, combine
from lookalike.system_files import real_path


@dataclass(frozen=True, slots=True)
class EmbeddedQuery:
    """A query's embedding, float32 (dimension,), and what the gallery has of its images.

    ``own`` are the ids of the entries that are the query itself: the same files. ``identical`` is the SHA-256 of the
    content, if the query is a single image as a whole.
    """

    vector: NDArray[np.float32]
    own: frozenset[int]
    identical: bytes | None


def embed_query(store: Store, encoder: Encoder, query: Query, reading: ReadOptions | None = None) -> EmbeddedQuery:
    """Embed the terms of ``query`` and combine them; ids are those of images in ``store``.

    Files are read by the options ``reading``.

    Raises :class:`~lookalike.errors.ImageError` if an image can't be used, :class:`~lookalike.errors.EncoderError` for
    text if the encoder has no text input, and :class:`~lookalike.errors.QueryError` if an id is unknown or the terms
    cancel out.
    """
    embedder = _Embedder(store, encoder, reading or ReadOptions())
    embedded = [embedder.embed(term) for term in query.terms]
    vector = combine([(vector, term.weight) for (vector, _), term in zip(embedded, query.terms, strict=True)])
    own = (_own_ids(store, term, digest) for (_, digest), term in zip(embedded, query.terms, strict=True))
    return EmbeddedQuery(vector, frozenset().union(*own), embedded[0][1] if _is_whole_image(query) else None)


def is_one_image(query: Query) -> bool:
    """Whether a query is a single image or a region of one, so that a hit can be a copy of it."""
    return len(query.terms) == 1 and query.terms[0].text is None


def _is_whole_image(query: Query) -> bool:
    return is_one_image(query) and query.terms[0].region is None


def _own_ids(store: Store, term: Term, digest: bytes | None) -> set[int]:
    """The ids of the entries that are the file of ``term``, whose content is ``digest``."""
    own = term.value.own if isinstance(term.value, EmbeddedImage) else term.id
    if own is not None:
        return {find_entry(store, own).id}
    if term.path is None or digest is None:
        return set()
    file, root = real_path(term.path), real_path(store.root)
    entries = list(store.entries_by_id(store.ids_of_digest(digest)).values())
    if file.is_relative_to(root):  # it may have changed since it was indexed
        entries += store.entries_by_path([file.relative_to(root).as_posix()]).values()
    return {entry.id for entry in entries if real_path(root / entry.path) == file}


def find_entry(store: Store, image_id: str) -> Entry:
    """The entry with this id, as hits have it; raises :class:`~lookalike.errors.QueryError` if there is none."""
    try:
        number = int(image_id, 16)
    except ValueError:
        number = -1
    entry = store.entries_by_id([number]).get(number)
    if entry is None or image_id != f"{number:x}":
        raise QueryError(f"{image_id!r}: no image of this gallery has this id. It may have been removed")
    return entry


def _checked(image: EmbeddedImage, stamp: EncoderSpec) -> NDArray[np.float32]:
    """The embedding of ``image``; raises :class:`~lookalike.errors.QueryError` if it can't be one of the gallery's."""
    if image.encoder not in (None, stamp.fingerprint):
        raise QueryError(f"the embedding was not made by the encoder of this gallery, {stamp.name}")
    dimension = stamp.dimension
    vector = np.asarray(image.vector, np.float32)
    if vector.shape != (dimension,):
        raise QueryError(f"the embedding has the shape {vector.shape}; those of this gallery have ({dimension},)")
    if not are_unit(vector):
        raise QueryError("the embedding is no unit vector: its length must be 1")
    return vector


@dataclass(frozen=True, slots=True)
class _Embedder:
    """Embeds terms: the result is a term's embedding, and the digest of its content if it is a file."""

    store: Store
    encoder: Encoder
    reading: ReadOptions

    def embed(self, term: Term) -> tuple[NDArray[np.float32], bytes | None]:
        if term.text is not None:
            return self.encoder.embed_texts([term.text])[0], None
        if term.id is not None:
            return self._entry(term)
        if term.path is not None:
            return self._path(term.path, term.region)
        return self._in_memory(term)

    def _in_memory(self, term: Term) -> tuple[NDArray[np.float32], bytes | None]:
        if isinstance(term.value, bytes):
            return self._file(io.BytesIO(term.value), hashlib.sha256(term.value).digest(), term.region)
        if isinstance(term.value, EmbeddedImage):
            return _checked(term.value, self.store.stamp), term.value.digest
        image = check_not_blank(self.encoder.decode(term.value))
        part = image if term.region is None else crop(image, term.region)
        return self.encoder.embed_prepared([self.encoder.prepare(part)])[0], None

    def _entry(self, term: Term) -> tuple[NDArray[np.float32], bytes | None]:
        entry = find_entry(self.store, str(term.id))
        if term.region is not None:
            return self._path(self.store.root / entry.path, term.region)
        return self.store.vectors_of([entry.digest])[entry.digest], entry.digest

    def _path(self, path: str | os.PathLike[str], region: Region | None) -> tuple[NDArray[np.float32], bytes]:
        try:
            with open_file(path) as file:
                format_of(file, path)  # before all of it is read, however long it is
                self.reading.check_bytes(os.fstat(file.fileno()).st_size)
                return self._file(file, sha256(file), region, path)
        except ImageError as error:
            raise with_path(error, path) from error

    def _file(
        self, file: BinaryIO, digest: bytes, region: Region | None, name: str | os.PathLike[str] = ""
    ) -> tuple[NDArray[np.float32], bytes]:
        pixels, _ = encoder_input(file, self.encoder.spec, self.reading, name=name, region=region)
        return self.encoder.embed_prepared([pixels])[0], digest
