"""``lookalike reproduce``: both published experiments on the user's own datasets, as one report."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.cli.arguments import add_command, positive_integer
from lookalike.cli.encoder_options import add_encoder, add_view, load
from lookalike.cli.measuring.experiment import DATASET_DETAILS, add_seed, command_line
from lookalike.cli.progress import stage_progress
from lookalike.text import printable

if TYPE_CHECKING:
    from lookalike.cli.arguments import Commands
    from lookalike.evaluation.experiments.reproduce import Experiment, Reproduction

_DETAILS = f"""\
{DATASET_DETAILS}

FOLDER gets report.html (one file), report.md with its figures beside it, and a folder for each dataset with the whole
comparison and robustness as pages, JSON and CSV. What isn't given or isn't on this machine is said to be missing. It
takes hours on large datasets; stop it whenever you like: the same command goes on from there. --quick shows in minutes
what the report will look like."""


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
        "an encoder to compare: a name (see lookalike encoders), or the path of a checkpoint; several times, and the "
        "first that is ready is studied further (default: all that are known, the best on this machine first)",
        several=True,
    )
    add_view(parser)
    parser.add_argument(
        "--limit", metavar="N", type=positive_integer, help="images of each class for robustness (default: 200)"
    )
    parser.add_argument("--quick", action="store_true", help="few images and corruptions, to see what it looks like")
    add_seed(parser, "every random draw")
    parser.set_defaults(usage=parser)


def run(options: argparse.Namespace) -> int:
    """Carry out the command."""
    from lookalike.encoders.encoder import load_encoder
    from lookalike.evaluation.data.load import load_dataset
    from lookalike.evaluation.experiments.reproduce import LIMIT, reproduce
    from lookalike.evaluation.ranking.near_duplicates import NEAR_ENCODER
    from lookalike.report.document.files import output_folder

    given = {name: getattr(options, name) for name in ("catsdogs", "rail") if getattr(options, name) is not None}
    if not given:
        options.usage.error("give --catsdogs DATASET, --rail DATASET, or both")
    folder = output_folder(options.out)
    datasets = {name: load_dataset(source) for name, source in given.items()}
    with stage_progress() as progress:
        reproduction = reproduce(
            datasets,
            options.encoder,
            folder=folder / "vectors",
            quick=options.quick,
            limit=options.limit or LIMIT,
            seed=options.seed,
            progress=progress,
            command=command_line(options, "reproduce", *_asked(options, given)),
            load=lambda name: load(options, os.fspath(name)),
            near_encoder=load_encoder(NEAR_ENCODER, precision="fp32"),
        )
    _write(reproduction, folder)
    for missing in reproduction.missing:
        print(f"missing: {missing.what}; to have it: {missing.fix}")
    print(f"written to {printable(folder)}: report.html, report.md, and a folder for each dataset")
    return 0


def _asked(options: argparse.Namespace, given: dict[str, str]) -> list[str]:
    """The options that no other experiment has, as they are typed."""
    words = [word for name, source in given.items() for word in (f"--{name}", source)]
    words += [] if options.limit is None else ["--limit", str(options.limit)]
    words += ["--quick"] if options.quick else []
    return [*words, "--out", options.out]


def _write(reproduction: Reproduction, folder: Path) -> None:
    """The report in both forms, its figures, and each dataset's own pages."""
    from lookalike.evaluation.robustness.examples import example_row, examples
    from lookalike.report.document.blocks import report_markdown, report_page
    from lookalike.report.document.files import atomic_writer, output_folder, write_text
    from lookalike.report.reproduction import reproduction_report

    shown_images = {
        experiment.name: list(examples(experiment.robustness, example_row(experiment.robustness)))
        for experiment in reproduction.experiments
    }
    for experiment in reproduction.experiments:
        _write_experiment(experiment, output_folder(folder / experiment.name))
    report = reproduction_report(reproduction, shown_images)
    figures = output_folder(folder / "figures")
    for figure in report.figures():
        content = figure.content
        with atomic_writer(figures / figure.file) as file:
            file.write(content.encode() if isinstance(content, str) else content)
    write_text(folder / "report.md", report_markdown(report, figures.name))
    write_text(folder / "report.html", report_page(report))


def _write_experiment(experiment: Experiment, folder: Path) -> None:
    from lookalike.cli.measuring.angles import write as write_angles
    from lookalike.cli.measuring.compare import write as write_comparison
    from lookalike.cli.measuring.robustness import write as write_robustness
    from lookalike.report.document.files import output_folder

    write_comparison(experiment.comparison, folder)
    write_robustness(experiment.robustness, folder)
    if experiment.angles is not None:
        write_angles(experiment.angles, output_folder(folder / "angles"))
