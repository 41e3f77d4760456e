"""``lookalike``: parses the command line, runs the command, and turns errors into messages and exit codes.

Exit codes: 0 success; 1 an error that the user can fix (one line on standard error says how); 2 wrong usage;
3 partly done (images or queries could not be reached, everything else is done); 130 interrupted.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from lookalike import __version__
from lookalike.cli import encoders as encoder_commands
from lookalike.cli import formats, index, remove, status
from lookalike.cli.care import backup, check, repair
from lookalike.cli.encoder_source import EncoderSource
from lookalike.cli.measuring import angles, compare, dataset, evaluate, matrix, reproduce, robustness
from lookalike.cli.output import PARTLY_DONE
from lookalike.cli.searching import search
from lookalike.cli.terminal.interrupt import INTERRUPTED, MESSAGE, interrupts_end_soon
from lookalike.cli.terminal.native_output import native_output_caught
from lookalike.cli.terminal.unexpected import describe, wants_traceback
from lookalike.errors import LookalikeError, UnreachedImagesError
from lookalike.machine import limit_threads

_EPILOG = """\
everyday use:
  lookalike index photos                  make photos searchable; run it again after adding or changing images
  lookalike search query.jpg              run from inside photos: the ten images most similar to query.jpg
  lookalike search query.jpg --html page.html
  lookalike status                        what is in the gallery, and which files were skipped and why

Your images never leave this machine."""


def main(arguments: Sequence[str] | None = None, encoders: EncoderSource | None = None) -> int:
    """Run the command line ``arguments`` (without the program's name) and return the exit code.

    ``encoders`` is where commands get encoders, by default from this machine and the hub.
    """
    # Pillow warns about unusual metadata; files that can't be read are listed as skipped.
    warnings.filterwarnings("ignore", module="PIL")
    if sys.stderr is None:  # closed: keep messages out of standard output, which may be JSON
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115  open until the process ends
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names may not fit the terminal's encoding
    with native_output_caught(), interrupts_end_soon():
        code = _run(arguments, encoders or EncoderSource())
    return code if _flush() else 1


def _run(arguments: Sequence[str] | None, encoders: EncoderSource) -> int:
    try:
        options = _parser().parse_args(arguments)
        options.encoders = encoders
        if getattr(options, "threads", None) is not None:
            limit_threads(options.threads)
        return int(options.run(options))
    except SystemExit as leaving:  # from argparse, which has printed its message
        return int(leaving.code or 0)
    except LookalikeError as error:
        print(f"lookalike: {error}", file=sys.stderr)
        return PARTLY_DONE if isinstance(error, UnreachedImagesError) else 1
    except KeyboardInterrupt:
        print(MESSAGE, file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        # What can't be written stays in the buffer of standard output, so that this failure shows when it is flushed.
        is_output_error = isinstance(error, OSError) and error.filename is None and not _flush()
        if not is_output_error:
            if wants_traceback():
                raise
            print(f"lookalike: {describe(error)}", file=sys.stderr)
        return 1


def _flush() -> bool:
    """Write what is still in the buffer of standard output; returns whether that worked, after telling if not."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # a reader such as head or less may close the pipe
            print(f"lookalike: can't write the output ({error.strerror})", file=sys.stderr)
        # Otherwise Python flushes standard output again at exit, and prints a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lookalike",
        description="Image-to-image search: find the images that look like this one. Works offline, without a GPU.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"lookalike {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    experiments = (dataset, evaluate, compare, robustness, angles, matrix, reproduce)
    for command in (index, search, status, remove, check, repair, backup, formats, *experiments, encoder_commands):
        command.add_to(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
