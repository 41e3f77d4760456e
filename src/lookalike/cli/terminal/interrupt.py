"""End a command soon after Ctrl-C, also while a library or a disk keeps it busy."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

INTERRUPTED: Final = 130
"""The exit code of an interrupted command, as shells give it."""

MESSAGE: Final = "lookalike: interrupted; completed work is saved"


class _Grace:
    """How long a command may take to end by itself. Every commit is complete or not, so nothing is lost without."""

    seconds = 1.5


@contextmanager
def grace(seconds: float) -> Iterator[None]:
    """Let Ctrl-C leave the command more time to end by itself, as a server needs that answers its last requests."""
    before, _Grace.seconds = _Grace.seconds, seconds
    try:
        yield
    finally:
        _Grace.seconds = before


@contextmanager
def interrupts_end_soon() -> Iterator[None]:
    """Let Ctrl-C end this process after 1.5 s, or at once when it is pressed again, if it hasn't ended by itself.

    Python raises ``KeyboardInterrupt`` only when the main thread returns from what it calls, such as the decoding of a
    large image or a read from a lost disk. It is raised once: what the first one ends isn't disturbed by the next, and
    afterwards, when the process is about to end, Ctrl-C does nothing. Nothing is done on another thread, which gets no
    signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told, telling = os.pipe()
    if os.name != "nt":  # where Python asks for it
        os.set_blocking(telling, False)
    watch = threading.Thread(target=_end_after_interrupt, args=(told,), name="Ctrl-C", daemon=True)
    watch.start()
    before = signal.set_wakeup_fd(telling, warn_on_full_buffer=False)
    handler = signal.getsignal(signal.SIGINT)
    interrupt = _Interrupt()
    if handler is signal.default_int_handler:  # programs in the background ignore it
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        if handler is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_IGN if interrupt.is_raised else handler)
        signal.set_wakeup_fd(before)
        os.close(telling)
        watch.join()
        os.close(told)


class _Interrupt:
    """Handles Ctrl-C: raises ``KeyboardInterrupt`` at the first one."""

    def __init__(self) -> None:
        self.is_raised = False

    def __call__(self, *_: object) -> None:
        if not self.is_raised:
            self.is_raised = True
            raise KeyboardInterrupt


def _end_after_interrupt(told: int) -> None:
    """End the process some time after the pipe ``told`` of a signal; return when the command has ended before."""
    late: threading.Timer | None = None
    while number := os.read(told, 1):
        if number[0] == signal.SIGINT:
            if late is not None:  # pressed again
                _end()
            late = threading.Timer(_Grace.seconds, _end)
            late.daemon = True
            late.start()
    if late is not None:
        late.cancel()


def _end() -> None:
    print(MESSAGE, file=sys.stderr, flush=True)
    os._exit(INTERRUPTED)
