"""``lookalike reproduce``: both published experiments on the user's own datasets, as one report."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from lookalike.cli.measuring.angles import angles_comparison_files, angles_files
from lookalike.cli.measuring.compare import comparison_files
from lookalike.cli.measuring.dataset import dataset_files
from lookalike.cli.measuring.evaluate import evaluation_files
from lookalike.cli.measuring.experiment import announce, command_line, embedding_cache
from lookalike.cli.measuring.options import DATASET_DETAILS, allow_outside_option, seed_option
from lookalike.cli.measuring.robustness import damage_examples, robustness_comparison_files, robustness_files
from lookalike.cli.options.command import Options, command, wrong_usage
from lookalike.cli.options.encoder import encoder_options, load, loader, view_option
from lookalike.cli.options.shared import json_option, positive_integer
from lookalike.cli.output import print_json
from lookalike.cli.terminal.progress import stage_progress
from lookalike.text import printable

if TYPE_CHECKING:
    from lookalike.evaluation.data.provenance import Provenance
    from lookalike.evaluation.experiments.reproduce import Experiment, Reproduction
    from lookalike.evaluation.robustness.examples import Example

_DETAILS = f"""\
{DATASET_DETAILS}

FOLDER gets report.html, which says what was found and where each published figure and table is; report.md, the same
with its figures beside it; and a folder for each dataset with all details as pages, JSON and CSV. Every encoder that is
on this machine takes part in all experiments, tested against the first. What is missing is listed in the report. It
takes hours on large datasets. You can interrupt it at any time: the same command continues from there. --quick makes a
small report in minutes, to see what it looks like."""


@command("reproduce", details=_DETAILS)
@click.option("--catsdogs", metavar="DATASET", help="Cats and dogs, labelled.")
@click.option("--rail", metavar="DATASET", help="Railway images, labelled.")
@click.option("--out", metavar="FOLDER", required=True, allow_from_autoenv=False, help="Where the report goes.")
@encoder_options(
    "An encoder: a name (see lookalike encoders), or the path of a checkpoint; repeat it, the one that the others are "
    "tested against first (default: all encoders of the catalogue that are here, the best one first).",
    several=True,
)
@view_option()
@click.option("--limit", metavar="N", type=positive_integer, help="Images of each class for robustness (default: 200).")
@allow_outside_option
@click.option("--quick", is_flag=True, help="Use few images and corruptions.")
@seed_option("every random draw")
@json_option
def reproduce(options: Options) -> int:
    """Repeat the published experiments on your own images, as one report."""
    from lookalike.evaluation.data.load import load_dataset
    from lookalike.evaluation.data.provenance import with_command
    from lookalike.evaluation.experiments.reproduce import LIMIT, reproduce
    from lookalike.evaluation.ranking.near_duplicates import NEAR_ENCODER
    from lookalike.report.document.files import output_folder
    from lookalike.report.reproduction.findings import findings

    sources = {name: getattr(options, name) for name in ("catsdogs", "rail") if getattr(options, name) is not None}
    if not sources:
        wrong_usage("a dataset is required: --catsdogs DATASET, --rail DATASET, or both")
    folder = output_folder(options.out)
    datasets = {name: load_dataset(source, allow_outside=options.allow_outside) for name, source in sources.items()}
    with embedding_cache() as cache, stage_progress() as progress:
        reproduction = reproduce(
            datasets,
            options.encoder or None,
            cache=cache,
            quick=options.quick,
            limit=options.limit or LIMIT,
            seed=options.seed,
            announce=announce("--limit and --quick reduce that"),
            progress=progress,
            load=lambda name: load(options, os.fspath(name)),
            near_encoder=loader(options)(NEAR_ENCODER, precision="fp32"),
        )
    reproduction = with_command(reproduction, command_line(options, "reproduce", *_own_arguments(options, sources)))
    _write(reproduction, folder)
    found = {one.name: (one.title, findings(one)) for one in reproduction.experiments}
    if options.json:
        absent = [{"what": one.what, "fix": one.fix} for one in reproduction.missing]
        answers = {
            name: [{"question": asked, "answer": answer} for asked, answer in answered]
            for name, (_, answered) in found.items()
        }
        print_json({"version": 1, "folder": str(folder), "findings": answers, "missing": absent})
        return 0
    for title, answered in found.values():
        print(f"{title}\n")
        for asked, answer in answered:
            print(f"{printable(asked)}\n  {printable(answer)}\n")
    for missing in reproduction.missing:
        print(f"missing: {printable(str(missing))}")
    print(f"written to {printable(folder)}: report.html, report.md, and a folder for each dataset")
    return 0


def _own_arguments(options: Options, datasets: dict[str, str]) -> list[str]:
    """The command-line arguments that only this experiment has."""
    arguments = [argument for name, source in datasets.items() for argument in (f"--{name}", source)]
    arguments += [] if options.limit is None else ["--limit", str(options.limit)]
    arguments += ["--quick"] if options.quick else []
    return [*arguments, "--out", options.out]


def _write(reproduction: Reproduction, folder: Path) -> None:
    """The report as a page and as Markdown with its drawings, and the pages of each dataset."""
    from lookalike.report.document.files import output_folder, write_files
    from lookalike.report.reproduction.document import reproduction_document

    damaged, pages = {}, {}
    for experiment in reproduction.experiments:
        examples = damage_examples(experiment.robustness.reference.robustness)
        damaged[experiment.name] = examples[0]
        own = output_folder(folder / experiment.name)
        pages[experiment.name] = [
            (title, f"{experiment.name}/{file}", text)
            for title, file, text in _write_details(experiment, examples, reproduction.provenance, own)
        ]
    document = reproduction_document(reproduction, damaged, pages)
    drawings = {drawing.file: drawing.content for drawing in document.drawings()}
    write_files(output_folder(folder / "figures"), drawings)
    write_files(folder, {"report.md": document, "report.html": document})


def _write_details(
    experiment: Experiment, examples: tuple[Sequence[Example], str], made_with: Provenance, folder: Path
) -> Iterator[tuple[str, str, str]]:
    """Write all results on one dataset; each page's title, its file, and what is in it."""
    from lookalike.report.document.files import output_folder, write_files

    write_files(folder, dataset_files(experiment.inspection, made_with))
    yield "Images", "dataset.html", "classes, sizes, scenes and copies, images of each class"
    write_files(folder, comparison_files(replace(experiment.comparison, provenance=made_with)))
    yield "Encoders compared", "comparison.html", "all metrics and junk rules, every class, all tests"
    evaluated = ((row.name, row.evaluation) for row in experiment.comparison.rows if row.evaluation)
    for number, (name, evaluation) in enumerate(evaluated, start=1):
        own = f"evaluation-{number}"
        write_files(output_folder(folder / own), evaluation_files(replace(evaluation, provenance=made_with)))
        yield name, f"{own}/evaluation.html", "confusions, failures, the best and the worst rankings; queries.csv"
    robustness = experiment.robustness
    if len(robustness.rows) == 1:
        write_files(folder, robustness_files(replace(robustness.rows[0].robustness, provenance=made_with), *examples))
    else:
        write_files(folder, robustness_comparison_files(replace(robustness, provenance=made_with), examples))
    yield (
        "Robustness",
        "robustness.html",
        "every corruption, all metrics and tests, examples of the damage",
    )
    angles = experiment.angles
    if angles is not None:
        if len(angles.rows) == 1:
            write_files(folder, angles_files(replace(angles.rows[0].angles, provenance=made_with)))
        else:
            write_files(folder, angles_comparison_files(replace(angles, provenance=made_with)))
        yield "The same scene in other frames", "angles.html", "all metrics and tests, the scenes found worst and best"
