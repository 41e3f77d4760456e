"""The encoder that a dataset's own gallery was made with."""

from __future__ import annotations

from lookalike.encoders.encoder import Encoder, load_encoder
from lookalike.evaluation.data.dataset import Dataset
from lookalike.gallery.gallery import Gallery


def own_encoder(dataset: Dataset) -> Encoder:
    """The encoder of the gallery that the pictures lie in; where they lie in none, the best on this machine."""
    if dataset.gallery is None:
        return load_encoder("auto")
    with Gallery.open(dataset.gallery) as gallery:
        return gallery.encoder
