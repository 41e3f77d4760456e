"""What every export has: the images of a gallery with their embeddings, in batches."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.gallery.contents.images import GalleryImage
from lookalike.gallery.gallery import Gallery
from lookalike.progress import Progress
from lookalike.report.document.json import path_fields, stamp_fields, utf8
from lookalike.search.query import READ_PROPERTIES
from lookalike.search.ranking import value_columns

_BATCH: Final = 1000
"""How many images are held in memory at once."""

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Batch:
    """Images, and their embeddings float32 (n, dimension)."""

    images: list[GalleryImage]
    vectors: NDArray[np.float32]


def batches(gallery: Gallery, progress: Progress | None) -> Iterator[Batch]:
    """All images with an embedding, ordered by the bytes of their paths, in bounded memory."""
    pairs, done, total = gallery.iter_embeddings(), 0, gallery.count()
    while part := list(islice(pairs, _BATCH)):
        yield Batch([image for image, _ in part], np.stack([vector for _, vector in part]))
        done += len(part)
        if progress is not None:
            progress(done, total)


def fields(image: GalleryImage) -> dict[str, object]:
    r"""An image as columns of a table. Bytes of paths that aren't UTF-8 appear as ``\xff``."""
    return {
        "id": image.id,
        "path": utf8(image.path),
        "file": utf8(str(image.file)),
        "sha256": image.sha256,
        "bytes": image.size,
        "modified": datetime.fromtimestamp(image.mtime_ns / 1e9, UTC),
    }


def value_fields(gallery: Gallery, others: Collection[str]) -> dict[str, str]:
    """The names of the values that images have, by what their columns are called in a table that has ``others`` too.

    They are the annotations, and then the properties that no annotation replaces.
    """
    own = gallery.columns()
    annotated = {name.casefold() for name in own}
    names = [*own, *(name for name in READ_PROPERTIES if name not in annotated)]
    return dict(zip(value_columns(names, others), names, strict=True))


def about(gallery: Gallery, count: int) -> dict[str, Any]:
    """What an export is of: the gallery, the encoder of the embeddings, and their number."""
    return {
        "version": VERSION,
        "gallery": path_fields(gallery.path)["path"],
        "root": path_fields(gallery.root)["path"],
        "encoder": stamp_fields(gallery.stamp),
        "images": count,
    }
