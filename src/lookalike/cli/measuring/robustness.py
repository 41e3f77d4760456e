"""``lookalike robustness``: retrieval when images are corrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rich_click as click

from lookalike.cli.measuring.experiment import (
    announce,
    command_line,
    deliver,
    embedding_cache,
    own_or_named,
    read_dataset,
)
from lookalike.cli.measuring.options import (
    DATASET_DETAILS,
    OWN_OR_BEST,
    dataset_argument,
    junk_option,
    report_options,
    seed_option,
)
from lookalike.cli.options.command import Options, command, wrong_usage
from lookalike.cli.options.encoder import encoder_options, load, view_option
from lookalike.cli.options.shared import positive_integer
from lookalike.cli.terminal.progress import stage_progress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lookalike.evaluation.data.dataset import Dataset
    from lookalike.evaluation.robustness.comparison import RobustnessComparison
    from lookalike.evaluation.robustness.examples import Example
    from lookalike.evaluation.robustness.results import Robustness
    from lookalike.report.document.files import Content

_DETAILS = f"""\
{DATASET_DETAILS}

Every image is made upright, scaled to 512 pixels along its shorter side, and corrupted by each corruption at each
severity; retrieval is measured on each of them, and compared with the same images clean. --list prints all corruptions.
You can interrupt it at any time: embeddings are kept (see lookalike cache), and the next run with the same images,
encoder and seed continues from there, even with more corruptions.

