"""Lookalike: find the images that look like this one.

An implementation of CLIP-Retrieval: images are encoded, compared by the cosine of their embeddings, and ranked.
The public interface is what this module exports::

    from lookalike import Gallery

    with Gallery.create("photos") as gallery:
        gallery.update()
        for hit in gallery.search("query.jpg", k=10).hits:
            print(hit.rank, hit.score, hit.path)
"""

from lookalike.encoders.encoder import Encoder, load_encoder
from lookalike.encoders.spec import EncoderSpec
from lookalike.errors import EncoderError, GalleryError, ImageError, LookalikeError
from lookalike.gallery.gallery import Gallery, Status
from lookalike.gallery.update import UpdateReport
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
