"""Repeat both experiments of the published method on the user's own datasets."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Final

from lookalike.embedding.vector_cache import EmbeddingCache
from lookalike.encoders import catalog
from lookalike.encoders.encoder import Encoder, load_encoder
from lookalike.encoders.spec import EncoderSpec
from lookalike.errors import EncoderError, EvaluationError
from lookalike.evaluation.corruptions import SEVERITIES
from lookalike.evaluation.data.dataset import Dataset
from lookalike.evaluation.data.embedded import EmbeddedDataset, embed_dataset
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.data.provenance import Provenance, provenance
from lookalike.evaluation.data.sampling import seeded_key, subset
from lookalike.evaluation.experiments.angle_results import Angles
from lookalike.evaluation.experiments.angles import measure_angles
from lookalike.evaluation.experiments.compare import Comparison, compare, known_encoders
from lookalike.evaluation.experiments.inspect import DatasetInspection, inspect_dataset
from lookalike.evaluation.ranking.near_duplicates import NEAR_ENCODER
from lookalike.evaluation.robustness.results import Robustness
from lookalike.evaluation.robustness.robustness import measure_robustness
from lookalike.evaluation.scoring.results import Evaluation
from lookalike.evaluation.scoring.score import ignore_progress
from lookalike.progress import StageProgress

TITLES: Final = {"catsdogs": "Cats vs. Dogs", "rail": "Railway images"}
"""The datasets of the published experiments, by option name."""

LIMIT: Final = 200
"""The default number of images per class for robustness, where each image is encoded about two hundred times."""

_QUICK_LIMIT: Final = 40
_QUICK_ROBUSTNESS_LIMIT: Final = 10
_QUICK_SEVERITIES: Final = (1, 3, 5)
_QUICK_CORRUPTIONS: Final = (
    *("gaussian_noise", "motion_horizontal", "darkness", "low_sun", "fog", "rain", "jpeg_twice", "rotation", "yaw"),
    *("boxes_centre", "background_other_class"),
)
"""What a quick run measures: a sample of every family, for a preview and not for publication."""

_GRID_ROWS: Final = 12
_WORST_ROWS: Final = 6
_SCENE_ROWS: Final = 8
_SHEET_IMAGES: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class Experiment:
    """All results on one dataset.

    ``name`` is the key in ``TITLES``, ``inspection`` describes the dataset, and ``comparison`` covers every encoder;
    ``evaluation``, ``robustness`` and ``angles`` are of the studied encoder. ``angles`` is None where it can't be
    measured, for the reason in ``angles_problem``. ``queries`` and ``worst`` are the numbers of queries whose rankings
    are shown: a random sample of each class, and those of lowest AP. ``scenes`` is a random sample of the queries of
    ``angles``.
    """

    name: str
    dataset: Dataset
    inspection: DatasetInspection
    comparison: Comparison
    evaluation: Evaluation
    robustness: Robustness
    angles: Angles | None
    angles_problem: str
    queries: tuple[int, ...]
    worst: tuple[int, ...]
    scenes: tuple[int, ...]

    @property
    def title(self) -> str:
        """The title of the dataset in the report."""
        return TITLES[self.name]


@dataclass(frozen=True, slots=True)
class MissingInput:
    """A part that the report lacks (``what``), and the option or command that adds it (``fix``)."""

    what: str
    fix: str


@dataclass(frozen=True, slots=True, eq=False)
class Reproduction:
    """The result of :func:`reproduce`: both experiments on each dataset.

    ``encoder`` is the studied encoder, used for robustness and the rankings shown. ``missing`` lists what the report
    lacks.
    """

    encoder: EncoderSpec
    experiments: tuple[Experiment, ...]
    missing: tuple[MissingInput, ...]
    quick: bool
    limit: int
    seed: int
    provenance: Provenance


def reproduce(
    datasets: Mapping[str, Dataset | str | os.PathLike[str]],
    encoders: Sequence[str | os.PathLike[str]] | None = None,
    *,
    cache: EmbeddingCache | None = None,
    quick: bool = False,
    limit: int = LIMIT,
    seed: int = 0,
    progress: StageProgress | None = None,
    load: Callable[[str | os.PathLike[str]], Encoder] = load_encoder,
    near_encoder: Encoder | None = None,
    corruptions: Sequence[str] = (),
    severities: Sequence[int] = (),
) -> Reproduction:
    """Repeat the published experiments on ``datasets``: ``catsdogs``, ``rail``, or both.

    All ``encoders`` (by default the whole catalogue) are compared; the first that can be loaded is studied further.
    Robustness uses at most ``limit`` images per class, all ``corruptions`` and ``severities`` unless some are given.
    ``quick`` uses few images and corruptions, for a preview of the report. Embeddings are kept in ``cache`` (by default
    the user's), so that an interrupted run can resume. ``load`` loads an encoder by name or path; ``near_encoder``
    defines near duplicates (by default the encoder bundled with Lookalike, in fp32).

    Raises :class:`~lookalike.errors.EvaluationError` where no dataset is given or no encoder can be loaded, and the
    errors of :func:`compare` and :func:`robustness`.
    """
    unknown = [name for name in datasets if name not in TITLES]
    if unknown or not datasets:
        raise EvaluationError(f"no known dataset given. Name at least one: {' or '.join(TITLES)}")
    names = known_encoders() if encoders is None else list(encoders)
    loaded = {name: one if isinstance(one, Dataset) else load_dataset(one) for name, one in datasets.items()}
    choice, encoder = _first_available(names, load)
    with nullcontext(cache) if cache is not None else EmbeddingCache.of_user() as kept:
        study = _Study(
            names=names,
            encoder=encoder,
            near_encoder=near_encoder or load_encoder(NEAR_ENCODER, precision="fp32"),
            load=lambda name: encoder if name == choice else load(name),
            cache=kept,
            quick=quick,
            limit=_QUICK_ROBUSTNESS_LIMIT if quick else limit,
            corruptions=corruptions or (_QUICK_CORRUPTIONS if quick else ()),
            severities=severities or (_QUICK_SEVERITIES if quick else SEVERITIES),
            seed=seed,
            progress=progress or ignore_progress,
        )
        experiments = tuple(study.experiment(name, loaded[name]) for name in TITLES if name in loaded)
    return Reproduction(
        encoder=encoder.spec,
        experiments=experiments,
        missing=tuple(_missing_inputs(loaded, encoder.spec)),
        quick=quick,
        limit=study.limit,
        seed=seed,
        provenance=provenance(),
    )


def sample_queries(evaluation: Evaluation, *, seed: int) -> tuple[int, ...]:
    """The numbers of a random sample of scored queries, up to three of each class, drawn by ``seed``."""
    by_class: defaultdict[str, list[int]] = defaultdict(list)
    for query in evaluation.queries():
        if query.relevant:
            by_class[query.label].append(query.number)
    rows = evaluation.metrics.per_query.rows
    for numbers in by_class.values():
        numbers.sort(key=lambda number: seeded_key(seed, b"shown", os.fsencode(evaluation.rows[rows[number]].path)))
    each = max(1, min(3, _GRID_ROWS // max(1, len(by_class))))
    return tuple(number for label in sorted(by_class)[: _GRID_ROWS + 1] for number in by_class[label][:each])


def sample_scenes(result: Angles, *, seed: int) -> tuple[int, ...]:
    """The numbers of a random sample of scored queries of different scenes, drawn by ``seed``."""
    by_scene: dict[str | None, int] = {}
    scored = (query for query in result.queries() if query.relevant)
    for query in sorted(scored, key=lambda one: seeded_key(seed, b"scene", os.fsencode(one.row.path))):
        by_scene.setdefault(query.row.group, query.number)
    return tuple(by_scene.values())[:_SCENE_ROWS]


@dataclass(frozen=True, slots=True)
class _Study:
    """The settings of all experiments."""

    names: Sequence[str | os.PathLike[str]]
    encoder: Encoder
    near_encoder: Encoder
    load: Callable[[str | os.PathLike[str]], Encoder]
    cache: EmbeddingCache
    quick: bool
    limit: int
    corruptions: Sequence[str]
    severities: Sequence[int]
    seed: int
    progress: StageProgress

    def experiment(self, name: str, dataset: Dataset) -> Experiment:
        """Run all experiments on one dataset."""

        def progress(stage: str, done: int, total: int) -> None:
            self.progress(f"{name}: {stage}", done, total)

        dataset = subset(dataset, _QUICK_LIMIT, seed=self.seed) if self.quick else dataset
        comparison = compare(
            dataset,
            self.names,
            seed=self.seed,
            progress=progress,
            cache=self.cache,
            load=self.load,
        )
        evaluation = next(one for one in comparison.evaluations if one.encoder == self.encoder.spec)
        near = embed_dataset(
            dataset,
            self.near_encoder,
            cache=self.cache,
            progress=lambda done, total: progress("near duplicates", done, total),
        )
        angle_results, problem = self._angles(embed_dataset(dataset, self.encoder, cache=self.cache), near)
        robustness_results = measure_robustness(
            subset(dataset, self.limit, seed=self.seed),
            self.encoder,
            corruptions=self.corruptions,
            severities=self.severities,
            seed=self.seed,
            cache=self.cache,
            progress=lambda stage, done, total: progress(f"robustness, {stage}", done, total),
        )
        return Experiment(
            name=name,
            dataset=dataset,
            inspection=inspect_dataset(near, images=_SHEET_IMAGES, seed=self.seed),
            comparison=comparison,
            evaluation=evaluation,
            robustness=robustness_results,
            angles=angle_results,
            angles_problem=problem,
            queries=sample_queries(evaluation, seed=self.seed),
            worst=tuple(query.number for query in evaluation.worst(_WORST_ROWS)),
            scenes=() if angle_results is None else sample_scenes(angle_results, seed=self.seed),
        )

    def _angles(self, embedded: EmbeddedDataset, near: EmbeddedDataset) -> tuple[Angles | None, str]:
        """The result of the experiment ``angles``, or None and the reason."""
        try:
            return measure_angles(embedded, near, seed=self.seed), ""
        except EvaluationError as error:
            return None, str(error)


def _first_available(
    names: Sequence[str | os.PathLike[str]], load: Callable[[str | os.PathLike[str]], Encoder]
) -> tuple[str | os.PathLike[str], Encoder]:
    problems = []
    for name in names:
        try:
            return name, load(name)
        except EncoderError as error:
            problems.append(str(error))
    raise EvaluationError(f"no encoder can be loaded: {'; '.join(problems)}")


def _missing_inputs(datasets: Mapping[str, Dataset], encoder: EncoderSpec) -> Iterator[MissingInput]:
    for name, title in TITLES.items():
        if name not in datasets:
            yield MissingInput(f"{title}: no dataset given, so this report does not cover them", f"--{name} DATASET")
    if encoder.clip is None:
        published, best = "clip-vit-b-32", catalog.PREFERRED[0]
        yield MissingInput(
            f"a CLIP encoder: none of those requested has its weights on this machine, so {encoder.name} was studied "
            "instead, and the results are not those of CLIP",
            f"lookalike encoders pull {published} (the method's own), or lookalike encoders pull {best}",
        )
