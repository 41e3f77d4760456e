"""Reproduce: both experiments of the published method, repeated on the user's own datasets."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lookalike.encoders import catalog
from lookalike.encoders.encoder import Encoder, load_encoder
from lookalike.encoders.spec import EncoderSpec
from lookalike.errors import EncoderError, EvaluationError
from lookalike.evaluation.data.dataset import Dataset
from lookalike.evaluation.data.embedded import EmbeddedDataset
from lookalike.evaluation.data.kept_embeddings import embed_kept
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.data.provenance import Provenance, provenance
from lookalike.evaluation.data.sampling import drawn, subset
from lookalike.evaluation.experiments.angle_results import Angles
from lookalike.evaluation.experiments.angles import angles
from lookalike.evaluation.experiments.compare import Comparison, compare, everything_known
from lookalike.evaluation.experiments.inspect import DatasetDisplay, display_dataset
from lookalike.evaluation.ranking.near_copies import NEAR_ENCODER
from lookalike.evaluation.robustness.results import Robustness
from lookalike.evaluation.robustness.robustness import robustness
from lookalike.evaluation.scoring.results import Evaluation
from lookalike.evaluation.scoring.score import Progress, silent

TITLES: Final = {"catsdogs": "Cats vs. Dogs", "rail": "Railway photographs"}
"""The datasets of the published experiments, by the names that they are given under."""

LIMIT: Final = 200
"""Pictures of each class for robustness, unless asked for otherwise: every one is encoded some two hundred times."""

QUICK_LIMIT: Final = 40
QUICK_ROBUSTNESS_LIMIT: Final = 10
QUICK_SEVERITIES: Final = (1, 3, 5)
QUICK_CORRUPTIONS: Final = (
    *("gaussian_noise", "motion_horizontal", "darkness", "low_sun", "fog", "rain", "jpeg_twice", "rotation", "yaw"),
    *("boxes_centre", "background_other_class"),
)
"""What a quick run measures: a look at every family, not figures to quote."""

_GRID_ROWS: Final = 12
_WORST_ROWS: Final = 6
_SCENE_ROWS: Final = 8
_SHEET: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class Experiment:
    """All that was measured on one dataset.

    ``name`` is the key of ``TITLES``, ``display`` what the dataset looks like, ``comparison`` every encoder on it,
    ``robustness``, ``evaluation`` and ``angles`` are of the encoder that is studied; ``angles`` is None where it can't
    be measured, and ``no_angles`` says why. ``queries`` and ``worst`` are numbers of queries whose rankings are shown:
    some drawn for each class, and those of least AP; ``scenes`` are those of ``angles``, drawn as well.
    """

    name: str
    dataset: Dataset
    display: DatasetDisplay
    comparison: Comparison
    evaluation: Evaluation
    robustness: Robustness
    angles: Angles | None
    no_angles: str
    queries: tuple[int, ...]
    worst: tuple[int, ...]
    scenes: tuple[int, ...]

    @property
    def title(self) -> str:
        """What the dataset is called in the report."""
        return TITLES[self.name]


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that the report would have and hasn't, and the way to get it."""

    what: str
    remedy: str


@dataclass(frozen=True, slots=True, eq=False)
class Reproduction:
    """Both experiments on the datasets that were given.

    ``encoder`` is the one that is studied for robustness and shown in rankings. ``missing`` says what isn't there.
    """

    encoder: EncoderSpec
    experiments: tuple[Experiment, ...]
    missing: tuple[Missing, ...]
    quick: bool
    limit: int
    seed: int
    provenance: Provenance


def reproduce(
    datasets: Mapping[str, Dataset | str | os.PathLike[str]],
    encoders: Sequence[str | os.PathLike[str]] | None = None,
    *,
    folder: str | os.PathLike[str],
    quick: bool = False,
    limit: int = LIMIT,
    seed: int = 0,
    progress: Progress | None = None,
    command: str | None = None,
    load: Callable[[str | os.PathLike[str]], Encoder] = load_encoder,
    near_encoder: Encoder | None = None,
) -> Reproduction:
    """Repeat the published experiments on ``datasets``: ``catsdogs``, ``rail``, or both.

    Every one of ``encoders`` (by default all that the catalogue knows) is compared; the first that can be made ready is
    studied further. Robustness takes at most ``limit`` pictures of each class. ``quick`` takes few pictures and
    corruptions of everything, to see what the report will look like. Vectors are kept in ``folder``, so that a run that
    is stopped goes on from there. ``load`` makes an encoder ready, ``near_encoder`` tells near copies (by default the
    one that comes with Lookalike, in fp32).

    Raises :class:`~lookalike.errors.EvaluationError` where no dataset is given or no encoder can be made ready, and
    what :func:`compare` and :func:`robustness` do.
    """
    unknown = [name for name in datasets if name not in TITLES]
    if unknown or not datasets:
        raise EvaluationError(f"give at least one dataset, as {' or '.join(TITLES)}")
    names = everything_known() if encoders is None else list(encoders)
    found = {name: given if isinstance(given, Dataset) else load_dataset(given) for name, given in datasets.items()}
    choice, encoder = _first_ready(names, load)
    study = _Study(
        names=names,
        encoder=encoder,
        near_encoder=near_encoder or load_encoder(NEAR_ENCODER, precision="fp32"),
        load=lambda name: encoder if name == choice else load(name),
        folder=Path(folder),
        quick=quick,
        limit=QUICK_ROBUSTNESS_LIMIT if quick else limit,
        seed=seed,
        progress=progress or silent,
    )
    return Reproduction(
        encoder=encoder.spec,
        experiments=tuple(study.experiment(name, found[name]) for name in TITLES if name in found),
        missing=tuple(_missing(found, encoder.spec)),
        quick=quick,
        limit=study.limit,
        seed=seed,
        provenance=provenance(command),
    )


