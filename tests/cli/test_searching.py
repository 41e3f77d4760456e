"""``lookalike search``: which part of a gallery is searched, and what can be done with the answers."""

import csv
import io
import json
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from drawing import draw, drawn
from fakes import FakeEncoder, FakeSource
from galleries import Result
from lookalike.gallery.local.store import LocalStore

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
    assert result.out.startswith(
        "\N{BYTE ORDER MARK}query,rank,match,score,percentile,path,file,offline,copies,width,height\n"
    )
    first, second = csv.DictReader(io.StringIO(result.out[1:]))
    assert (first["rank"], first["match"], first["score"], first["path"]) == ("1", "identical", "1.0", "'=1+1.png")
    assert (second["path"], second["file"], second["offline"]) == ("ä, b.png", str(folder / "ä, b.png"), "no")


def test_a_search_is_limited_by_a_condition(tmp_path: Path, call: Cli):
    """Hits of a search by the columns of a CSV, whose values are in all outputs."""
    folder = tmp_path / "photos"
    for number in range(6):
        drawn(folder / f"{number}.png", number)
    call("index", folder)
    table = tmp_path / "joints.csv"
    table.write_text("path;km;label;score\n0.png;31,5;joint;a\n1.png;32;=sum;b\n2.png;7;joint;c\nx.png;1;x;d\n")
    result = call("annotate", table, "--gallery", folder)
    assert (result.code, result.out) == (0, "3 images annotated: km, label, score\n")
    assert result.err == "lookalike: 1 row names no image of this gallery: x.png\n"
    search = ("search", folder / "5.png", "--gallery", folder, "--where", "km>=10")
    lines = call(*search).out.splitlines()
    assert lines[0] == f"searched: {folder} (2 of 6 images: km>=10)"
    assert sorted(line.split()[-1] for line in lines[2:]) == [str(folder / "0.png"), str(folder / "1.png")]
    rows = {row["path"]: row for row in csv.DictReader(io.StringIO(call(*search, "--csv").out[1:]))}
    assert {path: (row["km"], row["label"]) for path, row in rows.items()} == {
        "0.png": ("31.5", "joint"),
        "1.png": ("32", "'=sum"),
    }
    assert rows["0.png"]["score (annotated)"] == "a"
    answer = json.loads(call(*search, "--json").out)
    assert answer["results"][0]["query"]["where"] == "km>=10"
    assert {hit["path"]: hit["values"]["label"] for hit in answer["results"][0]["hits"]} == {
        "0.png": "joint",
        "1.png": "=sum",
    }
    assert "no hits: no other image is in the part" in call(*search[:-1], "km>100").out
    answer = json.loads(call("annotate", "--delete", "LABEL", "--json", "--gallery", folder).out)
    assert answer == {"version": 1, "images": 0, "unmatched": [], "columns": ["km", "score"]}
    assert "columns    km, score\n" in call("status", "--gallery", folder).out


def test_labels_in_the_folder_need_no_annotate(tmp_path: Path, call: Cli):
    """Index reads labels.csv, says so, and says what is wrong with one."""
    drawn(tmp_path / "photos" / "0.png", 0)
    labels = tmp_path / "photos" / "labels.csv"
    labels.write_text("path,label\n0.png,joint\n")
    assert "labels.csv: 1 image annotated: label\n" in call("index", tmp_path / "photos").out
    labels.write_text("name,label\n0.png,joint\n")
    result = call("index", tmp_path / "photos")
    assert (result.code, "no column called path" in result.err) == (0, True)
    assert "(the images are indexed without it)" in result.err


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


