"""The program as a whole: its help, options that every command has, environment variables, errors as JSON."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from drawing import drawn
from galleries import Result
from lookalike.cli.program import program

Cli = Callable[..., Result]

ROOT = Path(__file__).parents[2]


def contexts(context: click.Context | None = None) -> Iterator[click.Context]:
    """The contexts of all commands and actions."""
    context = context or program.make_context("lookalike", ["status"], resilient_parsing=True)
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            assert command is not None
            yield from contexts(type(context)(command, parent=context, info_name=name))


COMMANDS = list(contexts())


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of twenty images, in the current folder."""
    for number in range(20):
        drawn(tmp_path / "photos" / f"{number:02}.png", number)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "photos"


def error_of(result: Result) -> dict[str, str]:
    """The error in the JSON of a command that failed; standard error has it too."""
    error: dict[str, str] = json.loads(result.out)["error"]
    assert error["message"] in result.err
    return error


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("context", COMMANDS, ids=lambda context: context.command_path)
def test_help_fits_any_width(context: click.Context, width: int, call: Cli, monkeypatch: pytest.MonkeyPatch):
    """No line is longer than the terminal is wide, except for examples, which are broken only where they must be."""
    monkeypatch.setenv("COLUMNS", str(width))
    result = call(*context.command_path.split()[1:], "--help")
    assert result.code == 0
    assert max(len(line) for line in result.out.splitlines()) <= width


@pytest.mark.parametrize("context", COMMANDS, ids=lambda context: context.command_path)
def test_every_command_has_the_common_options(context: click.Context):
    """-h, -q and -v everywhere; --json wherever something is done; a sentence of help for every option."""
    options = [one for one in context.command.get_params(context) if isinstance(one, click.Option)]
    names = {name for one in options for name in one.opts}
    assert {"-h", "--help", "-q", "--quiet", "-v", "--verbose"} <= names
    assert "--json" in names or context.info_name in {"lookalike", "dataset", "completion"}
    for one in options:
        assert one.help, one.opts
        assert one.help[0].isupper(), one.help
        assert one.help.endswith("."), one.help


def test_the_reference_is_up_to_date():
    """docs/cli.md is what tools/make_cli_reference.py writes."""
    path = ROOT / "tools" / "make_cli_reference.py"
    if not path.exists():
        pytest.skip("the tools are not in this folder")
    spec = importlib.util.spec_from_file_location("make_cli_reference", path)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == tool.reference()


def test_quiet_and_verbose(photos: Path, call: Cli):
    """With -q only results, warnings and errors are printed; -v tells what the library does, and -vv more."""
    assert call("-q", "index", photos) == Result(0, "", "")
    assert call("index", photos, "-q") == Result(0, "", "")
    drawn(photos / "another.png", 30)
    (photos / "text.jpg").write_text("text")
    told = call("index", photos, "-v").err
    assert f"lookalike: opened the gallery {photos}/.lookalike of {photos}\n" in told
    assert "lookalike: 22 files found, 2 of them to read\n" in told
    assert "lookalike: skipped text.jpg: not an image (text file)\n" in told
    assert call("-v", "index", photos).err.startswith("lookalike: opened")
    assert call("search", photos / "00.png", "-q", "-k", "1").out.startswith("rank")
    assert "opened" not in call("search", photos / "00.png", "-k", "1").err


