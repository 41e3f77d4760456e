"""What the images that a filter finds have in common: their folders, the values of their columns, their months."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from typing import Final

from lookalike.gallery.local.sql.schema import WITHOUT_ANNOTATIONS, version
from lookalike.gallery.local.sql.value_table import read_columns
from lookalike.gallery.local.sql.where import selection
from lookalike.gallery.records import Facet, Facets
from lookalike.search.query import Filter

_MOST_VALUES: Final = 100

_PROPERTIES: Final = "FROM chosen JOIN entries e ON e.id = chosen.id JOIN properties p ON p.content = e.content"
_ANNOTATIONS: Final = (
    "FROM chosen JOIN entries e ON e.id = chosen.id JOIN annotations a ON a.path = e.path WHERE a.name = ?"
)


def read_facets(connection: sqlite3.Connection, where: Filter) -> Facets:
    """The facets of the entries that fulfil ``where``; raises :class:`~lookalike.errors.QueryError` as a search."""
    return _Reader(connection, where).facets()


class _Reader:
    def __init__(self, connection: sqlite3.Connection, where: Filter) -> None:
        self._connection = connection
        statement, self._values = selection(connection, where)
        self._chosen = f"WITH chosen AS MATERIALIZED ({statement})"

    def facets(self) -> Facets:
        folders = Counter(
            os.fsdecode(path).rpartition("/")[0]
            for (path,) in self._rows("SELECT e.path FROM chosen JOIN entries e ON e.id = chosen.id")
        )
        if version(self._connection) <= WITHOUT_ANNOTATIONS:
            return Facets(folders.total(), folders)
        columns = read_columns(self._connection)
        found = [self._of_annotations(name) for name in columns]
        if "camera" not in map(str.casefold, columns):
            found.append(self._of_cameras())
        months = self._rows(f"SELECT substr(taken, 1, 7), count(*) {_PROPERTIES} WHERE taken IS NOT NULL GROUP BY 1")
        return Facets(
            folders.total(), folders, tuple(facet for facet in found if facet.values), dict(sorted(months.fetchall()))
        )

    def _of_annotations(self, name: str) -> Facet:
        values = self._rows(
            f"SELECT value, count(*) {_ANNOTATIONS} GROUP BY a.compared ORDER BY 2 DESC, 1 LIMIT {_MOST_VALUES}", name
        ).fetchall()
        ((distinct, least, greatest, others),) = self._rows(
            f"SELECT count(DISTINCT a.compared), min(a.number), max(a.number), sum(a.number IS NULL) {_ANNOTATIONS}",
            name,
        )
        return Facet(name, tuple(values), distinct, *((None, None) if others else (least, greatest)))

    def _of_cameras(self) -> Facet:
        values = self._rows(
            f"SELECT camera, count(*) {_PROPERTIES} WHERE camera <> '' GROUP BY 1 ORDER BY 2 DESC, 1 "
            f"LIMIT {_MOST_VALUES}"
        ).fetchall()
        ((distinct,),) = self._rows(f"SELECT count(DISTINCT camera) {_PROPERTIES} WHERE camera <> ''")
        return Facet("camera", tuple(values), distinct)

    def _rows(self, statement: str, *values: object) -> sqlite3.Cursor:
        return self._connection.execute(f"{self._chosen} {statement}", (*self._values, *values))