def test_images_come_from_folders_lists_and_standard_input(
    photos: Path, tmp_path: Path, call: Cli, monkeypatch: pytest.MonkeyPatch
):
    """A folder stands for the images in it, - for standard input, and a list for the paths in it."""

    def queries(*arguments: str | Path, stdin: bytes = b"") -> list[str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        result = call("search", *arguments, "--gallery", photos, "-k", "1", "--json")
        assert result.code == 0, result.err
        return [one["query"]["path"] for one in json.loads(result.out)["results"]]

    two = [str(photos / "0.png"), str(photos / "2023" / "1.png")]
    assert queries(photos / "2023") == [
        str(photos / "2023" / name) for name in ("1.png", "5.png", "may/2.png", "may/6.png")
    ]
    assert queries("--files-from", "-", stdin="\n".join(two).encode() + b"\n\n") == two
    assert queries("--files-from", "-", stdin="\0".join(two).encode() + b"\0") == two
    (tmp_path / "list.txt").write_text(two[0])
    assert queries(two[1], "--files-from", tmp_path / "list.txt") == [two[1], two[0]]
    assert queries("-", stdin=(photos / "0.png").read_bytes()) == [None]


def test_several_galleries_are_searched_together(photos: Path, tmp_path: Path, call: Cli):
    """The hits are those of one gallery with all the images; the JSON tells where each is."""
    for number in range(10, 16):
        drawn(tmp_path / "others" / f"{number}.png", number)
    shutil.copytree(photos, tmp_path / "all" / "photos", ignore=shutil.ignore_patterns(".lookalike"))
    shutil.copytree(tmp_path / "others", tmp_path / "all" / "others")
    for folder in ("others", "all"):
        call("index", tmp_path / folder)
    query = drawn(tmp_path / "query.png", 12)
    galleries = ("--gallery", photos, "--gallery", tmp_path / "others")
    together = call("search", query, *galleries, "-k", "9", "--json")
    answer, whole = json.loads(together.out), call("search", query, "--gallery", tmp_path / "all", "-k", "9", "--json")
    assert [one["root"] for one in answer["galleries"]] == [str(photos), str(tmp_path / "others")]
    found = [(Path(hit["root"]) / hit["path"], hit["rank"]) for hit in answer["results"][0]["hits"]]
    expected = json.loads(whole.out)["results"][0]["hits"]
    assert found == [(tmp_path / hit["path"], hit["rank"]) for hit in expected]
    table = call("search", query, *galleries, "-k", "3").out.splitlines()
    assert table[:2] == [f"searched: {photos} (8 images)", f"searched: {tmp_path / 'others'} (6 images)"]
    assert call("search", query, *galleries, "--exists").code == 0
    assert call("search", query, *galleries, *galleries, "-k", "3").out.splitlines() == table


def test_galleries_of_different_encoders_are_not_searched_together(photos: Path, tmp_path: Path, call: Cli):
    """Their scores can't be compared, so that is an error that names the gallery."""
    drawn(tmp_path / "others" / "1.png", 1)
    call("index", tmp_path / "others", encoders=FakeSource(FakeEncoder("shapes")))
    result = call("search", photos / "0.png", "--gallery", photos, "--gallery", tmp_path / "others")
    assert (result.code, result.out) == (1, "")
    assert str(tmp_path / "others") in result.err


def test_files_can_be_taken_away(photos: Path, tmp_path: Path, call: Cli):
    """--copy-to copies them in order, and never over others; what is gone is told."""
    (photos / "2024" / "3.png").unlink()
    command = ("search", photos / "0.png", "--gallery", photos, "-k", "all", "--copy-to", tmp_path / "taken")
    result = call(*command)
    assert "3.png: can't be copied (No such file or directory)" in result.err
    names = sorted(path.name for path in (tmp_path / "taken").iterdir())
    assert len(names) == 6
    hits = [line.split("/")[-1] for line in call(*command[:-2], "--paths").out.splitlines()]
    assert names == [f"{rank} {name}" for rank, name in enumerate(hits, 1) if name != "3.png"]
    before = {path: path.read_bytes() for path in (tmp_path / "taken").iterdir()}
    call(*command)
    after = {path: path.read_bytes() for path in (tmp_path / "taken").iterdir()}
    assert before.items() <= after.items()
    assert len(after) == 12
    assert f"{names[0].removesuffix('.png')} (2).png" in {path.name for path in after}


def test_a_page_can_be_opened(photos: Path, tmp_path: Path, call: Cli, monkeypatch: pytest.MonkeyPatch):
    """--open opens the page that --html wrote, or a temporary one; without a browser, the page is named."""
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or len(opened) < 3)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    query = ("search", photos / "0.png", "--gallery", photos)
    assert call(*query, "--html", tmp_path / "page.html", "--open").err == ""
    assert call(*query, "--open").err == ""
    assert opened[0] == (tmp_path / "page.html").as_uri()
    assert opened[1].startswith(f"{tmp_path.as_uri()}/lookalike-")
    assert all("most similar of 8 images" in Path(address.removeprefix("file://")).read_text() for address in opened)
    assert "no browser could be opened; the page is " in call(*query, "--open").err


