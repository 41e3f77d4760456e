"""Parts of the report on both experiments: what damage leaves, and rankings."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from PIL import Image

from lookalike.errors import ImageError
from lookalike.evaluation.corruptions import STANDARD_SIDE
from lookalike.images.decode import open_image
from lookalike.report.angles_json import figure_keys
from lookalike.report.document.blocks import Block, Figure, FigureRow, Heading, NumberedTable, Text
from lookalike.report.document.definitions import junk_words, name, ties
from lookalike.report.document.pages import share
from lookalike.report.document.tables import Table
from lookalike.report.drawings.hit_grid import GridHit, GridRow, hit_grid
from lookalike.report.evaluation_text import exclusions_text, interval_text
from lookalike.report.robustness_definitions import robustness_interval_notes
from lookalike.report.robustness_figures import robustness_curves, robustness_heat_map
from lookalike.report.robustness_page import sheet_of
from lookalike.text import plural, printable

if TYPE_CHECKING:
    from lookalike.evaluation.experiments.angle_results import Angles
    from lookalike.evaluation.experiments.reproduce import Experiment
    from lookalike.evaluation.robustness.examples import Example
    from lookalike.evaluation.robustness.results import Robustness, RobustnessMetrics, RuleResults
    from lookalike.evaluation.scoring.results import Evaluation

_HITS: Final = 10
_GRID_SIDE: Final = 400
_SHEET_ROWS: Final = 12


def robustness_blocks(experiment: Experiment, examples: Sequence[Example], limit: int) -> Iterator[Block]:
    """What damage leaves of the figures, and what it looks like; ``limit`` is how many images a class had at most."""
    result = experiment.robustness
    findings, title = result.results, experiment.title
    yield Heading(title, 3)
    yield Text(
        f"{plural(findings.scored, 'query', 'queries')}, {findings.excluded:,} excluded, against "
        f"{plural(result.gallery, 'image')} (at most {limit:,} of each class), every one scaled to {STANDARD_SIDE} "
        "pixels along its shorter side; queries are damaged, the gallery is clean; "
        f"{plural(len(findings.corruptions), 'corruption')} (controls among them) at severity "
        f"{', '.join(map(str, result.severities))}."
    )
    yield FigureRow(
        f"{title}: retention by corruption and severity",
        "Retention in percent, (damaged - chance) / (clean - chance); the mean over severities at the right, "
        "controls in italics and in no mean.",
        tuple(
            Figure(
                f"figure-robustness-{experiment.name}-{key.replace('@', '-')}",
                name(key),
                "",
                robustness_heat_map(result, key),
            )
            for key in result.metric_names
        ),
    )
    key = result.metric_names[0]
    yield FigureRow(
        f"{title}: {name(key).lower()} over severity",
        "From clean images on, a line for each corruption; dashed lines are controls, the dotted line is chance.",
        tuple(
            Figure(
                f"figure-curves-{experiment.name}-{family.name}",
                family.name.capitalize(),
                "",
                robustness_curves(result, family, key),
            )
            for family in findings.families
        ),
    )
    for line in exclusions_text(findings.exclusions):
        yield Text(f"{title}, {line.strip()}.")
    yield NumberedTable(
        f"{title}: what damage leaves, by family",
        f"Means over severities, then corruptions, then families; retention with its 95 % interval. "
        f"{robustness_interval_notes(result)} At most {ties(findings.tied_share, result.seed)}",
        (
            _families_table("By family", findings, result.metric_names),
            *(_other_families(other, result) for other in result.others),
        ),
    )
    yield from _examples(experiment, examples)


def _other_families(other: RuleResults, result: Robustness) -> Table:
    """The same under another junk rule, with how many queries it leaves."""
    queries = f"{plural(other.scored, 'query', 'queries')}, {other.excluded:,} excluded"
    found = _families_table(f"By family under the junk rule {other.junk}", other, result.metric_names)
    return replace(found, remarks=(f"{junk_words(other.junk, result.dataset)}: {queries}",))


def _families_table(title: str, findings: RuleResults, keys: Sequence[str]) -> Table:
    header = ("Family", *(cell for key in keys for cell in (name(key), "Retention", "95 % interval")))
    clean = tuple(
        cell
        for key in keys
        for cell in (share(findings.clean[key].value), "", interval_text(findings.clean[key].interval))
    )
    rows = [("clean", *clean), ("chance", *(cell for key in keys for cell in (share(findings.chance[key]), "", "")))]
    rows += [(family.name, *_measured(family.metrics, keys)) for family in findings.families if family.metrics]
    rows += [("all families", *_measured(findings.overall, keys))] if findings.overall else []
    return Table(title, header, tuple(rows))


def _measured(measures: RobustnessMetrics, keys: Sequence[str]) -> Iterator[str]:
    for key in keys:
        one = measures[key]
        yield share(one.value)
        yield "n/a" if one.retention is None else share(one.retention)
        yield interval_text(one.retention_interval)


def _examples(experiment: Experiment, examples: Sequence[Example]) -> Iterator[Block]:
    """One contact sheet, in parts where it would be too high for a page."""
    parts = [examples[start : start + _SHEET_ROWS] for start in range(0, len(examples), _SHEET_ROWS)]
    if parts:
        yield FigureRow(
            f"{experiment.title}: every severity of one image",
            "As the encoder was given it: the same scaling, the same random numbers. The image is drawn by the seed.",
            tuple(
                Figure(
                    f"figure-damage-{experiment.name}-{number}",
                    ", ".join(dict.fromkeys(one.family for one in part)).capitalize(),
                    "",
                    jpeg(sheet_of(part)),
                    wide=True,
                )
                for number, part in enumerate(parts, start=1)
            ),
        )


def angle_blocks(experiment: Experiment) -> Iterator[Block]:
    """How other frames of the same scene are found, or why that can't be told."""
    found, title = experiment.angles, experiment.title
    yield Heading(title, 3)
    if found is None:
        yield Text(f"Not measured: {experiment.angles_problem}", notice=True)
        return
    excluded = "; ".join(f"{count:,} excluded: {reason}" for reason, count in found.excluded.items())
    header = ("Figure", "Mean over queries", "95 % interval", "Mean over scenes", "Mean over classes", "Chance")
    rows = tuple(
        (
            name(key),
            share(found.micro[key]),
            interval_text(found.intervals.get(key)),
            share(found.by_scene[key]),
            share(found.macro[key]),
            share(found.chance.get(key)),
        )
        for key in figure_keys(found.ks)
    )
    yield NumberedTable(
        f"{title}: same scene, other frame",
        "Relevant are images of the query's group, whatever their label; near copies (cosine above "
        f"{found.threshold:g} by {found.near_encoder.name}) are junk. {plural(found.scored, 'query', 'queries')} of "
        f"{plural(found.scenes, 'scene')} against {plural(found.gallery, 'image')}; {excluded or 'none excluded'}. "
        f"{ties(found.tied_share, found.seed)}",
        (Table("All scenes", header, rows),),
    )
    yield Figure(
        f"figure-angles-{experiment.name}",
        f"{title}: rankings of scenes",
        "One query of each scene, both drawn by the seed. A right hit is another frame of the query's scene; a wrong "
        "one shows another scene, maybe of the same class.",
        jpeg(hit_grid([_scene_row(found, number) for number in experiment.scenes])),
        wide=True,
    )


