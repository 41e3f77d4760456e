"""How results show themselves in notebooks, and become data frames: they are lists of records."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from lookalike.errors import OutputError

if TYPE_CHECKING:
    import pandas as pd

Records = list[dict[str, Any]]
"""Rows of a table: values by column. All have the same columns."""

_DIGITS: Final = 4
_MOST_ROWS: Final = 50
"""How many rows a notebook shows."""


class Tabular:
    """A result that is a table: a subclass says which by :meth:`to_records`."""

    __slots__ = ()

    def to_records(self) -> Records:
        """The rows, each with its values by column."""
        raise NotImplementedError

    def to_pandas(self) -> pd.DataFrame:
        """The rows as a data frame; raises :class:`~lookalike.errors.OutputError` if pandas isn't installed."""
        try:
            import pandas as pd
        except ImportError as error:
            raise OutputError("a data frame needs pandas: pip install pandas") from error
        return pd.DataFrame(self.to_records())

    def _repr_html_(self) -> str:
        """The rows as notebooks show them."""
        return html_table(self.to_records())


def html_table(records: Sequence[dict[str, Any]]) -> str:
    """The first 50 of ``records`` as a table; values of type bytes are JPEGs."""
    if not records:
        return "<p>nothing</p>"
    header = "".join(f"<th>{html.escape(name)}</th>" for name in records[0])
    rows = "".join(f"<tr>{''.join(map(_cell, record.values()))}</tr>" for record in records[:_MOST_ROWS])
    more = f"<p>and {len(records) - _MOST_ROWS:,} more</p>" if len(records) > _MOST_ROWS else ""
    return f"<table><thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table>{more}"


def _cell(value: object) -> str:
    if isinstance(value, bytes):
        return f'<td><img alt="" src="data:image/jpeg;base64,{base64.b64encode(value).decode("ascii")}"></td>'
    text = "" if value is None else f"{value:.{_DIGITS}g}" if isinstance(value, float) else str(value)
    return f"<td>{html.escape(text)}</td>"
