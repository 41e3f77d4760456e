"""Files that are written completely or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lookalike.atomic import atomic_writer


def test_the_file_is_replaced_once_it_is_complete(tmp_path: Path):
    """Until the end of the block a reader sees the old content; afterwards nothing else is left in the folder."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with atomic_writer(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file(tmp_path: Path, error: type[BaseException]):
    """After an error or an interruption the old file is there and no unfinished one."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(error), atomic_writer(path) as file:  # noqa: PT012  the error comes after a part is written
        file.write(b"half")
        raise error
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_do_not_disturb_each_other(tmp_path: Path):
    """Two that write the same file at once leave the complete content of the one that ended last."""
    path = tmp_path / "file"
    with atomic_writer(path) as first:
        with atomic_writer(path) as second:
            second.write(b"second")
        first.write(b"first")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_the_file_has_the_usual_permissions(tmp_path: Path):
    """The file can be read by whoever could read one made the usual way."""
    path = tmp_path / "file"
    with atomic_writer(path) as file:
        file.write(b"new")
    (tmp_path / "usual").write_bytes(b"")
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.skipif(os.name == "nt", reason="needs named pipes")
def test_a_pipe_is_written_to(tmp_path: Path):
    """A pipe, as a shell passes it, stays a pipe and gets what is written. So does a device."""
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with atomic_writer(tmp_path / "pipe") as file:
        file.write(b"new")
    assert os.read(reader, 10) == b"new"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()
    reader, writer = os.pipe()
    with atomic_writer(Path(f"/dev/fd/{writer}")) as file:  # a link to what has no path, as /dev/stdout may be
        file.write(b"new")
    assert os.read(reader, 10) == b"new"
    os.close(reader)
    os.close(writer)
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


@pytest.mark.skipif(os.name == "nt", reason="links need permissions there")
def test_a_link_stays_a_link(tmp_path: Path):
    """The file that it leads to is replaced."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file").write_bytes(b"old")
    (tmp_path / "link").symlink_to("folder/file")
    with atomic_writer(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder/file").read_bytes() == b"new"
    with pytest.raises(IsADirectoryError), atomic_writer(tmp_path / "folder") as file:
        file.write(b"new")
    assert (tmp_path / "folder").is_dir()
