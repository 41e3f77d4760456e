"""The command line: what it prints, what it writes, and how it ends."""

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
from html.parser import HTMLParser
from pathlib import Path
from typing import BinaryIO

import pytest
from PIL import Image

from drawing import draw, drawn, saved
from fakes import FakeEncoder
from galleries import Result
from lookalike import Gallery, __version__

Cli = Callable[..., Result]
Driver = Callable[..., subprocess.Popen[bytes]]
AsNobody = Callable[[], AbstractContextManager[None]]

ODD_NAMES = [b"two\nlines.png", b'"it\'s" <b>&amp;.png', "\U0001f600 \u00fc.png".encode(), b"\xff\xfe.png"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight small pictures, and one file that is none."""
    for number in range(7):
        drawn(tmp_path / "photos" / f"{number}.png", number)
    drawn(tmp_path / "photos" / "sub" / "7.png", 7)
    (tmp_path / "photos" / "notes.jpg").write_text("words")
    return tmp_path / "photos"


@pytest.fixture
def made(folder: Path, call: Cli) -> Path:
    """The same folder with its gallery."""
    assert call("index", folder).code == 0
    return folder


def refusal(result: Result) -> str:
    """The one line that an error prints, nothing else being printed, and the exit code 1."""
    assert (result.code, result.out) == (1, "")
    assert re.fullmatch("lookalike: .*\n", result.err)
    return result.err


def test_indexing_prints_one_line_and_no_bar(folder: Path, call: Cli):
    """Where there is no terminal, the summary is all that is printed, and it speaks of everything that was done."""
    result = call("index", folder)
    assert (result.code, result.err) == (0, "")
    assert re.fullmatch(
        r"8 added, 0 updated, 0 moved, 0 removed, 1 skipped \(lookalike status tells why\); \d+\.\d images a second\n",
        result.out,
    )
    (folder / "notes.jpg").unlink()
    (folder / "0.png").unlink()
    (folder / "1.png").rename(folder / "one.png")
    drawn(folder / "2.png", 99)
    assert call("index", folder).out.startswith("0 added, 1 updated, 1 moved, 1 removed, 0 skipped; ")
    assert call("index", folder).out == "0 added, 0 updated, 0 moved, 0 removed, 0 skipped; 0.0 images a second\n"


def test_searching_prints_rank_score_percentile_and_path(made: Path, call: Cli):
    """Each hit is a line; the gallery is found from the folder that the command runs in."""
    result = call("search", "0.png", "-k", "3", cwd=made)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert len(lines) == 3
    for rank, line in enumerate(lines, start=1):
        assert re.fullmatch(rf" {{3}}{rank}  [ -]\d\.\d{{3}}  [ \d]{{2}}\d %  (sub/)?\d\.png", line)


def test_several_queries_are_answered_one_after_the_other(made: Path, call: Cli):
    """Each ranking has its query's name above it, and an empty line before the next."""
    result = call("search", "0.png", "sub/7.png", "-k", "2", cwd=made)
    first, second = result.out.split("\n\n")
    assert first.splitlines()[0] == "0.png"
    assert second.splitlines()[0] == "sub/7.png"
    assert len(first.splitlines()) == len(second.splitlines()) == 3


def test_json_has_the_promised_form_and_nothing_beside_it(made: Path, call: Cli):
    """The answer is JSON of exactly the fields that are documented, one result for each query."""
    result = call("search", "0.png", "1.png", "--json", "-k", "2", cwd=made)
    assert (result.code, result.err) == (0, "")
    answer = json.loads(result.out)
    hits = [one.pop("hits") for one in answer["results"]]
    assert answer == {
        "version": 1,
        "encoder": "colours",
        "gallery": str(made / ".lookalike"),
        "results": [
            {"query": {"kind": "picture", "path": "0.png"}},
            {"query": {"kind": "picture", "path": "1.png"}},
        ],
    }
    for found in hits:
        assert [hit["rank"] for hit in found] == [1, 2]
        for hit in found:
            assert list(hit) == ["rank", "id", "path", "score", "percentile"]
            assert isinstance(hit["id"], str)
            assert (made / hit["path"]).is_file()
            assert -1 <= hit["score"] <= 1
            assert 0 <= hit["percentile"] <= 100


def test_ids_stay_while_pictures_are_renamed(made: Path, call: Cli):
    """The id in the JSON is the same after a picture has got another name."""

    def first() -> dict[str, object]:
        hit: dict[str, object] = json.loads(call("search", "0.png", "--json", "-k", "1", cwd=made).out)["results"][0][
            "hits"
        ][0]
        return hit

    before = first()
    (made / str(before["path"])).rename(made / "renamed.png")
    call("index", made)
    assert first() == {**before, "path": "renamed.png"}


def test_a_gallery_of_one_picture_has_no_percentiles(tmp_path: Path, call: Cli):
    """An unknown percentile is null in JSON and blank in the table; a query that is all there is says so."""
    drawn(tmp_path / "photos" / "only.png", 1)
    query = drawn(tmp_path / "query.png", 2)
    folder = tmp_path / "photos"
    call("index", folder)
    answer = json.loads(call("search", query, "--gallery", folder, "--json").out)
    assert answer["results"][0]["hits"][0]["percentile"] is None
    assert re.fullmatch(r"   1  [ -]\d\.\d{3}         only\.png\n", call("search", query, "--gallery", folder).out)
    assert call("search", folder / "only.png").out == "no other picture in this gallery\n"


def test_a_stranger_is_announced_as_no_close_match(tmp_path: Path, call: Cli):
    """A query farther from every picture than they are from one another gets a notice, in the table and on the page."""
    for number in range(8):
        image = draw(1)
        image.putpixel((number, 0), (255, 0, 0))
        (tmp_path / "photos").mkdir(exist_ok=True)
        image.save(tmp_path / "photos" / f"{number}.png")
    drawn(tmp_path / "stranger.png", 2)
    call("index", tmp_path / "photos")
    result = call("search", "../stranger.png", "--html", "../page.html", cwd=tmp_path / "photos")
    assert result.out.splitlines()[0].startswith("no close match: ")
    assert "No close match in this gallery" in (tmp_path / "page.html").read_text()
    result = call("search", "3.png", "--html", "../page.html", cwd=tmp_path / "photos")
    assert "no close match" not in result.out
    assert "No close match" not in (tmp_path / "page.html").read_text()


def test_the_querys_own_entry_is_kept_if_asked_for(made: Path, call: Cli):
    """With --include-self the first hit of a gallery's own picture is itself."""
    assert call("search", "0.png", "-k", "1", "--include-self", cwd=made).out == "   1   1.000  100 %  0.png\n"


def test_status_tells_what_is_there_and_what_was_skipped(made: Path, call: Cli):
    """Stamp, folder, number of pictures, disk size, and every skipped file with its reason."""
    result = call("status", cwd=made / "sub")
    assert (result.code, result.err) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in result.out.splitlines()[:7])
    assert lines["gallery"] == str(made / ".lookalike")
    assert lines["folder"] == str(made)
    assert lines["encoder"] == "colours, 49-d, fp32, centre view"
    assert re.fullmatch(r"[0-9a-f]{16} \(weights 0{16}\)", lines["stamp"])
    assert lines["pictures"] == "8"
    assert re.search(r"^on disk    0\.\d MB$", result.out, re.MULTILINE)
    assert lines["skipped"] == "1"
    assert result.out.splitlines()[7:] == ["  notes.jpg: not a picture: it is a text"]


