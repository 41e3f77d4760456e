"""Paths and commands of Windows and macOS, by the rules of those systems, on any system."""

from __future__ import annotations

import ntpath
import posixpath
import unicodedata
from pathlib import PurePath, PurePosixPath, PureWindowsPath

import pytest

from lookalike.cli.output import path_from
from lookalike.errors import DatasetError, QueryError
from lookalike.evaluation.data.layouts.labels_file import read_labels
from lookalike.gallery.contents.annotations import meanings
from lookalike.search.query import Filter
from lookalike.text import command_text

ROOT = "C:\\Users\\Zoë\\Fotos"


@pytest.mark.parametrize(
    ("folder", "file", "expected"),
    [
        (PureWindowsPath(ROOT), PureWindowsPath(ROOT, "2023", "a.jpg"), "2023\\a.jpg"),
        (PureWindowsPath("c:/users/zoë"), PureWindowsPath(ROOT, "a.jpg"), "Fotos\\a.jpg"),
        (PureWindowsPath("D:\\"), PureWindowsPath(ROOT, "a.jpg"), f"{ROOT}\\a.jpg"),
        (PureWindowsPath("\\\\server\\share"), PureWindowsPath("\\\\server\\share\\x\\a.jpg"), "x\\a.jpg"),
        (PurePosixPath("/Users/zoe"), PurePosixPath("/Users/zoe/Pictures/a.jpg"), "Pictures/a.jpg"),
        (PurePosixPath("/Users/zoe"), PurePosixPath("/Volumes/Photos/a.jpg"), "/Volumes/Photos/a.jpg"),
    ],
    ids=str,
)
def test_paths_of_hits_open_from_the_current_folder(folder: PurePath, file: PurePath, expected: str):
    """Relative below it, else absolute; on Windows, drives and shares count, and case doesn't."""
    assert path_from(folder, file) == expected


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2023\\a.jpg", "2023/a.jpg"),
        ("2023/a.jpg", "2023/a.jpg"),
        (f"{ROOT}\\2023\\a.jpg", "2023/a.jpg"),
        ("c:/users/zoë/fotos/2023/a.jpg", "2023/a.jpg"),
        (".\\2023\\..\\a.jpg", "a.jpg"),
        ("D:\\2023\\a.jpg", None),
        ("..\\a.jpg", None),
        ("C:\\Users\\a.jpg", None),
        ("\\\\server\\share\\a.jpg", None),
    ],
)
def test_paths_in_tables_on_windows(written: str, meant: str | None):
    """Backslashes, drives and shares in a CSV lead to images below the root, and nowhere else."""
    first, *others = meanings(ROOT, [""], written, ntpath)
    assert first == written
    assert set(others) == ({meant} if meant else set())


def test_letters_as_macos_writes_them():
    """Composed and decomposed letters are tried, whichever the table and the file system have."""
    composed, decomposed = (unicodedata.normalize(form, "Zoë/ä.jpg") for form in ("NFC", "NFD"))
    for written in (composed, decomposed):
        assert set(meanings("/Users/zoe", [""], written, posixpath)) == {composed, decomposed}


def test_labels_with_drives_and_backslashes(tmp_path):
    """Paths with backslashes are found on every system, and those with drives are outside of the dataset."""
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.jpg").touch()
    (tmp_path / "labels.csv").write_text("path,label\ncat\\1.jpg,cat\n")
    assert read_labels(tmp_path / "labels.csv").rows[0].path == "cat/1.jpg"
    (tmp_path / "labels.csv").write_text("path,label\nC:\\Users\\1.jpg,cat\n")
    with pytest.raises(DatasetError, match="--allow-outside"):
        read_labels(tmp_path / "labels.csv")


@pytest.mark.parametrize("folder", ["/Users/zoe", "../x", "x/../../y"])
def test_folders_to_search_stay_below_the_root(folder: str):
    """Absolute folders and those above are refused in every form."""
    with pytest.raises(QueryError):
        Filter(folder)


def test_commands_are_typed_as_each_system_wants_them():
    """Shells of Windows know double quotes only; the program gets the same words."""
    words = ["lookalike", "search", "My Photos\\a.jpg", "C:\\x\\b.jpg", "Zoë.jpg", "a&b.jpg", "it's.jpg"]
    typed = 'lookalike search "My Photos\\a.jpg" C:\\x\\b.jpg Zoë.jpg "a&b.jpg" "it\'s.jpg"'
    assert command_text(words, windows=True) == typed
    assert command_text(["lookalike", "search", "it's 1.jpg"], windows=False) == "lookalike search 'it'\"'\"'s 1.jpg'"
