"""Searching by way of the API finds what the command line and Python find."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from drawing import draw, drawn, saved
from fakes import FakeEncoder
from galleries import Result, index
from lookalike import Gallery, Query
from lookalike.search.query import Region
from servers import Running, running
from web.conftest import make_folder


def paths(hits: list[dict]) -> list[str]:
    """The paths of hits."""
    return [hit["path"] for hit in hits]


def test_an_upload_finds_what_python_finds(web: Running, folder: Path, fake: FakeEncoder):
    """The same images, scores, words and values; the upload is no file of the gallery, so all are found."""
    file = folder / "even" / "04.png"
    with Gallery.open(folder, encoder=fake) as gallery:
        expected = gallery.search(file.read_bytes(), 50)
    hits = web.search(file, k=50, fold=False)
    assert paths(hits) == [hit.path for hit in expected.hits]
    assert [hit["score"] for hit in hits] == [hit.score for hit in expected.hits]
    assert [hit["match"] for hit in hits] == [hit.match for hit in expected.hits]
    assert hits[0]["match"] == "identical"
    assert hits[0]["values"] == {"label": "joint", "km": "2.0", "width": "60", "height": "45"}


def test_the_answer_is_that_of_the_command_line(web: Running, folder: Path, call: Callable[..., Result]):
    """All but the query itself, which has a path there."""
    file = drawn(folder.parent / "query.png", 77)
    answer = web.post(file, k=10, where="label=joint").json()
    printed = json.loads(call("search", file, "--gallery", folder, "--where", "label=joint", "--json", "--fold").out)
    for result in (*answer["results"], *printed["results"]):
        result["query"].pop("path")
    assert answer == printed


def test_an_image_of_the_gallery_is_found_without_itself(web: Running, folder: Path, fake: FakeEncoder):
    """Its id is a query of its own: the image is left out, and nothing is encoded again."""
    hits = web.search(folder / "even" / "04.png", k=1)
    encoded = fake.encoded
    others = web.search(terms=[{"id": hits[0]["id"]}], fold=False)
    assert len(others) == 12
    assert "even/04.png" not in paths(others)
    assert paths(web.search(terms=[{"id": hits[0]["id"]}], include_self=True))[0] == "even/04.png"
    assert fake.encoded == encoded


def test_terms_are_added_up(web: Running, folder: Path, fake: FakeEncoder):
    """As with plus and minus in Python, of uploads and ids."""
    first, second = folder / "even" / "04.png", folder / "odd" / "07.png"
    (hit,) = web.search(second, k=1)
    with Gallery.open(folder, encoder=fake) as gallery:
        expected = gallery.search(Query.image(first.read_bytes()).minus(second, 0.4), 50)
    hits = web.search(first, terms=[{"upload": 0}, {"id": hit["id"], "weight": -0.4}], fold=False)
    assert paths(hits) == [one.path for one in expected.hits]
    assert [one["score"] for one in hits] == [one.score for one in expected.hits]


@pytest.mark.parametrize("kind", ["upload", "id"])
def test_a_region_is_searched_for(kind: str, web: Running, folder: Path, fake: FakeEncoder):
    """Of an upload or of an image of the gallery, which isn't a hit then; the answer repeats it."""
    file, region = folder / "even" / "04.png", [0.25, 0, 0.75, 0.5]
    (hit,) = web.search(file, k=1)
    with Gallery.open(folder, encoder=fake) as gallery:
        own = {"upload": Query.image(file.read_bytes(), Region(*region)), "id": Query.id(hit["id"], Region(*region))}
        expected = gallery.search(own[kind], 50)
    term = {"upload": 0} if kind == "upload" else {"id": hit["id"]}
    answer = web.post(*([file] if kind == "upload" else []), terms=[{**term, "region": region}], fold=False).json()
    (result,) = answer["results"]
    assert paths(result["hits"]) == [one.path for one in expected.hits]
    assert result["query"]["region"] == region


def test_hits_come_in_parts(web: Running, folder: Path, fake: FakeEncoder):
    """Parts follow one another, ranks too; the upload is encoded once."""
    file = drawn(folder.parent / "query.png", 78)
    whole = web.search(file, k=13, fold=False)
    encoded = fake.encoded
    parts = [hit for after in range(0, 15, 5) for hit in web.search(file, k=5, after=after, fold=False)]
    assert parts == whole
    assert [hit["rank"] for hit in parts] == list(range(1, 14))
    assert fake.encoded == encoded


