"""The command line: its output, the files it writes, and its exit codes."""

import base64
import io
import json
import os
import re
import shlex
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import BinaryIO

import pytest
from PIL import Image

from drawing import draw, drawn, saved
from fakes import FakeEncoder, FakeSource
from galleries import Result
from lookalike import Gallery, __version__
from processes import python_path

Cli = Callable[..., Result]
Driver = Callable[..., subprocess.Popen[bytes]]
AsNobody = Callable[[], AbstractContextManager[None]]

UNUSUAL_NAMES = [b"two\nlines.png", b'"it\'s" <b>&amp;.png', "\U0001f600 \u00fc.png".encode(), b"\xff\xfe.png"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight small images, and a text file with the extension of an image."""
    for number in range(7):
        drawn(tmp_path / "photos" / f"{number}.png", number)
    drawn(tmp_path / "photos" / "sub" / "7.png", 7)
    (tmp_path / "photos" / "notes.jpg").write_text("text")
    return tmp_path / "photos"


@pytest.fixture
def gallery_folder(folder: Path, call: Cli) -> Path:
    """The same folder with its gallery."""
    assert call("index", folder).code == 0
    return folder


def error_line(result: Result) -> str:
    """The error of a command that failed with exit code 1 and printed one line only."""
    assert (result.code, result.out) == (1, "")
    assert re.fullmatch("lookalike: .*\n", result.err)
    return result.err


def test_indexing_prints_one_line_and_no_bar(folder: Path, call: Cli):
    """The summary counts every kind of change; without a terminal, progress is a line. A new gallery is announced."""
    result = call("index", folder)
    assert result.code == 0
    assert re.fullmatch(
        r"8 images: 8 added; 1 skipped \(for the reasons: lookalike status\); \d+\.\d images/s\n", result.out
    )
    assert result.err.splitlines() == [
        f"lookalike: made a gallery in {folder}/.lookalike; nothing about your images leaves this machine",
        "lookalike: 9 of 9 images (100 %), in sub",
        f"lookalike: to search it: lookalike search {folder}/0.png",
        f"lookalike: to look at it in a browser: lookalike serve --gallery {folder} --open",
    ]
    (folder / "notes.jpg").unlink()
    (folder / "0.png").unlink()
    (folder / "1.png").rename(folder / "one.png")
    drawn(folder / "2.png", 99)
    assert call("index", folder).out.startswith("7 images: 1 updated, 1 moved, 1 removed; ")
    assert call("index", folder) == Result(0, "Up to date: 7 images\n", "")


def test_searching_prints_rank_match_score_and_path(gallery_folder: Path, call: Cli):
    """Each hit is a line below a heading; the gallery is found from the current folder; -k and --k mean the same."""
    result = call("search", "0.png", "-k", "3", cwd=gallery_folder)
    assert (result.code, result.err) == (0, "")
    assert call("search", "0.png", "--k", "3", cwd=gallery_folder) == result
    lines = result.out.splitlines()
    assert lines[:2] == [f"searched: {gallery_folder} (8 images)", "rank  match       score  path"]
    assert len(lines) == 5
    for rank, line in enumerate(lines[2:], start=1):
        assert re.fullmatch(rf" {{3}}{rank}  (close|similar|weak) +[ -]\d\.\d{{3}}  (sub/)?\d\.png", line)
        assert line.index(".") == lines[1].index("score") + 1


def test_several_queries_are_answered_one_after_the_other(gallery_folder: Path, call: Cli):
    """Each ranking is headed by its query and separated from the next by an empty line."""
    result = call("search", "0.png", "sub/7.png", "-k", "2", cwd=gallery_folder)
    first, second = result.out.split("\n\n")
    assert first.splitlines()[1] == "0.png"
    assert second.splitlines()[0] == "sub/7.png"
    assert len(first.splitlines()[1:]) == len(second.splitlines()) == 4


def test_json_has_exactly_the_documented_fields(gallery_folder: Path, call: Cli):
    """--json prints only JSON, with the documented fields and one result per query."""
    result = call("search", "0.png", "1.png", "--json", "-k", "2", cwd=gallery_folder)
    assert (result.code, result.err) == (0, "")
    answer = json.loads(result.out)
    hits = [one.pop("hits") for one in answer["results"]]
    assert answer == {
        "version": 1,
        "encoder": "colours",
        "gallery": str(gallery_folder / ".lookalike"),
        "root": str(gallery_folder),
        "results": [
            {"query": {"kind": "image", "path": "0.png"}},
            {"query": {"kind": "image", "path": "1.png"}},
        ],
    }
    for found in hits:
        assert [hit["rank"] for hit in found] == [1, 2]
        for hit in found:
            assert list(hit) == ["rank", "id", "path", "score", "percentile", "match", "offline", "values"]
            assert isinstance(hit["id"], str)
            assert (gallery_folder / hit["path"]).is_file()
            assert -1 <= hit["score"] <= 1
            assert 0 <= hit["percentile"] <= 100


def test_ids_stay_while_images_are_renamed(gallery_folder: Path, call: Cli):
    """The id in the JSON stays the same after an image is renamed."""

    def first() -> dict[str, object]:
        hit: dict[str, object] = json.loads(call("search", "0.png", "--json", "-k", "1", cwd=gallery_folder).out)[
            "results"
        ][0]["hits"][0]
        return hit

    before = first()
    (gallery_folder / str(before["path"])).rename(gallery_folder / "renamed.png")
    call("index", gallery_folder)
    assert first() == {**before, "path": "renamed.png"}


def test_a_gallery_of_one_image_has_no_match_words(tmp_path: Path, call: Cli):
    """What is unknown is null in JSON and blank in the table; a gallery with only the query has no hits."""
    drawn(tmp_path / "photos" / "only.png", 1)
    query = drawn(tmp_path / "query.png", 2)
    folder = tmp_path / "photos"
    call("index", folder)
    answer = json.loads(call("search", query, "--gallery", folder, "--json").out)
    (hit,) = answer["results"][0]["hits"]
    assert hit["percentile"] is hit["match"] is None
    last = call("search", query, "--gallery", folder, cwd=folder).out.splitlines()[-1]
    assert re.fullmatch(r"   1 {12} [ -]\d\.\d{3}  only\.png", last)
    assert call("search", folder / "only.png").out.splitlines()[1].startswith("no hits")


def test_it_is_said_that_nothing_is_like_the_query(tmp_path: Path, call: Cli):
    """A query less similar to every image than they are to one another gets a notice in the table and on the page."""
    for number in range(8):
        image = draw(1)
        image.putpixel((number, 0), (255, 0, 0))
        (tmp_path / "photos").mkdir(exist_ok=True)
        image.save(tmp_path / "photos" / f"{number}.png")
    drawn(tmp_path / "dissimilar.png", 2)
    call("index", tmp_path / "photos")
    result = call("search", "../dissimilar.png", "--html", "../page.html", "--format", "table", cwd=tmp_path / "photos")
    notice = "Nothing here looks much like this image."
    assert result.out.splitlines()[1] == notice
    assert notice in (tmp_path / "page.html").read_text()
    result = call("search", "3.png", "--html", "../page.html", cwd=tmp_path / "photos")
    assert notice not in result.out
    assert notice not in (tmp_path / "page.html").read_text()


def test_the_querys_own_entry_is_kept_if_asked_for(gallery_folder: Path, call: Cli):
    """With --include-self the first hit of an image of the gallery is that image."""
    out = call("search", "0.png", "-k", "1", "--include-self", cwd=gallery_folder).out
    assert out.splitlines()[-1] == "   1  identical   1.000  0.png"


def test_status_shows_the_content_and_the_skipped_files(gallery_folder: Path, call: Cli):
    """Status shows folder, stamp, number of images, disk usage, and every skipped file with its reason."""
    result = call("status", cwd=gallery_folder / "sub")
    assert (result.code, result.err) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in result.out.splitlines()[:9])
    assert lines["gallery"] == str(gallery_folder / ".lookalike")
    assert lines["folder"] == str(gallery_folder)
    assert lines["encoder"] == "colours, 49-d, fp32, centre view"
    assert lines["computed"] == "by numpy on cpu"
    assert re.fullmatch(r"[0-9a-f]{16} \(weights 0{16}\)", lines["stamp"])
    assert lines["images"] == "8"
    assert re.search(r"^on disk    0\.\d MB$", result.out, re.MULTILINE)
    assert lines["skipped"] == "1"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", lines["updated"])
    (skipped,) = result.out.splitlines()[9:]
    assert skipped.startswith("  notes.jpg: not an image")


def test_status_as_json(gallery_folder: Path, call: Cli):
    """With --json the same is printed as JSON."""
    answer = json.loads(call("status", "--json", "--gallery", gallery_folder).out)
    assert answer["encoder"].pop("fingerprint")
    assert answer.pop("encoder")["name"] == "colours"
    assert answer.pop("disk_bytes") > 10_000
    assert answer.pop("thumbnail_bytes") == 0
    assert datetime.now(UTC) - datetime.fromisoformat(answer.pop("updated")) < timedelta(hours=1)
    (skipped,) = answer.pop("skipped")
    assert list(skipped) == ["path", "kind", "reason"]
    assert skipped["path"] == "notes.jpg"
    assert answer == {
        "version": 1,
        "gallery": str(gallery_folder / ".lookalike"),
        "network": None,
        "folder": str(gallery_folder),
        "backends": [{"runtime": "numpy", "device": "cpu"}],
        "options": {"max_pixels": 200_000_000, "levels": "auto", "strict": False, "exclude": [], "include": []},
        "images": 8,
        "offline": 0,
        "columns": [],
        "without_properties": 0,
        "unfinished_files": None,
        "evaluated": None,
        "switching_to": None,
        "unknown_embeddings": 0,
        "missing_embeddings": 0,
        "passed_over": {},
        "notes": [],
    }


def test_a_damaged_gallery_is_checked_and_repaired(gallery_folder: Path, call: Cli):
    """Check says what is wrong and exits with 1; repair says what it did; afterwards everything is sound."""
    assert call("check", cwd=gallery_folder).out.splitlines()[1:] == ["everything is sound"]
    assert call("repair", cwd=gallery_folder).out.splitlines()[1:] == ["everything is sound"]
    file = gallery_folder / ".lookalike" / "vectors-1.npy"
    content = bytearray(file.read_bytes())
    content[300] ^= 1
    file.write_bytes(content)
    result = call("check", cwd=gallery_folder)
    assert result.code == 1
    assert "  vectors-1.npy: 1 vector damaged, or of another image than the database says" in result.out.splitlines()
    answer = json.loads(call("check", "--json", cwd=gallery_folder).out)
    assert (answer["sound"], answer["findings"][0]["damage"]) == (False, True)
    result = call("repair", cwd=gallery_folder)
    assert result.code == 0
    assert "1 embedding computed again, 7 embeddings kept" in result.out
    result = call("check", "--deep", cwd=gallery_folder)
    assert (result.code, result.out.splitlines()[1:]) == (0, ["everything is sound"])


def test_an_incomplete_copy_says_what_it_lacks(gallery_folder: Path, call: Cli):
    """Searches work and say so on standard error; check exits with 3; the next index completes it."""
    records = gallery_folder / ".lookalike" / "vectors-1.rows"
    os.truncate(records, records.stat().st_size - 1)
    result = call("search", "0.png", cwd=gallery_folder)
    assert result.code == 0
    assert "1 embedding of its images can't be found" in result.err
    assert "incomplete: 1 embedding of its images can't be found" in call("status", cwd=gallery_folder).out
    assert call("check", cwd=gallery_folder).code == 3
    call("index", cwd=gallery_folder)
    assert call("check", cwd=gallery_folder).code == 0


def test_a_backup_can_be_searched(gallery_folder: Path, tmp_path: Path, call: Cli):
    """It answers like the original."""
    result = call("backup", tmp_path / "backup", cwd=gallery_folder)
    assert (result.code, result.out) == (0, f"{gallery_folder / '.lookalike'} copied to {tmp_path / 'backup'}\n")
    query = gallery_folder / "0.png"
    assert call("search", query, "--gallery", tmp_path / "backup").out == call("search", query).out
    assert call("backup", tmp_path / "backup", cwd=gallery_folder).code == 1


def test_the_encoders_are_listed(call: Cli):
    """Each encoder has a line: name, readiness, size, input side, dimension, licence; and its file, if available."""
    result = call("encoders")
    header, line, file = result.out.splitlines()[:3]
    assert header.split()[:6] == ["NAME", "READY", "SIZE", "PIXELS", "DIM", "LICENCE"]
    assert re.match(r"efficientnet-lite2 +yes +24\.7 MB +260 +1280  Apache-2\.0 ", line)
    assert file.strip().endswith("efficientnet-lite2-9656183e.pth")
    assert re.search(r"^clip-vit-b-32-256 +no +605\.2 MB +256 +512  MIT ", result.out, re.MULTILINE)


@pytest.mark.parametrize("arguments", [("--help",), ("index", "--help"), ("search", "-h"), ("status", "-h"), ()])
def test_help_is_there(arguments: tuple[str, ...], call: Cli):
    """Every command prints its help, with exit code 0."""
    result = call(*arguments)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("Usage: lookalike")


def test_the_version_is_printed(call: Cli):
    """--version prints the version of the package."""
    assert call("--version").out == f"lookalike {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("find",),
        ("search",),
        ("search", "a.jpg", "-k", "0"),
        ("search", "a.jpg", "--k", "many"),
        ("search", "a.jpg", "--plus", "b.jpg", "--weight", "much"),
        ("index", ".", "--max-megapixels", "-1"),
        ("index", "a", "b"),
        ("status", "here"),
    ],
)
def test_wrong_usage_ends_with_2(arguments: tuple[str, ...], call: Cli):
    """An invalid command line prints what is wrong, the usage and where to read on, on standard error."""
    result = call(*arguments)
    assert (result.code, result.out) == (2, "")
    wrong, *_, usage, further = result.err.splitlines()
    assert wrong.startswith("lookalike")
    assert usage.startswith("usage: lookalike ")
    assert re.fullmatch("help: lookalike( search| index| status)? --help", further)


def test_without_a_gallery_the_error_says_how_to_make_one(tmp_path: Path, call: Cli):
    """If no gallery is found, the error contains the command that makes one."""
    query = drawn(tmp_path / "query.png", 1)
    for arguments in (("status",), ("search", query), ("index",), ("status", "--gallery", tmp_path / "nowhere")):
        assert "lookalike index FOLDER" in error_line(call(*arguments, cwd=tmp_path))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("query.jpg", None, "query.jpg: "),
        ("query.jpg", b"", "query.jpg: empty"),
        ("query.jpg", b"text", "query.jpg: not an image"),
        ("query.png", saved(draw(0), "PNG").getvalue()[:70], "query.png: "),
        ("new\nline.jpg", b"text", "new\\nline.jpg: not an image"),
    ],
)
def test_a_query_that_is_not_an_image_is_an_error(
    name: str, content: bytes | None, message: str, gallery_folder: Path, call: Cli
):
    """The error names the query and the problem; among several queries it is in the JSON too."""
    if content is not None:
        (gallery_folder / name).write_bytes(content)
    assert message in error_line(call("search", name, cwd=gallery_folder))
    result = call("search", "0.png", name, "--json", cwd=gallery_folder)
    assert result.code == 3
    assert message in result.err
    assert message in json.loads(result.out)["results"][1]["error"]["message"].replace("\n", "\\n")


def test_a_folder_without_images_is_an_error(tmp_path: Path, call: Cli):
    """An empty folder, a missing one and a file can't become a gallery, and nothing is written there."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("text")
    assert "empty: " in error_line(call("index", tmp_path / "empty"))
    assert "nowhere: " in error_line(call("index", tmp_path / "nowhere"))
    assert "file: " in error_line(call("index", tmp_path / "file"))
    assert list((tmp_path / "empty").iterdir()) == []


def test_unknown_and_different_encoders_are_rejected(gallery_folder: Path, call: Cli):
    """A gallery is only updated with its own encoder; the error for an unknown name lists the known ones."""
    message = error_line(call("index", gallery_folder, "--encoder", "no such"))
    assert "'no such'" in message
    assert "efficientnet-lite2" in message
    for arguments in ((gallery_folder,), ("--gallery", gallery_folder)):
        message = error_line(call("index", *arguments, "--encoder", "efficientnet-lite2"))
        assert "this gallery's encoder is colours, not efficientnet-lite2" in message
        assert str(gallery_folder / ".lookalike") in message
    others = FakeSource(FakeEncoder("others"))
    assert "others (49-d" in error_line(call("search", gallery_folder / "0.png", encoders=others))


@pytest.mark.parametrize("arguments", [("--text", "a cat"), ("0.png", "--minus-text", "night")])
def test_text_needs_an_encoder_with_text_input(arguments: tuple[str, ...], gallery_folder: Path, call: Cli):
    """With an encoder of images only, the error contains the commands that switch the gallery to CLIP."""
    message = error_line(call("search", *arguments, cwd=gallery_folder))
    assert "no text input" in message
    assert "lookalike encoders pull clip-vit-b-32-256" in message
    assert f"lookalike index {shlex.quote(str(gallery_folder))} --reencode clip-vit-b-32-256" in message


def test_a_gallery_is_found_from_subfolders_and_from_the_image(gallery_folder: Path, call: Cli, tmp_path: Path):
    """The nearest gallery above the current folder is used, or else the nearest one above the image."""
    assert call("search", "7.png", "-k", "1", cwd=gallery_folder / "sub").code == 0
    assert call("search", gallery_folder / "sub" / "7.png", "-k", "1", cwd=tmp_path).code == 0
    assert call("index", cwd=gallery_folder / "sub").out.startswith("Up to date: 8 images")
    assert "photos/..: " in error_line(call("status", "--gallery", f"{gallery_folder}/.."))


def test_a_gallery_can_be_kept_elsewhere(folder: Path, tmp_path: Path, call: Cli):
    """With --gallery nothing is written to the folder of images, and every command works with that path."""
    path = tmp_path / "elsewhere"
    assert call("index", folder, "--gallery", path).code == 0
    assert not (folder / ".lookalike").exists()
    assert call("search", folder / "0.png", "--gallery", path, "-k", "1").code == 0
    assert str(folder) in call("status", "--gallery", path).out
    assert call("index", "--gallery", path).out.startswith("Up to date: ")
    drawn(tmp_path / "other" / "x.png", 1)
    message = error_line(call("index", tmp_path / "other", "--gallery", path))
    assert str(folder) in message
    assert str(tmp_path / "other") in message


def test_a_read_only_folder_needs_a_gallery_elsewhere(folder: Path, tmp_path: Path, call: Cli, unprivileged: AsNobody):
    """The error says how to store the gallery elsewhere, and that works."""
    folder.chmod(0o555)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere").chmod(0o777)
    with unprivileged():
        message = error_line(call("index", folder))
        result = call("index", folder, "--gallery", tmp_path / "elsewhere")
    folder.chmod(0o755)
    assert "--gallery PATH" in message
    assert result.code == 0, result.err


def test_a_locked_gallery_is_an_error(gallery_folder: Path, call: Cli):
    """While another process writes, indexing fails and searching works."""
    with Gallery.open(gallery_folder, writing=True):
        assert "another process" in error_line(call("index", gallery_folder))
        assert call("search", gallery_folder / "0.png").code == 0


def test_options_reach_the_reading_of_files(folder: Path, call: Cli):
    """--strict, --max-megapixels and --verify have their effect, and the first two are kept."""
    (folder / "png.jpg").write_bytes(saved(draw(50), "PNG").getvalue())
    draw(51, (1500, 1000)).save(folder / "large.png")
    first = call("index", folder, "--max-megapixels", "1", "--strict").out
    assert first.startswith("8 images: 8 added; 3 skipped")
    status = call("status", "--gallery", folder).out
    assert "options    --strict --max-megapixels 1\n" in status
    assert "large.png: " in status
    assert re.search(r"png\.jpg: .*--no-strict", status)
    assert call("index", folder).out.startswith("Up to date: 8 images; 3 skipped")
    assert call("search", folder / "large.png").err.endswith("is above the limit of 1 megapixels\n")
    assert call("index", folder, "--no-strict").out.startswith("9 images: 1 added; 2 skipped")
    assert call("index", folder, "--reset-options").out.startswith("10 images: 1 added; 1 skipped")
    assert "png.jpg: named .jpg but contains PNG" in call("status", "--gallery", folder).out
    path = folder / "0.png"
    state = path.stat()
    content = bytearray(path.read_bytes())
    content[-3] ^= 1  # in the checksum of the last chunk, which decoders ignore
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert call("index", folder).out.startswith("Up to date: ")
    assert call("index", folder, "--verify").out.startswith("10 images: 1 updated")


class Page(HTMLParser):
    """The images, references and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.images: list[str] = []
        self.references: list[str] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the tag and its references."""
        self.tags.add(tag)
        for name, value in attrs:
            assert not name.startswith("on"), name
            if tag == "img" and name == "src":
                self.images.append(value or "")
            elif name in ("src", "href", "srcset", "action", "data"):
                self.references.append(value or "")

    def handle_data(self, data: str) -> None:
        """Collect the text."""
        self.text.append(data.strip())


def test_the_page_is_self_contained(gallery_folder: Path, call: Cli):
    """The page has no external references; query and hits are embedded JPEGs, upright and with their aspect ratio."""
    turned = gallery_folder / "turned.jpg"
    tags = Image.Exif()
    tags[0x0112] = 6
    draw(60, (400, 300)).save(turned, exif=tags)
    call("index", gallery_folder)
    result = call("search", turned, "--html", "page.html", "-k", "4", cwd=gallery_folder)
    assert result.code == 0
    html = (gallery_folder / "page.html").read_text(encoding="utf-8")
    page = Page(html)
    assert "http" not in html
    assert "url(" not in html
    assert "@import" not in html
    assert page.references == [(gallery_folder / hit).as_uri() for hit in _hits(gallery_folder, turned, call)]
    assert not {"script", "link", "iframe", "object"} & page.tags
    assert len(page.images) == 5
    sizes = []
    for source in page.images:
        assert source.startswith("data:image/jpeg;base64,")
        with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as image:
            sizes.append(image.size)
    assert sizes == [(300, 400)] + 4 * [(40, 30)]
    for text in ("1", "2", "3", "4", str(turned)):
        assert text in page.text
    assert any(text.startswith("4 most similar of 9 images, each with a score") for text in page.text)


def _hits(folder: Path, query: Path, call: Cli) -> list[str]:
    return call("search", query, "-k", "4", "--fold", "--paths", cwd=folder).out.splitlines()


def test_the_page_of_several_queries_has_each_of_them(gallery_folder: Path, call: Cli):
    """One page contains all rankings, numbered."""
    call("search", "0.png", "1.png", "--html", "page.html", "-k", "2", cwd=gallery_folder)
    page = Page((gallery_folder / "page.html").read_text(encoding="utf-8"))
    assert len(page.images) == 6
    assert {"Query 1 of 2", "Query 2 of 2"} <= set(page.text)


def test_a_missing_image_has_a_placeholder(gallery_folder: Path, call: Cli):
    """Hits whose files are now missing or damaged are on the page without an image."""
    for number in range(1, 7):
        (gallery_folder / f"{number}.png").unlink()
    (gallery_folder / "sub" / "7.png").write_text("text")
    assert call("search", "0.png", "--html", "page.html", cwd=gallery_folder).code == 0
    page = Page((gallery_folder / "page.html").read_text(encoding="utf-8"))
    assert len(page.images) == 1
    assert page.text.count("This image can't be read any more") == 7
    assert {"7.png", "sub"} <= set(page.text)


@pytest.mark.parametrize("name", ["nowhere/page.html", "sub"])
def test_a_page_that_cannot_be_written_is_an_error(name: str, gallery_folder: Path, call: Cli):
    """The error names the file of the page."""
    assert f"{name}: " in error_line(call("search", "0.png", "--html", name, cwd=gallery_folder))


@pytest.mark.skipif(os.name == "nt", reason="Windows doesn't allow such names")
@pytest.mark.parametrize("name", UNUSUAL_NAMES)
def test_unusual_names_are_printed_correctly(name: bytes, tmp_path: Path, call: Cli):
    """Line breaks, quotes, tags, emoji and invalid UTF-8 are escaped correctly in table, JSON, page and status."""
    path = tmp_path / os.fsdecode(name)
    draw(1).save(tmp_path / "plain.png")
    shutil.copy(tmp_path / "plain.png", path)
    (tmp_path / os.fsdecode(b"bad " + name)).write_text("text")
    call("index", tmp_path)
    printed = name.decode("utf-8", "backslashreplace").replace("\n", "\\n")

    search = ("search", path, "--include-self", "--no-fold")
    assert printed in call(*search, cwd=tmp_path).out
    status = call("status", cwd=tmp_path).out
    assert status.splitlines()[-1].startswith(f"  bad {printed}: ")

    answer = json.loads(call(*search, "--json", "--html", "page.html", cwd=tmp_path).out)
    hit = next(hit for hit in answer["results"][0]["hits"] if hit["path"] != "plain.png")
    for fields, raw in ((hit, name), (answer["results"][0]["query"], os.fsencode(path))):
        assert fields["path"] == raw.decode("utf-8", "replace")
        if b"\xff" in name:
            assert base64.b64decode(fields["path_base64"]) == raw
        else:
            assert "path_base64" not in fields
    skipped = json.loads(call("status", "--json", cwd=tmp_path).out)["skipped"]
    assert skipped[0]["path"] == "bad " + name.decode("utf-8", "replace")
    assert ("path_base64" in skipped[0]) == (b"\xff" in name)

    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert printed in page.text
    assert "em" not in page.tags
    assert len(page.images) == 3


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows doesn't allow such names")
def test_unusual_names_work_in_real_processes(tmp_path: Path, cli: Cli):
    """Arguments may contain any bytes, even if the terminal is limited to ASCII."""
    for name in UNUSUAL_NAMES:
        drawn(tmp_path / os.fsdecode(name), len(name))
    assert cli("index", tmp_path).out.startswith("4 images: 4 added; ")
    result = cli("search", UNUSUAL_NAMES[-1], UNUSUAL_NAMES[-2], "--json", cwd=tmp_path)
    assert [base64.b64decode(one["query"].get("path_base64", "")) for one in json.loads(result.out)["results"]] == [
        UNUSUAL_NAMES[-1],
        b"",
    ]
    result = cli("search", UNUSUAL_NAMES[-1], cwd=tmp_path, PYTHONIOENCODING="ascii:strict")
    assert (result.code, result.err) == (0, "")
    assert "\\U0001f600 \\xfc.png" in result.out


@pytest.mark.slow
def test_indexing_and_searching_in_real_processes(photos: Path, photographs: Path, cli: Cli):
    """With real images and the real encoder, one of two views of a scene finds the other."""
    result = cli("index", photos)
    assert result.code == 0
    assert result.err.startswith("lookalike: using efficientnet-lite2, ")
    assert result.out.startswith("8 images: 8 added; ")
    answer = json.loads(cli("search", "more/motorcycle_left.png", "--json", "-k", "1", cwd=photos).out)
    assert answer["encoder"] == "efficientnet-lite2"
    (hit,) = answer["results"][0]["hits"]
    assert hit["path"] == "motorcycle_right.png"
    assert hit["percentile"] == 75.0
    assert cli("index", photos).out == "Up to date: 8 images\n"
    assert "1280-d, fp32" in cli("status", "--gallery", photos).out


def _command_line(*arguments: str) -> list[str]:
    return [str(Path(__file__).parents[1] / "drivers" / "command.py"), "0", *arguments]


def _with_tests() -> dict[str, str]:
    """An environment in which the fakes can be imported and output is buffered, as it is without a terminal."""
    return {**os.environ, "PYTHONPATH": python_path(), "PYTHONUNBUFFERED": ""}


def _with_output(command: Sequence[str], folder: Path, output: BinaryIO) -> subprocess.CompletedProcess[bytes]:
    line = [sys.executable, *_command_line(*command)]
    return subprocess.run(line, env=_with_tests(), cwd=folder, stdout=output, stderr=subprocess.PIPE, check=False)


@pytest.mark.skipif(os.name == "nt", reason="broken pipes behave differently on Windows")
@pytest.mark.parametrize("command", [("encoders",), ("--help",), ("search", "0.png", "--json"), ("search", "0.png")])
def test_a_closed_pipe_is_ignored(command: tuple[str, ...], gallery_folder: Path):
    """If the reader of the output has gone, the command ends without a message."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        assert _with_output(command, gallery_folder, pipe).stderr == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("command", [("encoders",), ("--help",), ("search", "0.png", "--json"), ("status", "--json")])
def test_output_that_cannot_be_written_is_an_error(command: tuple[str, ...], gallery_folder: Path):
    """If the output can't be written because the disk is full, one line says so."""
    with Path("/dev/full").open("wb") as full:
        done = _with_output(command, gallery_folder, full)
    assert done.returncode == 1
    assert done.stderr == b"lookalike: can't write the output (No space left on device)\n"


@pytest.mark.skipif(os.name == "nt", reason="needs a shell that closes standard output")
def test_closed_standard_output_is_ignored(gallery_folder: Path):
    """If standard output is closed, the command works and prints nothing."""
    script = "exec >&-; exec " + shlex.join([sys.executable, *_command_line("search", "0.png", "--json")])
    done = subprocess.run(
        ["sh", "-c", script], env=_with_tests(), cwd=gallery_folder, stderr=subprocess.PIPE, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(os.name == "nt", reason="signals work differently on Windows")
def test_interrupting_keeps_completed_work(tmp_path: Path, driver: Driver, call: Cli):
    """Ctrl-C ends indexing with code 130 and one line; completed images are kept and the next run does the rest."""
    for number in range(40):
        drawn(tmp_path / "photos" / f"{number:02}.png", number)
    with driver("command", "3", "index", tmp_path / "photos") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate()
    assert (process.returncode, out) == (130, b"")
    assert errors.endswith(b"\nlookalike: interrupted; completed work is saved\n")
    assert json.loads(call("status", "--json", "--gallery", tmp_path / "photos").out)["images"] == 16
    assert call("index", tmp_path / "photos").out.startswith("40 images: 24 added; ")


def test_a_terminal_shows_a_bar_with_rate_and_time_left(tmp_path: Path):
    """On a terminal, a bar shows the count, the time left and the rate, and is cleared before the summary."""
    fcntl, pty, termios = (pytest.importorskip(name) for name in ("fcntl", "pty", "termios"))
    for number in range(40):
        drawn(tmp_path / "photos" / f"{number:02}.png", number)
    terminal, behind = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 24, 100, 0, 0))
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).parents[1] / "drivers" / "command.py"), "0", "index", tmp_path / "photos"],
        env={**os.environ, "PYTHONPATH": python_path(), "TQDM_MININTERVAL": "0"},
        stdout=subprocess.PIPE,
        stderr=behind,
    ) as process:
        os.close(behind)
        output = b""
        while True:
            try:
                part = os.read(terminal, 4096)
            except OSError:  # Linux raises this once the other end of the terminal is closed
                break
            if not part:
                break
            output += part
        out, _ = process.communicate()
    os.close(terminal)
    assert process.returncode == 0
    assert out.startswith(b"40 images: 40 added")
    bars = output.decode()
    assert re.search(r"\d+%\|.*\| 8/40 \[\d\d:\d\d<\d\d:\d\d, +[\d.]+(?: images/s|s/ images)\]", bars), bars
    assert "40/40" in bars
    assert " \rlookalike: to search it: " in bars


