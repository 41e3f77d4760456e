"""Keep what libraries in C print off the terminal."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from lookalike.images import messages

_STDERR: Final = 2


@contextmanager
def native_output_caught() -> Iterator[None]:
    """Catch what is printed to file descriptor 2, except by Python, whose ``sys.stderr`` goes on as before.

    Nothing is done if ``sys.stderr`` is not that descriptor, as in a test or an embedding program, and on Windows.
    """
    original = sys.stderr
    if not _is_native(original):
        yield
        return
    original.flush()
    saved = os.dup(_STDERR)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), _STDERR)
        sys.stderr = os.fdopen(saved, "w", 1, encoding=original.encoding, errors=original.errors, closefd=False)
        messages.read_from(caught.fileno())
        try:
            yield
        finally:
            messages.set_source(lambda: "")
            sys.stderr.flush()
            os.dup2(saved, _STDERR)
            os.close(saved)
            sys.stderr = original


def _is_native(stream: object) -> bool:
    if not hasattr(os, "pread"):  # Windows
        return False
    with suppress(OSError, ValueError):
        return sys.__stderr__ is not None and stream is sys.__stderr__ and sys.__stderr__.fileno() == _STDERR
    return False
