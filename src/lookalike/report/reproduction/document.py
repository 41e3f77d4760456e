"""The report on all experiments, as one page: what was asked and found, where the published items are, chapters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from lookalike.report.document.blocks import (
    AnyBlock,
    Definitions,
    Details,
    Document,
    Figure,
    Heading,
    Links,
    SideBySide,
    Stack,
    Text,
)
from lookalike.report.document.definitions import definitions, interval_notes, junk_meaning
from lookalike.report.document.elements import Drawing
from lookalike.report.document.html import image_source
from lookalike.report.drawings.clip_framework import clip_framework
from lookalike.report.drawings.pipeline import PipelineHit, pipeline
from lookalike.report.reproduction.chapters import (
    BACKGROUND_METHOD,
    angle_blocks,
    background_blocks,
    comparison_blocks,
    data_blocks,
    interference_blocks,
)
from lookalike.report.reproduction.findings import findings
from lookalike.report.reproduction.paper import (
    ANGLES,
    BACKGROUNDS,
    DATA,
    ENCODERS,
    INTERFERENCE,
    METHOD,
    RANKINGS,
    accuracy_blocks,
    paper_map,
)
from lookalike.report.reproduction.rankings import ranking_blocks, scene_blocks
from lookalike.report.robustness.definitions import robustness_definitions
from lookalike.report.sections import made_with, sentence
from lookalike.text import plural

if TYPE_CHECKING:
    from lookalike.evaluation.experiments.reproduce import Experiment, Reproduction
    from lookalike.evaluation.robustness.examples import Example

_THUMBNAIL: Final = 160

PageLinks = Sequence[tuple[str, str, str]]
"""Pages of a dataset: each with its title, its address, and what is in it."""


def reproduction_document(
    reproduction: Reproduction,
    examples: Mapping[str, Sequence[Example]] | None = None,
    pages: Mapping[str, PageLinks] | None = None,
) -> Document:
    """The report; ``examples`` (corrupted images) and the ``pages`` with all details are by the experiment's name."""
    titles = " and ".join(experiment.title for experiment in reproduction.experiments)
    return Document(
        kind="Reproduction",
        title="CLIP-Retrieval, reproduced",
        lead=f"Image-to-image search on {titles} by {plural(len(reproduction.encoders), 'encoder')}: how well each "
        "finds images of the same class, and what interference, complex backgrounds and other angles leave of that.",
        blocks=tuple(_blocks(reproduction, examples or {}, pages or {})),
        made_with=tuple(_made_with(reproduction)),
        command=reproduction.provenance.command,
        closing="Made by Lookalike on this machine; nothing was sent anywhere. The command "
        "continues an interrupted run.",
    )


def _blocks(
    reproduction: Reproduction, examples: Mapping[str, Sequence[Example]], pages: Mapping[str, PageLinks]
) -> Iterator[AnyBlock]:
    experiments = reproduction.experiments
    for missing in reproduction.missing:
        yield Text(f"Missing: {sentence(str(missing))}", kind="notice")
    if reproduction.quick:
        yield Text("A quick run: few images and corruptions, for a preview and not for publication.", kind="notice")
    yield from _findings(experiments)
    yield from paper_map(reproduction)
    yield from accuracy_blocks(reproduction)
    yield from _method(reproduction)
    yield Heading(DATA)
    yield _beside(data_blocks(experiment) for experiment in experiments)
    yield Heading(ENCODERS)
    for experiment in experiments:
        yield from comparison_blocks(experiment)
    yield Heading(INTERFERENCE)
    yield _beside(
        interference_blocks(experiment, examples.get(experiment.name, ()), reproduction.limit)
        for experiment in experiments
    )
    yield Heading(BACKGROUNDS)
    yield Text(BACKGROUND_METHOD)
    for experiment in experiments:
        yield from background_blocks(experiment)
    yield Heading(ANGLES)
    for experiment in experiments:
        yield from angle_blocks(experiment)
        if scenes := tuple(scene_blocks(experiment)):
            yield Details("Rankings of scenes", scenes)
    yield Heading(RANKINGS)
    for experiment in experiments:
        yield from ranking_blocks(experiment, reproduction.seed)
    yield from _pages(experiments, pages)
    yield from _terms(experiments)


