"""The influence of groups on metrics: against all single effects, computed by ranking again without each image."""

from dataclasses import dataclass

import numpy as np
import pytest

from lookalike.evaluation.data.relevance import Relevance, RowCodes
from lookalike.evaluation.ranking.full_ranking import rank_gallery
from lookalike.evaluation.scoring.averages import query_metrics
from lookalike.evaluation.statistics.influence import InfluenceCollector, Influences
from lookalike.evaluation.statistics.intervals import spread
from lookalike.evaluation.statistics.sampling import Sampling

KS = (1, 5)
METRICS = ("precision@1", "precision@5", "recall@5", "ndcg@5", "hit_rate@1", "accuracy", "map", "map@r")


@dataclass
class Images:
    """Random images in classes and groups; each third group is one of queries if there is a split."""

    vectors: np.ndarray
    rows: RowCodes
    relevance: Relevance

    @property
    def units(self) -> np.ndarray:
        """The groups of all images."""
        return self.rows.groups


def images(groups: int, *, split: bool = False, classes: int = 2, seed: int = 0, largest: int = 4) -> Images:
    """Groups of 1 to ``largest`` images, in turn of each class."""
    rng = np.random.default_rng(seed)
    units = np.repeat(np.arange(groups), rng.integers(1, largest + 1, groups))
    labels = units % classes
    vectors = rng.normal(size=(len(units), 6)) + 1.5 * np.eye(classes, 6)[labels]
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    rows = RowCodes(labels, units, np.full(len(units), -1), np.arange(len(units)))
    asked = units % 3 == 0 if split else np.ones(len(units), bool)
    searched = ~asked if split else asked
    return Images(vectors, rows, Relevance(rows, queries=np.flatnonzero(asked), gallery=np.flatnonzero(searched)))


def collect(of: Images, **options: int | bool) -> Influences:
    """The influences found while ranking."""
    threads = options.pop("threads", 1)
    collector = InfluenceCollector(of.relevance, of.rows.labels, of.units, KS, **options)
    queries, gallery = of.vectors[of.relevance.queries], of.vectors[of.relevance.gallery]
    rank_gallery(queries, gallery, of.relevance, k=10, visitor=collector, threads=threads)
    return collector.influences()


def all_metrics(of: Images, gallery: np.ndarray) -> dict[str, np.ndarray]:
    """The metrics of all queries with the images ``gallery`` alone."""
    relevance = Relevance(of.rows, queries=of.relevance.queries, gallery=gallery)
    rankings = rank_gallery(of.vectors[relevance.queries], of.vectors[gallery], relevance, k=10)
    return query_metrics(rankings, KS, of.rows.labels)


def single_effects(of: Images) -> dict[str, np.ndarray]:
    """The effect of every image on every query (q, n), by ranking again without it; 0 within a group."""
    gallery = of.relevance.gallery
    before = all_metrics(of, gallery)
    effects = {name: np.zeros((len(of.relevance.queries), len(gallery))) for name in METRICS}
    for place in range(len(gallery)):
        after = all_metrics(of, np.delete(gallery, place))
        other = of.units[of.relevance.queries] != of.units[gallery[place]]
        for name in METRICS:
            effects[name][:, place] = np.nan_to_num(before[name] - after[name]) * other
    return effects


