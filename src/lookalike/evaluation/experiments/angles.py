"""Multi-angle retrieval, on real pictures: same scene, other frame.

The dataset's groups say which pictures show one scene. For each query, the other frames of its scene are relevant and
everything else is wrong, whatever its label; frames that are near copies of the query are junk, for finding them says
nothing about another angle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import EvaluationError
from lookalike.evaluation.data.dataset import Dataset, sides
from lookalike.evaluation.data.embedded import EmbeddedDataset
from lookalike.evaluation.data.provenance import provenance
from lookalike.evaluation.data.relevance import ALONE, Relevance, Rows
from lookalike.evaluation.experiments.angle_results import AngleHit, AngleQuery, Angles
from lookalike.evaluation.ranking.full_ranking import Rankings, rank_gallery
from lookalike.evaluation.ranking.near_copies import NEAR, Neighbours
from lookalike.evaluation.scoring.averages import averages, deepest, per_query
from lookalike.evaluation.scoring.results import QueryTable
from lookalike.evaluation.statistics.chance import chance_levels
from lookalike.evaluation.statistics.intervals import intervals
from lookalike.text import shown

__all__ = ["AngleHit", "AngleQuery", "Angles", "angles", "check"]

KS: Final = (1, 5, 10)
"""The ranks at which figures are taken unless the caller says otherwise."""


def angles(
    embedded: EmbeddedDataset,
    near: EmbeddedDataset | None = None,
    *,
    threshold: float = NEAR,
    ks: Sequence[int] = KS,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    command: str | None = None,
) -> Angles:
    """Rank all pictures for each query that has a group, and see where the other frames of its scene come.

    ``embedded`` is the dataset by the encoder that is measured, ``near`` the same dataset by the fixed encoder that
    near copies are told by (those of a cosine above ``threshold``); without it, the encoder measured tells them.
    ``seed`` decides the order of ties and what intervals resample. Raises
    :class:`~lookalike.errors.EvaluationError` where there are no groups, nothing is left to find, or a k is larger
    than the gallery.
    """
    near = near or embedded
    ks = tuple(sorted(set(ks)))
    queries, gallery = embedded.sides()
    check(replace(embedded.dataset, rows=embedded.rows), ks)
    rows = embedded.statistics_rows()
    neighbours = _aligned(embedded, near, threshold)
    scenes = _as_scenes(rows)
    relevance = Relevance(scenes, junk="none", queries=queries, gallery=gallery, also_junk=neighbours.of)
    if not (relevance.R > 0).any():
        raise EvaluationError(
            f"{shown(embedded.dataset.source)}: no query has another frame of its scene left to find: every group has "
            "one picture, or near copies alone; give pictures of one scene the same group"
        )
    rankings = rank_gallery(
        embedded.vectors[queries], embedded.vectors[gallery], relevance, k=deepest(ks), seed=seed, progress=progress
    )
    values = per_query(rankings, ks, scenes.labels)
    del values["accuracy"]  # a vote of ten says little where a scene has three frames
    ceilings = {key: values.pop(key) for key in [*values] if key.startswith("ceiling@")}
    scored = rankings.R > 0
    labels = np.array([embedded.rows[number].label for number in queries], np.str_)
    means = averages(values, labels, scored)
    groups = rows.groups[queries]
    near_frames, near_others = _removed(relevance, neighbours)
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
        near_frames=near_frames,
        near_others=near_others,
        micro=means.micro,
        by_scene=averages(values, groups, scored).macro,
        macro=means.macro,
        classes=means.classes,
        class_queries={label: int(np.count_nonzero(scored & (labels == label))) for label in means.classes},
        intervals=intervals(
            {key: figures[scored] for key, figures in values.items()},
            groups[scored],
            rows.labels[queries][scored],
            seed=seed,
        ),
        ceilings=averages(ceilings, labels, scored).micro,
        chance={
            key: float(level[scored].mean()) for key, level in chance_levels(relevance, ks).items() if key in values
        },
        tied_share=rankings.tied_share,
        table=QueryTable(
            rows=rankings.queries,
            relevant=rankings.R,
            sizes=rankings.size,
            values=values,
            hits=rankings.rows,
            scores=rankings.scores,
            right=rankings.relevant,
        ),
        first_ranks=rankings.first_relevant,
        first_rows=first_rows,
        first_scores=first_scores,
        provenance=provenance(command),
    )


def check(dataset: Dataset, ks: Sequence[int]) -> None:
    """Raise :class:`~lookalike.errors.EvaluationError` for what can be told before anything is embedded."""
    name = shown(dataset.source)
    if not dataset.has_groups:
        raise EvaluationError(
            f"{name}: no groups are given, so nothing says which pictures show one scene; add a column group to the "
            "CSV (path,label,group), the same word for pictures of one scene"
        )
    if not ks or min(ks) < 1:
        raise EvaluationError(f"k must be at least 1, in {', '.join(map(str, ks)) or 'an empty list'}")
    searched = len(sides(dataset.rows)[1]) - (0 if dataset.has_split else 1)
    if max(ks) > searched:
        raise EvaluationError(
            f"{name}: k = {max(ks):,} is larger than the gallery of {searched:,}; choose a k up to that (--k)"
        )


def _as_scenes(rows: Rows) -> Rows:
    """Scenes in the place of labels, and no units whose pictures would be junk."""
    alone = np.full(len(rows), ALONE, np.int64)
    return Rows(labels=rows.groups, groups=alone, visits=alone, contents=rows.contents)


def _aligned(embedded: EmbeddedDataset, near: EmbeddedDataset, threshold: float) -> Neighbours:
    """Near copies among the rows of ``embedded``; a row that ``near`` hasn't has none."""
    if near is embedded:
        return Neighbours(embedded.vectors, threshold)
    places = {row.path: number for number, row in enumerate(near.rows)}
    vectors = np.zeros((len(embedded.rows), near.vectors.shape[1]), np.float32)
    for number, row in enumerate(embedded.rows):
        if row.path in places:
            vectors[number] = near.vectors[places[row.path]]
    return Neighbours(vectors, threshold)