def test_status_as_json(made: Path, call: Cli):
    """The same for programs."""
    answer = json.loads(call("status", "--json", "--gallery", made).out)
    assert answer["encoder"].pop("fingerprint")
    assert answer.pop("encoder")["name"] == "colours"
    assert answer.pop("disk_bytes") > 10_000
    assert answer == {
        "version": 1,
        "gallery": str(made / ".lookalike"),
        "folder": str(made),
        "pictures": 8,
        "skipped": [{"path": "notes.jpg", "kind": "not-a-picture", "reason": "not a picture: it is a text"}],
    }


def test_the_encoders_are_listed(call: Cli, monkeypatch: pytest.MonkeyPatch):
    """Each encoder has a line: name, whether it is ready, size, input, dimension, licence; and its place, if ready."""
    result = call("encoders")
    header, line, place = result.out.splitlines()[:3]
    assert header.split()[:6] == ["NAME", "READY", "SIZE", "PIXELS", "DIM", "LICENCE"]
    assert re.match(r"efficientnet-lite2 +yes +24\.7 MB +260 +1280  Apache-2\.0 ", line)
    assert place.strip().endswith("efficientnet-lite2-9656183e.pth")
    assert re.search(r"^clip-vit-b-32-256 +no +605\.2 MB +256 +512  MIT ", result.out, re.MULTILINE)
    monkeypatch.setattr("lookalike.encoders.weights.locate.locate", lambda _: None)
    assert re.match(r"efficientnet-lite2 +no ", call("encoders").out.splitlines()[1])


