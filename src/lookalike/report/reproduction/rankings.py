"""Rankings in the report on both experiments: queries drawn by the seed, the worst ones, and scenes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lookalike.errors import ImageError
from lookalike.images.decode import open_image
from lookalike.report.angles.document import angles_table, exclusions
from lookalike.report.document.blocks import AnyBlock, Figure, Heading, Tables, Text
from lookalike.report.document.definitions import ties_note
from lookalike.report.document.elements import Drawing
from lookalike.report.document.values import share
from lookalike.report.drawings.hit_grid import GridHit, GridRow, hit_grid
from lookalike.report.drawings.raster import jpeg
from lookalike.text import plural, printable

if TYPE_CHECKING:
    from PIL import Image

    from lookalike.evaluation.experiments.angle_results import Angles
    from lookalike.evaluation.experiments.reproduce import Experiment
    from lookalike.evaluation.scoring.results import Evaluation

Load = Callable[[Path], "Image.Image | None"]

_HITS: Final = 10
_SIDE: Final = 400


def ranking_blocks(experiment: Experiment, seed: int) -> Iterator[AnyBlock]:
    """Rankings of queries drawn by the seed, and the worst ones."""
    evaluation = experiment.evaluation
    what = (
        f"The first {_HITS} hits by {evaluation.encoder.name}, self and junk removed, with their cosines; right hits "
        "have solid green frames, wrong ones dashed red frames and their label."
    )
    load = cache(_image)
    yield Heading(experiment.title, 3)
    yield _figure(
        f"figure-rankings-{experiment.name}",
        f"{experiment.title}: rankings",
        f"Queries drawn from each class by the seed {seed}, not selected. {what}",
        (_row(evaluation, number, load) for number in experiment.queries),
    )
    yield _figure(
        f"figure-worst-{experiment.name}",
        f"{experiment.title}: the worst rankings",
        f"The queries of lowest AP, worst first. {what}",
        (_row(evaluation, number, load) for number in experiment.worst),
    )


def angle_blocks(experiment: Experiment) -> Iterator[AnyBlock]:
    """How other frames of the same scene are found, or why that isn't measured."""
    angles, title = experiment.angles, experiment.title
    yield Heading(title, 3)
    if angles is None:
        yield Text(f"Not measured: {experiment.angles_problem}", kind="notice")
        return
    yield Tables(
        f"{title}: same scene, other frame",
        "Relevant are images of the query's group, whatever their label; near duplicates (cosine above "
        f"{angles.threshold:g} by {angles.near_encoder.name}) are junk. {plural(angles.scored, 'query', 'queries')} of "
        f"{plural(angles.scenes, 'scene')} against {plural(angles.gallery, 'image')}; "
        f"{exclusions(angles) or 'none excluded'}. {ties_note(angles.tied_share, angles.seed)}",
        (angles_table(angles),),
    )
    load = cache(_image)
    yield _figure(
        f"figure-angles-{experiment.name}",
        f"{title}: rankings of scenes",
        "One query of each scene, both drawn by the seed. A right hit is another frame of the query's scene; a wrong "
        "one shows another scene, possibly of the same class.",
        (_scene_row(angles, number, load) for number in experiment.scenes),
    )


def _figure(slug: str, title: str, method: str, rows: Iterable[GridRow]) -> Figure:
    return Figure((Drawing(slug, title, jpeg(hit_grid(tuple(rows))), wide=True),), title, method)


def _row(evaluation: Evaluation, number: int, load: Load) -> GridRow:
    query, root = evaluation.query(number), evaluation.dataset.root
    hits = evaluation.hits(number)[:_HITS]
    right = sum(hit.right for hit in hits)
    return GridRow(
        load(root / query.path),
        printable(query.label),
        f"AP {share(query.metrics['map'])}, {right} of {len(hits)} right",
        tuple(GridHit(load(root / hit.path), printable(hit.label), hit.score, hit.right) for hit in hits),
    )


def _scene_row(angles: Angles, number: int, load: Load) -> GridRow:
    query, root = angles.query(number), angles.dataset.root
    hits = angles.hits(number)[:_HITS]
    right = sum(hit.right for hit in hits)
    return GridRow(
        load(root / query.row.path),
        printable(query.row.group or query.row.label),
        f"{right} of {plural(query.relevant, 'frame')} found",
        tuple(
            GridHit(load(root / hit.row.path), printable(hit.row.group or hit.row.label), hit.score, hit.right)
            for hit in hits
        ),
    )


def _image(path: Path) -> Image.Image | None:
    try:
        return open_image(path, min_side=_SIDE).pixels
    except ImageError:  # it was readable when it was embedded
        return None
