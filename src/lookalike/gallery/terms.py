"""The terms of a query as embeddings."""

from __future__ import annotations

import hashlib
import io
import math
import os
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.encoders.encoder import Encoder
from lookalike.errors import ImageError, QueryError
from lookalike.gallery.store import Entry, Store
from lookalike.images.decode import DecodedImage, from_pillow, open_image
from lookalike.images.files import open_file, sha256, with_path
from lookalike.search.query import Query, Region, Term
from lookalike.search.similarity import combine


@dataclass(frozen=True, slots=True)
class EmbeddedQuery:
    """A query's embedding, float32 (dimension,), and the SHA-256 digests of its image files."""

    vector: NDArray[np.float32]
    digests: tuple[bytes, ...]


def embed_query(store: Store, encoder: Encoder, query: Query) -> EmbeddedQuery:
    """Embed the terms of ``query`` and combine them; ids are those of images in ``store``.

    Raises :class:`~lookalike.errors.ImageError` if an image can't be used, :class:`~lookalike.errors.EncoderError` for
    text if the encoder has no text input, and :class:`~lookalike.errors.QueryError` if an id is unknown or the terms
    cancel out.
    """
    embedded = [_embed(store, encoder, term) for term in query.terms]
    vector = combine([(vector, term.weight) for (vector, _), term in zip(embedded, query.terms, strict=True)])
    return EmbeddedQuery(vector, tuple(digest for _, digest in embedded if digest is not None))


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


def _embed(store: Store, encoder: Encoder, term: Term) -> tuple[NDArray[np.float32], bytes | None]:
    """A term's embedding, and the digest of its content if it is a file."""
    if term.text is not None:
        return encoder.embed_texts([term.text])[0], None
    if term.id is not None:
        return _embed_entry(store, encoder, term)
    if term.path is not None:
        return _embed_path(encoder, term.path, term.region)
    return _embed_in_memory(encoder, term)


def _embed_in_memory(encoder: Encoder, term: Term) -> tuple[NDArray[np.float32], bytes | None]:
    value, region = term.value, term.region
    if isinstance(value, bytes):
        return _embed_file(encoder, io.BytesIO(value), hashlib.sha256(value).digest(), region)
    if region is not None and isinstance(value, Image.Image):
        return _embed_decoded(encoder, crop(from_pillow(value), region)), None
    if region is not None and isinstance(value, np.ndarray):
        left, top, right, bottom = _box((value.shape[1], value.shape[0]), region)
        value = value[top:bottom, left:right]
    return encoder.embed([value])[0], None


def _embed_entry(store: Store, encoder: Encoder, term: Term) -> tuple[NDArray[np.float32], bytes | None]:
    entry = find_entry(store, str(term.id))
    if term.region is not None:
        return _embed_path(encoder, store.root / entry.path, term.region)
    return store.vectors_of([entry.digest])[entry.digest], entry.digest


def _embed_path(
    encoder: Encoder, path: str | os.PathLike[str], region: Region | None
) -> tuple[NDArray[np.float32], bytes]:
    try:
        with open_file(path) as file:
            return _embed_file(encoder, file, sha256(file), region)
    except ImageError as error:
        raise with_path(error, path) from error


def _embed_file(
    encoder: Encoder, file: BinaryIO, digest: bytes, region: Region | None
) -> tuple[NDArray[np.float32], bytes]:
    if region is None:
        return _embed_decoded(encoder, open_image(file, min_side=encoder.min_side)), digest
    share = min(region.right - region.left, region.bottom - region.top)
    image = open_image(file, min_side=math.ceil(encoder.min_side / share))
    return _embed_decoded(encoder, crop(image, region)), digest


def _embed_decoded(encoder: Encoder, image: DecodedImage) -> NDArray[np.float32]:
    vector: NDArray[np.float32] = encoder.embed_prepared([encoder.prepare(image)])[0]
    return vector


def crop(image: DecodedImage, region: Region) -> DecodedImage:
    """The ``region`` of ``image``, at least 1 x 1 pixels."""
    left, top, right, bottom = _box(image.size, region)
    pixels = image.pixels.crop(_box(image.pixels.size, region))
    return DecodedImage(pixels, (right - left, bottom - top))


def _box(size: tuple[int, int], region: Region) -> tuple[int, int, int, int]:
    """The region of an image of ``size`` (width, height) in whole pixels: left, top, right, bottom."""
    width, height = size
    left = min(round(region.left * width), width - 1)
    top = min(round(region.top * height), height - 1)
    right = max(round(region.right * width), left + 1)
    bottom = max(round(region.bottom * height), top + 1)
    return left, top, right, bottom