@pytest.mark.parametrize("arguments", [("--help",), ("index", "--help"), ("search", "-h"), ("status", "-h")])
def test_help_is_there(arguments: tuple[str, ...], call: Cli):
    """Every command has a page of help, and asking for it is no error."""
    result = call(*arguments)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("usage: lookalike")


def test_the_version_is_told(call: Cli):
    """--version prints the package's own."""
    assert call("--version").out == f"lookalike {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("find",),
        ("search",),
        ("search", "a.jpg", "-k", "0"),
        ("search", "a.jpg", "-k", "many"),
        ("index", ".", "--max-megapixels", "-1"),
        ("index", "a", "b"),
        ("status", "here"),
    ],
)
def test_wrong_usage_ends_with_2(arguments: tuple[str, ...], call: Cli):
    """A command line that can't be understood is answered with the usage, on standard error."""
    result = call(*arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("usage: lookalike")


def test_without_a_gallery_the_way_to_one_is_told(tmp_path: Path, call: Cli):
    """Where no gallery is found, the error says how to make one."""
    query = drawn(tmp_path / "query.png", 1)
    for arguments in (("status",), ("search", query), ("index",), ("status", "--gallery", tmp_path / "nowhere")):
        assert "to make one: lookalike index FOLDER" in refusal(call(*arguments, cwd=tmp_path))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("query.jpg", None, "query.jpg: there is no such file"),
        ("query.jpg", b"", "query.jpg: empty"),
        ("query.jpg", b"words", "query.jpg: not a picture: it is a text"),
        ("query.png", saved(draw(0), "PNG").getvalue()[:70], "query.png: truncated or damaged"),
        ("sub", None, "sub: a folder, not a picture"),
        ("new\nline.jpg", b"words", "new\\nline.jpg: not a picture"),
    ],
)
def test_a_query_that_is_no_picture_is_an_error(name: str, content: bytes | None, words: str, made: Path, call: Cli):
    """The error names the query and what is wrong with it, and nothing is printed beside it, not even begun JSON."""
    if content is not None:
        (made / name).write_bytes(content)
    assert words in refusal(call("search", name, cwd=made))
    assert words in refusal(call("search", "0.png", name, "--json", cwd=made))


def test_a_folder_without_pictures_is_an_error(tmp_path: Path, call: Cli):
    """An empty folder, a missing one, and a file in its place get no gallery."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("words")
    assert "empty: no pictures in this folder" in refusal(call("index", tmp_path / "empty"))
    assert "nowhere: there is no such folder" in refusal(call("index", tmp_path / "nowhere"))
    assert "file: there is no such folder" in refusal(call("index", tmp_path / "file"))
    assert list((tmp_path / "empty").iterdir()) == []


def test_unknown_and_other_encoders_are_refused(made: Path, call: Cli, monkeypatch: pytest.MonkeyPatch):
    """A gallery isn't updated with another encoder than its own; unknown names are answered with the known ones."""
    message = refusal(call("index", made, "--encoder", "no such"))
    assert "'no such'" in message
    assert "efficientnet-lite2" in message
    for place in ((made,), ("--gallery", made)):
        message = refusal(call("index", *place, "--encoder", "efficientnet-lite2"))
        assert "this gallery's encoder is colours, not efficientnet-lite2" in message
        assert str(made / ".lookalike") in message
    monkeypatch.setattr("lookalike.gallery.gallery.load_encoder", lambda *_, **__: FakeEncoder("others"))
    assert "others (49-d" in refusal(call("search", made / "0.png"))


def test_a_gallery_is_found_from_below_and_from_the_picture(made: Path, call: Cli, tmp_path: Path):
    """The nearest gallery above the current folder is used, then that above the picture."""
    assert call("search", "7.png", "-k", "1", cwd=made / "sub").code == 0
    assert call("search", made / "sub" / "7.png", "-k", "1", cwd=tmp_path).code == 0
    assert call("index", cwd=made / "sub").out.startswith("0 added, 0 updated")
    assert "photos/..: no gallery" in refusal(call("status", "--gallery", f"{made}/.."))


