"""What every answer for programs is made with: its text, and paths as JSON can carry them."""

from __future__ import annotations

import base64
import json
import os
from typing import Any


def as_text(answer: dict[str, Any]) -> str:
    """JSON for people and programs: two spaces deep, letters of every script as themselves, a line break at the end."""
    return json.dumps(answer, indent=2, ensure_ascii=False) + "\n"


def path_fields(path: str | os.PathLike[str]) -> dict[str, str]:
    """``path`` as JSON can carry it: bytes that are no UTF-8 are replaced, and the true ones go along in base 64."""
    raw = os.fsencode(path)
    fields = {"path": raw.decode("utf-8", "replace")}
    if fields["path"].encode() != raw:
        fields["path_base64"] = base64.b64encode(raw).decode("ascii")
    return fields
