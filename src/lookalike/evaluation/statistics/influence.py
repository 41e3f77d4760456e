"""The influences of groups on all metrics, collected while a gallery is ranked.

The sums of squares over pairs that :func:`~lookalike.evaluation.statistics.intervals.spread` needs would take a matrix
of all pairs. They are the squares of its products with random signs instead, which are right on average (Hutchinson, "A
stochastic estimator of the trace", 1990); with up to 64 groups they are exact. Memory grows with the number of images,
not with its square.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.data.relevance import Relevance
from lookalike.evaluation.statistics.effect_sums import FULL, BlockSums, EffectSums
from lookalike.evaluation.statistics.effects import FullRanking
from lookalike.evaluation.statistics.intervals import Influence, Interval, mean_interval
from lookalike.evaluation.statistics.metrics import ceilings, first_names
from lookalike.evaluation.statistics.part_sums import Part, PartSums, Sums
from lookalike.evaluation.statistics.sampling import MACRO_GROUPS, MIN_GROUPS, Basis, Factor, Sampling

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Intervals = Mapping[str, Interval | None]

_EXACT_GROUPS: Final = 64
_PROBES: Final = 32

# Pairs of a query and an image whose effects are computed at once: this bounds memory, at about 30 bytes a pair.
_BLOCK_PAIRS: Final = 2_000_000
_BLOCK_QUERIES: Final = 256

_MICRO, _MACRO = 0, 1


@dataclass(frozen=True, slots=True, eq=False)
class Influences:
    """The influences of groups on the means of metrics over queries, and the intervals of all means.

    ``micro`` has the influence on each metric's mean over queries, ``micro_intervals`` its interval, and
    ``macro_intervals`` that of the mean over the means of classes. ``class_intervals`` are those of the classes with at
    least 10 groups, by label code.
    """

    sampling: Sampling
    micro: Mapping[str, Influence]
    micro_intervals: Intervals
    macro_intervals: Intervals
    class_intervals: Mapping[int, Intervals]


class InfluenceCollector:
    """Visits the rankings of a gallery, and collects what each group adds to the metrics.

    ``blocks`` are the positions of the queries to be ranked together, class by class, so that the sums of a class can
    be released at its end. They depend on nothing but the dataset, so results are the same with any number of threads.
    """

    def __init__(
        self,
        relevance: Relevance,
        labels: Integers,
        units: Integers,
        ks: Sequence[int],
        *,
        classes: bool = True,
        block_pairs: int = _BLOCK_PAIRS,
    ) -> None:
        """Take the classes ``labels`` and the groups ``units`` of all rows (n,), as codes; -1 is no group.

        ``classes`` says whether intervals of classes are wanted.
        """
        self._relevance = relevance
        self._sampling = sampling = Sampling.of(relevance, labels, units)
        self._names = (*first_names(ks), *FULL)
        macro = classes and min(sampling.class_groups.values(), default=0) >= MACRO_GROUPS
        self._parts = list(_parts(sampling, classes=classes, macro=macro))
        self.blocks: Final = _blocks(self._parts, sampling, len(relevance), block_pairs)
        probes = sampling.strata.centred(_probes(len(sampling)))
        self._sums = EffectSums(relevance, sampling, ks, probes[sampling.gallery_units.codes].astype(np.float32))
        limits = ceilings(relevance.R[sampling.scored], ks)
        self._means = _Means(sampling, self._names, limits, probes[sampling.query_units.codes], macro=macro)
        self._place = np.full(len(relevance), -1, np.intp)
        self._place[sampling.scored] = np.arange(len(sampling.scored))
        self._part_of = np.empty(len(sampling.scored), np.intp)
        for number, part in enumerate(self._parts):
            self._part_of[part.members] = number
        self._open: PartSums | None = None

    def visit(self, block: NDArray[np.intp], rankings: Iterator[FullRanking]) -> BlockSums | None:
        """Sum the effects of one block of queries; None if they are not scored. Threads may call this."""
        places = self._place[block]
        if places[0] < 0:
            for _ in rankings:
                pass
            return None
        return self._sums.of(block, rankings, places, self._means.columns(self._part(places), places))

    def add(self, block: BlockSums | None) -> None:
        """Add the sums of a block; blocks come in order."""
        if block is None:
            return
        part = self._part(block.places)
        if self._open is None:
            self._open = PartSums(
                part, self._relevance, self._sampling, metrics=len(self._names), columns=self._means.width
            )
        self._open.add(block)
        if block.places[-1] == part.members[-1]:
            self._means.add(self._open)
            self._open = None

    def influences(self) -> Influences:
        """The result, once all blocks were added."""
        return self._means.influences()

    def _part(self, places: NDArray[np.intp]) -> Part:
        return self._parts[int(self._part_of[places[0]])]


class _Means:
    """Makes influences on means over queries and over classes of the sums of parts.

    A mean is a ratio: what a group adds as queries counts as far as it exceeds the mean. So do the products with
    probes. Then all is centred within strata.
    """

    def __init__(
        self, sampling: Sampling, names: Sequence[str], limits: Mapping[str, Floats], probes: Floats, *, macro: bool
    ) -> None:
        """Take the ceilings ``limits`` (s,) by metric, and the ``probes`` (s, p) of the scored queries' groups."""
        self._sampling, self._names = sampling, names
        self._limits = np.array([limits.get(name, np.ones(len(sampling.scored))) for name in names])
        self._probes = probes
        self._classes = Factor(np.unique(sampling.labels, return_inverse=True)[1], len(sampling.class_groups))
        self._class_probes = self._classes.centred(probes)
        self.width: Final = 1 + probes.shape[1]
        shape = (len(names), len(sampling), self.width)
        self._micro = Sums(np.zeros(shape, np.float32), np.zeros(shape, np.float32))
        self._macro = np.zeros((len(names), len(sampling), 1 + self.width), np.float32) if macro else None
        self._values = np.zeros((2, len(names)))
        self._class_intervals: dict[int, Intervals] = {}

    def columns(self, part: Part, places: NDArray[np.intp]) -> NDArray[np.float32]:
        """The weights of the queries ``places`` (b,) of a part, for each of its means and with each probe: (b, w)."""
        weights = part.weights[np.searchsorted(part.members, places)]
        probes = [self._probes[places], self._class_probes[places]][: weights.shape[1]]
        columns = [np.column_stack([np.ones(len(places)), one]) * weights[:, [mean]] for mean, one in enumerate(probes)]
        return np.concatenate(columns, axis=1).astype(np.float32)

    def add(self, sums: PartSums) -> None:
        """Add a finished part."""
        part = sums.part
        share = 1.0 if part.label is None else len(part.members) / len(self._sampling.scored)
        self._values[_MICRO] += share * sums.means()
        of_metrics = [sums.sums(metric) for metric in range(len(self._names))]
        for metric, of_metric in enumerate(of_metrics):
            for total, one in zip(self._micro, of_metric, strict=True):
                total[metric] += (share * one).astype(np.float32)
        if part.label is not None:
            self._add_class(part.label, sums, of_metrics)
        elif self._macro is not None:
            self._values[_MACRO] += sums.means(_MACRO)
            for metric in range(len(self._names)):
                of_metric = sums.sums(metric, _MACRO, classes=self._classes.of(part.members))
                self._macro[metric] += self._influence(of_metric)

    def _add_class(self, label: int, sums: PartSums, of_metrics: Sequence[Sums]) -> None:
        share = 1 / len(self._sampling.class_groups)
        groups = self._sampling.class_groups[label]
        means = sums.means()
        self._values[_MACRO] += share * means
        probe = self._probes[sums.part.members].mean(axis=0)
        intervals: dict[str, Interval | None] = {}
        limits = self._limits[:, sums.part.members].mean(axis=1).tolist()
        for metric, (name, mean, limit) in enumerate(zip(self._names, means.tolist(), limits, strict=True)):
            found = self._influence(of_metrics[metric], sums.units.counts, probe)
            intervals[name] = mean_interval(mean, found, self._sampling, Basis(groups, groups), limit)
            if self._macro is not None:
                self._macro[metric] += np.float32(share) * found
        self._class_intervals[label] = intervals

    def _influence(self, sums: Sums, counts: Integers | None = None, probe: Floats | None = None) -> Influence:
        """The influence from the ``sums``, whose mean is over ``counts`` (g,) queries with the mean ``probe`` (p,).

        Without these, the sums are already those of values and of probes centred within classes.
        """
        own, found = (np.array(one, np.float64) for one in sums)
        if counts is not None:
            own -= counts[:, np.newaxis] / max(counts.sum(), 1) * own.sum(axis=0)
        if probe is not None:
            found[:, 1:] -= found[:, :1] * probe
        return self._sampling.strata.centred(np.column_stack([own[:, 0], own + found])).astype(np.float32)

    def influences(self) -> Influences:
        """The result."""
        counts = self._sampling.query_units.counts
        probe = self._probes.sum(axis=0) / max(len(self._probes), 1)
        micro = [self._influence(Sums(*one), counts, probe) for one in zip(*self._micro, strict=True)]
        return Influences(
            sampling=self._sampling,
            micro=dict(zip(self._names, micro, strict=True)),
            micro_intervals=self._intervals(_MICRO, micro),
            macro_intervals=(
                dict.fromkeys(self._names) if self._macro is None else self._intervals(_MACRO, self._macro)
            ),
            class_intervals=self._class_intervals,
        )

    def _intervals(self, mean: int, influences: Iterable[Influence]) -> Intervals:
        sizes = self._classes.counts[self._classes.codes]
        weights = 1 / sizes if mean == _MACRO else np.ones(len(sizes))
        limits = self._limits @ (weights / weights.sum())
        rows = zip(self._names, self._values[mean].tolist(), influences, limits.tolist(), strict=True)
        return {
            name: mean_interval(value, influence, self._sampling, self._sampling.basis, limit)
            for name, value, influence, limit in rows
        }