def by_definition(of: Images, name: str, effects: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The groups' influences as queries, and as queries and gallery (g,), and the effects of pairs of groups (g, g)."""
    sampling = Sampling.of(of.relevance, of.rows.labels, of.units)
    values = all_metrics(of, of.relevance.gallery)[name][sampling.scored]
    groups, scored = len(sampling), len(sampling.scored)
    asked, searched = np.zeros((groups, scored)), np.zeros((groups, len(of.relevance.gallery)))
    asked[sampling.query_units.codes, np.arange(scored)] = 1
    searched[sampling.gallery_units.codes, np.arange(searched.shape[1])] = 1
    # As queries, what exceeds the mean counts; then all is centred within strata.
    centre = (
        np.eye(groups)
        - (sampling.strata.codes[:, np.newaxis] == sampling.strata.codes)
        / (sampling.strata.counts[sampling.strata.codes])
    )
    as_queries = centre @ asked @ (np.eye(scored) - 1 / scored) / scored
    own, pairs = as_queries @ values, as_queries @ effects[sampling.scored] @ searched.T @ centre
    found = centre @ searched @ effects[sampling.scored].T @ np.full(scored, 1 / scored)
    return own, own + found, pairs + pairs.T


@pytest.mark.parametrize("split", [False, True])
def test_influences_agree_with_ranking_again_without_each_image(split: bool):
    """With few groups, all columns follow exactly from the effects of all single images."""
    of = images(18, split=split)
    found, effects = collect(of), single_effects(of)
    for name in METRICS:
        own, both, pairs = by_definition(of, name, effects[name])
        influence = found.micro[name]
        assert influence[:, 0] == pytest.approx(own, abs=1e-6), name
        assert influence[:, 1] == pytest.approx(both, abs=1e-6), name
        assert np.square(influence[:, 2:]).sum(axis=1) == pytest.approx(np.square(pairs).sum(axis=1), abs=1e-6), name


def test_random_signs_are_close_to_exact():
    """With more than 64 groups, sums of squares of pairs are estimated; the variance is the same to a few percent."""
    of = images(90, largest=2)
    found, effects = collect(of), single_effects(of)
    for name in METRICS:
        own, both, pairs = by_definition(of, name, effects[name])
        exact = spread(np.column_stack([own, both, pairs]).astype(np.float32), found.sampling)
        assert found.micro[name].shape[1] < 50
        assert spread(found.micro[name], found.sampling).error == pytest.approx(exact.error, rel=0.07), name


def test_results_do_not_depend_on_threads():
    """Blocks are added in order, so that every digit is the same with any number of threads."""
    of = images(80)
    one, three = collect(of, threads=1, block_pairs=2000), collect(of, threads=3, block_pairs=2000)
    assert all(np.array_equal(one.micro[name], three.micro[name]) for name in METRICS)
    assert one.class_intervals == three.class_intervals


def test_blocks_make_no_difference():
    """The influences of many small blocks are those of one block, up to rounding."""
    of = images(40, split=True)
    small, large = collect(of, block_pairs=50), collect(of)
    for name in METRICS:
        assert small.micro[name] == pytest.approx(large.micro[name], abs=1e-6)
        assert small.macro_intervals[name].low == pytest.approx(large.macro_intervals[name].low, abs=1e-5)


def test_classes_add_up():
    """The influence on the mean over all queries is the same whether classes have intervals of their own or not."""
    of = images(60, classes=3)
    alone, together = collect(of), collect(of, classes=False)
    assert set(alone.class_intervals) == {0, 1, 2}
    assert together.class_intervals == {}
    for name in METRICS:
        assert alone.micro[name] == pytest.approx(together.micro[name], abs=1e-6)


def test_small_classes_are_summed_together():
    """Classes of fewer than ten groups have no interval, but are part of both means; from three groups on."""
    few = collect(images(30, classes=6))
    assert few.class_intervals == {}
    assert few.macro_intervals["map"] is not None
    assert collect(images(30, classes=15)).macro_intervals["map"] is None


def test_one_class_of_two_is_the_mean_of_classes_of_equal_size():
    """With two classes of equally many single images, the means over queries and over classes are the same."""
    found = collect(images(40, largest=1))
    for name in METRICS:
        micro, macro = found.micro_intervals[name], found.macro_intervals[name]
        assert (micro.low, micro.high) == pytest.approx((macro.low, macro.high), abs=1e-5)


def test_recall_at_its_ceiling_has_the_limits_of_precision():
    """If every first hit is right and R is the same for all, recall@1 is 1 / R, the highest that it can be."""
    of = images(40, largest=1)
    corners = np.eye(6, dtype=np.float32)[of.rows.labels]
    found = collect(Images(corners, of.rows, of.relevance))
    recall, precision = (found.micro_intervals[f"{name}@1"] for name in ("recall", "precision"))
    assert (precision.low, precision.high) == (pytest.approx(0.025 ** (1 / 40)), 1)
    assert (recall.low, recall.high) == pytest.approx((precision.low / 19, 1 / 19), rel=1e-5)
    assert found.class_intervals[0]["recall@1"].high == pytest.approx(1 / 19)


def test_queries_without_a_relevant_image_are_ranked_too():
    """A class of one image can't be found: its query is not scored, and everything else is as usual."""
    of = images(41, largest=1)
    rows = RowCodes(np.where(np.arange(41) == 40, 9, of.rows.labels), of.units, of.rows.visits, of.rows.contents)
    alone = Images(of.vectors, rows, Relevance(rows))
    found = collect(alone)
    assert len(found.sampling.scored) == 40
    assert found.sampling.basis.groups == 40
