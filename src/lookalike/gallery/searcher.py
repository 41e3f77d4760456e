"""Search one gallery: embed the query's terms, and rank the store's candidates by exact cosines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.encoder import Encoder
from lookalike.errors import ImageError
from lookalike.gallery import calibration
from lookalike.gallery.store import Calibration, Store
from lookalike.images.decode import open_image
from lookalike.images.files import open_file, sha256, with_path
from lookalike.search.query import Query, Term
from lookalike.search.ranking import Hit, Ranking, percentile, rank_order
from lookalike.search.similarity import cosines


def embed_term(encoder: Encoder, term: Term) -> tuple[NDArray[np.float32], bytes | None]:
    """A term's embedding, float32 (dimension,), and the SHA-256 of its content if it is a file.

    Raises :class:`~lookalike.errors.ImageError` if the image can't be used, and
    :class:`~lookalike.errors.EncoderError` for text if the encoder has no text input.
    """
    if term.text is not None:
        return encoder.embed_texts([term.text])[0], None
    if term.path is None:
        return encoder.embed([term.value])[0], None
    try:
        with open_file(term.path) as file:
            digest = sha256(file)
            image = open_image(file, min_side=encoder.min_side)
    except ImageError as error:
        raise with_path(error, term.path) from error
    return encoder.embed_prepared([encoder.prepare(image)])[0], digest


class Searcher:
    """Ranks the images of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._provisional: Calibration | None = None

    def search(
        self, query: Query, vector: NDArray[np.float32], k: int, exclude_digests: Sequence[bytes] = ()
    ) -> Ranking:
        """The ``k`` images nearest to ``vector`` (dimension,), except those whose content is excluded."""
        with self._store.snapshot():
            excluded = [number for digest in exclude_digests for number in self._store.ids_of_digest(digest).tolist()]
            ids, vectors = self._store.candidates(vector, k, excluded)
            scores = cosines(vector, vectors)
            best = rank_order(scores)[:k]
            paths = self._store.paths(ids[best].tolist())
            sample = np.empty(0) if query.has_text else self._best_match_scores()
        hits = (
            Hit(rank, f"{ids[index]:x}", path, float(scores[index]), percentile(scores[index], sample))
            for rank, (index, path) in enumerate(zip(best, paths, strict=True), start=1)
        )
        return Ranking(query, tuple(hits))

    def _best_match_scores(self) -> NDArray[np.float64]:
        """The sample's best-match scores, sorted; computed here if no update has completed yet."""
        stored = self._store.calibration()
        if stored is not None:
            return np.sort(stored.scores)
        row_count = self._store.row_count()
        if self._provisional is None or self._provisional.row_count != row_count:
            sample = self._store.sample_rows(calibration.SAMPLE_SIZE)
            self._provisional = calibration.calibrate(self._store.vectors(), sample, None, row_count)
        return np.sort(self._provisional.scores)
