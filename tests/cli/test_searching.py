"""``lookalike search``: which part of a gallery is searched, and what can be done with the answers."""

import csv
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from drawing import draw, drawn
from galleries import Result

Cli = Callable[..., Result]


@pytest.fixture
def photos(tmp_path: Path, call: Cli) -> Path:
    """A gallery of eight images in three folders."""
    for number in range(8):
        folder = ("", "2023", "2023/may", "2024")[number % 4]
        drawn(tmp_path / "photos" / folder / f"{number}.png", number)
    assert call("index", tmp_path / "photos").code == 0
    return tmp_path / "photos"


def found(result: Result) -> list[str]:
    """The paths that --paths printed."""
    assert (result.code, result.err) == (0, "")
    return result.out.splitlines()


@pytest.mark.parametrize("here", [".", "photos", "photos/2023", "elsewhere"])
def test_paths_open_from_where_the_user_stands(here: str, photos: Path, tmp_path: Path, call: Cli):
    """They are relative to the current folder if the file is below it, and absolute otherwise."""
    (tmp_path / "elsewhere").mkdir()
    cwd = tmp_path / here
    query = drawn(tmp_path / "query.png", 20)
    paths = found(call("search", query, "--gallery", photos, "-k", "all", "--paths", cwd=cwd))
    assert len(paths) == 8
    for path in paths:
        assert (cwd / path).is_file()
        assert Path(path).is_absolute() is not (cwd / path).is_relative_to(cwd)
    table = call("search", query, "--gallery", photos, "-k", "all", cwd=cwd).out.splitlines()
    assert [line[25:] for line in table[-8:]] == paths


def test_paths_can_be_ended_by_zero_bytes(tmp_path: Path, call: Cli):
    """Any name survives, also with a line break."""
    drawn(tmp_path / "photos" / "two\nlines.png", 1)
    drawn(tmp_path / "photos" / "plain.png", 2)
    call("index", tmp_path / "photos")
    result = call("search", drawn(tmp_path / "query.png", 3), "-0", cwd=tmp_path / "photos")
    assert sorted(result.out.split("\0")) == ["", "plain.png", "two\nlines.png"]


def test_a_csv_opens_in_a_spreadsheet(tmp_path: Path, call: Cli):
    """It begins with the mark of UTF-8, has full paths, and no cell that a spreadsheet would run."""
    folder = tmp_path / "photos"
    drawn(folder / "=1+1.png", 1)
    drawn(folder / "ä, b.png", 2)
    call("index", folder)
    shutil.copy(folder / "=1+1.png", tmp_path / "query.png")
    result = call("search", tmp_path / "query.png", "--gallery", folder, "--csv")
    assert result.out.startswith("\N{BYTE ORDER MARK}query,rank,match,score,percentile,path,file,offline\n")
    first, second = csv.DictReader(io.StringIO(result.out[1:]))
    assert (first["rank"], first["match"], first["score"], first["path"]) == ("1", "identical", "1.0", "'=1+1.png")
    assert (second["path"], second["file"], second["offline"]) == ("ä, b.png", str(folder / "ä, b.png"), "no")


@pytest.mark.skipif(os.name == "nt", reason="Windows doesn't allow such names")
def test_paths_that_are_not_utf8_follow_a_rule(tmp_path: Path, call: Cli):
    """Their bytes appear as escapes in a CSV, and exactly in JSON lines."""
    name = os.fsdecode(b"\xff.png")
    drawn(tmp_path / "photos" / name, 1)
    call("index", tmp_path / "photos")
    query = drawn(tmp_path / "query.png", 2)
    (row,) = csv.DictReader(io.StringIO(call("search", query, "--gallery", tmp_path / "photos", "--csv").out))
    assert row["path"] == "\\xff.png"
    (line,) = call("search", query, "--gallery", tmp_path / "photos", "--jsonl").out.splitlines()
    assert json.loads(line)["path_base64"] == "/y5wbmc="


def test_json_lines_are_the_hits_of_all_queries(photos: Path, call: Cli):
    """Each line stands alone: query, hit and root; a query that fails has a line with its error."""
    result = call("search", "0.png", "missing.png", "4.png", "-k", "2", "--jsonl", cwd=photos)
    assert result.code == 3
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert [line["query"]["path"] for line in lines] == ["0.png", "0.png", "missing.png", "4.png", "4.png"]
    assert [line.get("rank") for line in lines] == [1, 2, None, 1, 2]
    assert {line.get("root") for line in lines} == {None, str(photos)}
    assert lines[2]["error"]["kind"] == "vanished"
    answer = json.loads(call("search", "0.png", "-k", "2", "--format", "json", cwd=photos).out)
    hits = answer["results"][0]["hits"]
    assert [{key: line[key] for key in hits[0]} for line in lines[:2]] == hits


