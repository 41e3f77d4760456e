"""Reports for programs: JSON text, and the values that several reports have."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from lookalike.evaluation.data.dataset import Dataset
    from lookalike.evaluation.data.embedded import EmbeddingSource
    from lookalike.evaluation.data.provenance import Provenance
    from lookalike.evaluation.scoring.results import Exclusion
    from lookalike.evaluation.statistics.intervals import Interval
    from lookalike.images.files import Skipped


_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


def as_text(answer: dict[str, Any]) -> str:
    """``answer`` as JSON, indented by two spaces, not escaped to ASCII, with a line break at the end."""
    return json.dumps(answer, indent=2, ensure_ascii=False) + "\n"


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV, each ended by a line feed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(csv_cell, header))
    writer.writerows(map(csv_cell, row) for row in rows)
    return text.getvalue()


def csv_cell(value: object) -> object:
    """A value for a CSV: a text that a spreadsheet would take for a formula gets an apostrophe before it.

    Numbers stay as they are, also as texts. (OWASP, CSV Injection.)
    """
    if not isinstance(value, str) or not value.startswith(_FORMULA_STARTS):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def path_fields(path: str | os.PathLike[str]) -> dict[str, str]:
    """``path`` for JSON: bytes that aren't UTF-8 are replaced, and ``path_base64`` then has the exact ones."""
    raw = os.fsencode(path)
    fields = {"path": raw.decode("utf-8", "replace")}
    if fields["path"].encode() != raw:
        fields["path_base64"] = base64.b64encode(raw).decode("ascii")
    return fields


def utf8(text: str) -> str:
    r"""A label or path that UTF-8 can encode: bytes that aren't UTF-8 become ``\xff``."""
    return os.fsencode(text).decode("utf-8", "backslashreplace")


def dataset_fields(dataset: Dataset) -> dict[str, Any]:
    """The dataset's name, its folder, and which images query which."""
    return {
        "dataset": utf8(dataset.name),
        "folder": path_fields(dataset.root)["path"],
        "protocol": "split" if dataset.has_split else "leave-one-out",
    }


def stamp_fields(spec: EmbeddingSource) -> dict[str, Any]:
    """An encoder's identity, with its fingerprint; of embeddings from elsewhere, that of their file."""
    return {**asdict(spec), "fingerprint": spec.fingerprint}


def provenance_fields(provenance: Provenance) -> dict[str, Any]:
    """Versions, machine and command."""
    command = None if provenance.command is None else utf8(provenance.command)
    return {"versions": dict(provenance.versions), "machine": provenance.machine, "command": command}


def skipped_files(skipped: Iterable[Skipped]) -> list[dict[str, str]]:
    """Skipped files, each with its reason."""
    return [{**path_fields(one.path), "kind": str(one.kind), "reason": one.reason} for one in skipped]


def exclusion_fields(exclusions: Iterable[Exclusion]) -> list[dict[str, Any]]:
    """Queries that have nothing to find, by class and reason."""
    return [{**asdict(one), "label": utf8(one.label)} for one in exclusions]


def interval_pair(interval: Interval | None) -> list[float] | None:
    """An interval as ``[low, high]``; None for None."""
    return None if interval is None else [interval.low, interval.high]


def shares(means: Mapping[str, float], keys: Iterable[str]) -> dict[str, float | None]:
    """The values of ``keys``; None for nan, which JSON doesn't have."""
    return {key: None if math.isnan(means[key]) else float(means[key]) for key in keys}


def metric_columns(keys: Iterable[str]) -> list[str]:
    """The columns of the metrics of single queries: their AP, not the mean of it."""
    return [{"map": "ap", "map@r": "ap@r"}.get(key, key) for key in keys]