def test_an_unfinished_index_is_told(photos: Path, tmp_path: Path, call: Cli):
    """After an interruption, status and search say how far it is, until an update completes it."""
    for number in range(20, 60):
        drawn(photos / f"{number}.png", number)

    batches: list[int] = []

    def interrupt(count: int) -> None:
        batches.append(count)
        if len(batches) > 3:
            raise KeyboardInterrupt

    assert call("index", photos, encoders=FakeSource(FakeEncoder(before=interrupt))).code == 130
    told = "of 48 files indexed; unless lookalike index is running now, run it to finish"
    assert told in call("status", "--gallery", photos).out
    assert told in call("search", photos / "0.png", "--gallery", photos).err
    status = json.loads(call("status", "--json", "--gallery", photos).out)
    assert (status["unfinished_files"], 8 < status["images"] < 48) == (48, True)
    assert call("index", photos).code == 0
    assert told not in call("status", "--gallery", photos).out
    assert call("search", photos / "0.png", "--gallery", photos).err == ""
    for nonsense in ("{", "[]", '{"finished": 1, "files": "x"}'):  # no search needs it
        with closing(LocalStore.open(photos / ".lookalike", writing=True)) as store:
            store.set_metadata("update", nonsense)
        assert call("search", photos / "0.png", "--gallery", photos).err == ""
    assert call("index", photos).code == 0
    assert "updated    " in call("status", "--gallery", photos).out


def test_a_gallery_in_the_folder_of_another_one(photos: Path, tmp_path: Path, call: Cli):
    """It is said before it is made; from inside, the inner one is searched, and the answer says so."""
    call("index", tmp_path)
    result = call("index", photos / "2023")
    assert "is inside the folder of another gallery" in result.err.splitlines()[0]
    answer = call("search", "1.png", cwd=photos / "2023")
    assert answer.out.splitlines()[0] == f"searched: {photos / '2023'} (4 images)"


def test_the_galleries_of_a_user_are_listed(photos: Path, tmp_path: Path, call: Cli, monkeypatch: pytest.MonkeyPatch):
    """Those that were made or updated, as long as they are there; one that can't be opened has a reason."""
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    assert call("galleries").out.startswith("no galleries yet")
    for folder in (photos, photos / "2024"):
        call("index", folder)
    call("index", photos)
    listed = call("galleries").out.splitlines()
    assert listed == [f"{photos}/.lookalike: 8 images", f"{photos}/2024/.lookalike: 2 images"]
    (photos / "2024" / ".lookalike" / "gallery.sqlite3").write_bytes(b"damaged")
    first, second = json.loads(call("galleries", "--json").out)["galleries"]
    assert (first["folder"], first["images"], first["problem"]) == (str(photos), 8, None)
    assert second["problem"]
    shutil.rmtree(photos / "2024")
    assert len(call("galleries").out.splitlines()) == 1
    (tmp_path / "cache" / "galleries.json").write_text("{")
    assert call("galleries").out.startswith("no galleries yet")


def test_lists_are_complete_and_tables_are_folded(photos: Path, tmp_path: Path, call: Cli):
    """Copies are folded in the table, the page and JSON, and are lines of their own in lists, unless asked for."""
    for number in range(3):
        shutil.copy(photos / "0.png", photos / f"copy {number}.png")
    call("index", photos)
    query = ("search", drawn(tmp_path / "query.png", 0), "--gallery", photos, "-k", "6")
    assert call(*query).out.count(".png") == 6
    assert "0.png  +3 copies" in call(*query).out
    assert "copies" not in call(*query, "--no-fold").out
    paths = call(*query, "--paths").out
    assert sum(1 for path in paths.splitlines() if "copy" in path) == 3
    assert "copy" not in call(*query, "--paths", "--fold").out
    (first, *_) = json.loads(call(*query, "--json").out)["results"][0]["hits"]
    assert [copy["path"] for copy in first["copies"]] == ["copy 0.png", "copy 1.png", "copy 2.png"]
    call(*query, "--html", tmp_path / "page.html")
    assert "+3 copies" in (tmp_path / "page.html").read_text()


def test_duplicates_as_table_csv_and_page(photos: Path, tmp_path: Path, call: Cli):
    """Each group begins with its largest file; the page shows all of them."""
    shutil.copy(photos / "0.png", photos / "2024" / "copy.png")
    call("index", photos)
    table = call("duplicates", "--gallery", photos).out
    assert table.splitlines()[2].startswith("    1  largest")
    assert table.splitlines()[3].startswith("       identical  1.000")
    assert "1 group of 2 files; the files beside the largest of each group take" in table
    rows = list(csv.DictReader(io.StringIO(call("duplicates", "--csv", "--gallery", photos).out.lstrip("\ufeff"))))
    assert [(row["group"], row["match"], row["path"]) for row in rows] == [
        ("1", "largest", "0.png"),
        ("1", "identical", "2024/copy.png"),
    ]
    page = tmp_path / "page.html"
    assert call("duplicates", "--gallery", photos, "--html", page).out == f"1 group: {page}\n"
    assert page.read_text().count("data:image/jpeg") == 2
    (group,) = json.loads(call("duplicates", "--json", "--html", page, "--gallery", photos).out)["groups"]
    assert group["spare_bytes"] == (photos / "0.png").stat().st_size
