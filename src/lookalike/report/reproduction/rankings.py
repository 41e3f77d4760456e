"""Rankings in the report on all experiments: the same queries by every encoder, of classes and of scenes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lookalike.errors import ImageError
from lookalike.images.decode import open_image
from lookalike.report.document.blocks import AnyBlock, Figure
from lookalike.report.document.elements import Drawing
from lookalike.report.document.values import share
from lookalike.report.rasters.hit_grid import GridHit, GridRow, hit_grid
from lookalike.report.rasters.raster import jpeg
from lookalike.text import plural, printable

if TYPE_CHECKING:
    from PIL import Image

    from lookalike.evaluation.experiments.angle_results import Angles
    from lookalike.evaluation.experiments.reproduce import Experiment
    from lookalike.evaluation.scoring.results import Evaluation

Load = Callable[[Path], "Image.Image | None"]

_HITS: Final = 10
_ROWS: Final = 3
_SIDE: Final = 400


def ranking_blocks(experiment: Experiment, seed: int) -> Iterator[AnyBlock]:
    """Rankings of queries drawn by the seed, by every encoder."""
    rows = [(row.name, row.evaluation) for row in experiment.comparison.rows if row.evaluation]
    load = cache(_image)
    yield _figure(
        f"figure-rankings-{experiment.name}",
        f"{experiment.title}: rankings",
        f"Queries drawn from the classes by the seed {seed}, not selected, with their first {_HITS} hits, self and "
        f"junk removed, and cosines. {_FRAMES} and their label.",
        [_row(name, one, number, load) for number in _shared(experiment.queries, len(rows)) for name, one in rows],
        len(rows),
    )


def scene_blocks(experiment: Experiment) -> Iterator[AnyBlock]:
    """Rankings of scenes drawn by the seed, by every encoder; nothing where scenes aren't known."""
    if experiment.angles is None or not experiment.scenes:
        return
    rows = [(row.name, row.angles) for row in experiment.angles.rows]
    load = cache(_image)
    yield _figure(
        f"figure-angles-{experiment.name}",
        f"{experiment.title}: rankings of scenes",
        "Scenes, and one query of each, drawn by the seed. A right hit is another frame of the query's scene; a wrong "
        f"one shows another scene, possibly of the same class. {_FRAMES} and their scene.",
        [_scene_row(name, one, number, load) for number in _shared(experiment.scenes, len(rows)) for name, one in rows],
        len(rows),
    )


_FRAMES: Final = "Right hits have solid green frames, wrong ones dashed red frames"


def _shared(numbers: Sequence[int], encoders: int) -> Sequence[int]:
    """So many of the queries that all encoders' rankings of them have a place, and one in any case."""
    return numbers[: max(1, _ROWS // encoders)]


def _figure(slug: str, title: str, method: str, rows: Sequence[GridRow], encoders: int) -> Figure:
    shown = rows[:_ROWS]
    if encoders > len(shown):
        method += f" The first {len(shown)} of {encoders} encoders; the others are on their own pages."
    return Figure((Drawing(slug, title, jpeg(hit_grid(shown)), wide=True),), title, method)


def _row(name: str, evaluation: Evaluation, number: int, load: Load) -> GridRow:
    query, root = evaluation.query(number), evaluation.dataset.root
    hits = evaluation.hits(number)[:_HITS]
    return GridRow(
        load(root / query.path),
        f"{printable(query.label)}, AP {share(query.metrics['map'])}",
        printable(name),
        tuple(GridHit(load(root / hit.path), printable(hit.label), hit.score, hit.right) for hit in hits),
    )


def _scene_row(name: str, angles: Angles, number: int, load: Load) -> GridRow:
    query, root = angles.query(number), angles.dataset.root
    hits = angles.hits(number)[:_HITS]
    right = sum(hit.right for hit in hits)
    return GridRow(
        load(root / query.row.path),
        f"{right} of {plural(query.relevant, 'frame')} found",
        printable(name),
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