With several encoders, every image is damaged once for all, and what each retains is compared with what the first
retains. A name can have a view and a precision: --encoder clip-vit-b-32 --encoder clip-vit-b-32@whole@bf16."""


def severities(text: str) -> tuple[int, ...]:
    """The severities in ``text``, whole numbers and ranges (1-5) separated by commas."""
    numbers: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        try:
            low, high = int(first), int(last or first)
        except ValueError:
            raise click.BadParameter(f"{text!r} is not a list of severities; write 3, 1,3,5 or 1-5") from None
        if not 1 <= low <= high <= 5:  # noqa: PLR2004  the range of severities
            raise click.BadParameter(f"{part.strip()!r}: severities go from 1 to 5")
        numbers.update(range(low, high + 1))
    return tuple(sorted(numbers))


@command("robustness", details=_DETAILS)
@dataset_argument(required=False)
@click.option("--list", is_flag=True, help="Print all corruptions, each with a description.")
@click.option("--corruption", metavar="NAME", multiple=True, help="This corruption; can be repeated.")
@click.option("--family", metavar="NAME", multiple=True, help="All corruptions of this family; can be repeated.")
@click.option("--severity", metavar="1-5", type=severities, default="1-5", help="As 3, 1,3,5 or 1-5 (the default).")
@click.option(
    "--target",
    type=click.Choice(("query", "gallery", "both", "mixed")),
    default="query",
    help="What is corrupted: the queries (the default), the gallery, both, or each gallery image with probability 0.5.",
)
@encoder_options(
    f"{OWN_OR_BEST} Repeat it to compare several, the one that the others are tested against first.", several=True
)
@view_option()
@junk_option
@click.option(
    "--limit", metavar="N", type=positive_integer, help="Use at most N images of each class, drawn by the seed."
)
@seed_option("all damage and the order of ties")
@report_options("robustness.html", "robustness.json", "robustness.csv")
def robustness(options: Options) -> int:
    """Measure retrieval when images are corrupted, by one encoder or by several."""
    if options.list:
        from lookalike.report.robustness.tables import corruptions_text

        print(corruptions_text())
        return 0
    if options.dataset is None:
        wrong_usage("a dataset is required, or --list to print all corruptions")
    from lookalike.evaluation.robustness.grid import Grid
    from lookalike.report.document.files import output_folder

    # Unknown names are reported before anything is read.
    Grid.of(options.corruption, options.family, options.severity, options.target)
    dataset = _dataset(options)
    folder = output_folder(options.out) if options.out else None
    return _one(options, dataset, folder) if len(options.encoder) < 2 else _several(options, dataset, folder)  # noqa: PLR2004


def _one(options: Options, dataset: Dataset, folder: Path | None) -> int:
    """Measure one encoder."""
    from lookalike.evaluation.data.provenance import with_command
    from lookalike.evaluation.robustness.robustness import measure_robustness
    from lookalike.report.robustness.document import robustness_document
    from lookalike.report.robustness.json import robustness_json

    encoder = own_or_named(options, dataset, *options.encoder)
    with embedding_cache() as cache, stage_progress() as progress:
        result = measure_robustness(dataset, encoder, cache=cache, progress=progress, **_settings(options))
    result = with_command(result, command_line(options, "robustness", *_own_arguments(options), encoder=encoder))
    return deliver(
        options,
        folder,
        document=lambda: robustness_document(result),
        answer=lambda: robustness_json(result),
        files=lambda: robustness_files(result, *damage_examples(result)),
    )


def _several(options: Options, dataset: Dataset, folder: Path | None) -> int:
    """Compare several encoders."""
    from lookalike.evaluation.data.provenance import with_command
    from lookalike.evaluation.robustness.comparison import compare_robustness
    from lookalike.report.robustness.comparison import robustness_comparison_document
    from lookalike.report.robustness.json import robustness_comparison_json

    encoders = [load(options, name) for name in options.encoder]
    with embedding_cache() as cache, stage_progress() as progress:
        comparison = compare_robustness(dataset, encoders, cache=cache, progress=progress, **_settings(options))
    comparison = with_command(comparison, command_line(options, "robustness", *_own_arguments(options)))
    return deliver(
        options,
        folder,
        document=lambda: robustness_comparison_document(comparison),
        answer=lambda: robustness_comparison_json(comparison),
        files=lambda: robustness_comparison_files(comparison, damage_examples(comparison.reference.robustness)),
    )


def _settings(options: Options) -> dict[str, Any]:
    """What decides the measurement, as arguments of the library."""
    return {
        "corruptions": options.corruption,
        "families": options.family,
        "severities": options.severity,
        "target": options.target,
        "junk": options.junk,
        "seed": options.seed,
        "announce": announce("--limit, --corruption, --family and --severity reduce that"),
    }


def robustness_comparison_files(
    comparison: RobustnessComparison, examples: tuple[Sequence[Example], str]
) -> dict[str, Content]:
    """The page, the JSON and the CSV of ``comparison``, and a page for each encoder, with ``examples`` of an image."""
    from lookalike.report.robustness.comparison import robustness_comparison_document
    from lookalike.report.robustness.document import robustness_document
    from lookalike.report.robustness.json import robustness_comparison_csv, robustness_comparison_json

    pages = {row.name: f"robustness-{number}.html" for number, row in enumerate(comparison.rows, start=1)}
    return {
        **{pages[row.name]: robustness_document(row.robustness, *examples) for row in comparison.rows},
        "robustness.csv": robustness_comparison_csv(comparison),
        "robustness.json": robustness_comparison_json(comparison),
        "robustness.html": robustness_comparison_document(comparison, tuple(pages.items())),
    }


def robustness_files(result: Robustness, examples: Sequence[Example], path: str) -> dict[str, Content]:
    """The page, the JSON and the CSV of ``result``; ``examples`` are of the image ``path``."""
    from lookalike.report.robustness.document import robustness_document
    from lookalike.report.robustness.json import robustness_csv, robustness_json

    return {
        "robustness.csv": robustness_csv(result),
        "robustness.json": robustness_json(result),
        "robustness.html": robustness_document(result, examples, path),
    }


def damage_examples(result: Robustness) -> tuple[list[Example], str]:
    """Every severity of one image, and its path."""
    from lookalike.evaluation.robustness.examples import example_row, examples

    row = example_row(result)
    return list(examples(result, row)), result.rows[row].path


def _dataset(options: Options) -> Dataset:
    from lookalike.evaluation.data.sampling import subset

    dataset = read_dataset(options)
    return dataset if options.limit is None else subset(dataset, options.limit, seed=options.seed)


def _own_arguments(options: Options) -> list[str]:
    """The command-line arguments that only this experiment has."""
    arguments = [argument for name in options.corruption for argument in ("--corruption", name)]
    arguments += [argument for name in options.family for argument in ("--family", name)]
    arguments += ["--severity", ",".join(map(str, options.severity)), "--target", options.target]
    return arguments if options.limit is None else [*arguments, "--limit", str(options.limit)]