def _excluded(relevance: Relevance, groups: NDArray[np.int64]) -> dict[str, int]:
    """How many queries have nothing to find, by the reason."""
    searched = relevance.rows.labels[relevance.gallery]
    having = np.bincount(searched[searched != ALONE], minlength=int(max(groups.max(initial=0), 0)) + 1)
    in_gallery = np.isin(relevance.queries, relevance.gallery)
    frames = np.where(groups == ALONE, 0, having[groups] - in_gallery)
    without, left = relevance.R == 0, frames > 0
    reasons = {
        "without a group": without & (groups == ALONE),
        "the only frame of their scene": without & (groups != ALONE) & ~left,
        "all other frames are near or exact copies": without & left,
    }
    return {reason: count for reason, which in reasons.items() if (count := int(np.count_nonzero(which)))}


def _first_frames(
    vectors: NDArray[np.float32], relevance: Relevance, rankings: Rankings
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The row of each query's first relevant picture, and its cosine; -1 and nan where there is none."""
    found = np.full(len(relevance), -1, np.int64)
    scores = np.full(len(relevance), np.nan, np.float32)
    kept = rankings.rows.shape[1]
    for query in np.flatnonzero(rankings.R > 0).tolist():
        rank = int(rankings.first_relevant[query])
        if rank <= kept:
            found[query], scores[query] = rankings.rows[query, rank - 1], rankings.scores[query, rank - 1]
            continue
        frames = relevance.relevant(query)
        frames[relevance.excluded(query)] = False
        rows = relevance.gallery[frames]
        cosines = vectors[rows] @ vectors[relevance.queries[query]]
        best = int(np.argmax(cosines))
        found[query], scores[query] = rows[best], cosines[best]
    return found, scores


def _removed(relevance: Relevance, neighbours: Neighbours) -> tuple[int, int]:
    """Pairs of a query that has a group and a near copy in the gallery: of the same scene, and of another or none."""
    scenes = relevance.rows.labels
    searched = np.zeros(len(relevance.rows), bool)
    searched[relevance.gallery] = True
    same = other = 0
    for row in relevance.queries[scenes[relevance.queries] != ALONE].tolist():
        near = neighbours.of(row)
        of_scene = scenes[near[searched[near]]] == scenes[row]
        same += int(np.count_nonzero(of_scene))
        other += int(np.count_nonzero(~of_scene))
    return same, other
