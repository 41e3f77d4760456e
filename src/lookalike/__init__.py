"""Lookalike: find the images that look like this one.

An implementation of CLIP-Retrieval: images are encoded, compared by the cosine of their embeddings, and ranked.
The public interface is what this module exports::

    from lookalike import Gallery

    with Gallery.create("photos") as gallery:
        gallery.update()
        for hit in gallery.search("query.jpg", k=10).hits:
            print(hit.rank, hit.score, hit.path)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookalike.exports import lazy_exports

if TYPE_CHECKING:
    from lookalike.encoders.encoder import Encoder, load_encoder
    from lookalike.encoders.spec import EncoderSpec
    from lookalike.errors import EncoderError, GalleryError, ImageError, LookalikeError
    from lookalike.gallery.gallery import Gallery, Status
    from lookalike.gallery.updating.update import UpdateReport
    from lookalike.images.files import Skipped
    from lookalike.search.query import Query
    from lookalike.search.ranking import Hit, Ranking

__version__ = "0.1.0"

__all__ = [
    "Encoder",
    "EncoderError",
    "EncoderSpec",
    "Gallery",
    "GalleryError",
    "Hit",
    "ImageError",
    "LookalikeError",
    "Query",
    "Ranking",
    "Skipped",
    "Status",
    "UpdateReport",
    "load_encoder",
]

# Imported at first use: numpy, Pillow and SQLite take a multiple of what `lookalike --version` needs.
__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Encoder": "lookalike.encoders.encoder",
        "EncoderError": "lookalike.errors",
        "EncoderSpec": "lookalike.encoders.spec",
        "Gallery": "lookalike.gallery.gallery",
        "GalleryError": "lookalike.errors",
        "Hit": "lookalike.search.ranking",
        "ImageError": "lookalike.errors",
        "LookalikeError": "lookalike.errors",
        "Query": "lookalike.search.query",
        "Ranking": "lookalike.search.ranking",
        "Skipped": "lookalike.images.files",
        "Status": "lookalike.gallery.gallery",
        "UpdateReport": "lookalike.gallery.updating.update",
        "load_encoder": "lookalike.encoders.encoder",
    },
)
