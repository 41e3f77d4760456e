"""Embed files, but compute only what the cache doesn't have."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from lookalike.embedding.files import EmbeddedFile, embed_files
from lookalike.embedding.vector_cache import KEY_BYTES, EmbeddingCache, NewVector
from lookalike.encoders.encoder import Encoder
from lookalike.errors import CacheError
from lookalike.images.files import FoundFile, Skipped

_logger: Final = logging.getLogger(__name__)


class CachedFiles:
    """Embeds files with one encoder. ``computed`` counts the embeddings that were computed, not found in the cache."""

    def __init__(self, encoder: Encoder, cache: EmbeddingCache | None) -> None:
        """Look up in ``cache`` what it has of ``encoder`` and images as they are; without one, all are computed."""
        self.computed = 0
        self._encoder = encoder
        self._cache = cache
        self._keeps = cache is not None
        self._space = None if cache is None else cache.space(encoder)
        self._keys = set() if cache is None or self._space is None else cache.keys(self._space)

    def embed(self, root: Path, files: Iterable[FoundFile]) -> Iterator[list[EmbeddedFile | Skipped]]:
        """Like :func:`~lookalike.embedding.files.embed_files`, with a vector for every file that can be used.

        If the cache can't be written any more, what is computed from then on is not kept.
        """
        for batch in embed_files(self._encoder, root, files, known=lambda digest: digest[:KEY_BYTES] in self._keys):
            self._keep(batch)
            yield self._with_known(batch)

    def images_per_second(self, seconds: float, *, all_computed: bool) -> float:
        """The speed after ``seconds``; if nothing was computed, that of the run that did; 0 if it isn't known.

        ``all_computed`` says that every embedding was computed now: then the speed is kept for later runs.
        """
        if self._cache is None or self._space is None:
            return self.computed / seconds if seconds > 0 else 0.0
        if not self.computed:
            return self._cache.speed(self._space)
        speed = self.computed / seconds if seconds > 0 else 0.0
        if all_computed and self._keeps:
            self._cache.set_speed(self._space, speed)
        return speed

    def _with_known(self, batch: list[EmbeddedFile | Skipped]) -> list[EmbeddedFile | Skipped]:
        known = [one.digest[:KEY_BYTES] for one in batch if isinstance(one, EmbeddedFile) and one.vector is None]
        if not known or self._cache is None or self._space is None:
            return batch
        vectors = iter(self._cache.vectors(self._space, known))
        return [
            replace(one, vector=next(vectors)) if isinstance(one, EmbeddedFile) and one.vector is None else one
            for one in batch
        ]

    def _keep(self, batch: list[EmbeddedFile | Skipped]) -> None:
        new = [
            (one.digest[:KEY_BYTES], one.vector)
            for one in batch
            if isinstance(one, EmbeddedFile) and one.vector is not None
        ]
        self.computed += len(new)
        if not new or not self._keeps or self._cache is None or self._space is None:
            return
        try:
            self._cache.add(NewVector(self._space, key, vector) for key, vector in new)
        except CacheError as error:
            self._keeps = False
            _logger.warning("%s", error)
        else:
            self._keys.update(key for key, _ in new)
