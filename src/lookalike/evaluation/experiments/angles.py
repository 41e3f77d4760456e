"""Multi-angle retrieval: find other frames of the query's scene, on real images.

The dataset's groups define which images show one scene. For each query, the other frames of its scene are relevant and
all other images are wrong, whatever their label. Near duplicates of the query are junk, since finding them does not
show that an encoder copes with another angle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import EvaluationError
from lookalike.evaluation.data.dataset import Dataset, split_rows
from lookalike.evaluation.data.embedded import EmbeddedDataset
from lookalike.evaluation.data.provenance import provenance
from lookalike.evaluation.data.relevance import MISSING, Relevance, RowCodes
from lookalike.evaluation.experiments.angle_results import AngleHit, AngleQuery, Angles
from lookalike.evaluation.ranking.full_ranking import Rankings, rank_gallery
from lookalike.evaluation.ranking.near_duplicates import NEAR_THRESHOLD, NearDuplicateIndex
from lookalike.evaluation.scoring.averages import averages, query_metrics, required_depth
from lookalike.evaluation.scoring.results import QueryResults
from lookalike.evaluation.statistics.chance import chance_levels
from lookalike.evaluation.statistics.influence import InfluenceCollector
from lookalike.evaluation.statistics.metrics import ceilings
from lookalike.progress import Progress
from lookalike.text import printable

__all__ = ["AngleHit", "AngleQuery", "Angles", "check_angles", "measure_angles"]

KS: Final = (1, 5, 10)
"""The default cut-offs k of precision@k and the like."""


def measure_angles(
    embedded: EmbeddedDataset,
    near: EmbeddedDataset | None = None,
    *,
    threshold: float = NEAR_THRESHOLD,
    ks: Sequence[int] = KS,
    seed: int = 0,
    progress: Progress | None = None,
) -> Angles:
    """Rank all images for each query that has a group, and measure how well other frames of its scene are found.

    ``embedded`` is the dataset embedded by the encoder to measure, ``near`` the same dataset embedded by the encoder
    that defines near duplicates (a cosine above ``threshold``), by default the same. ``seed`` determines the order of
    ties. ``progress`` is called with the numbers of queries ranked and in total.
    Raises :class:`~lookalike.errors.EvaluationError` where there are no groups, no query has a relevant image, or a k
    is larger than the gallery.
    """
    near = near or embedded
    ks = tuple(sorted(set(ks)))
    queries, gallery = embedded.split_rows()
    check_angles(replace(embedded.dataset, rows=embedded.rows), ks)
    rows = embedded.row_codes()
    duplicates = _duplicate_index(embedded, near, threshold)
    scenes = _scene_codes(rows)
    relevance = Relevance(scenes, junk="none", queries=queries, gallery=gallery, extra_junk=duplicates.of)
    if not (relevance.R > 0).any():
        raise EvaluationError(
            f"{printable(embedded.dataset.source)}: no query has another frame of its scene to find: every group has "
            "only one image or only near duplicates. Give all images of a scene the same group"
        )
    collector = InfluenceCollector(relevance, rows.labels, rows.groups, ks, classes=False)
    rankings = rank_gallery(
        embedded.vectors[queries],
        embedded.vectors[gallery],
        relevance,
        k=required_depth(ks),
        seed=seed,
        progress=progress,
        visitor=collector,
    )
    influences = collector.influences()
    values = query_metrics(rankings, ks, scenes.labels)
    del values["accuracy"]  # the majority of ten says little where a scene has three frames
    scored = rankings.R > 0
    labels = np.array([embedded.rows[number].label for number in queries], np.str_)
    means = averages(values, labels, scored)
    groups = rows.groups[queries]
    same_scene_duplicates, other_duplicates = _count_duplicates(relevance, duplicates)
    first_rows, first_scores = _first_frames(embedded.vectors, relevance, rankings)
    return Angles(
        encoder=embedded.spec,
        near_encoder=near.spec,
        threshold=threshold,
        dataset=embedded.dataset,
        rows=embedded.rows,
        skipped=embedded.skipped,
        ks=ks,
        seed=seed,
        gallery=len(gallery),
        scored=int(np.count_nonzero(scored)),
        scenes=len(np.unique(groups[scored])),
        excluded=_excluded(relevance, groups),
        same_scene_duplicates=same_scene_duplicates,
        other_duplicates=other_duplicates,
        micro=means.micro,
        by_scene=averages(values, groups, scored).macro,
        macro=means.macro,
        classes=means.classes,
        class_queries={label: int(np.count_nonzero(scored & (labels == label))) for label in means.classes},
        intervals={key: influences.micro_intervals[key] for key in values},
        influences={key: influences.micro[key] for key in values},
        sampling=influences.sampling,
        ceilings=averages(ceilings(rankings.R, ks), labels, scored).micro,
        chance={
            key: float(level[scored].mean()) for key, level in chance_levels(relevance, ks).items() if key in values
        },
        tied_share=rankings.tied_share,
        per_query=QueryResults.of(rankings, values),
        first_ranks=rankings.first_relevant,
        first_rows=first_rows,
        first_scores=first_scores,
        provenance=provenance(),
    )


def check_angles(dataset: Dataset, ks: Sequence[int]) -> None:
    """Raise :class:`~lookalike.errors.EvaluationError` for problems that can be detected before embedding."""
    name = printable(dataset.source)
    if not dataset.has_groups:
        raise EvaluationError(
            f"{name}: the dataset has no groups to show which images are of one scene. Add a column group to the CSV "
            "(path,label,group), with the same value for all images of a scene"
        )
    if not ks or min(ks) < 1:
        raise EvaluationError(f"k must be at least 1, not {', '.join(map(str, ks)) or 'an empty list'}")
    searched = len(split_rows(dataset.rows)[1]) - (0 if dataset.has_split else 1)
    if max(ks) > searched:
        raise EvaluationError(
            f"{name}: k = {max(ks):,} is larger than the gallery of {searched:,}. Choose a smaller k (--k)"
        )


def _scene_codes(rows: RowCodes) -> RowCodes:
    """``rows`` with scenes as labels, and without groups and visits, so that these define no junk."""
    missing = np.full(len(rows), MISSING, np.int64)
    return RowCodes(labels=rows.groups, groups=missing, visits=missing, contents=rows.contents)


def _duplicate_index(embedded: EmbeddedDataset, near: EmbeddedDataset, threshold: float) -> NearDuplicateIndex:
    """Near duplicates among the rows of ``embedded``; a row that is not in ``near`` has none."""
    if near is embedded:
        return NearDuplicateIndex(embedded.vectors, threshold)
    places = {row.path: number for number, row in enumerate(near.rows)}
    vectors = np.zeros((len(embedded.rows), near.vectors.shape[1]), np.float32)
    for number, row in enumerate(embedded.rows):
        if row.path in places:
            vectors[number] = near.vectors[places[row.path]]
    return NearDuplicateIndex(vectors, threshold)


def _excluded(relevance: Relevance, groups: NDArray[np.int64]) -> dict[str, int]:
    """The number of queries without a relevant image, by reason."""
    searched = relevance.rows.labels[relevance.gallery]
    by_scene = np.bincount(searched[searched != MISSING], minlength=int(max(groups.max(initial=0), 0)) + 1)
    in_gallery = np.isin(relevance.queries, relevance.gallery)
    frames = np.where(groups == MISSING, 0, by_scene[groups] - in_gallery)
    excluded, has_frames = relevance.R == 0, frames > 0
    reasons = {
        "without a group": excluded & (groups == MISSING),
        "the only frame of their scene": excluded & (groups != MISSING) & ~has_frames,
        "all other frames are near duplicates or exact copies": excluded & has_frames,
    }
    return {reason: count for reason, mask in reasons.items() if (count := int(np.count_nonzero(mask)))}


def _first_frames(
    vectors: NDArray[np.float32], relevance: Relevance, rankings: Rankings
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The row and cosine of the first relevant image of each query; -1 and nan where there is none."""
    first = np.full(len(relevance), -1, np.int64)
    scores = np.full(len(relevance), np.nan, np.float32)
    depth = rankings.rows.shape[1]
    for query in np.flatnonzero(rankings.R > 0).tolist():
        rank = int(rankings.first_relevant[query])
        if rank <= depth:
            first[query], scores[query] = rankings.rows[query, rank - 1], rankings.scores[query, rank - 1]
            continue
        frames = relevance.relevant(query)
        frames[relevance.excluded(query)] = False
        rows = relevance.gallery[frames]
        cosines = vectors[rows] @ vectors[relevance.queries[query]]
        best = int(np.argmax(cosines))
        first[query], scores[query] = rows[best], cosines[best]
    return first, scores


def _count_duplicates(relevance: Relevance, duplicates: NearDuplicateIndex) -> tuple[int, int]:
    """The numbers of pairs of a query with a group and a near duplicate in the gallery: of its scene, and others."""
    scenes = relevance.rows.labels
    searched = np.zeros(len(relevance.rows), bool)
    searched[relevance.gallery] = True
    same = other = 0
    for row in relevance.queries[scenes[relevance.queries] != MISSING].tolist():
        near = duplicates.of(row)
        in_scene = scenes[near[searched[near]]] == scenes[row]
        same += int(np.count_nonzero(in_scene))
        other += int(np.count_nonzero(~in_scene))
    return same, other
