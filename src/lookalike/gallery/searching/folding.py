"""Near copies of a match are folded under it, so that ten hits are ten things."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.gallery.records import Match
from lookalike.gallery.store import Store
from lookalike.search.query import Filter
from lookalike.search.similarity import cosines

_SPARE: Final = 32
"""How many more matches than twice ``k`` are looked at first."""
_FEW_COPIES: Final = 8
"""How many copies of each match are looked for first; most have none."""
_MOST_COPIES: Final = 1000
"""The largest number of copies of one match that are listed."""


@dataclass(frozen=True, slots=True)
class Folded:
    """A match that is no copy of a better one, and its copies, best first; their scores are those with the query."""

    match: Match
    copies: tuple[Match, ...]


class Folder:
    """Folds the matches of one query. Images with a cosine from ``copies_from`` on are copies of each other."""

    def __init__(
        self, store: Store, vector: NDArray[np.float32], where: Filter, own: Collection[int], copies_from: float
    ) -> None:
        self._store = store
        self._vector = vector
        self._where = where
        self._own = own
        self._copies_from = copies_from

    def fold(self, k: int, order: Callable[[list[Match]], list[Match]]) -> list[Folded]:
        """The first ``k`` matches that are no copies of each other; fewer if there are no more.

        ``order`` sorts matches and leaves out those that are not good enough, such as all after a certain score.
        """
        size = 2 * k + _SPARE
        while True:
            matches = self._store.search(self._vector, size, self._where, self._own)
            good = order(matches)
            leaders = self._leaders(good, k)
            # There are no more, or those that follow are not good enough either.
            if len(leaders) == k or len(matches) < size or len(good) < len(matches):
                return self._with_copies(leaders)
            size *= 4

    def _leaders(self, matches: Sequence[Match], k: int) -> list[Match]:
        """The first ``k`` matches, without copies of better ones."""
        vectors = self._store.vectors_of([match.entry.digest for match in matches])
        chosen = np.empty((k, len(self._vector)), np.float32)
        leaders: list[Match] = []
        for match in matches:
            vector = vectors.get(match.entry.digest)
            if vector is None or (chosen[: len(leaders)] @ vector >= self._copies_from).any():
                continue
            chosen[len(leaders)] = vector
            leaders.append(match)
            if len(leaders) == k:
                break
        return leaders

    def _with_copies(self, leaders: Sequence[Match]) -> list[Folded]:
        """Each match with all its copies; a copy of several belongs to the first."""
        taken = {leader.entry.id for leader in leaders}
        folded = []
        for leader, others in zip(leaders, self._near(leaders), strict=True):
            copies = [one for one in others if one.entry.id not in taken]
            taken.update(copy.entry.id for copy in copies)
            folded.append(Folded(leader, self._scored(copies)))
        return folded

    def _near(self, leaders: Sequence[Match]) -> list[list[Match]]:
        """The copies of each match, in one more scan, or two if one of them has many."""
        near = self._copies(leaders, _FEW_COPIES)
        many = [place for place, copies in enumerate(near) if len(copies) == _FEW_COPIES]
        for place, copies in zip(many, self._copies([leaders[place] for place in many], _MOST_COPIES), strict=True):
            near[place] = copies
        return near

    def _copies(self, leaders: Sequence[Match], limit: int) -> list[list[Match]]:
        """Up to ``limit`` copies of each match, best first."""
        if not leaders:
            return []
        vectors = self._store.vectors_of([leader.entry.digest for leader in leaders])
        return self._store.search_many(
            np.stack([vectors[leader.entry.digest] for leader in leaders]),
            limit,
            self._where,
            [(*self._own, leader.entry.id) for leader in leaders],
            self._copies_from,
        )

    def _scored(self, copies: Sequence[Match]) -> tuple[Match, ...]:
        """The copies with their scores with the query."""
        if not copies:
            return ()
        vectors = self._store.vectors_of([copy.entry.digest for copy in copies])
        known = [copy.entry for copy in copies if copy.entry.digest in vectors]
        if not known:
            return ()
        scores = cosines(self._vector, np.stack([vectors[entry.digest] for entry in known]))
        return tuple(Match(entry, float(score)) for entry, score in zip(known, scores, strict=True))
