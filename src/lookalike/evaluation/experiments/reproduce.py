"""Repeat the experiments of the published method on the user's own datasets, with every encoder that is ready."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice, zip_longest
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
from lookalike.evaluation.experiments.angle_comparison import AnglesComparison, compared_angles
from lookalike.evaluation.experiments.angle_results import Angles
from lookalike.evaluation.experiments.angles import measure_angles
from lookalike.evaluation.experiments.compare import Comparison, check_choices, compare, known_encoders
from lookalike.evaluation.experiments.inspect import DatasetInspection, inspect_dataset
from lookalike.evaluation.experiments.published import PUBLISHED
from lookalike.evaluation.ranking.near_duplicates import NEAR_ENCODER
from lookalike.evaluation.robustness.comparison import RobustnessComparison, compared_robustness
from lookalike.evaluation.robustness.estimate import Announce
from lookalike.evaluation.robustness.grid import Grid
from lookalike.evaluation.robustness.robustness import measure_each
from lookalike.evaluation.scoring.results import Evaluation
from lookalike.evaluation.scoring.score import ignore_progress
from lookalike.progress import StageProgress

EncoderName = str | os.PathLike[str]

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

_QUERIES: Final = 6
_SCENES: Final = 6
_SHEET_IMAGES: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class Experiment:
    """All results of all encoders on one dataset, in the same order everywhere; the first one is the reference.

    ``name`` is the key in ``TITLES``, and ``inspection`` describes the dataset. ``angles`` is None where it can't be
    measured, for the reason in ``angles_problem``. ``queries`` are the numbers of queries whose rankings are shown, and
    ``scenes`` those of ``angles``: random samples.
    """

    name: str
    dataset: Dataset
    inspection: DatasetInspection
    comparison: Comparison
    robustness: RobustnessComparison
    angles: AnglesComparison | None
    angles_problem: str
    queries: tuple[int, ...]
    scenes: tuple[int, ...]

    @property
    def title(self) -> str:
        """The title of the dataset in the report."""
        return TITLES[self.name]


@dataclass(frozen=True, slots=True)
class MissingInput:
    """A part that the report lacks (``what``), and the option or command that adds it (``fix``).

    ``fix`` is empty where ``what`` says it.
    """

    what: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.what}; to get it: {self.fix}" if self.fix else self.what


@dataclass(frozen=True, slots=True, eq=False)
class Reproduction:
    """The result of :func:`reproduce`: every experiment on each dataset, by each of ``encoders``.

    ``missing`` lists what the report lacks.
    """

    encoders: tuple[EncoderSpec, ...]
    experiments: tuple[Experiment, ...]
    missing: tuple[MissingInput, ...]
    quick: bool
    limit: int
    seed: int
    provenance: Provenance


def reproduce(
    datasets: Mapping[str, Dataset | str | os.PathLike[str]],
    encoders: Sequence[EncoderName] | None = None,
    *,
    cache: EmbeddingCache | None = None,
    quick: bool = False,
    limit: int = LIMIT,
    seed: int = 0,
    announce: Announce | None = None,
    progress: StageProgress | None = None,
    load: Callable[[EncoderName], Encoder] = load_encoder,
    near_encoder: Encoder | None = None,
    corruptions: Sequence[str] = (),
    severities: Sequence[int] = (),
) -> Reproduction:
    """Repeat the published experiments on ``datasets``: ``catsdogs``, ``rail``, or both.

    All ``encoders`` (by default the whole catalogue) that can be loaded take part in every experiment; the first of
    them is the one that the others are tested against. Robustness uses at most ``limit`` images per class, all
    ``corruptions`` and ``severities`` unless some are given. ``quick`` uses few images and corruptions, for a preview
    of the report. Embeddings are kept in ``cache`` (by default the user's), so that an interrupted run can resume.
    ``load`` loads an encoder by name or path; ``near_encoder`` defines near duplicates (by default the encoder bundled
    with Lookalike, in fp32). ``announce`` and ``progress`` are those of :func:`measure_robustness`.

    Raises :class:`~lookalike.errors.EvaluationError` where no dataset is given or no encoder can be loaded, and the
    errors of :func:`compare` and :func:`measure_robustness`.
    """
    unknown = [name for name in datasets if name not in TITLES]
    if unknown or not datasets:
        raise EvaluationError(f"no known dataset given. Name at least one: {' or '.join(TITLES)}")
    loaded = {
        name: replace(one if isinstance(one, Dataset) else load_dataset(one), name=TITLES[name])
        for name, one in datasets.items()
    }
    names = known_encoders() if encoders is None else list(encoders)
    check_choices(names)
    ready, problems = _load_ready(names, load)
    with nullcontext(cache) if cache is not None else EmbeddingCache.of_user() as kept:
        study = _Study(
            encoders=ready,
            near_encoder=near_encoder or load_encoder(NEAR_ENCODER, precision="fp32"),
            grid=Grid.of(
                corruptions or (_QUICK_CORRUPTIONS if quick else ()),
                (),
                severities or (_QUICK_SEVERITIES if quick else SEVERITIES),
                "query",
            ),
            cache=kept,
            quick=quick,
            limit=_QUICK_ROBUSTNESS_LIMIT if quick else limit,
            seed=seed,
            announce=announce,
            progress=progress or ignore_progress,
        )
        experiments = tuple(study.experiment(name, loaded[name]) for name in TITLES if name in loaded)
    specs = tuple(encoder.spec for encoder in ready)
    return Reproduction(
        encoders=specs,
        experiments=experiments,
        missing=tuple(_missing_inputs(loaded, specs, problems, whole_catalogue=encoders is None)),
        quick=quick,
        limit=study.limit,
        seed=seed,
        provenance=provenance(),
    )


def sample_queries(evaluation: Evaluation, *, seed: int, count: int = _QUERIES) -> tuple[int, ...]:
    """The numbers of ``count`` scored queries drawn by ``seed``, as evenly from the classes as possible."""
    rows = evaluation.metrics.per_query.rows

    def key(number: int) -> bytes:
        return seeded_key(seed, b"shown", os.fsencode(evaluation.rows[rows[number]].path))

    by_class: defaultdict[str, list[int]] = defaultdict(list)
    for query in evaluation.queries():
        if query.relevant:
            by_class[query.label].append(query.number)
    classes = [sorted(numbers, key=key) for _, numbers in sorted(by_class.items())]
    in_turn = chain.from_iterable(zip_longest(*sorted(classes, key=lambda numbers: key(numbers[0]))))
    return tuple(islice((number for number in in_turn if number is not None), count))


def sample_scenes(result: Angles, *, seed: int) -> tuple[int, ...]:
    """The numbers of a random sample of scored queries of different scenes, drawn by ``seed``."""
    by_scene: dict[str | None, int] = {}
    scored = (query for query in result.queries() if query.relevant)
    for query in sorted(scored, key=lambda one: seeded_key(seed, b"scene", os.fsencode(one.row.path))):
        by_scene.setdefault(query.row.group, query.number)
    return tuple(by_scene.values())[:_SCENES]


@dataclass(frozen=True, slots=True)
class _Study:
    """The settings of all experiments."""

    encoders: Sequence[Encoder]
    near_encoder: Encoder
    grid: Grid
    cache: EmbeddingCache
    quick: bool
    limit: int
    seed: int
    announce: Announce | None
    progress: StageProgress

    def experiment(self, name: str, dataset: Dataset) -> Experiment:
        """Run all experiments on one dataset."""

        def progress(stage: str, done: int, total: int) -> None:
            self.progress(f"{name}: {stage}", done, total)

        dataset = subset(dataset, _QUICK_LIMIT, seed=self.seed) if self.quick else dataset
        embedded = [self._embed(dataset, encoder, progress) for encoder in self.encoders]
        comparison = compare(dataset, embedded, seed=self.seed, progress=progress)
        near = next((one for one in embedded if one.spec == self.near_encoder.spec), None)
        near = near or self._embed(dataset, self.near_encoder, progress)
        angles, problem = self._angles(embedded, near, progress)
        robustness = measure_each(
            subset(dataset, self.limit, seed=self.seed),
            self.encoders,
            self.grid,
            self.cache,
            junk="group",
            seed=self.seed,
            announce=self.announce,
            progress=lambda stage, done, total: progress(f"robustness, {stage}", done, total),
        )
        return Experiment(
            name=name,
            dataset=dataset,
            inspection=inspect_dataset(near, images=_SHEET_IMAGES, seed=self.seed),
            comparison=comparison,
            robustness=compared_robustness(robustness),
            angles=angles,
            angles_problem=problem,
            queries=sample_queries(comparison.evaluations[0], seed=self.seed),
            scenes=() if angles is None else sample_scenes(angles.reference.angles, seed=self.seed),
        )

    def _angles(
        self, embedded: Sequence[EmbeddedDataset], near: EmbeddedDataset, progress: StageProgress
    ) -> tuple[AnglesComparison | None, str]:
        """The result of the experiment ``angles``, or None and the reason."""

        def measure(one: EmbeddedDataset) -> Angles:
            tell = partial(progress, f"{one.spec.name}: scenes")
            return measure_angles(one, near, seed=self.seed, progress=tell)

        try:
            return compared_angles(list(map(measure, embedded))), ""
        except EvaluationError as error:
            return None, str(error)

    def _embed(self, dataset: Dataset, encoder: Encoder, progress: StageProgress) -> EmbeddedDataset:
        name = encoder.spec.name
        return embed_dataset(
            dataset, encoder, cache=self.cache, progress=lambda done, total: progress(f"{name}: encoding", done, total)
        )


def _load_ready(
    names: Sequence[EncoderName], load: Callable[[EncoderName], Encoder]
) -> tuple[list[Encoder], dict[str, EncoderError]]:
    """The encoders that can be loaded, and the reasons why the others can't."""
    ready, problems = [], {}
    for name in names:
        try:
            ready.append(load(name))
        except EncoderError as error:
            problems[os.fspath(name)] = error
    if not ready:
        raise EvaluationError(f"no encoder can be loaded: {'; '.join(map(str, problems.values()))}")
    return ready, problems


def _missing_inputs(
    datasets: Mapping[str, Dataset],
    encoders: Sequence[EncoderSpec],
    problems: Mapping[str, EncoderError],
    *,
    whole_catalogue: bool,
) -> Iterator[MissingInput]:
    for name, title in TITLES.items():
        if name not in datasets:
            yield MissingInput(f"{title}: no dataset given, so this report does not cover them", f"--{name} DATASET")
    if all(spec.clip is None for spec in encoders):
        yield MissingInput(
            "CLIP: no encoder of this report is one, so its results are not those of the published method",
            f"lookalike encoders pull {PUBLISHED[-1].encoder} (the method's own), or lookalike encoders pull "
            f"{catalog.PREFERRED[0]}",
        )
    if whole_catalogue and problems:
        yield MissingInput(
            f"encoders that can't be used on this machine: {', '.join(problems)}", "lookalike encoders pull NAME"
        )
    elif problems:
        yield from (MissingInput(f"{name}: {error}") for name, error in problems.items())