def test_a_gallery_can_be_kept_elsewhere(folder: Path, tmp_path: Path, call: Cli):
    """With --gallery nothing is written among the photographs, and every command finds them through it."""
    place = tmp_path / "elsewhere"
    assert call("index", folder, "--gallery", place).code == 0
    assert not (folder / ".lookalike").exists()
    assert call("search", folder / "0.png", "--gallery", place, "-k", "1").code == 0
    assert str(folder) in call("status", "--gallery", place).out
    assert call("index", "--gallery", place).out.startswith("0 added")
    drawn(tmp_path / "other" / "x.png", 1)
    message = refusal(call("index", tmp_path / "other", "--gallery", place))
    assert f"this is the gallery of {folder}, not of {tmp_path / 'other'}" in message


def test_a_read_only_folder_asks_for_a_place(folder: Path, tmp_path: Path, call: Cli, unprivileged: AsNobody):
    """The error says how to keep the gallery elsewhere, and doing so works."""
    folder.chmod(0o555)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere").chmod(0o777)
    with unprivileged():
        message = refusal(call("index", folder))
        result = call("index", folder, "--gallery", tmp_path / "elsewhere")
    folder.chmod(0o755)
    assert "lookalike index FOLDER --gallery PATH" in message
    assert result.code == 0, result.err


def test_a_locked_gallery_is_told(made: Path, call: Cli):
    """While another writes, indexing ends with an error, and searching goes on."""
    with Gallery.open(made, writing=True):
        assert "another process is writing" in refusal(call("index", made))
        assert call("search", made / "0.png").code == 0


def test_options_reach_the_reading_of_files(folder: Path, call: Cli):
    """--any-extension, --max-megapixels and --verify do what they say."""
    (folder / "png.jpg").write_bytes(saved(draw(50), "PNG").getvalue())
    draw(51, (1500, 1000)).save(folder / "large.png")
    assert "8 added, 0 updated, 0 moved, 0 removed, 3 skipped" in call("index", folder, "--max-megapixels", "1").out
    status = call("status", "--gallery", folder).out
    assert "large.png: 1500 x 1000 pixels are 2 megapixels; the limit is 1" in status
    assert "png.jpg: named .jpg, but what it holds is PNG: rename it, or index with --any-extension" in status
    assert call("index", folder, "--any-extension").out.startswith("2 added, 0 updated, 0 moved, 0 removed, 1 skipped")
    path = folder / "0.png"
    state = path.stat()
    content = bytearray(path.read_bytes())
    content[-3] ^= 1  # in the checksum of the end, which no decoder minds
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert call("index", folder).out.startswith("0 added, 0 updated")
    assert call("index", folder, "--verify", "--any-extension").out.startswith("0 added, 1 updated")


class Page(HTMLParser):
    """What a page shows and refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.images: list[str] = []
        self.references: list[str] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the tag and what it refers to."""
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


def test_the_page_holds_all_that_it_needs(made: Path, call: Cli):
    """The page refers to nothing outside; query and hits are JPEGs inside, upright and in their own proportions."""
    turned = made / "turned.jpg"
    tags = Image.Exif()
    tags[0x0112] = 6
    draw(60, (400, 300)).save(turned, exif=tags)
    call("index", made)
    result = call("search", turned, "--html", "page.html", "-k", "4", cwd=made)
    assert result.code == 0
    text = (made / "page.html").read_text(encoding="utf-8")
    page = Page(text)
    assert "http" not in text
    assert "url(" not in text
    assert "@import" not in text
    assert page.references == []
    assert not {"script", "link", "iframe", "object"} & page.tags
    assert len(page.images) == 5
    sizes = []
    for source in page.images:
        assert source.startswith("data:image/jpeg;base64,")
        with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as image:
            sizes.append(image.size)
    assert sizes == [(300, 400)] + 4 * [(40, 30)]
    for words in ("1", "2", "3", "4", str(turned), "4 most similar of 9 pictures"):
        assert words in page.text


def test_the_page_of_several_queries_has_each_of_them(made: Path, call: Cli):
    """One page holds all rankings, numbered."""
    call("search", "0.png", "1.png", "--html", "page.html", "-k", "2", cwd=made)
    page = Page((made / "page.html").read_text(encoding="utf-8"))
    assert len(page.images) == 6
    assert {"Query 1 of 2", "Query 2 of 2"} <= set(page.text)


def test_a_picture_that_has_vanished_leaves_a_placeholder(made: Path, call: Cli):
    """Hits whose files are gone or damaged since are on the page without a picture."""
    for number in range(1, 7):
        (made / f"{number}.png").unlink()
    (made / "sub" / "7.png").write_text("words")
    assert call("search", "0.png", "--html", "page.html", cwd=made).code == 0
    page = Page((made / "page.html").read_text(encoding="utf-8"))
    assert len(page.images) == 1
    assert page.text.count("This picture can't be read any more") == 7
    assert "sub/7.png" in page.text


