"""``lookalike reproduce``: both published experiments on the user's own datasets, as one report."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.cli.arguments import add_command, positive_integer
from lookalike.cli.encoder_options import add_encoder, add_view, load, loader
from lookalike.cli.measuring.angles import angles_files
from lookalike.cli.measuring.compare import comparison_files
from lookalike.cli.measuring.experiment import DATASET_DETAILS, add_allow_outside, add_seed, command_line
from lookalike.cli.measuring.robustness import robustness_files
from lookalike.cli.terminal.progress import stage_progress
from lookalike.text import printable

if TYPE_CHECKING:
    from lookalike.cli.arguments import Commands
    from lookalike.evaluation.experiments.reproduce import Reproduction

_DETAILS = f"""\
{DATASET_DETAILS}

FOLDER gets report.html (one file), report.md with its figures beside it, and a folder for each dataset with the
comparison and robustness as pages, JSON and CSV. Datasets and encoders that are missing are listed in the report. It
takes hours on large datasets. You can interrupt it at any time: the same command continues from there. --quick makes a
small report in minutes, to see what it looks like."""


def add_to(commands: Commands) -> None:
    """Add this command to the command line."""
    parser = add_command(
        commands, "reproduce", "repeat the published experiments on your own images, as one report", run, _DETAILS
    )
    parser.add_argument("--catsdogs", metavar="DATASET", help="cats and dogs, labelled")
    parser.add_argument("--rail", metavar="DATASET", help="railway images, labelled")
    parser.add_argument("--out", metavar="FOLDER", required=True, help="where the report goes")
    add_encoder(
        parser,
        "an encoder to compare: a name (see lookalike encoders), or the path of a checkpoint; repeat it, and the first "
        "that loads is studied further (default: all encoders of the catalogue, the best on this machine first)",
        several=True,
    )
    add_view(parser)
    parser.add_argument(
        "--limit", metavar="N", type=positive_integer, help="images of each class for robustness (default: 200)"
    )
    add_allow_outside(parser)
    parser.add_argument("--quick", action="store_true", help="use few images and corruptions")
    add_seed(parser, "every random draw")
    parser.set_defaults(usage=parser)


def run(options: argparse.Namespace) -> int:
    """Carry out the command."""
    from lookalike.evaluation.data.load import load_dataset
    from lookalike.evaluation.data.provenance import with_command
    from lookalike.evaluation.experiments.reproduce import LIMIT, reproduce
    from lookalike.evaluation.ranking.near_duplicates import NEAR_ENCODER
    from lookalike.report.document.files import output_folder

    sources = {name: getattr(options, name) for name in ("catsdogs", "rail") if getattr(options, name) is not None}
    if not sources:
        options.usage.error("a dataset is required: --catsdogs DATASET, --rail DATASET, or both")
    folder = output_folder(options.out)
    datasets = {name: load_dataset(source, allow_outside=options.allow_outside) for name, source in sources.items()}
    with stage_progress() as progress:
        reproduction = reproduce(
            datasets,
            options.encoder,
            folder=folder / "vectors",
            quick=options.quick,
            limit=options.limit or LIMIT,
            seed=options.seed,
            progress=progress,
            load=lambda name: load(options, os.fspath(name)),
            near_encoder=loader(options)(NEAR_ENCODER, precision="fp32"),
        )
    reproduction = with_command(reproduction, command_line(options, "reproduce", *_own_arguments(options, sources)))
    _write(reproduction, folder)
    for missing in reproduction.missing:
        print(f"missing: {missing.what}; to get it: {missing.fix}")
    print(f"written to {printable(folder)}: report.html, report.md, and a folder for each dataset")
    return 0


def _own_arguments(options: argparse.Namespace, datasets: dict[str, str]) -> list[str]:
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
