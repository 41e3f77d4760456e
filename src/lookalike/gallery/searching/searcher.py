"""Search one gallery: rank its images, and say how unusual their scores are."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Hashable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lookalike.gallery.records import Calibration, Match
from lookalike.gallery.searching import calibration
from lookalike.gallery.searching.copies import copy_threshold
from lookalike.gallery.searching.folding import Folder
from lookalike.gallery.searching.terms import EmbeddedQuery, is_one_image
from lookalike.gallery.store import Store
from lookalike.search.match_words import MatchWord, is_at_least, match_word
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

        Queries with the same filter are compared with the gallery in one scan, but for those that fold copies.
        """
        groups: dict[Filter, list[int]] = defaultdict(list)
        rankings: dict[int, Ranking] = {}
        for number, (query, embedded) in enumerate(queries):
            if query.fold:
                rankings[number] = self._folded(query, embedded, () if include_self else embedded.own)
            else:
                groups[query.where].append(number)
        for where, numbers in groups.items():
            matches = self._store.search_many(
                np.stack([queries[number][1].vector for number in numbers]),
                max(queries[number][0].k for number in numbers),
                where,
                [() if include_self else queries[number][1].own for number in numbers],
            )
            for number, found in zip(numbers, matches, strict=True):
                query, embedded = queries[number]
                hits = _Hits(self._store, query, embedded, self._sample_for(query))
                ranked = enumerate(hits.order(found[: query.k]), 1)
                rankings[number] = Ranking(query, tuple(hits.of(rank, match) for rank, match in ranked))
        return self._with_values([rankings[number] for number in range(len(queries))])

    def _with_values(self, rankings: Sequence[Ranking]) -> list[Ranking]:
        """The rankings with what is known of each hit and its copies."""
        hits = [hit for ranking in rankings for first in ranking.hits for hit in (first, *first.copies)]
        values = self._store.values_of(list({int(hit.id, 16) for hit in hits}))

        def valued(hit: Hit) -> Hit:
            return replace(hit, values=values.get(int(hit.id, 16), {}), copies=tuple(map(valued, hit.copies)))

        return [replace(ranking, hits=tuple(map(valued, ranking.hits))) for ranking in rankings]

    def _folded(self, query: Query, embedded: EmbeddedQuery, own: Collection[int]) -> Ranking:
        hits = _Hits(self._store, query, embedded, self._sample_for(query))
        folder = Folder(self._store, embedded.vector, query.where, own, copy_threshold(self._store.stamp))
        with self._store.snapshot():  # several scans
            folded = folder.fold(query.k, hits.order)
        ranked = enumerate(folded, 1)
        return Ranking(query, tuple(hits.of(rank, one.match, one.copies) for rank, one in ranked))

    def _sample_for(self, query: Query) -> NDArray[np.float64]:
        return np.empty(0) if query.has_text else self._best_match_scores()

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


class _Hits:
    """Makes the hits of one query of the matches in a store."""

    def __init__(self, store: Store, query: Query, embedded: EmbeddedQuery, sample: NDArray[np.float64]) -> None:
        self._store = store
        self._query = query
        self._identical = embedded.identical
        self._sample = sample
        self._copies_from = copy_threshold(store.stamp) if is_one_image(query) else np.inf

    def order(self, matches: Sequence[Match]) -> list[Match]:
        """Those that are good enough for the query: identical images first, also before others of the same score."""
        least = -np.inf if self._query.min_score is None else self._query.min_score
        found = sorted(matches, key=lambda match: match.entry.digest != self._identical)  # stable
        return [
            match
            for match in found
            if match.score >= least and is_at_least(self._word(match, self._share(match)), self._query.min_match)
        ]

    def of(self, rank: int, match: Match, copies: Sequence[Match] = ()) -> Hit:
        """The hit of a match."""
        share = self._share(match)
        return Hit(
            rank=rank,
            gallery=self._store.address,
            id=f"{match.entry.id:x}",
            path=match.entry.path,
            root=self._store.root,
            score=match.score,
            percentile=share,
            match=self._word(match, share),
            offline=match.entry.offline_since is not None,
            copies=tuple(self.of(rank, copy) for copy in copies),
            sha256=match.entry.digest.hex(),
        )

    def _share(self, match: Match) -> float | None:
        return percentile(match.score, self._sample)

    def _word(self, match: Match, share: float | None) -> MatchWord | None:
        if match.entry.digest == self._identical:
            return "identical"
        return match_word(match.score, share, self._copies_from)
