"""Sections that several reports have: metrics with their intervals, what was left out, and what made the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lookalike.report.document.blocks import AnyBlock, Definitions, Document, Heading, Rankings, Table, Text, table_of
from lookalike.report.document.definitions import metric_name
from lookalike.report.document.elements import Card, Cell, Column, Frame, Media, Phrase, Picture, RankedQuery, Row
from lookalike.report.document.values import interval_plot, interval_text, share
from lookalike.text import plural

if TYPE_CHECKING:
    from lookalike.evaluation.data.dataset import Dataset
    from lookalike.evaluation.data.provenance import Provenance
    from lookalike.evaluation.scoring.results import Exclusion
    from lookalike.evaluation.statistics.intervals import Interval
    from lookalike.images.files import Skipped

Means = Mapping[str, float]
Intervals = Mapping[str, "Interval | None"]

_HIT_SIDE: Final = 200
_QUERY_SIDE: Final = 320


def metrics_table(
    keys: Sequence[str],
    micro: tuple[Means, Intervals],
    others: Sequence[tuple[str, Means, Intervals | None]],
    *,
    chance: Means,
    ceilings: Means,
) -> Table:
    """A row for each metric: its mean over queries with interval and plot, ``others``, chance, and its ceiling.

    ``others`` are further means, each with its title and its intervals if there are any; the first is in the plot.
    """
    means, intervals = micro
    second = others[0][1]

    def plot(key: str) -> Cell:
        value = means[key]
        limits = {"other": second[key], "chance": chance.get(key), "ceiling": ceiling(ceilings, key)}
        return Cell(f"{metric_name(key)} {share(value)}", plot=interval_plot(value, intervals.get(key), **limits))

    def limit(key: str) -> str:
        value = ceiling(ceilings, key)
        return "" if value is None else share(value)

    columns: list[tuple[Column, Callable[[str], Cell | str]]] = [
        (Column("Metric"), metric_name),
        (Column("", media=Media.PAGE, axis=(0.0, 1.0)), plot),
        (Column("Micro"), lambda key: Cell(share(means[key]), tone="strong")),
        (Column("95 % interval"), lambda key: Cell(interval_text(intervals.get(key)), tone="soft")),
    ]
    for title, further, ends in others:
        columns.append((Column(title, on_pages="folded on phones"), _shares(further)))
        if ends is not None:
            columns.append((Column("95 % interval", on_pages="hidden on phones"), _ends(ends)))
    columns += [
        (Column("Chance", on_pages="folded on phones"), lambda key: Cell(share(chance.get(key)), tone="soft")),
        (Column("Ceiling", on_pages="folded"), limit),
    ]
    legend = (
        ("whisker", "micro and its 95 % interval"),
        ("other", others[0][0].lower()),
        ("tick", "chance"),
        *((("ceiling", "ceiling"),) if any(ceiling(ceilings, key) is not None for key in keys) else ()),
    )
    return replace(table_of(keys, columns), legend=legend, layout="metrics")


def _shares(means: Means) -> Callable[[str], str]:
    return lambda key: share(means[key])


def _ends(intervals: Intervals) -> Callable[[str], Cell]:
    return lambda key: Cell(interval_text(intervals.get(key)), tone="soft")


def ceiling(ceilings: Means, key: str) -> float | None:
    """The greatest value that any encoder could reach, if it is below 1; None for other metrics."""
    limit = ceilings.get(key)
    return limit if limit is not None and limit < 1 else None


def heat(value: float) -> Cell:
    """A value from 0 to 1 with a background as strong as it is large."""
    return Cell(share(value), heat=value)


def notices(lines: Iterable[str]) -> Iterator[Text]:
    """Sentences that a reader must not miss, as notices."""
    for line in lines:
        yield Text(sentence(line), kind="notice")


def sentence(text: str) -> str:
    """``text`` with a capital letter at its beginning and a full stop at its end."""
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."


def exclusions_text(exclusions: Sequence[Exclusion]) -> str:
    """Queries that have nothing to find, by class and reason."""
    return "; ".join(f"{one.count:,} of {one.label} excluded: {one.reason}" for one in exclusions)


def left_out(exclusions: Sequence[Exclusion], skipped: Sequence[Skipped], file: str) -> Iterator[AnyBlock]:
    """Queries without metrics and unusable files, each with its reason; ``file`` lists all of them."""
    yield Heading("What was left out")
    if exclusions:
        count = sum(one.count for one in exclusions)
        yield Text(f"{plural(count, 'query has', 'queries have')} nothing to find (R = 0), and no part in any mean:")
        columns = (Column("Class", "words"), Column("Queries"), Column("Reason", "words"))
        yield Table(columns, tuple(Row((one.label, f"{one.count:,}", one.reason)) for one in exclusions))
    else:
        yield Text("Every query has something to find.")
    yield from skipped_files(skipped, file)


def skipped_files(skipped: Sequence[Skipped], file: str) -> Iterator[AnyBlock]:
    """Unusable files, each with its reason; ``file`` lists all of them."""
    if not skipped:
        yield Text("All files were usable.")
        return
    yield Text(f"{plural(len(skipped), 'file')} skipped:")
    yield Table(
        (Column("File", "words"), Column("Reason", "words")),
        tuple(Row((str(one.path), one.reason)) for one in skipped),
        rest=f"{file}, written with --out, lists all of them.",
    )


def terms(meanings: Mapping[str, str]) -> Iterator[AnyBlock]:
    """What the metrics mean; too long for a terminal."""
    media = Media.PAGE | Media.MARKDOWN
    yield Heading("What the metrics mean", media=media)
    yield Definitions(tuple(meanings.items()), media=media)


def _dataset_sentence(dataset: Dataset) -> str:
    """How the dataset was read, and what is known of its scenes."""
    if dataset.has_groups:
        return f"{dataset.description}; groups are given."
    if dataset.has_visits:
        return f"{dataset.description}; no groups are given, only visits."
    return f"{dataset.description}; no groups are given, so each image counts as a scene of its own."


def made_with(provenance: Provenance, seed: int) -> tuple[tuple[str, str], ...]:
    """Seed, versions and machine."""
    versions = ", ".join(f"{package} {version}" for package, version in provenance.versions.items())
    return ("Seed", str(seed)), ("Versions", versions), ("Machine", provenance.machine)


def on_pages(*blocks: AnyBlock) -> Iterator[AnyBlock]:
    """The blocks, for pages only."""
    return (replace(block, media=Media.PAGE) for block in blocks)


def experiment_document(
    kind: str,
    dataset: Dataset,
    lead: str,
    blocks: Iterable[AnyBlock],
    *,
    encoders: Sequence[tuple[str, object]],
    provenance: Provenance,
    seed: int,
    files: str,
) -> Document:
    """The report of an experiment on a dataset; ``files`` have the same content for programs.

    ``encoders`` are those that took part, each with its role.
    """
    return Document(
        kind,
        dataset.name,
        lead,
        tuple(blocks),
        made_with=(
            *((role, str(encoder)) for role, encoder in encoders),
            ("Dataset", _dataset_sentence(dataset)),
            *made_with(provenance, seed),
        ),
        command=provenance.command,
        closing=f"Made by Lookalike on this machine; nothing was sent anywhere. The same for programs: {files}.",
    )


def metric_card(key: str, value: float, interval: Interval | None, remark: str) -> Card:
    """A metric with its interval on a card."""
    note = "no interval" if interval is None else f"{interval_text(interval)} (95 %)"
    return Card(metric_name(key), share(value), note, remark)


def class_means(
    keys: Sequence[str], macro: Means, micro: Means, scored: int, *, before: Sequence[str] = (), after: int = 0
) -> Iterator[Row]:
    """The last rows of a table of classes: the means over classes and over queries.

    ``before`` are the cells between the number of queries and the first metric; ``after`` is a number of cells that
    stay empty behind it.
    """
    for title, means, queries in (("classes (macro)", macro, ""), ("queries (micro)", micro, f"{scored:,}")):
        first, *others = (share(means[key]) for key in keys)
        yield Row((f"Mean over {title}", queries, *before, first, *[""] * after, *others), "total")


def query_rankings(title: str, text: str, rankings: Iterable[RankedQuery]) -> Iterator[AnyBlock]:
    """Queries with their hits, for pages."""
    return on_pages(Heading(title), Text(text), Rankings(tuple(rankings)))


def hit_frame(file: Path, rank: int, score: float, further: Sequence[Phrase], *, right: bool, meaning: str) -> Frame:
    """A hit as a right or a wrong one, with its cosine and ``further`` phrases; ``meaning`` describes the image."""
    return Frame(Picture(file, _HIT_SIDE, f"hit {rank}, {meaning}"), (Phrase(share(score), "strong"), *further), right)


def query_frame(file: Path, path: str, *caption: Phrase) -> Frame:
    """A query with its caption and its path."""
    return Frame(Picture(file, _QUERY_SIDE, "query"), (*caption, Phrase(path, "path")))
