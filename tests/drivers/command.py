"""The command line with the fake encoder, waiting for a signal at the batch whose number is the first argument.

A minus before the number lets it wait as a library does that knows nothing of signals.
"""

import signal
import sqlite3
import sys
import time

from fakes import FakeEncoder, FakeSource
from lookalike.cli.main import main

# Programs started by a shell in the background, and their children, ignore Ctrl-C; a terminal's do not.
signal.signal(signal.SIGINT, signal.default_int_handler)
stop_at, seen = int(sys.argv[1]), 0
FOR_EVER = "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


def wait(_: int) -> None:
    """Print a line at the given batch, then wait for a signal."""
    global seen  # noqa: PLW0603  a script's own counter
    seen += 1
    if seen == abs(stop_at):
        print("here", flush=True)
        if stop_at < 0:
            sqlite3.connect(":memory:").execute(FOR_EVER)
        while True:  # signal.pause() would miss a signal that arrived before it
            time.sleep(0.05)


encoder = FakeEncoder(before=wait)
sys.exit(main(sys.argv[2:], FakeSource(encoder)))
