"""The encoder that a dataset is evaluated with by default."""

from __future__ import annotations

from lookalike.encoders.encoder import Encoder, load_encoder
from lookalike.evaluation.data.dataset import Dataset
from lookalike.gallery.gallery import Gallery


def default_encoder(dataset: Dataset) -> Encoder:
    """The encoder of the gallery that contains the images; without a gallery, the best one available."""
    if dataset.gallery is None:
        return load_encoder("auto")
    with Gallery.open(dataset.gallery) as gallery:
        return gallery.encoder
