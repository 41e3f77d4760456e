"""The page of same scene, other frame: one file that needs nothing else, images and all."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from lookalike.evaluation.experiments.angles import AngleHit, AngleQuery, Angles
from lookalike.report.angles_json import figure_keys, meanings
from lookalike.report.document.definitions import interval_notes, name
from lookalike.report.document.pages import image_source, render

_SIDE: Final = 200
_QUERY_SIDE: Final = 320
_SHOWN: Final = 6
_HITS: Final = 10


def angles_page(angles: Angles) -> str:
    """HTML of ``angles``: figures with intervals, classes, the scenes that are found worst and best, definitions."""
    images = _Images(angles)
    keys = figure_keys(angles.ks)
    first, last = min(angles.ks), max(angles.ks)
    stats = [*dict.fromkeys((f"precision@{first}", f"hit_rate@{last}", f"recall@{last}", "map"))]
    class_keys = [*dict.fromkeys((f"precision@{first}", f"precision@{last}", f"recall@{last}", "map", "map@r"))]
    return render(
        "angles.html",
        {
            "angles": angles,
            "dataset": angles.dataset,
            "stats": [_row(angles, key) for key in stats],
            "rows": [_row(angles, key) for key in keys],
            "interval_notes": interval_notes(angles.scenes, angles.dataset),
            "class_names": [name(key) for key in class_keys],
            "classes": [
                (label, angles.class_queries[label], [means[key] for key in class_keys])
                for label, means in sorted(angles.classes.items())
            ],
            "class_macro": [angles.macro[key] for key in class_keys],
            "class_micro": [angles.micro[key] for key in class_keys],
            "strips": [
                {"title": title, "queries": [images.query(query) for query in queries]}
                for title, queries in (
                    ("Scenes found worst", angles.worst(_SHOWN)),
                    ("Scenes found best", angles.best(_SHOWN)),
                )
            ],
            "definitions": meanings(angles),
        },
    )


def _row(angles: Angles, key: str) -> dict[str, Any]:
    return {
        "name": name(key),
        "value": angles.micro[key],
        "interval": angles.intervals.get(key),
        "by_scene": angles.by_scene[key],
        "macro": angles.macro[key],
        "chance": angles.chance.get(key),
        "ceiling": angles.ceilings.get(key.replace("precision@", "ceiling@")) if "precision@" in key else None,
    }


class _Images:
    """The dataset's images as data URIs; one that is shown several times is read once."""

    def __init__(self, angles: Angles) -> None:
        self._angles = angles
        self._source = lru_cache(maxsize=None)(self._read)

    def _read(self, path: str, side: int) -> str | None:
        return image_source(self._angles.dataset.root / path, side)

    def query(self, query: AngleQuery) -> dict[str, Any]:
        """A query with its first hits."""
        hits = self._angles.hits(query.number)[:_HITS]
        # Where no frame of the scene is among the first hits, the one that comes later takes the last place.
        later = query.first if query.first is not None and query.first.rank > len(hits) else None
        return {
            "row": query.row,
            "ap": query.metrics["map"],
            "relevant": query.relevant,
            "found": sum(hit.right for hit in hits),
            "source": self._source(query.row.path, _QUERY_SIDE),
            "first": len(hits),
            "hits": [self._hit(hit) for hit in (hits if later is None else hits[:-1])],
            "later": None if later is None else self._hit(later),
        }

    def _hit(self, hit: AngleHit) -> dict[str, Any]:
        return {
            "rank": hit.rank,
            "row": hit.row,
            "score": hit.score,
            "right": hit.right,
            "source": self._source(hit.row.path, _SIDE),
        }
