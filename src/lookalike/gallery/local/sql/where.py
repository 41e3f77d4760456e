"""Compile a filter to SQL: which entries fulfil it."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import QueryError
from lookalike.gallery.local.sql.schema import WITHOUT_ANNOTATIONS, WITHOUT_PATH_TEXTS, version
from lookalike.gallery.local.sql.tables import read_columns
from lookalike.gallery.local.sql.value_table import read_columns as annotated_columns
from lookalike.search.conditions import (
    YEAR,
    AllOf,
    Comparison,
    Condition,
    Negation,
    comparable,
    is_date,
    number,
    pointed_at,
)
from lookalike.search.query import PROPERTIES, Filter
from lookalike.text import printable

_IS_DATE: Final = "{0} GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]*'"


@dataclass(frozen=True, slots=True)
class _Column:
    """A column in SQL: its value as it is compared, ``''`` if there is none, and the number that it is, if any."""

    text: str
    number: str


_PATH: Final = _Column("comparable(coalesce(e.path_text, CAST(e.path AS TEXT)))", "NULL")
_PATH_ALONE: Final = _Column("comparable(CAST(e.path AS TEXT))", "NULL")
"""In galleries that have no texts for paths."""
_SIZE: Final = _Column("CAST(e.size AS TEXT)", "e.size")
_OF_CONTENTS: Final = {
    "date": _Column("coalesce(p.taken, '')", "NULL"),
    "camera": _Column("comparable(coalesce(p.camera, ''))", "NULL"),
    "width": _Column("coalesce(CAST(p.width AS TEXT), '')", "p.width"),
    "height": _Column("coalesce(CAST(p.height AS TEXT), '')", "p.height"),
}
_ANNOTATION: Final = _Column("a.compared", "a.number")
_UNKNOWN: Final = _Column("''", "NULL")


def ids_where(connection: sqlite3.Connection, where: Filter) -> NDArray[np.int64]:
    """The ids of the entries that fulfil ``where``: int64 (m,).

    Raises :class:`~lookalike.errors.QueryError` if the condition has a column that the gallery lacks.
    """
    statement, values = selection(connection, where)
    ids, _ = read_columns(connection, statement, *values)
    return ids


def selection(connection: sqlite3.Connection, where: Filter) -> tuple[str, list[object]]:
    """A statement that finds the ids of the entries that fulfil ``where``, and its parameters; raises as above."""
    statement = _Statement(connection, where)
    if where.under is not None:
        # "0" is the character after "/".
        bounds = (os.fsencode(f"{where.under}/"), os.fsencode(f"{where.under}0"))
        statement.limit("e.path >= ? AND e.path < ?", *bounds)
    if where.condition is not None:
        from lookalike.search.grammar import parse_condition

        statement.limit(statement.condition(parse_condition(where.condition)))
    connection.create_function("comparable", 1, comparable, deterministic=True)
    return statement.text(), statement.values


@dataclass
class _Statement:
    """The statement of a filter; the parameters are collected in the order in which they occur."""

    connection: sqlite3.Connection
    where: Filter
    limits: list[str] = field(default_factory=list)
    values: list[object] = field(default_factory=list)
    has_values: bool = field(init=False)
    properties: dict[str, _Column] = field(init=False)
    columns: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        current = version(self.connection)
        self.has_values = current > WITHOUT_ANNOTATIONS
        of_contents = _OF_CONTENTS if self.has_values else dict.fromkeys(_OF_CONTENTS, _UNKNOWN)
        path = _PATH if current > WITHOUT_PATH_TEXTS else _PATH_ALONE
        self.properties = {"path": path, "size": _SIZE, **of_contents}
        names = annotated_columns(self.connection) if self.has_values else []
        self.columns = {name.casefold(): name for name in names}

    def limit(self, sql: str, *values: object) -> None:
        """Let only those entries be found for which ``sql`` holds."""
        self.limits.append(sql)
        self.values += values

    def text(self) -> str:
        """The statement, whose parameters are ``values``."""
        joined = " LEFT JOIN properties p ON p.content = e.content" if self.has_values else ""
        return f"SELECT e.id AS id, 0 AS number FROM entries e{joined} WHERE {' AND '.join(self.limits) or 1}"

    def condition(self, condition: Condition) -> str:
        """SQL that is 1 where ``condition`` is true, and else 0."""
        if isinstance(condition, Comparison):
            return self._comparison(condition)
        if isinstance(condition, Negation):
            return f"NOT {self.condition(condition.part)}"
        word = " AND " if isinstance(condition, AllOf) else " OR "
        return f"({word.join(map(self.condition, condition.parts))})"

    def _comparison(self, comparison: Comparison) -> str:
        name = comparison.column.casefold()
        if name in self.columns:
            return self._annotation(self.columns[name], comparison)
        if name not in PROPERTIES:
            raise self._unknown(comparison)
        column = self.properties[name]
        return f"(({self._predicate(column, comparison)}) IS TRUE)"

    def _unknown(self, comparison: Comparison) -> QueryError:
        own = ", ".join(map(printable, self.columns.values()))
        known = f"This gallery has {own}; every" if own else "Every"
        place = pointed_at(self.where.condition or "", comparison.position)
        return QueryError(
            f"{printable(comparison.column)}: no such column. {known} image has {', '.join(PROPERTIES)}. "
            f"To add columns: lookalike annotate CSV\n{place}"
        )

    def _annotation(self, name: str, comparison: Comparison) -> str:
        self.values.append(name)
        if comparison.operator == "=" and not comparable(comparison.value):
            return "(e.path NOT IN (SELECT path FROM annotations a WHERE a.name = ?))"
        predicate = self._predicate(_ANNOTATION, comparison)
        return f"(e.path IN (SELECT path FROM annotations a WHERE a.name = ? AND ({predicate})))"

    def _predicate(self, column: _Column, comparison: Comparison) -> str:
        """SQL that compares a column; it may be NULL where the column has no value."""
        operator, text, size = comparison.operator, comparable(comparison.value), number(comparison.value)
        if operator == "~":
            return self._with(f"{column.text} <> '' AND instr({column.text}, ?)", text)
        terms = []
        if size is not None:
            terms.append(self._with(f"{column.number} {operator} ?", size))
        if is_date(text) or YEAR.fullmatch(text):
            is_dated = _IS_DATE.format(column.text)
            terms.append(self._with(f"({is_dated} AND substr({column.text}, 1, {len(text)}) {operator} ?)", text))
        if operator == "=":
            terms.append(self._with(f"{column.text} = ?", text))
        elif not terms:
            terms.append(self._with(f"({column.text} <> '' AND {column.text} {operator} ?)", text))
        return " OR ".join(terms)

    def _with(self, sql: str, value: object) -> str:
        self.values.append(value)
        return sql