def _scene_row(found: Angles, number: int) -> GridRow:
    query, hits, root = found.query(number), found.hits(number)[:_HITS], found.dataset.root
    right = sum(hit.right for hit in hits)
    return GridRow(
        _image(root / query.row.path),
        printable(query.row.group or query.row.label),
        f"{right} of {plural(query.relevant, 'frame')} found",
        tuple(
            GridHit(_image(root / hit.row.path), printable(hit.row.group or hit.row.label), hit.score, hit.right)
            for hit in hits
        ),
    )


def ranking_blocks(experiment: Experiment, seed: int) -> Iterator[Block]:
    """Rankings of queries that were drawn, and the worst there are."""
    evaluation = experiment.evaluation
    yield Heading(experiment.title, 3)
    what = (
        f"The first {_HITS} hits by {evaluation.encoder.name}, self and junk removed, with their cosines; right hits "
        "in solid green frames, wrong ones in dashed red frames with their label."
    )
    yield Figure(
        f"figure-rankings-{experiment.name}",
        f"{experiment.title}: rankings",
        f"Queries drawn for each class by the seed {seed}, not picked. {what}",
        jpeg(hit_grid([_grid_row(evaluation, number) for number in experiment.queries])),
        wide=True,
    )
    yield Figure(
        f"figure-worst-{experiment.name}",
        f"{experiment.title}: the worst rankings",
        f"The queries of least AP, worst first. {what}",
        jpeg(hit_grid([_grid_row(evaluation, number) for number in experiment.worst])),
        wide=True,
    )


def _grid_row(evaluation: Evaluation, number: int) -> GridRow:
    query = evaluation.query(number)
    hits = evaluation.hits(number)[:_HITS]
    root = evaluation.dataset.root
    right = sum(hit.right for hit in hits)
    return GridRow(
        _image(root / query.path),
        printable(query.label),
        f"AP {share(query.metrics['map'])}, {right} of {len(hits)} right",
        tuple(GridHit(_image(root / hit.path), printable(hit.label), hit.score, hit.right) for hit in hits),
    )


def _image(path: Any) -> Image.Image | None:
    try:
        return open_image(path, min_side=_GRID_SIDE).pixels
    except ImageError:  # it was there when it was embedded
        return None


def jpeg(image: Image.Image) -> bytes:
    """The image as a JPEG file."""
    written = io.BytesIO()
    image.save(written, "JPEG", quality=84, optimize=True, progressive=True)
    return written.getvalue()
