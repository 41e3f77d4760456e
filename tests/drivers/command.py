"""The command line with the fake encoder, which waits for a signal at the batch whose number comes first."""

import signal
import sys
import time

from fakes import FakeEncoder
from lookalike.cli import encoder_options
from lookalike.cli.main import main
from lookalike.encoders import encoder as encoders
from lookalike.gallery import gallery

# As a terminal starts its programs: those started by a shell in the background ignore Ctrl-C, and so do their children.
signal.signal(signal.SIGINT, signal.default_int_handler)
stop_at, seen = int(sys.argv[1]), 0


def wait(_: int) -> None:
    """Say that the moment has come, and wait for a signal."""
    global seen  # noqa: PLW0603  a script's own counter
    seen += 1
    if seen == stop_at:
        print("here", flush=True)
        while True:  # a signal that came before signal.pause() would not end that
            time.sleep(0.05)


encoder = FakeEncoder(before=wait)
gallery.load_encoder = encoders.load_encoder = lambda *_, **__: encoder
encoder_options.automatic = lambda **_: encoder.spec.name
sys.exit(main(sys.argv[2:]))