@pytest.mark.parametrize(
    ("here", "options", "folder"),
    [
        (".", ("--gallery", "photos", "--under", "2023"), "photos/2023"),
        (".", ("--gallery", "photos", "--under", "photos/2023/may"), "photos/2023/may"),
        ("photos", ("--under", "2024"), "2024"),
        ("photos/2023", ("--under", "may"), "may"),
        ("photos/2023", ("--under", "2024"), "2024"),
        ("photos/2023", (), "."),
        ("photos/2023/may", (), "."),
        (".", ("--gallery", "photos/2023"), "photos/2023"),
    ],
)
def test_a_folder_of_the_gallery_can_be_searched_alone(
    here: str, options: tuple[str, ...], folder: str, photos: Path, tmp_path: Path, call: Cli
):
    """--under, the current folder or a folder given as the gallery is searched with its subfolders, and it is said."""
    cwd = tmp_path / here
    query = drawn(tmp_path / "query.png", 20)
    wanted = cwd / folder if (cwd / folder).is_dir() else photos / folder
    expected = {path.resolve() for path in wanted.rglob("*.png")}
    assert 0 < len(expected) < 8
    paths = found(call("search", query, *options, "-k", "all", "--paths", cwd=cwd))
    assert {(cwd / path).resolve() for path in paths} == expected
    answer = json.loads(call("search", query, *options, "--json", cwd=cwd).out)
    assert photos / answer["results"][0]["query"]["under"] == wanted.resolve()
    heading = call("search", query, *options, cwd=cwd).out.splitlines()[0]
    assert heading == f"searched: {wanted.resolve()} (only this folder of a gallery of 8 images)"


def test_all_of_the_gallery_can_be_searched_from_a_subfolder(photos: Path, tmp_path: Path, call: Cli):
    """--under names the gallery's own folder."""
    query = drawn(tmp_path / "query.png", 20)
    assert len(found(call("search", query, "--under", "..", "--paths", "-k", "all", cwd=photos / "2023"))) == 8


def test_a_folder_that_is_not_in_the_gallery_is_an_error(photos: Path, call: Cli):
    """The error says where the gallery's images are."""
    for name in ("2025", "..", "0.png", "/"):
        result = call("search", "0.png", "--under", name, cwd=photos)
        assert result.code == 1
        assert str(photos) in result.err


def test_a_folder_that_is_offline_can_be_searched(photos: Path, tmp_path: Path, call: Cli):
    """Its images are still in the gallery, although the folder is gone."""
    (photos / "2023").rename(tmp_path / "away")
    result = call("search", "0.png", "--under", "2023", "-k", "all", "--paths", cwd=photos)
    assert sorted(found(result)) == [
        str(Path(path)) for path in ("2023/1.png", "2023/5.png", "2023/may/2.png", "2023/may/6.png")
    ]


def test_a_gallery_kept_in_a_folder_of_its_images_is_searched_as_a_whole(tmp_path: Path, call: Cli):
    """The gallery's own folder is not taken for a folder of images."""
    for number in range(3):
        drawn(tmp_path / "photos" / f"{number}.png", number)
    call("index", tmp_path / "photos", "--gallery", tmp_path / "photos" / "index")
    query = drawn(tmp_path / "query.png", 9)
    assert len(found(call("search", query, "--gallery", tmp_path / "photos" / "index", "--paths"))) == 3


def test_hits_can_be_limited_by_score_and_match(photos: Path, tmp_path: Path, call: Cli):
    """--min-score and --match leave out what is worse; k counts what is left."""
    shutil.copy(photos / "0.png", tmp_path / "query.png")
    draw(0).save(photos / "again.png", compress_level=0)
    call("index", photos)
    options = ("search", tmp_path / "query.png", "--gallery", photos)
    hits = json.loads(call(*options, "--json", "-k", "all").out)["results"][0]["hits"]
    assert [hit["match"] for hit in hits[:2]] == ["identical", "copy"]
    least = hits[4]["score"]
    assert len(found(call(*options, "--paths", "--min-score", str(least)))) == 5
    for word, count in (("identical", 1), ("copy", 2), ("weak", 9)):
        assert len(found(call(*options, "--paths", "--match", word))) == count
    assert call(*options, "--under", "2024", "--match", "copy").out.splitlines()[-1].startswith("no hits: nothing")


def test_it_is_said_whether_images_are_here(photos: Path, tmp_path: Path, call: Cli):
    """The exit code is 0 if all are here, identical or as copies, 1 if one is not, and 2 after an error."""
    same = Path(shutil.copy(photos / "0.png", tmp_path / "same.png"))
    again = tmp_path / "again.png"
    draw(1).save(again, compress_level=0)
    other = drawn(tmp_path / "other.png", 50)
    here = ("--exists", "--gallery", photos)
    result = call("search", same, again, *here, cwd=photos)
    assert (result.code, result.err) == (0, "")
    assert result.out == f"{same}: identical to 0.png\n{again}: a copy of {Path('2023/1.png')}\n"
    assert call("search", photos / "0.png", *here).code == 0
    result = call("search", same, other, *here, cwd=photos)
    assert (result.code, result.out.splitlines()[1]) == (1, f"{other}: not here")
    result = call("search", same, other, "missing.png", *here, cwd=photos)
    assert result.code == 2
    assert "missing.png" in result.err
    assert len(result.out.splitlines()) == 2
    assert call("search", same, "--exists", "--gallery", tmp_path / "nowhere").code == 2


def test_files_that_are_gone_are_marked(photos: Path, call: Cli):
    """What was deleted since the last update is told from what can be opened."""
    (photos / "2024" / "3.png").unlink()
    out = call("search", "0.png", "-k", "all", cwd=photos).out
    marked = [line for line in out.splitlines() if line.endswith(" (gone)")]
    assert [line.split()[-2] for line in marked] == [str(Path("2024/3.png"))]
