"""Whatever is at a path that a command is given: one line says what is wrong, and no command hangs."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from drawing import drawn
from galleries import Result
from lookalike import Gallery
from lookalike.errors import GalleryError, LookalikeError
from lookalike.system_files import NotRegularError, open_regular, parse_json, read_bytes, real_path, system_errors_as

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs pipes, devices and permissions of Unix")

Cli = Callable[..., Result]

COMMANDS: dict[str, Callable[[Path, Path], list[str | Path]]] = {
    "index": lambda odd, _: ["index", odd],
    "index into": lambda odd, photos: ["index", photos, "--gallery", odd],
    "search for": lambda odd, photos: ["search", odd, "--gallery", photos],
    "search in": lambda odd, photos: ["search", photos / "0.png", "--gallery", odd],
    "status": lambda odd, _: ["status", "--gallery", odd],
    "check": lambda odd, _: ["check", "--gallery", odd],
    "repair": lambda odd, _: ["repair", "--gallery", odd],
    "backup": lambda odd, photos: ["backup", odd, "--gallery", photos],
    "dataset": lambda odd, _: ["dataset", "show", odd],
    "labels": lambda odd, photos: ["dataset", "show", photos, "--labels", odd],
}


def a_pipe(folder: Path) -> Path:
    """A named pipe without a writer: opening it waits for ever."""
    os.mkfifo(folder / "odd.jpg")
    return folder / "odd.jpg"


def a_socket(folder: Path) -> Path:
    """A socket."""
    short = os.path.relpath(folder / "odd")  # the path of a socket is limited to about a hundred bytes
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(short)
    except OSError:
        pytest.skip("this path is too long for a socket")
    return folder / "odd"


def a_loop(folder: Path) -> Path:
    """A link to itself."""
    (folder / "odd").symlink_to("odd")
    return folder / "odd"


def a_terabyte(folder: Path) -> Path:
    """A file without content of a length that takes hours to read."""
    (folder / "odd.jpg").touch()
    os.truncate(folder / "odd.jpg", 1 << 40)
    return folder / "odd.jpg"


def nested(folder: Path) -> Path:
    """JSON of a depth at which parsers recurse too far."""
    (folder / "odd.json").write_text("[" * 200_000)
    return folder / "odd.json"


ODD: dict[str, Callable[[Path], Path]] = {
    "pipe": a_pipe,
    "socket": a_socket,
    "loop of links": a_loop,
    "sparse file": a_terabyte,
    "nested JSON": nested,
    "long name": lambda folder: folder / ("x" * 300),
    "long path": lambda folder: folder / ("a/" * 3000),
    "endless device": lambda _: Path("/dev/zero"),
    "empty device": lambda _: Path("/dev/null"),
    "kernel file": lambda _: Path("/proc/kmsg"),
    "memory": lambda _: Path("/proc/self/mem"),
    "below a file": lambda folder: folder / "photos/0.png/0.png",
    "bytes": lambda folder: Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe")),
}


@pytest.fixture
def indexed_photos(tmp_path: Path, call: Cli) -> Path:
    """Three images and their gallery."""
    for number in range(3):
        drawn(tmp_path / f"photos/{number}.png", number)
    assert call("index", tmp_path / "photos").code == 0
    return tmp_path / "photos"


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", ODD)
def test_one_line_says_what_is_wrong(kind: str, command: str, indexed_photos: Path, tmp_path: Path, call: Cli):
    """There is neither a traceback nor a hang, and the gallery is as it was."""
    odd = ODD[kind](tmp_path)
    if odd.is_relative_to("/proc") and not Path("/proc/kmsg").exists():
        pytest.skip("there is no /proc here")
    result = call(*COMMANDS[command](odd, indexed_photos))
    if command in {"backup", "index into"} and kind == "bytes":  # a name like any other
        assert result.code == 0
        return
    assert (result.code in {1, 3}, result.out) == (True, ""), result
    assert len(result.err.splitlines()) == 1
    assert result.err.startswith("lookalike: ")
    assert "a mistake in Lookalike" not in result.err
    assert call("check", "--gallery", indexed_photos).code == 0


@pytest.mark.parametrize("command", ["index", "index into", "search for", "search in", "status", "dataset"])
def test_a_folder_that_can_not_be_entered_is_named(
    command: str, indexed_photos: Path, tmp_path: Path, call: Cli, unprivileged: Callable[[], object]
):
    """One line names the path and says why; a program gets an error of Lookalike."""
    drawn(tmp_path / "closed/in/0.png", 1)
    (tmp_path / "closed").chmod(0)
    try:
        with unprivileged():  # type: ignore[attr-defined]
            result = call(*COMMANDS[command](tmp_path / "closed/in", indexed_photos))
            with pytest.raises(LookalikeError, match=r"Permission denied|no gallery here"):
                Gallery.open(tmp_path / "closed/in")
    finally:
        (tmp_path / "closed").chmod(0o755)
    assert result.code == 1
    assert len(result.err.splitlines()) == 1
    assert "closed/in" in result.err


def test_regular_files_only(tmp_path: Path):
    """Folders, pipes and devices are errors, and so is what is longer than it may be."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "text").write_text("four")
    with open_regular(tmp_path / "text") as file:
        assert file.read() == b"four"
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)
    for place in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(NotRegularError):
            open_regular(place)
    assert read_bytes(tmp_path / "text", most=4) == b"four"
    with pytest.raises(OSError, match="longer than 3 bytes"):
        read_bytes(tmp_path / "text", most=3)


def test_json_from_anywhere():
    """Nesting too deep is an error like any other in a JSON text."""
    assert parse_json('{"a": [1]}') == {"a": [1]}
    for text in ("[" * 100_000, "{", "\udc80"):
        with pytest.raises(ValueError, match=r"."):
            parse_json(text)


def test_real_paths(tmp_path: Path):
    """Links are followed; a loop stays where it is."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "link").symlink_to(tmp_path)
    assert real_path(tmp_path / "link" / "x") == tmp_path.resolve() / "x"
    assert not real_path(tmp_path / "loop").exists()


def test_system_errors_become_ours(tmp_path: Path):
    """The message names the file and says what the system says."""
    with (
        pytest.raises(GalleryError, match=r"nothing: can't be reached \(No such file or directory\)"),
        system_errors_as(GalleryError),
    ):
        (tmp_path / "nothing").stat()
