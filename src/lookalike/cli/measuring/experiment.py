"""What the commands of experiments share: the dataset, its encoder, and how a report is printed and written."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from lookalike.cli.options.command import Options, wrong_usage
from lookalike.cli.options.encoder import load, loader
from lookalike.cli.output import print_json
from lookalike.cli.terminal.messages import note, problem
from lookalike.cli.terminal.progress import duration, progress_bar
from lookalike.text import bytes_text, command_text, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from lookalike.embedding.vector_cache import EmbeddingCache
    from lookalike.encoders.encoder import Encoder
    from lookalike.evaluation.data.dataset import Dataset
    from lookalike.evaluation.data.embedded import EmbeddedDataset
    from lookalike.evaluation.robustness.estimate import Announce, Estimate
    from lookalike.report.document.blocks import Document
    from lookalike.report.document.files import Content

_LONG: Final = 60.0
"""Seconds of work that are announced before it begins."""


def read_dataset(options: Options, *, one_class: bool = False) -> Dataset:
    """The dataset that the options name."""
    from lookalike.evaluation.data.load import SplitFolders, load_dataset

    split = None
    if options.query_split is not None and options.gallery_split is not None:
        split = SplitFolders(options.query_split, options.gallery_split)
    elif options.query_split is not None or options.gallery_split is not None:
        wrong_usage("--query-split and --gallery-split name two folders of the dataset: give both")
    return load_dataset(
        options.dataset,
        csv=options.labels,
        split=split,
        one_class=one_class,
        skip_missing=options.on_missing == "skip",
        require_all=options.on_missing == "error",
        allow_outside=options.allow_outside,
    )


def with_notes(dataset: Dataset) -> Dataset:
    """The dataset, once its notes have been printed on standard error."""
    for text in dataset.notes:
        problem(text)
    return dataset


def own_or_named(options: Options, dataset: Dataset, name: str | None = None) -> Encoder:
    """The encoder called ``name``, or that of the dataset's gallery, or the best on this machine."""
    from lookalike.evaluation.scoring.default_encoder import default_encoder

    default = name is None and (options.precision, options.view) == ("auto", "centre")
    if default and dataset.gallery is not None:
        return default_encoder(dataset, loader(options))
    return load(options, name or "auto")


@contextmanager
def embedding_cache() -> Iterator[EmbeddingCache]:
    """The user's cache of embeddings; if it can't be used, one that lasts as long, with a warning."""
    from lookalike.embedding.vector_cache import EmbeddingCache

    with EmbeddingCache.of_user() as cache:
        if cache.problem:
            problem(f"embeddings are not kept after this run: {cache.problem}")
        yield cache


def announce(remedy: str) -> Announce:
    """What says how long encoding takes, before it begins; ``remedy`` says what makes that shorter."""

    def tell(expected: Estimate) -> None:
        if expected.seconds >= _LONG:
            note(
                f"{expected.vectors:,} embeddings to compute, about {duration(expected.seconds)}, and "
                f"{bytes_text(expected.bytes)} in the cache; {remedy}. You can interrupt it and go on later"
            )

    return tell


def embed(dataset: Dataset, encoder: Encoder, *, quiet: bool = False) -> EmbeddedDataset:
    """The dataset's embeddings, with a progress bar; reports skipped images unless ``quiet``."""
    from lookalike.evaluation.data.embedded import embed_dataset

    with embedding_cache() as cache, progress_bar(encoder.spec.name) as progress:
        embedded = embed_dataset(dataset, encoder, cache=cache, progress=progress)
    if embedded.skipped and not quiet:
        first = embedded.skipped[0]
        problem(f"{len(embedded.skipped):,} skipped, the first {printable(first.path)}: {first.reason}")
    return embedded


def command_line(options: Options, command: str, *further: str, encoder: Encoder | None = None) -> str:
    """The command line that makes the same report again, with every option written out.

    ``command`` is its name, ``further`` are the arguments that only this command has. ``encoder`` is the one that was
    used, if it isn't among the options.
    """
    arguments = ["lookalike", *command.split(), *filter(None, [getattr(options, "dataset", None)])]
    if getattr(options, "labels", None) is not None:
        arguments += ["--labels", options.labels]
    for name in ("query_split", "gallery_split"):
        if getattr(options, name, None) is not None:
            arguments += [f"--{name.replace('_', '-')}", getattr(options, name)]
    if getattr(options, "on_missing", None) is not None:
        arguments += ["--on-missing", options.on_missing]
    if getattr(options, "allow_outside", False):
        arguments.append("--allow-outside")
    arguments += [*further]
    if getattr(options, "embeddings", None) is None:
        arguments += _encoder_arguments(options, encoder)
    if hasattr(options, "k"):
        arguments += ["--k", ",".join(map(str, options.k))]
    if hasattr(options, "junk"):
        arguments += ["--junk", options.junk]
    return command_text([*arguments, "--seed", str(options.seed)])


def _encoder_arguments(options: Options, encoder: Encoder | None) -> list[str]:
    names: Sequence[str] = options.encoder if isinstance(options.encoder, tuple) else ()
    precision, view = options.precision, options.view
    if encoder is not None:
        names = [str(encoder.location or encoder.spec.name)]
        precision, view = encoder.spec.precision, encoder.spec.view
    arguments = [argument for name in names for argument in ("--encoder", name)]
    arguments += ["--precision", precision, "--view", view]
    return arguments if options.activation is None else [*arguments, "--activation", options.activation]


def deliver(
    options: Options,
    folder: Path | None,
    document: Callable[[], Document],
    answer: Callable[[], dict[str, Any]],
    files: Callable[[], Mapping[str, Content]] = dict,
    *,
    written: Sequence[str] = (),
) -> int:
    """Write the report's ``files`` to ``folder``, if there is one, and print its JSON or its text; returns 0.

    ``written`` are the names of files that are there already.
    """
    from lookalike.report.document.files import write_files
    from lookalike.report.document.terminal import terminal_text

    if folder is not None:
        contents = files()
        write_files(folder, contents)
        written = [*reversed(list(contents)), *written]
    if options.json:
        print_json(answer())
        return 0
    print(terminal_text(document()))
    if folder is not None:
        print(f"\nwritten to {printable(folder)}: {', '.join(written)}")
    return 0