def _beside(parts: Iterable[Iterable[AnyBlock]]) -> SideBySide:
    """The parts of a chapter, one of each dataset, beside one another."""
    return SideBySide(tuple(Stack(tuple(part)) for part in parts))


def _findings(experiments: Sequence[Experiment]) -> Iterator[AnyBlock]:
    yield Heading("What was asked, and what was found")
    yield Text(
        "With 95 % intervals for new images from the same source (~: approximate); p-values are two-sided, with Holm's "
        "correction for the tests of their table."
    )
    for experiment in experiments:
        yield Heading(experiment.title, 3)
        yield Definitions(findings(experiment))


def _method(reproduction: Reproduction) -> Iterator[AnyBlock]:
    spec, first = reproduction.encoders[0], reproduction.experiments[0]
    yield Heading(METHOD)
    framework = _figure(
        "figure-clip-framework",
        "The framework of CLIP",
        "After the published framework: an image encoder and a text encoder are trained together on pairs of images "
        "and texts; image-to-image search keeps the image encoder.",
        clip_framework(),
    )
    own = _figure(
        "figure-pipeline",
        "The pipeline of this report",
        f"From the stamp of the first encoder ({spec}); query and hits are real, the query drawn by the seed from "
        f"{first.title}.",
        _pipeline(reproduction),
    )
    yield SideBySide((framework, own))


def _figure(slug: str, title: str, method: str, svg: str) -> Figure:
    return Figure((Drawing(slug, title, svg, wide=True),), title, method)


def _pipeline(reproduction: Reproduction) -> str:
    experiment = reproduction.experiments[0]
    evaluation, number = experiment.comparison.evaluations[0], experiment.queries[0]
    root = experiment.dataset.root
    hits = [
        PipelineHit(image_source(root / hit.path, _THUMBNAIL), hit.score, hit.right) for hit in evaluation.hits(number)
    ]
    query = image_source(root / evaluation.query(number).path, _THUMBNAIL)
    return pipeline(reproduction.encoders[0], evaluation.metrics.gallery, query=query, hits=hits)


def _pages(experiments: Sequence[Experiment], pages: Mapping[str, PageLinks]) -> Iterator[AnyBlock]:
    """The pages of each dataset, with all details."""
    if not pages:
        return
    yield Heading("All details")
    yield _beside((Heading(experiment.title, 3), Links(tuple(pages[experiment.name]))) for experiment in experiments)


def _terms(experiments: Sequence[Experiment]) -> Iterator[AnyBlock]:
    """What terms mean in all datasets, and what junk is in each."""
    shared: dict[str, str] = {}
    for experiment in experiments:
        metrics, result = experiment.comparison.evaluations[0].metrics, experiment.robustness.reference.robustness
        shared |= definitions(experiment.comparison.junk, experiment.dataset)
        shared |= robustness_definitions(result, result.results)
        shared[f"Intervals, {experiment.title}"] = interval_notes(metrics.groups, experiment.dataset)
    del shared["Query and gallery"]
    shared["Junk"] = "Neither right nor wrong, and removed before ranks are counted. " + " ".join(
        f"{experiment.title}: {junk_meaning(experiment.comparison.junk, experiment.dataset)}."
        for experiment in experiments
    )
    yield Heading("What the metrics mean")
    yield Details("Definitions", (Definitions(tuple(shared.items())),))


def _made_with(reproduction: Reproduction) -> Iterator[tuple[str, str]]:
    for number, spec in enumerate(reproduction.encoders, start=1):
        yield f"Encoder {number}", str(spec)
    for experiment in reproduction.experiments:
        yield experiment.title, f"{experiment.dataset.description}, in {experiment.dataset.root}"
    yield from made_with(reproduction.provenance, reproduction.seed)
