"""Same scene, other frame: the figures in words, for programs, and a CSV row for every query."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lookalike.evaluation.experiments.angles import AngleQuery, Angles
from lookalike.report.document.definitions import definitions, interval_notes, order
from lookalike.report.document.json_text import path_fields
from lookalike.report.evaluation_json import interval_pair, made_with, skipped_files, stamp, words

VERSION: Final = 1
WHAT: Final = "same scene, other frame"

_KEPT: Final = ("Precision@k", "Recall@k", "Hit rate@k", "nDCG@k", "AP and mAP", "mAP@R", "Ties")


def figure_keys(ks: Sequence[int]) -> list[str]:
    """The keys of the figures in the order in which they are shown; there is no vote on a scene."""
    return [key for key in order(ks) if key != "accuracy"]


def meanings(angles: Angles) -> dict[str, str]:
    """What each term means here."""
    usual = definitions("none", angles.dataset)
    return {
        "Same scene, other frame": "A group is one scene. For each query that has a group, the other frames of its "
        "group are relevant, whatever their label; all other images are wrong. This is retrieval from another angle "
        "only as far as a group's frames were taken from different places.",
        "Junk": f"The query itself, its exact copies, and its near copies: images whose cosine with it is above "
        f"{angles.threshold:g} by {angles.near_encoder.name}, which is fixed, whatever encoder is measured. They are "
        "removed before ranks are counted, for finding them says nothing about another angle.",
        "R": "How many other frames of its scene a query's gallery has once junk is removed. Queries with R = 0 can't "
        "be answered: they are left out of every mean, and counted.",
        **{term: usual[term] for term in _KEPT},
        "Micro, by scene, macro": "Mean over queries; mean over scenes of each scene's own mean; and mean over classes "
        "of each class's own mean. Large scenes weigh more in the first.",
        "Chance": "What a random order of the same galleries would give, computed exactly and averaged over queries.",
    }


def angles_answer(angles: Angles) -> dict[str, Any]:
    """``angles`` as JSON can carry it: figures 0 to 1, intervals ``[low, high]`` or null."""
    keys = figure_keys(angles.ks)
    return {
        "version": VERSION,
        "experiment": WHAT,
        "encoder": angles.encoder.name,
        "dataset": words(angles.dataset.name),
        "folder": path_fields(angles.dataset.root)["path"],
        "protocol": "split" if angles.dataset.has_split else "leave-one-out",
        "images": len(angles.rows),
        "gallery": angles.gallery,
        "queries": angles.scored,
        "scenes": angles.scenes,
        "excluded": sum(angles.excluded.values()),
        "exclusions": dict(angles.excluded),
        "near_copies": {
            "encoder": angles.near_encoder.name,
            "threshold": angles.threshold,
            "pairs_of_one_scene": angles.same_scene_duplicates,
            "pairs_of_two": angles.other_duplicates,
        },
        "micro": _shares(angles.micro, keys),
        "by_scene": _shares(angles.by_scene, keys),
        "macro": _shares(angles.macro, keys),
        "intervals": {key: interval_pair(angles.intervals.get(key)) for key in keys},
        "intervals_are_approximate": any(one is not None and one.approximate for one in angles.intervals.values()),
        "ceilings": dict(angles.ceilings),
        "chance": _shares(angles.chance, keys),
        "classes": {words(label): _shares(means, keys) for label, means in angles.classes.items()},
        "class_queries": {words(label): count for label, count in angles.class_queries.items()},
        "tied_share": angles.tied_share,
        "best": [_query(angles, query) for query in angles.best()],
        "worst": [_query(angles, query) for query in angles.worst()],
        "skipped": skipped_files(angles.skipped),
        "definitions": meanings(angles),
        "interval_notes": interval_notes(angles.scenes, angles.dataset),
        "seed": angles.seed,
        "stamp": stamp(angles.encoder),
        "near_stamp": stamp(angles.near_encoder),
        **made_with(angles.provenance),
    }


def angles_csv(angles: Angles) -> str:
    """A row for every query, scored or not: what it is, its figures (empty where R = 0), and its first hit."""
    keys = figure_keys(angles.ks)
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    names = [{"map": "ap", "map@r": "ap@r"}.get(key, key) for key in keys]
    first_hit = ["first_frame_rank", "first_hit_path", "first_hit_group", "first_hit_score", "first_hit_right"]
    writer.writerow(["path", "label", "group", "R", "gallery", *names, *first_hit])
    for query in angles.queries():
        hits = angles.hits(query.number)[:1]
        writer.writerow(
            [words(query.row.path), words(query.row.label), words(query.row.group or ""), query.relevant, query.size]
            + [query.metrics.get(key, "") for key in keys]
            + ["" if query.first is None else query.first.rank]
            + [
                cell
                for hit in hits
                for cell in (words(hit.row.path), words(hit.row.group or ""), round(hit.score, 6), hit.right)
            ]
        )
    return written.getvalue()


def _shares(means: Mapping[str, float], keys: Sequence[str]) -> dict[str, float | None]:
    return {key: None if math.isnan(means[key]) else float(means[key]) for key in keys}


def _query(angles: Angles, query: AngleQuery) -> dict[str, Any]:
    return {
        **path_fields(query.row.path),
        "label": words(query.row.label),
        "group": words(query.row.group or ""),
        "R": query.relevant,
        "ap": query.metrics["map"],
        "first_frame_rank": None if query.first is None else query.first.rank,
        "hits": [
            {
                **path_fields(hit.row.path),
                "group": words(hit.row.group) if hit.row.group else None,
                "score": round(hit.score, 6),
                "right": hit.right,
            }
            for hit in angles.hits(query.number)
        ],
    }
