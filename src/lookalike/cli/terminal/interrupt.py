"""End a command soon after Ctrl-C, also while a library or a disk keeps it busy."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

INTERRUPTED: Final = 130
"""The exit code of an interrupted command, as shells give it."""

MESSAGE: Final = "lookalike: interrupted; completed work is saved"

_GRACE_SECONDS: Final = 1.5
"""How long a command may take to end by itself. Every commit is complete or not there, so nothing is lost without."""


@contextmanager
def interrupts_end_soon() -> Iterator[None]:
    """Let Ctrl-C end this process after 1.5 s, or at once when it is pressed again, if it hasn't ended by itself.

    Python raises ``KeyboardInterrupt`` only when the main thread returns from what it calls, such as the decoding of a
    large image or a read from a lost disk. Nothing is done on another thread, which gets no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told, telling = socket.socketpair()  # and not a pipe, for Windows
    telling.setblocking(False)  # noqa: FBT003  its only argument
    watch = threading.Thread(target=_end_after_interrupt, args=(told,), name="Ctrl-C", daemon=True)
    watch.start()
    before = signal.set_wakeup_fd(telling.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        telling.close()
        watch.join()


def _end_after_interrupt(told: socket.socket) -> None:
    """End the process if it is still there some time after it got the signal; return when the command has ended."""
    with told:
        while number := told.recv(1):
            if number[0] == signal.SIGINT:
                told.settimeout(_GRACE_SECONDS)
                try:
                    if not told.recv(1):
                        return
                except TimeoutError:
                    pass
                print(MESSAGE, file=sys.stderr, flush=True)
                os._exit(INTERRUPTED)
