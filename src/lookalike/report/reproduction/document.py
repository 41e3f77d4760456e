"""The report on both experiments, as blocks: method, data, comparison, robustness, scenes, rankings, definitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from lookalike.report.document.blocks import AnyBlock, Document, Figure, Heading, Text
from lookalike.report.document.definitions import definitions
from lookalike.report.document.elements import Drawing
from lookalike.report.document.html import image_source
from lookalike.report.drawings.clip_framework import clip_framework
from lookalike.report.drawings.pipeline import PipelineHit, pipeline
from lookalike.report.reproduction.parts import comparison_blocks, data_blocks, robustness_blocks
from lookalike.report.reproduction.rankings import angle_blocks, ranking_blocks
from lookalike.report.robustness.definitions import robustness_definitions
from lookalike.report.robustness.figures import RobustnessFigures, robustness_figures
from lookalike.report.sections import made_with, terms

if TYPE_CHECKING:
    from lookalike.evaluation.experiments.reproduce import Reproduction
    from lookalike.evaluation.robustness.examples import Example

_THUMBNAIL: Final = 160


def reproduction_document(
    reproduction: Reproduction,
    examples: Mapping[str, Sequence[Example]] | None = None,
    plots: Mapping[str, RobustnessFigures] | None = None,
) -> Document:
    """The report; ``examples`` (corrupted images) and ``plots`` are by the experiment's name.

    ``plots`` are drawn here unless they are passed.
    """
    titles = " and ".join(experiment.title for experiment in reproduction.experiments)
    return Document(
        kind="Reproduction",
        title="CLIP-Retrieval, reproduced",
        lead=f"Image-to-image search on {titles}: encoders compared, and the robustness of one of them to corrupted "
        f"images. Studied: {reproduction.encoder.name}.",
        blocks=tuple(_blocks(reproduction, examples or {}, plots or {})),
        made_with=tuple(_made_with(reproduction)),
        command=reproduction.provenance.command,
        closing="Made by Lookalike on this machine; nothing was sent anywhere. The command "
        "continues an interrupted run.",
    )


def _blocks(
    reproduction: Reproduction, examples: Mapping[str, Sequence[Example]], plots: Mapping[str, RobustnessFigures]
) -> Iterator[AnyBlock]:
    experiments = reproduction.experiments
    for missing in reproduction.missing:
        yield Text(f"Missing: {missing.what}. To get it: {missing.fix}", kind="notice")
    if reproduction.quick:
        yield Text(
            "A quick run: few images and few corruptions, to see what the report looks like. Do not quote its metrics.",
            kind="notice",
        )
    yield from _method(reproduction)
    yield Heading("The data")
    for experiment in experiments:
        yield from data_blocks(experiment)
    yield Heading("Encoders compared")
    yield from comparison_blocks(experiments)
    yield Heading("Interference: what damage leaves")
    for experiment in experiments:
        drawn = plots.get(experiment.name) or robustness_figures(experiment.robustness)
        yield from robustness_blocks(experiment, drawn, examples.get(experiment.name, ()), reproduction.limit)
    yield Heading("Same scene, other frame")
    for experiment in experiments:
        yield from angle_blocks(experiment)
    yield Heading("Rankings")
    for experiment in experiments:
        yield from ranking_blocks(experiment, reproduction.seed)
    first = experiments[0]
    yield from terms(
        definitions(first.comparison.junk, first.dataset)
        | robustness_definitions(first.robustness, first.robustness.results)
    )


def _method(reproduction: Reproduction) -> Iterator[AnyBlock]:
    spec, first = reproduction.encoder, reproduction.experiments[0]
    yield Heading("The method")
    yield _figure(
        "figure-clip-framework",
        "The framework of CLIP",
        "After the published framework: an image encoder and a text encoder are trained together on pairs of images "
        "and texts; image-to-image search keeps the image encoder.",
        clip_framework(),
    )
    yield _figure(
        "figure-pipeline",
        "The pipeline of this report",
        f"From the stamp of the encoder that ran ({spec}); query and hits are real, the first query drawn by the seed "
        f"from {first.title}.",
        _pipeline(reproduction),
    )


def _figure(slug: str, title: str, method: str, svg: str) -> Figure:
    return Figure((Drawing(slug, title, svg, wide=True),), title, method)


def _pipeline(reproduction: Reproduction) -> str:
    experiment = reproduction.experiments[0]
    evaluation, number = experiment.evaluation, experiment.queries[0]
    root = experiment.dataset.root
    hits = [
        PipelineHit(image_source(root / hit.path, _THUMBNAIL), hit.score, hit.right) for hit in evaluation.hits(number)
    ]
    query = image_source(root / evaluation.query(number).path, _THUMBNAIL)
    return pipeline(reproduction.encoder, evaluation.metrics.gallery, query=query, hits=hits)


def _made_with(reproduction: Reproduction) -> Iterator[tuple[str, str]]:
    stamps = dict.fromkeys(
        str(evaluation.encoder)
        for experiment in reproduction.experiments
        for evaluation in experiment.comparison.evaluations
    )
    for number, stamp in enumerate(stamps, start=1):
        yield f"Encoder {number}", stamp
    for experiment in reproduction.experiments:
        yield experiment.title, f"{experiment.dataset.description}, in {experiment.dataset.root}"
    yield from made_with(reproduction.provenance, reproduction.seed)