def test_a_page_does_not_overwrite_an_image(gallery_folder: Path, call: Cli):
    """A page with the extension of an image is rejected as wrong usage before the search."""
    before = (gallery_folder / "0.png").read_bytes()
    result = call("search", gallery_folder / "0.png", "--html", gallery_folder / "0.png")
    assert (result.code, "--html" in result.err) == (2, True)
    assert (gallery_folder / "0.png").read_bytes() == before


def test_a_mistyped_gallery_is_an_error(gallery_folder: Path, call: Cli):
    """For a mistyped --gallery no gallery above it is used instead."""
    assert "nope: " in error_line(
        call("search", gallery_folder / "0.png", "--gallery", gallery_folder / "typo" / "nope")
    )


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
def test_a_closed_standard_error_is_ignored(indexed: Path):
    """With standard error closed, indexing works and no message reaches standard output."""
    drawn(indexed / "new.png", 99)
    program = f"{shlex.quote(sys.executable)} -m lookalike.cli.main"
    for command in ("index .", "search new.png --json --precision bf16", "status --json"):
        done = subprocess.run(
            ["/bin/sh", "-c", f"{program} {command} 2>&-"], cwd=indexed, capture_output=True, check=True
        )
        if "--json" in command:
            json.loads(done.stdout)
    assert json.loads(done.stdout)["images"] == 9


