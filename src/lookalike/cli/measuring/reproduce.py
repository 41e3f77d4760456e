"""``lookalike reproduce``: both published experiments on the user's own datasets, as one report."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from lookalike.cli.measuring.angles import angles_files
from lookalike.cli.measuring.compare import comparison_files
from lookalike.cli.measuring.experiment import command_line, embedding_cache
from lookalike.cli.measuring.options import DATASET_DETAILS, allow_outside_option, seed_option
from lookalike.cli.measuring.robustness import robustness_files
from lookalike.cli.options.command import Options, command, wrong_usage
from lookalike.cli.options.encoder import encoder_options, load, loader, view_option
from lookalike.cli.options.shared import json_option, positive_integer
from lookalike.cli.output import print_json
from lookalike.cli.terminal.progress import stage_progress
from lookalike.text import printable

if TYPE_CHECKING:
    from lookalike.evaluation.experiments.reproduce import Reproduction

_DETAILS = f"""\
{DATASET_DETAILS}

FOLDER gets report.html (one file), report.md with its figures beside it, and a folder for each dataset with the
comparison and robustness as pages, JSON and CSV. Datasets and encoders that are missing are listed in the report. It
takes hours on large datasets. You can interrupt it at any time: the same command continues from there. --quick makes a
small report in minutes, to see what it looks like."""


@command("reproduce", details=_DETAILS)
@click.option("--catsdogs", metavar="DATASET", help="Cats and dogs, labelled.")
@click.option("--rail", metavar="DATASET", help="Railway images, labelled.")
@click.option("--out", metavar="FOLDER", required=True, allow_from_autoenv=False, help="Where the report goes.")
@encoder_options(
    "An encoder to compare: a name (see lookalike encoders), or the path of a checkpoint; repeat it, and the first "
    "that loads is studied further (default: all encoders of the catalogue, the best on this machine first).",
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

    sources = {name: getattr(options, name) for name in ("catsdogs", "rail") if getattr(options, name) is not None}
    if not sources:
        wrong_usage("a dataset is required: --catsdogs DATASET, --rail DATASET, or both")
    folder = output_folder(options.out)
    datasets = {name: load_dataset(source, allow_outside=options.allow_outside) for name, source in sources.items()}
    with embedding_cache() as cache, stage_progress() as progress:
        reproduction = reproduce(
            datasets,
            options.encoder,
            cache=cache,
            quick=options.quick,
            limit=options.limit or LIMIT,
            seed=options.seed,
            progress=progress,
            load=lambda name: load(options, os.fspath(name)),
            near_encoder=loader(options)(NEAR_ENCODER, precision="fp32"),
        )
    reproduction = with_command(reproduction, command_line(options, "reproduce", *_own_arguments(options, sources)))
    _write(reproduction, folder)
    if options.json:
        absent = [{"what": one.what, "fix": one.fix} for one in reproduction.missing]
        print_json({"version": 1, "folder": str(folder), "missing": absent})
        return 0
    for missing in reproduction.missing:
        print(f"missing: {missing.what}; to get it: {missing.fix}")
    print(f"written to {printable(folder)}: report.html, report.md, and a folder for each dataset")
    return 0


def _own_arguments(options: Options, datasets: dict[str, str]) -> list[str]:
    """The command-line arguments that only this experiment has."""
    arguments = [argument for name, source in datasets.items() for argument in (f"--{name}", source)]
    arguments += [] if options.limit is None else ["--limit", str(options.limit)]
    arguments += ["--quick"] if options.quick else []
    return [*arguments, "--out", options.out]


def _write(reproduction: Reproduction, folder: Path) -> None:
    """The report as a page and as Markdown with its drawings, and each dataset's own reports."""
    from lookalike.evaluation.robustness.examples import example_row, examples
    from lookalike.report.document.files import output_folder, write_files
    from lookalike.report.reproduction.document import reproduction_document
    from lookalike.report.robustness.figures import robustness_figures

    corrupted, plots = {}, {}
    for experiment in reproduction.experiments:
        result = experiment.robustness
        row = example_row(result)
        corrupted[experiment.name] = list(examples(result, row))
        plots[experiment.name] = robustness_figures(result)
        own = output_folder(folder / experiment.name)
        write_files(own, comparison_files(experiment.comparison))
        write_files(
            own,
            robustness_files(result, corrupted[experiment.name], result.rows[row].path, plots[experiment.name]),
        )
        if experiment.angles is not None:
            write_files(output_folder(own / "angles"), angles_files(experiment.angles))
    document = reproduction_document(reproduction, corrupted, plots)
    drawings = {drawing.file: drawing.content for drawing in document.drawings()}
    write_files(output_folder(folder / "figures"), drawings)
    write_files(folder, {"report.md": document, "report.html": document})
