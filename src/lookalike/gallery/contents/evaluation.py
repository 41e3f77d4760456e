"""The last evaluation of a gallery, kept with it, so that those who search can see how good the search is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from lookalike.atomic import atomic_writer
from lookalike.gallery.store import Store
from lookalike.system_files import parse_json

_FILE: Final = "evaluation.json"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class KeptEvaluation:
    """An evaluation by the gallery's own encoder: when it was ``measured``, and its whole ``result`` as JSON.

    ``mean_ap`` is the mean average precision over so many ``queries``.
    """

    measured: datetime
    queries: int
    mean_ap: float
    result: Mapping[str, Any]


def keep_evaluation(store: Store, result: Mapping[str, Any]) -> None:
    """Keep a result in the place of the one before; a gallery that can't be written to goes without."""
    if store.folder is None:
        return
    fields = {
        "version": _VERSION,
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "fingerprint": store.stamp.fingerprint,
        "result": result,
    }
    with suppress(OSError), atomic_writer(store.folder / _FILE) as file:
        file.write(json.dumps(fields, ensure_ascii=False).encode("utf-8"))


def last_evaluation(store: Store) -> KeptEvaluation | None:
    """The evaluation that was kept last; None if there is none, or if the gallery has another encoder now."""
    if store.folder is None:
        return None
    with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
        fields = parse_json((store.folder / _FILE).read_bytes())
        if fields["version"] == _VERSION and fields["fingerprint"] == store.stamp.fingerprint:
            result = fields["result"]
            measured = datetime.fromisoformat(fields["measured"])
            return KeptEvaluation(measured, int(result["queries"]), float(result["micro"]["map"]), result)
    return None