def test_hits_can_be_limited(web: Running, folder: Path):
    """By folder, condition, score and match; copies are folded unless that is not wanted."""
    file = folder / "even" / "04.png"
    assert set(paths(web.search(file, under="odd", fold=False))) == {
        *(f"odd/{number:02}.png" for number in range(1, 12, 2)),
        "odd/copy.png",
    }
    assert paths(web.search(file, where="km=2")) == ["even/04.png"]
    assert all(hit["score"] >= 0.9 for hit in web.search(file, min_score=0.9))
    assert {hit["match"] for hit in web.search(file, match="copy")} <= {"identical", "copy"}
    folded = web.search(folder / "even" / "00.png")
    assert [copy["path"] for copy in folded[0]["copies"]] == ["odd/copy.png"]


def test_formats_that_browsers_lack_can_be_uploaded(web: Running, folder: Path, fake: FakeEncoder):
    """The name of the file doesn't matter, not even a wrong one."""
    content = saved(draw(4, (60, 45)), "TIFF").getvalue()
    expected = paths(web.search(folder / "even" / "04.png"))
    for name in ("scan.tif", "scan.jpg", "../../etc/passwd", "", "x" * 300):
        answer = web.client.post("/api/search", files={"image": (name or "upload", content)})
        assert answer.status_code == 200, answer.text
        assert paths(answer.json()["results"][0]["hits"]) == expected


@pytest.mark.parametrize(
    ("content", "status", "kind"),
    [
        (b"", 415, "empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", 415, "not-an-image"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, 422, "damaged"),
        (saved(Image.new("RGB", (50, 50), "red"), "PNG").getvalue(), 422, "blank"),
        (saved(Image.new("1", (20_000, 20_000)), "PNG").getvalue(), 413, "too-large"),
    ],
    ids=["empty", "svg", "damaged", "blank", "bomb"],
)
def test_unusable_uploads_are_refused(content: bytes, status: int, kind: str, web: Running):
    """With a status, a kind and a message; there is no path in it."""
    answer = web.post(content)
    assert answer.status_code == status
    assert answer.json()["error"]["kind"] == kind
    assert "/" not in answer.json()["error"]["message"].replace("pixels (", "")


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ({}, 400, "empty"),
        ({"terms": []}, 400, "empty"),
        ({"terms": [{"id": "ffff"}]}, 400, "no image of this gallery has this id"),
        ({"terms": [{"id": "../../etc/passwd"}]}, 422, "terms.0.id"),
        ({"terms": [{"upload": 0}]}, 400, "no such file"),
        ({"terms": [{"text": "night"}]}, 400, "no text input"),
        ({"terms": [{}]}, 422, "exactly one"),
        ({"terms": [{"id": "1", "text": "x"}]}, 422, "exactly one"),
        ({"terms": [{"id": "1", "region": [0.5, 0, 0.5, 1]}]}, 400, "region"),
        ({"terms": [{"id": "1", "region": [0, 0, 2, 1]}]}, 422, "region"),
        ({"terms": [{"id": "1", "weight": 0}]}, 400, "weights"),
        ({"terms": [{"id": "1"}], "k": 0}, 422, "k"),
        ({"terms": [{"id": "1"}], "k": -1}, 422, "k"),
        ({"terms": [{"id": "1"}], "k": 10**9}, 422, "k"),
        ({"terms": [{"id": "1"}], "k": 2000}, 422, "folded"),
        ({"terms": [{"id": "1"}], "where": "nothing=1"}, 400, "no such column"),
        ({"terms": [{"id": "1"}], "where": "label="}, 400, "a value is expected"),
        ({"terms": [{"id": "1"}], "under": "../.."}, 400, "'..'"),
        ({"terms": [{"id": "1"}], "under": "/etc"}, 400, "relative"),
        ({"terms": [{"id": "1"}], "galleries": ["nothing"]}, 400, "no gallery has this name"),
        ({"terms": [{"id": "1"}], "url": "http://example.org/x.jpg"}, 422, "url"),
    ],
    ids=str,
)
def test_wrong_queries_are_refused(query: dict, status: int, words: str, web: Running):
    """With what is wrong, and where."""
    answer = web.post(**query)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"x"', b"[" * 100_000, b'{"k": NaN}', b"\xff\xfe"])