def test_one_bad_query_does_not_take_the_others(gallery_folder: Path, call: Cli):
    """The other queries are answered, the bad ones are named on standard error and in the JSON, and the code is 3."""
    queries = ("0.png", "missing.png", "notes.jpg", "1.png")
    result = call("search", *queries, "-k", "1", cwd=gallery_folder)
    assert result.code == 3
    assert [line for line in result.out.splitlines() if line.endswith(".png")][0::2] == ["0.png", "1.png"]
    assert [line.split(":")[1].strip() for line in result.err.splitlines()] == ["missing.png", "notes.jpg"]
    result = call("search", *queries, "--json", cwd=gallery_folder)
    answers = json.loads(result.out)["results"]
    assert ["hits" in answer for answer in answers] == [True, False, False, True]
    assert answers[1]["error"]["kind"] == "vanished"
    assert answers[2]["error"] == {"kind": "not-an-image", "message": "notes.jpg: not an image (text file)"}
    assert call("search", "missing.png", "notes.jpg", cwd=gallery_folder).code == 1
    assert call("search", "0.png", "1.png", "--plus", "missing.png", cwd=gallery_folder).err.count("missing.png") == 1


def test_the_formats_are_listed(call: Cli):
    """Every extension is listed once: those that are read by format, the others by kind."""
    text = call("formats").out
    answer = json.loads(call("formats", "--json").out)
    assert ".jpeg" in answer["read"]["JPEG"]
    assert ".mp4" in answer["passed_over"]["video"]
    listed = [extension for table in ("read", "passed_over") for names in answer[table].values() for extension in names]
    assert len(listed) == len(set(listed)) > 150
    assert all(f" {extension}" in text for extension in listed)
    assert ".nef" in listed
