"""Search one gallery: rank its images, and say how unusual their scores are."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from lookalike.gallery.records import Calibration, Match
from lookalike.gallery.searching import calibration
from lookalike.gallery.searching.copies import copy_threshold
from lookalike.gallery.searching.terms import EmbeddedQuery, is_one_image
from lookalike.gallery.store import Store
from lookalike.search.match_words import is_at_least, match_word
from lookalike.search.query import Filter, Query
from lookalike.search.ranking import Hit, Ranking, percentile


class Searcher:
    """Ranks the images of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._scores: NDArray[np.float64] | None = None
        self._scores_revision: Hashable = None

    def search_many(self, queries: Sequence[tuple[Query, EmbeddedQuery]], *, include_self: bool) -> list[Ranking]:
        """The images nearest to each query; without ``include_self``, except the files of the query itself.

        Queries with the same filter are compared with the gallery in one scan.
        """
        groups: dict[Filter, list[int]] = defaultdict(list)
        for number, (query, _) in enumerate(queries):
            groups[query.where].append(number)
        rankings: dict[int, Ranking] = {}
        for where, numbers in groups.items():
            matches = self._store.search_many(
                np.stack([queries[number][1].vector for number in numbers]),
                max(queries[number][0].k for number in numbers),
                where,
                [() if include_self else queries[number][1].own for number in numbers],
            )
            for number, found in zip(numbers, matches, strict=True):
                rankings[number] = self._ranking(*queries[number], found)
        return [rankings[number] for number in range(len(queries))]

    def _ranking(self, query: Query, embedded: EmbeddedQuery, matches: Sequence[Match]) -> Ranking:
        sample = np.empty(0) if query.has_text else self._best_match_scores()
        least = -np.inf if query.min_score is None else query.min_score
        copies_from = copy_threshold(self._store.stamp) if is_one_image(query) else np.inf

        def hit(rank: int, match: Match) -> Hit:
            share = percentile(match.score, sample)
            is_identical = match.entry.digest == embedded.identical
            return Hit(
                rank=rank,
                gallery=self._store.address,
                id=f"{match.entry.id:x}",
                path=match.entry.path,
                root=self._store.root,
                score=match.score,
                percentile=share,
                match="identical" if is_identical else match_word(match.score, share, copies_from),
                offline=match.entry.offline_since is not None,
            )

        # Sorting is stable: identical images come first, also before others with the same embedding.
        found = sorted(matches[: query.k], key=lambda match: match.entry.digest != embedded.identical)
        hits = (hit(rank, match) for rank, match in enumerate(found, start=1) if match.score >= least)
        return Ranking(query, tuple(hit for hit in hits if is_at_least(hit.match, query.min_match)))

    def _best_match_scores(self) -> NDArray[np.float64]:
        """The sample's best-match scores, sorted; computed here if no update has completed yet."""
        with self._lock:
            revision = self._store.revision()
            if self._scores is None or self._scores_revision != revision:
                stored = self._store.calibration()
                if stored is None or stored.copies_from != copy_threshold(self._store.stamp):
                    stored = self._provisional()
                self._scores, self._scores_revision = np.sort(stored.scores), revision
            return self._scores

    def _provisional(self) -> Calibration:
        return calibration.calibrate(self._store, self._store.sample(calibration.SAMPLE_SIZE))