def test_a_body_that_is_no_query_is_refused(body: bytes, web: Running):
    """Whatever it is."""
    answer = web.client.post("/api/search", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["error"]["message"]


def test_other_forms_of_a_request_are_refused(web: Running):
    """Other types, fields and texts where a file is wanted."""
    assert web.client.post("/api/search", content=b"x").status_code == 415
    assert web.client.post("/api/search", data={"image": "x"}).status_code == 415
    assert web.client.post("/api/search", files={"other": b"x"}).status_code == 422
    assert web.client.post("/api/search", files={"image": (None, b"x")}).status_code == 422
    boundary = {"Content-Type": "multipart/form-data; boundary=x"}
    assert web.client.post("/api/search", content=b"--x\r\nnonsense", headers=boundary).status_code in {400, 422}
    assert web.client.get("/api/search").status_code == 405


def test_several_galleries_are_searched_together(tmp_path: Path, fake: FakeEncoder):
    """Hits are merged and name their galleries; an image of one is left out there, and found in the other."""
    roots = [make_folder(tmp_path / name / "photos") for name in ("one", "two")]
    drawn(roots[1] / "extra.png", 99)
    for root in roots:
        index(root, fake).close()
    with running(*roots, encoder=fake) as web:
        assert [one["name"] for one in web.client.get("/api/galleries").json()["galleries"]] == ["photos", "photos-2"]
        hits = web.search(roots[0] / "even" / "04.png", k=100, fold=False)
        assert len(hits) == 27
        assert [hit["root"] for hit in hits[:2]] == [str(root) for root in roots]
        own = next(hit["id"] for hit in hits if hit["root"] == str(roots[0]) and hit["path"] == "even/04.png")
        others = web.search(terms=[{"id": own, "gallery": "photos"}], k=100, fold=False)
        assert len(others) == 26
        assert (others[0]["match"], others[0]["gallery"]) == ("identical", str(roots[1] / ".lookalike"))
        only = web.search(terms=[{"id": own, "gallery": "photos"}], galleries=["photos-2"], k=100, fold=False)
        assert len(only) == 14


def test_copies_in_several_galleries_are_one_hit(tmp_path: Path, fake: FakeEncoder):
    """The same file in both is folded, with its own gallery; what is in one alone is a hit of its own."""
    roots = [make_folder(tmp_path / name) for name in ("one", "two")]
    drawn(roots[1] / "extra.png", 99)
    for root in roots:
        index(root, fake).close()
    with running(*roots, encoder=fake) as web:
        hits = web.search(roots[0] / "even" / "04.png", k=100)
        assert len(hits) == 13
        (alone,) = (hit for hit in hits if not hit.get("copies"))
        assert alone["path"] == "extra.png"
        assert [hit["rank"] for hit in hits] == list(range(1, 14))
        first = hits[0]
        assert (first["path"], first["root"]) == ("even/04.png", str(roots[0]))
        assert [(copy["path"], copy["root"]) for copy in first["copies"]] == [("even/04.png", str(roots[1]))]
        twice = next(hit for hit in hits if hit["path"] == "even/00.png")
        assert len(twice["copies"]) == 3
        parts = [hit for after in (0, 5, 10) for hit in web.search(roots[0] / "even" / "04.png", k=5, after=after)]
        assert parts == hits
        assert len(web.search(roots[0] / "even" / "04.png", k=100, fold=False)) == 27


def test_galleries_of_different_encoders_are_not_mixed(tmp_path: Path):
    """They are refused together, and searched one by one."""
    roots = [make_folder(tmp_path / name) for name in ("one", "two")]
    encoders = {name: FakeEncoder(name) for name in ("first", "second")}
    for root, encoder in zip(roots, encoders.values(), strict=True):
        index(root, encoder).close()
    with running(*roots, load=lambda name, **_: encoders[name]) as web:
        file = roots[0] / "even" / "04.png"
        answer = web.post(file)
        assert answer.status_code == 400
        assert "different encoders" in answer.json()["error"]["message"]
        for name in ("one", "two"):
            assert len(web.search(file, galleries=[name], fold=False)) == 13
        (hit,) = web.search(file, galleries=["one"], k=1)
        answer = web.post(terms=[{"id": hit["id"], "gallery": "one"}], galleries=["two"])
        assert answer.status_code == 400
        assert "not made by the encoder of this gallery" in answer.json()["error"]["message"]


def test_vectors_of_one_batch_are_those_of_their_images(web: Running, folder: Path):
    """Many uploads at once, each with the answer to its own."""
    files = sorted(folder.glob("*/[0-9]*.png")) * 3

    def best(file: Path) -> str:
        with httpx.Client(base_url=web.address) as client:
            with Image.open(file) as image:
                changed = Image.fromarray(np.asarray(image) // 2 * 2)  # other bytes, so that nothing is kept
            answer = client.post("/api/search", files={"image": saved(changed, "PNG").getvalue()})
            return str(answer.json()["results"][0]["hits"][0]["path"])

    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(best, files))
    assert found == [file.relative_to(folder).as_posix() for file in files]