@pytest.mark.parametrize("name", ["nowhere/page.html", "sub"])
def test_a_page_that_cannot_be_written_is_an_error(name: str, made: Path, call: Cli):
    """The error names the page's file."""
    assert f"{name}: it can't be written" in refusal(call("search", "0.png", "--html", name, cwd=made))


@pytest.mark.skipif(os.name == "nt", reason="Windows doesn't allow such names")
@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_are_right_everywhere(name: bytes, tmp_path: Path, call: Cli):
    """Line breaks, quotes, tags, emoji and stray bytes stand in table, JSON, page and status as they should."""
    path = tmp_path / os.fsdecode(name)
    draw(1).save(tmp_path / "plain.png")
    shutil.copy(tmp_path / "plain.png", path)
    (tmp_path / os.fsdecode(b"bad " + name)).write_text("words")
    call("index", tmp_path)
    shown = name.decode("utf-8", "backslashreplace").replace("\n", "\\n")

    assert shown in call("search", path, "--include-self", cwd=tmp_path).out
    status = call("status", cwd=tmp_path).out
    assert status.splitlines()[-1] == f"  bad {shown}: not a picture: it is a text"

    answer = json.loads(call("search", path, "--include-self", "--json", "--html", "page.html", cwd=tmp_path).out)
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
    assert shown in page.text
    assert "em" not in page.tags
    assert len(page.images) == 3


@pytest.mark.skipif(os.name == "nt", reason="Windows doesn't allow such names")
def test_odd_names_survive_real_processes(tmp_path: Path, cli: Cli):
    """Names of any bytes can be given as arguments, also where the terminal knows ASCII alone."""
    for name in ODD_NAMES:
        drawn(tmp_path / os.fsdecode(name), len(name))
    assert cli("index", tmp_path).out.startswith("4 added, 0 updated, 0 moved, 0 removed, 0 skipped; ")
    result = cli("search", ODD_NAMES[-1], ODD_NAMES[-2], "--json", cwd=tmp_path)
    assert [base64.b64decode(one["query"].get("path_base64", "")) for one in json.loads(result.out)["results"]] == [
        ODD_NAMES[-1],
        b"",
    ]
    result = cli("search", ODD_NAMES[-1], cwd=tmp_path, PYTHONIOENCODING="ascii:strict")
    assert (result.code, result.err) == (0, "")
    assert "\\U0001f600 \\xfc.png" in result.out


def test_a_whole_round_in_real_processes(photos: Path, photographs: Path, cli: Cli):
    """Real photographs are indexed and searched by the real encoder: of two views of a scene, each finds the other."""
    result = cli("index", photos)
    assert result.code == 0
    (line,) = result.err.splitlines()
    assert line.startswith("lookalike: using efficientnet-lite2, which is always here. For CLIP later: ")
    assert result.out.startswith("8 added, 0 updated, 0 moved, 0 removed, 0 skipped; ")
    answer = json.loads(cli("search", "more/motorcycle_left.png", "--json", "-k", "1", cwd=photos).out)
    assert answer["encoder"] == "efficientnet-lite2"
    (hit,) = answer["results"][0]["hits"]
    assert hit["path"] == "motorcycle_right.png"
    assert hit["percentile"] == 75.0
    assert cli("index", photos).out.startswith("0 added, 0 updated, 0 moved, 0 removed, 0 skipped; 0.0 images")
    assert "1280-d, fp32" in cli("status", "--gallery", photos).out


def _command_line(*arguments: str) -> list[str]:
    return [str(Path(__file__).parent / "drivers" / "command.py"), "0", *arguments]


def _with_tests() -> dict[str, str]:
    """An environment in which the fakes are found; output is buffered, as it is wherever it is no terminal."""
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "PYTHONUNBUFFERED": ""}


def _with_output(command: Sequence[str], folder: Path, output: BinaryIO) -> subprocess.CompletedProcess[bytes]:
    line = [sys.executable, *_command_line(*command)]
    return subprocess.run(line, env=_with_tests(), cwd=folder, stdout=output, stderr=subprocess.PIPE, check=False)


