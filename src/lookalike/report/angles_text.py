"""Same scene, other frame, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookalike.report.angles_json import WHAT, figure_keys
from lookalike.report.document.definitions import interval_notes, ties
from lookalike.report.document.pages import share
from lookalike.report.evaluation_text import interval_text, skipped_lines, table
from lookalike.text import plural, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lookalike.evaluation.experiments.angle_results import Angles


def angles_text(found: Angles) -> str:
    """Lines for people: what was measured, what was left out, and all figures."""
    return "\n".join(
        [
            *_heading(found),
            "",
            *_figures(found),
            "",
            interval_notes(found.scenes, found.dataset),
            ties(found.tied_share, found.seed),
        ]
    )


def _heading(found: Angles) -> Iterator[str]:
    excluded = sum(found.excluded.values())
    yield f"{WHAT}: {printable(found.dataset.name)} by {found.encoder.name}"
    yield (
        f"{plural(found.scored, 'query', 'queries')} of {plural(found.scenes, 'scene')}, "
        f"{plural(found.gallery, 'image')}, {excluded:,} excluded"
    )
    for reason, count in found.excluded.items():
        yield f"  excluded: {count:,} {reason}"
    yield (
        f"  junk: {plural(found.same_scene_duplicates, 'pair')} of one scene and "
        f"{plural(found.other_duplicates, 'other')} are near copies (above {found.threshold:g} by {found.near_encoder.name})"
    )
    yield from skipped_lines(found.skipped)


def _figures(found: Angles) -> list[str]:
    header = ["FIGURE", "MICRO", "95 % INTERVAL", "BY SCENE", "MACRO", "CHANCE", "CEILING"]
    rows = [
        [
            key,
            share(found.micro[key]),
            interval_text(found.intervals.get(key)),
            share(found.by_scene[key]),
            share(found.macro[key]),
            share(found.chance.get(key)),
            share(found.ceilings[key.replace("precision", "ceiling")]) if key.startswith("precision") else "",
        ]
        for key in figure_keys(found.ks)
    ]
    return table([header, *rows])
