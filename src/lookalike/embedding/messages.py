"""Messages between the process that embeds and those that read: a line of JSON, and then as many bytes as it says."""

from __future__ import annotations

import json
from typing import Any, BinaryIO, Final

_LONGEST_LINE: Final = 1 << 20


def send(stream: BinaryIO, message: dict[str, Any], payload: bytes | memoryview = b"") -> None:
    """Write a message; raises ``OSError`` if the other process has ended."""
    stream.write(json.dumps({**message, "bytes": len(payload)}).encode("ascii") + b"\n")
    stream.write(payload)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """Read a message and its payload; raises ``EOFError`` if the other process has ended, or talks nonsense."""
    line = stream.readline(_LONGEST_LINE)
    try:
        message: dict[str, Any] = json.loads(line)
        count = int(message.pop("bytes"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EOFError from error
    payload = stream.read(count)
    if len(payload) != count:
        raise EOFError
    return message, payload