@pytest.mark.skipif(os.name == "nt", reason="pipes break otherwise on Windows")
@pytest.mark.parametrize("command", [("encoders",), ("--help",), ("search", "0.png", "--json"), ("search", "0.png")])
def test_a_reader_who_has_gone_is_no_error_to_tell(command: tuple[str, ...], made: Path):
    """Where nobody reads the output any more, the command ends without a word."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        assert _with_output(command, made, pipe).stderr == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full to write to")
@pytest.mark.parametrize("command", [("encoders",), ("--help",), ("search", "0.png", "--json"), ("status", "--json")])
def test_output_that_cannot_be_written_is_said_in_one_line(command: tuple[str, ...], made: Path):
    """Where the disk that output goes to is full, one line says so."""
    with Path("/dev/full").open("wb") as full:
        done = _with_output(command, made, full)
    assert done.returncode == 1
    assert done.stderr == b"lookalike: the output can't be written (No space left on device)\n"


@pytest.mark.skipif(os.name == "nt", reason="needs a shell that closes standard output")
def test_closed_output_is_no_error(made: Path):
    """Where standard output is closed, the command does its work and says nothing."""
    script = "exec >&-; exec " + shlex.join([sys.executable, *_command_line("search", "0.png", "--json")])
    done = subprocess.run(["sh", "-c", script], env=_with_tests(), cwd=made, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(os.name == "nt", reason="signals work otherwise on Windows")
def test_stopping_keeps_what_was_done(tmp_path: Path, driver: Driver, call: Cli):
    """Ctrl-C ends indexing with 130 and one line; the finished pictures stay, and the next run does the rest."""
    for number in range(40):
        drawn(tmp_path / "photos" / f"{number:02}.png", number)
    with driver("command", "3", "index", tmp_path / "photos") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate()
    assert (process.returncode, out) == (130, b"")
    assert errors == b"lookalike: stopped; what was done is kept\n"
    assert json.loads(call("status", "--json", "--gallery", tmp_path / "photos").out)["pictures"] == 16
    assert call("index", tmp_path / "photos").out.startswith("24 added, 0 updated")


def test_a_terminal_is_shown_a_bar_with_rate_and_time_left(tmp_path: Path):
    """On a terminal, a bar tells how many of how many, the time left and the rate, and goes before the summary."""
    fcntl, pty, termios = (pytest.importorskip(name) for name in ("fcntl", "pty", "termios"))
    for number in range(40):
        drawn(tmp_path / "photos" / f"{number:02}.png", number)
    terminal, behind = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 24, 100, 0, 0))
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "drivers" / "command.py"), "0", "index", tmp_path / "photos"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent), "TQDM_MININTERVAL": "0"},
        stdout=subprocess.PIPE,
        stderr=behind,
    ) as process:
        os.close(behind)
        shown = b""
        while True:
            try:
                part = os.read(terminal, 4096)
            except OSError:  # on Linux, what a terminal says when nobody is behind it any more
                break
            if not part:
                break
            shown += part
        out, _ = process.communicate()
    os.close(terminal)
    assert process.returncode == 0
    assert out.startswith(b"40 added")
    bars = shown.decode()
    assert re.search(r"\d+%\|.*\| 8/40 \[\d\d:\d\d<\d\d:\d\d, +[\d.]+(?: pictures/s|s/ pictures)\]", bars), bars
    assert "40/40" in bars
    assert bars.rstrip(" ").endswith("\r")


def test_a_page_is_not_written_over_a_picture(made: Path, call: Cli):
    """A page whose name is a picture's is refused as wrong usage, before anything is searched."""
    before = (made / "0.png").read_bytes()
    result = call("search", made / "0.png", "--html", made / "0.png")
    assert (result.code, "not of a page" in result.err) == (2, True)
    assert (made / "0.png").read_bytes() == before


def test_a_gallery_that_is_named_is_the_one_that_is_meant(made: Path, call: Cli):
    """A mistyped --gallery isn't answered from another one that lies above."""
    assert "no gallery here" in refusal(call("search", made / "0.png", "--gallery", made / "typo" / "nope"))


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
def test_a_closed_standard_error_changes_nothing(indexed: Path):
    """With standard error closed, indexing works, and no message gets into the answer on standard output."""
    drawn(indexed / "new.png", 99)
    program = f"{shlex.quote(sys.executable)} -m lookalike.cli.main"
    for words in ("index .", "search new.png --json --precision bf16", "status --json"):
        done = subprocess.run(
            ["/bin/sh", "-c", f"{program} {words} 2>&-"], cwd=indexed, capture_output=True, check=True
        )
        if "--json" in words:
            json.loads(done.stdout)
    assert json.loads(done.stdout)["pictures"] == 9