def shown_queries(evaluation: Evaluation, *, seed: int) -> tuple[int, ...]:
    """Numbers of scored queries to show, drawn by ``seed`` for each class in turn, so that nobody picks the best."""
    by_class: defaultdict[str, list[int]] = defaultdict(list)
    for query in evaluation.queries():
        if query.relevant:
            by_class[query.label].append(query.number)
    rows = evaluation.figures.table.rows
    for numbers in by_class.values():
        numbers.sort(key=lambda number: drawn(seed, b"shown", os.fsencode(evaluation.rows[rows[number]].path)))
    each = max(1, min(3, _GRID_ROWS // max(1, len(by_class))))
    return tuple(number for label in sorted(by_class)[: _GRID_ROWS + 1] for number in by_class[label][:each])


def shown_scenes(found: Angles, *, seed: int) -> tuple[int, ...]:
    """Numbers of scored queries to show, one for each of some scenes, both drawn by ``seed``."""
    by_scene: dict[str | None, int] = {}
    scored = (query for query in found.queries() if query.relevant)
    for query in sorted(scored, key=lambda one: drawn(seed, b"scene", os.fsencode(one.row.path))):
        by_scene.setdefault(query.row.group, query.number)
    return tuple(by_scene.values())[:_SCENE_ROWS]


@dataclass(frozen=True, slots=True)
class _Study:
    """How the experiments are made."""

    names: Sequence[str | os.PathLike[str]]
    encoder: Encoder
    near_encoder: Encoder
    load: Callable[[str | os.PathLike[str]], Encoder]
    folder: Path
    quick: bool
    limit: int
    seed: int
    progress: Progress

    def experiment(self, name: str, dataset: Dataset) -> Experiment:
        """All of it on one dataset."""

        def tell(stage: str, done: int, total: int) -> None:
            self.progress(f"{name}: {stage}", done, total)

        dataset = subset(dataset, QUICK_LIMIT, seed=self.seed) if self.quick else dataset
        comparison = compare(
            dataset,
            self.names,
            seed=self.seed,
            progress=tell,
            load=self.load,
            embed=self._embed,
        )
        evaluation = next(one for one in comparison.evaluations if one.encoder == self.encoder.spec)
        near = self._embed(dataset, self.near_encoder, progress=lambda done, total: tell("near copies", done, total))
        found, problem = self._angles(self._embed(dataset, self.encoder), near)
        robust = robustness(
            subset(dataset, self.limit, seed=self.seed),
            self.encoder,
            corruptions=QUICK_CORRUPTIONS if self.quick else (),
            severities=QUICK_SEVERITIES if self.quick else (1, 2, 3, 4, 5),
            seed=self.seed,
            folder=self.folder / "robustness",
            progress=lambda stage, done, total: tell(f"robustness, {stage}", done, total),
        )
        return Experiment(
            name=name,
            dataset=dataset,
            display=display_dataset(near, pictures=_SHEET, seed=self.seed),
            comparison=comparison,
            evaluation=evaluation,
            robustness=robust,
            angles=found,
            no_angles=problem,
            queries=shown_queries(evaluation, seed=self.seed),
            worst=tuple(query.number for query in evaluation.worst(_WORST_ROWS)),
            scenes=() if found is None else shown_scenes(found, seed=self.seed),
        )

    def _angles(self, embedded: EmbeddedDataset, near: EmbeddedDataset) -> tuple[Angles | None, str]:
        """Same scene, other frame; or nothing, and why."""
        try:
            return angles(embedded, near, seed=self.seed), ""
        except EvaluationError as error:
            return None, str(error)

    def _embed(
        self, dataset: Dataset, encoder: Encoder, /, *, progress: Callable[[int, int], None] | None = None
    ) -> EmbeddedDataset:
        return embed_kept(dataset, encoder, self.folder / "embeddings", progress=progress)


def _first_ready(
    names: Sequence[str | os.PathLike[str]], load: Callable[[str | os.PathLike[str]], Encoder]
) -> tuple[str | os.PathLike[str], Encoder]:
    problems = []
    for name in names:
        try:
            return name, load(name)
        except EncoderError as error:
            problems.append(str(error))
    raise EvaluationError(f"no encoder can be made ready; {'; '.join(problems)}")


def _missing(datasets: Mapping[str, Dataset], encoder: EncoderSpec) -> Iterator[Missing]:
    for name, title in TITLES.items():
        if name not in datasets:
            yield Missing(f"{title}: not given, so nothing in this report is about them", f"--{name} DATASET")
    if encoder.clip is None:
        own, best = "clip-vit-b-32", catalog.PREFERRED[0]
        yield Missing(
            f"a CLIP encoder: the weights of none that was asked for are on this machine, so {encoder.name} was "
            "studied in its place, and what is shown isn't CLIP's",
            f"lookalike encoders pull {own} (the method's own), or lookalike encoders pull {best}",
        )
