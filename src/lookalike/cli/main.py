"""``lookalike``: reads the command line, runs the command, turns errors into messages and exit codes.

Exit codes: 0 done; 1 something the user can mend (one line on standard error says what); 2 wrong usage; 130 stopped.
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
from lookalike.cli import encoders, index, search, status
from lookalike.cli.measuring import angles, compare, dataset, evaluate, matrix, reproduce, robustness
from lookalike.errors import LookalikeError

_EPILOG = """\
everyday use:
  lookalike index photos                  make photos searchable; again later, to bring them up to date
  lookalike search query.jpg              from anywhere below photos: the ten most like query.jpg
  lookalike search query.jpg --html page.html
  lookalike status                        what is in the gallery, and what was skipped and why

Everything stays on this machine."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line ``arguments`` (without the program's name) and return the exit code."""
    warnings.filterwarnings("ignore", module="PIL")  # remarks on odd metadata; what matters becomes a skipped file
    if sys.stderr is None:  # closed: messages must not go to standard output, which may be JSON, and must not fail
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115  until the process ends
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names may have letters that a terminal's encoding hasn't
    try:
        code = _run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where it can still be said that it can't be written
    except OSError as error:
        if error.filename is not None:  # not from writing the output, but a mistake of ours
            raise
        if not isinstance(error, BrokenPipeError):  # the reader of our output (head, less) has had enough: no error
            print(f"lookalike: the output can't be written ({error.strerror})", file=sys.stderr)
        # Python would try, and complain, once more while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def _run(arguments: Sequence[str] | None) -> int:
    try:
        options = _parser().parse_args(arguments)
        return int(options.run(options))
    except SystemExit as leaving:  # from argparse, which has told what it had to tell
        return int(leaving.code or 0)
    except LookalikeError as error:
        print(f"lookalike: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lookalike: stopped; what was done is kept", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lookalike",
        description="Image-to-image search: find the photographs like this one. Offline, without a GPU.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"lookalike {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    experiments = (dataset, evaluate, compare, robustness, angles, matrix, reproduce)
    for command in (index, search, status, *experiments, encoders):
        command.add_to(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
