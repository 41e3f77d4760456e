"""``lookalike``: parses the command line, runs the command, and turns errors into messages and exit codes.

Exit codes: 0 success; 1 an error that the user can fix (one line on standard error says how); 2 wrong usage;
3 partly done (images or queries could not be reached, everything else is done); 130 interrupted.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from click.exceptions import Exit, UsageError

from lookalike.cli.completion import VARIABLE
from lookalike.cli.encoder_source import EncoderSource
from lookalike.cli.output import PARTLY_DONE, print_json
from lookalike.cli.program import program
from lookalike.cli.terminal.interrupt import INTERRUPTED, MESSAGE, interrupts_end_soon
from lookalike.cli.terminal.native_output import native_output_caught
from lookalike.cli.terminal.unexpected import describe, wants_traceback
from lookalike.cli.terminal.wrong_usage import describe_usage
from lookalike.errors import LookalikeError, UnreachedImagesError

_WRONG_USAGE = 2


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
        code = _run(list(sys.argv[1:] if arguments is None else arguments), encoders or EncoderSource())
    return code if _flush() else 1


def _run(arguments: list[str], encoders: EncoderSource) -> int:
    """Run the program; errors become messages and exit codes."""
    try:
        return _run_program(arguments, encoders)
    except UsageError as error:
        _tell(arguments, describe_usage(error), error)
        return _WRONG_USAGE
    except LookalikeError as error:
        _tell(arguments, f"lookalike: {error}", error)
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
            _tell(arguments, f"lookalike: {describe(error)}", error)
        return 1


def _run_program(arguments: list[str], encoders: EncoderSource) -> int:
    if instruction := os.environ.get(VARIABLE):
        from click.shell_completion import shell_complete

        return shell_complete(program, {}, "lookalike", VARIABLE, instruction)
    try:
        with program.make_context("lookalike", arguments, obj=encoders) as context:
            code: int = program.invoke(context)
    except Exit as leaving:  # after --help and --version
        return leaving.exit_code
    return code


def _tell(arguments: Sequence[str], text: str, error: Exception) -> None:
    """Say what is wrong on standard error, and also as JSON on standard output if ``--json`` was given."""
    print(text, file=sys.stderr)
    if "--json" in arguments:
        message = text.partition(": ")[2].partition("\n")[0]
        print_json({"version": 1, "error": {"kind": type(error).__name__, "message": message}})


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


if __name__ == "__main__":
    sys.exit(main())
