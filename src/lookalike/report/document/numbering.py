"""The numbers of figures and tables, the same in every rendering."""

from __future__ import annotations

from lookalike.report.document.blocks import Figure, Tables


class Numbering:
    """Counts the figures and tables of one rendering."""

    def __init__(self) -> None:
        self._counts = {"Figure": 0, "Table": 0}

    def label(self, block: Figure | Tables) -> str:
        """The label to put before the title: "Figure 1. "; empty for tables that aren't counted."""
        if isinstance(block, Tables) and not block.numbered:
            return ""
        kind = "Figure" if isinstance(block, Figure) else "Table"
        self._counts[kind] += 1
        return f"{kind} {self._counts[kind]}. "