def _parts(sampling: Sampling, *, classes: bool, macro: bool) -> Iterator[Part]:
    """The classes with enough groups for an interval of their own, then all other queries."""
    labels, number, counts = np.unique(sampling.labels, return_inverse=True, return_counts=True)
    alone = np.array([classes and sampling.class_groups[label] >= MIN_GROUPS for label in labels.tolist()], bool)
    for place in np.flatnonzero(alone).tolist():
        members = np.flatnonzero(number == place)
        yield Part(int(labels[place]), members, np.full((len(members), 1), 1 / len(members)))
    if not alone.all():
        members = np.flatnonzero(~alone[number])
        over_queries = np.full(len(members), 1 / len(number))
        over_classes = 1 / (len(labels) * counts[number[members]])
        yield Part(None, members, np.column_stack([over_queries, over_classes] if macro else [over_queries]))


def _blocks(parts: Sequence[Part], sampling: Sampling, queries: int, block_pairs: int) -> list[NDArray[np.intp]]:
    """The positions of all ``queries`` in blocks, part by part, and last those that are not scored."""
    size = int(np.clip(block_pairs // max(1, len(sampling.gallery_units.codes)), 1, _BLOCK_QUERIES))
    unscored = np.setdiff1d(np.arange(queries), sampling.scored)
    wholes = [*(sampling.scored[part.members] for part in parts), unscored]
    return [whole[start : start + size] for whole in wholes for start in range(0, len(whole), size)]


def _probes(groups: int) -> Floats:
    """A vector for each group (g, p): sums of squares of products with them are sums of squares over the groups.

    Always the same for the same number, so that differences of influences are those of the same products.
    """
    if groups <= _EXACT_GROUPS:
        return np.eye(groups)
    rng = np.random.default_rng(0)
    signs: Floats = (2 * rng.integers(0, 2, (groups, _PROBES)) - 1) / np.sqrt(_PROBES)
    return signs
