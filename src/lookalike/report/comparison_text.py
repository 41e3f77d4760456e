"""A comparison for a terminal, and as Markdown."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from lookalike.evaluation.experiments.published import HEADING
from lookalike.report.comparison_tables import (
    SPEED_NOTE,
    class_table,
    differences_table,
    fine_print,
    other_tables,
    overall_table,
    problems,
    published_table,
    summary,
    test_remarks,
)
from lookalike.report.document.definitions import definitions, interval_notes
from lookalike.report.document.tables import Table
from lookalike.report.evaluation_text import exclusion_lines, table
from lookalike.text import printable

if TYPE_CHECKING:
    from lookalike.evaluation.experiments.compare import Comparison

_GAP: Final = 2
_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]<>|#~])")


def comparison_text(comparison: Comparison, width: int | None = None) -> str:
    """Lines for people, at most ``width`` letters wide (a terminal's) where columns can be put below one another."""
    width = width or shutil.get_terminal_size((120, 24)).columns
    lines = [
        f"{printable(comparison.dataset.name)}: {summary(comparison)}",
        *exclusion_lines(comparison.evaluations[0]),
    ]
    lines += ["", *_columns(overall_table(comparison), width)]
    lines += [*problems(comparison), SPEED_NOTE, fine_print(comparison)]
    for one in other_tables(comparison):
        lines += ["", *_columns(one, width)]
    for key in comparison.metrics:
        lines += ["", *_columns(class_table(comparison, key), width)]
    differences = differences_table(comparison)
    if differences.rows:
        lines += ["", differences.title, *table([[*differences.header], *map(list, differences.rows)], left=2)]
    lines += ["", test_remarks(comparison), _intervals(comparison)]
    lines += ["", HEADING, *_columns(published_table(), width)]
    return "\n".join(lines)


def comparison_markdown(comparison: Comparison) -> str:
    """The same as Markdown, with the definitions."""
    first = comparison.evaluations[0]
    parts = [f"# {_escaped(printable(comparison.dataset.name))}: encoders compared", f"{summary(comparison)}."]
    left_out = [f"- {_escaped(line.strip())}" for line in exclusion_lines(first)]
    parts += ["\n".join(left_out)] if left_out else []
    by_class = (class_table(comparison, key) for key in comparison.metrics)
    for one in (overall_table(comparison), *other_tables(comparison), *by_class):
        parts += [f"## {one.title}", *_remarks(one), _markdown(one)]
    parts += ["\n".join(f"- {_escaped(line)}" for line in [*problems(comparison), SPEED_NOTE, fine_print(comparison)])]
    differences = differences_table(comparison)
    parts += [f"## {_escaped(differences.title)}"]
    parts += [_markdown(differences)] if differences.rows else []
    parts += [_escaped(test_remarks(comparison)), _intervals(comparison)]
    parts += [f"## {HEADING}", "Accuracy in %.", _markdown(published_table())]
    terms = definitions(comparison.junk, comparison.dataset)
    parts += ["## What the figures mean", "\n".join(f"- **{term}**: {_escaped(text)}" for term, text in terms.items())]
    return "\n\n".join([*parts, "## Made with", "\n".join(f"- {_escaped(line)}" for line in _made_with(comparison))])


def _remarks(one: Table) -> list[str]:
    return ["\n".join(f"- {_escaped(line)}" for line in one.remarks)] if one.remarks else []


def _intervals(comparison: Comparison) -> str:
    return interval_notes(comparison.evaluations[0].metrics.groups, comparison.dataset)


def _made_with(comparison: Comparison) -> Iterator[str]:
    for evaluation in comparison.evaluations:
        yield str(evaluation.encoder)
    made = comparison.provenance
    yield f"seed {comparison.seed}"
    yield ", ".join(f"{package} {version}" for package, version in made.versions.items())
    yield made.machine
    if made.command is not None:
        yield printable(made.command)


def _columns(one: Table, width: int) -> list[str]:
    """The table, its columns in several blocks below one another where they are too wide for one."""
    header, rows = [printable(cell) for cell in one.header], [[printable(cell) for cell in row] for row in one.rows]
    widths = [max(map(len, column)) + _GAP for column in zip(header, *rows, strict=True)]
    blocks, block, taken = [], [0], widths[0]
    for place in range(1, len(header)):
        if taken + widths[place] > width and len(block) > 1:
            blocks.append(block)
            block, taken = [0], widths[0]
        block.append(place)
        taken += widths[place]
    lines = [one.title, *(f"  {line}" for line in one.remarks)]
    for places in (*blocks, block):
        cells = ([row[place] for place in places] for row in (header, *rows))
        lines += table([row for row in cells if any(row[1:])])
    return lines


def _markdown(one: Table) -> str:
    widest = len(one.header)
    lines = [_cells(one.header), _cells_plain(["---", *["---:"] * (widest - 1)])]
    return "\n".join([*lines, *(_cells(row) for row in one.rows)])


def _cells(cells: Sequence[str]) -> str:
    return _cells_plain([_escaped(printable(cell)) for cell in cells])


def _cells_plain(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)