def test_progress_is_a_line_for_every_tenth(photos: Path, cli: Cli):
    """Without a terminal; a batch that goes beyond several tenths has one line."""
    for number in range(20, 100):
        drawn(photos / "more" / f"{number}.png", number)
    lines = [line for line in cli("index", photos, "--encoder", "efficientnet-lite2").err.splitlines() if "%" in line]
    assert lines[-1] == "lookalike: 100 of 100 images (100 %), in more"
    shares = [int(line.split("(")[1].split("%")[0]) for line in lines]
    assert shares == sorted(set(shares))
    assert len({share // 10 for share in shares}) == len(shares) > 3
    assert all(" left, in more" in line or "left" in line for line in lines[:-1])


def test_environment_variables_set_defaults(photos: Path, call: Cli, monkeypatch: pytest.MonkeyPatch):
    """An option on the command line comes first; a wrong value names its variable."""
    call("index", photos)
    monkeypatch.setenv("LOOKALIKE_SEARCH_K", "3")
    assert len(call("search", photos / "00.png", "--paths").out.splitlines()) == 3
    assert len(call("search", photos / "00.png", "--paths", "-k", "2").out.splitlines()) == 2
    monkeypatch.setenv("LOOKALIKE_SEARCH_K", "many")
    result = call("search", photos / "00.png")
    assert result.code == 2
    assert "LOOKALIKE_SEARCH_K" in result.err.splitlines()[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("INDEX_YES", "1"),
        ("INDEX_PRUNE", "1"),
        ("INDEX_ACCEPT_MISSING", "1"),
        ("INDEX_REENCODE", "colours"),
        ("INDEX_RESET_OPTIONS", "1"),
        ("SEARCH_HTML", "page.html"),
        ("SEARCH_JSON", "1"),
        ("SEARCH_FORMAT", "csv"),
        ("SEARCH_EXISTS", "1"),
        ("COMPARE_YES", "1"),
        ("EVALUATE_OUT", "report"),
        ("MATRIX_OUT", "report"),
    ],
)
def test_some_options_have_no_environment_variable(name: str, value: str, monkeypatch: pytest.MonkeyPatch):
    """Consent, deletion and output are asked for on the command line only."""
    monkeypatch.setenv(f"LOOKALIKE_{name}", value)
    command, _, option = name.lower().partition("_")
    context = next(one for one in COMMANDS if one.info_name == command)
    (parameter,) = (one for one in context.command.get_params(context) if option in (one.name, *map(_bare, one.opts)))
    assert parameter.resolve_envvar_value(context) is None


def _bare(option: str) -> str:
    return option.lstrip("-").replace("-", "_")


def test_errors_are_json_too(photos: Path, call: Cli):
    """With --json, an error is JSON on standard output, with the class of the error and the message."""
    assert error_of(call("status", "--json", "--gallery", "nowhere"))["kind"] == "GalleryNotFoundError"
    assert error_of(call("search", "--json"))["kind"] == "UsageError"
    assert error_of(call("search", "--json", "x.jpg", "--colour"))["kind"] == "NoSuchOption"
    assert error_of(call("index", "empty", "--json"))["kind"] == "GalleryError"
    assert call("status", "--gallery", "nowhere").out == ""


def test_mistyped_names_are_recognised(call: Cli):
    """Suggestions for commands and options; and no option is taken for another one that it abbreviates."""
    assert "Did you mean 'search'?" in call("serach").err
    assert "Did you mean '--gallery'?" in call("remove", "--galery", "x").err
    abbreviated = call("status", "--gall", "x")
    assert abbreviated.code == 2
    assert "options: --gallery --all --json --quiet --verbose --help" in abbreviated.err.splitlines()


def test_strict_tells_of_skipped_files(photos: Path, call: Cli):
    """Skipped files are counted, with exit code 0; with --strict, and where it is kept, the exit code is 3."""
    (photos / "text.jpg").write_text("text")
    assert call("index", photos).code == 0
    assert call("index", photos, "--strict").code == 3
    assert call("index", photos).code == 3
    assert call("index", photos, "--no-strict").code == 0


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("typed", "expected"), [("ind", {"index"}), ("search --jso", {"--json", "--jsonl"}), ("encoders p", {"pull"})]
)
def test_bash_completes(typed: str, expected: set[str], tmp_path: Path, cli: Cli):
    """The script that bash gets completes commands, options and actions."""
    (tmp_path / "lookalike").write_text(f'#!/bin/sh\nexec {sys.executable} -m lookalike.cli.main "$@"\n')
    (tmp_path / "lookalike").chmod(0o755)
    words = ["lookalike", *typed.split()]
    script = (
        cli("completion", "bash").out
        + f"\nCOMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}"
        + "\n_lookalike_completion lookalike; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_script_for_each_shell(shell: str, call: Cli):
    """The script asks the program by its environment variable."""
    assert f"_LOOKALIKE_COMPLETE={shell}_complete" in call("completion", shell).out


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("colourless", [False, True])
def test_colours_on_a_terminal(colourless: bool):
    """Help is coloured on a terminal, unless NO_COLOR is set."""
    import pty

    read, write = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", **({"NO_COLOR": "1"} if colourless else {})}
    command = [sys.executable, "-m", "lookalike", "--help"]
    subprocess.run(command, stdout=write, stderr=subprocess.DEVNULL, env=environment, check=True)
    os.close(write)
    shown = b""
    with os.fdopen(read, "rb", 0) as terminal:
        try:
            while part := terminal.read(4096):
                shown += part
        except OSError:  # Linux raises this once the other end of the terminal is closed
            pass
    assert b"Everyday" in shown
    assert (b"\x1b[3" in shown or b"\x1b[1;3" in shown) is not colourless


@pytest.mark.parametrize(
    "arguments",
    [
        ("evaluate", "photos", "--encoder", "one", "--encoder", "two"),
        ("robustness", "photos", "--seed", "1", "--seed=2"),
        ("search", "photos/00.png", "-k", "3", "--k", "5"),
        ("encoders", "bench", "--seconds", "1", "--seconds", "2"),
    ],
)
def test_an_option_with_one_value_cannot_be_repeated(arguments: tuple[str, ...], photos: Path, call: Cli):
    """All but the last would be lost silently."""
    result = call(*arguments)
    assert result.code == 2
    assert "takes one value, but is given 2 times" in result.err


def test_options_that_can_be_repeated_stay_so(photos: Path, call: Cli):
    """Flags, options that take several values, and help beside anything."""
    assert call("index", "photos", "--json", "--json").code == 0
    assert call("robustness", "--list", "--corruption", "fog", "--corruption", "rain").code == 0
    assert call("evaluate", "--encoder", "one", "--encoder", "two", "--help").code == 0
