"""The encoder that a dataset is evaluated with by default."""

from __future__ import annotations

from collections.abc import Callable

from lookalike.encoders.encoder import Encoder, load_encoder
from lookalike.evaluation.data.dataset import Dataset
from lookalike.gallery.gallery import Gallery


def default_encoder(dataset: Dataset, load: Callable[..., Encoder] = load_encoder) -> Encoder:
    """The encoder of the gallery that contains the images; without a gallery, the best one available.

    ``load`` loads it, with the arguments of :func:`~lookalike.load_encoder`.
    """
    if dataset.gallery is None:
        return load("auto")
    with Gallery.open(dataset.gallery, load=load) as gallery:
        return gallery.encoder
