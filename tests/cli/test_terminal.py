"""Interrupts, and errors that nothing expects: what surrounds every command."""

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from subprocess import Popen

import pytest

from drawing import drawn
from galleries import Result
from lookalike.cli.main import main

Cli = Callable[..., Result]
Driver = Callable[..., AbstractContextManager[Popen[bytes]]]


@pytest.mark.skipif(os.name == "nt", reason="signals work differently on Windows")
@pytest.mark.parametrize("times", [1, 2])
def test_interrupting_does_not_wait_for_a_library(times: int, tmp_path: Path, driver: Driver, call: Cli):
    """A command that can't end by itself is ended; a second Ctrl-C doesn't wait either. Completed work is kept."""
    for number in range(40):
        drawn(tmp_path / "photos" / f"{number:02}.png", number)
    with driver("command", "-3", "index", tmp_path / "photos") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(0.2)
        _, errors = process.communicate()
    assert process.returncode == 130
    assert errors.endswith(b"\nlookalike: interrupted; completed work is saved\n")
    assert json.loads(call("status", "--json", "--gallery", tmp_path / "photos").out)["images"] == 16
    assert call("index", tmp_path / "photos").out.startswith("40 images: 24 added; ")


@pytest.mark.skipif(os.name == "nt", reason="signals work differently on Windows")
@pytest.mark.parametrize("pause", [0.0, 0.001, 0.01, 0.05])
def test_many_interrupts_end_a_command_once(pause: float, tmp_path: Path, driver: Driver):
    """However soon after each other they come, there is one message, no traceback, and the exit code of one."""
    for number in range(40):
        drawn(tmp_path / "photos" / f"{number:02}.png", number)
    for _ in range(3):
        with driver("command", "3", "index", tmp_path / "photos") as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"here\n"
            while process.poll() is None:
                process.send_signal(signal.SIGINT)
                time.sleep(pause)
            _, errors = process.communicate()
        assert process.returncode == 130, errors
        assert b"Traceback" not in errors
        assert errors.endswith(b"\nlookalike: interrupted; completed work is saved\n")
        shutil.rmtree(tmp_path / "photos" / ".lookalike")


def test_interrupts_concern_one_command_only():
    """Afterwards signals are as they were; other threads get none, and run commands as well."""
    handler = signal.getsignal(signal.SIGINT)
    before = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(before)
    threads = threading.active_count()
    codes = [main(["formats"])]
    other = threading.Thread(target=lambda: codes.append(main(["formats"])))
    other.start()
    other.join()
    assert codes == [0, 0]
    assert signal.set_wakeup_fd(before) == before
    assert signal.getsignal(signal.SIGINT) is handler
    assert threading.active_count() == threads


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MemoryError(), "not enough memory. Close other programs"),
        (PermissionError(13, "Permission denied", "some/file\x1b[2J"), r"some/file\x1b[2J: Permission denied"),
        (OSError(5, "Input/output error"), "Input/output error"),
        (TypeError("wrong \x1b[2J"), r"a mistake in Lookalike (TypeError: wrong \x1b[2J). Completed work is saved."),
        (RecursionError("too deep"), "a mistake in Lookalike (RecursionError: too deep)"),
    ],
)
def test_whatever_goes_wrong_is_one_line(
    error: Exception, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """There is no traceback unless it is asked for."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("lookalike.cli.formats._print_table", fail)
    assert main(["formats"]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith(f"lookalike: {line}")
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    monkeypatch.setenv("LOOKALIKE_DEBUG", "1")
    with pytest.raises(type(error)):
        main(["formats"])
