"""A server follows what other processes do to its galleries, and starts and ends as a program should."""

import json
import shutil
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from drawing import drawn
from fakes import FakeEncoder
from galleries import Result, index
from lookalike import Gallery
from servers import Program, Running, limits, running
from web.conftest import make_folder


def found(web: Running) -> set[str]:
    """The paths of all images that a search finds."""
    return {hit["path"] for hit in web.search(terms=[{"id": "1"}], k=100, fold=False, include_self=True)}


def test_new_images_are_found(web: Running, folder: Path, fake: FakeEncoder):
    """And those that were removed are not, without a restart."""
    assert len(found(web)) == 13
    drawn(folder / "new" / "image.png", 500)
    (folder / "odd" / "03.png").unlink()
    index(folder, fake).close()
    assert "new/image.png" in found(web)
    assert "odd/03.png" not in found(web)
    facets = web.client.get("/api/galleries/track-photos/facets").json()
    assert facets["folders"] == {"even": 6, "new": 1, "odd": 6}


def test_another_encoder_is_followed(folder: Path, fake: FakeEncoder):
    """After lookalike index --reencode, queries are encoded by the new one; vectors of both are never compared."""
    other = FakeEncoder("other")
    encoders = {"colours": fake, "other": other}
    with running(folder, load=lambda name, **_: encoders[name]) as web:
        file = folder / "even" / "04.png"
        assert web.post(file).json()["encoder"] == "colours"
        with Gallery.open(folder, encoder=fake, writing=True) as gallery:
            gallery.reencode(other)
        answer = web.post(file, fold=False).json()
        assert answer["encoder"] == "other"
        assert len(answer["results"][0]["hits"]) == 13
        assert other.encoded == 12 + 1  # the copy is encoded with its original
        assert web.client.get("/api/galleries").json()["galleries"][0]["encoder"] == "other"


def test_a_gallery_that_was_made_anew_is_followed(web: Running, folder: Path, fake: FakeEncoder):
    """As after its folder was deleted."""
    assert len(found(web)) == 13
    shutil.rmtree(folder / ".lookalike")
    (folder / "odd" / "03.png").unlink()
    index(folder, fake).close()
    assert len(found(web)) == 12


def test_a_gallery_that_is_gone_is_an_error(web: Running, folder: Path, fake: FakeEncoder):
    """Until it is back."""
    moved = folder.with_name("elsewhere")
    folder.rename(moved)
    web.client.get("/api/galleries")
    assert web.client.get("/api/health").status_code == 200
    moved.rename(folder)
    assert len(found(web)) == 13


def test_folders_are_watched(folder: Path, fake: FakeEncoder):
    """New, changed and deleted files are followed; what was done before the start, too."""
    drawn(folder / "before.png", 501)
    with running(folder, encoder=fake, watch=True) as web:
        wait_for(lambda: "before.png" in found(web))
        drawn(folder / "deep" / "er" / "new.png", 502)
        (folder / "odd" / "03.png").unlink()
        wait_for(lambda: "deep/er/new.png" in found(web) and "odd/03.png" not in found(web))
        wait_for(lambda: web.client.get("/api/galleries").json()["galleries"][0]["updating"] is None)


def test_what_comes_during_the_first_update_is_followed(folder: Path):
    """Although that update has listed the files before."""
    (is_held, opened) = (threading.Event(), threading.Event())

    def hold(_images: int) -> None:
        is_held.set()
        opened.wait(30)

    drawn(folder / "before.png", 501)
    with running(folder, encoder=FakeEncoder(before=hold), watch=True) as web:
        assert is_held.wait(30)
        drawn(folder / "amid.png", 502)
        opened.set()
        wait_for(lambda: {"before.png", "amid.png"} <= found(web))


def test_watching_waits_for_another_process(folder: Path, fake: FakeEncoder):
    """While one writes to the gallery; a server can be stopped meanwhile."""
    settings = {"encoder": fake, "watch": True, "limits": limits(locked_seconds=0.1)}
    drawn(folder / "before.png", 501)
    with Gallery.open(folder, encoder=fake, writing=True), running(folder, **settings) as web:
        time.sleep(0.5)
        assert "before.png" not in found(web)
    with Gallery.open(folder, encoder=fake, writing=True) as other, running(folder, **settings) as web:
        time.sleep(0.3)
        other.close()
        wait_for(lambda: "before.png" in found(web))


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_command(indexed: Path, start_server: Callable[..., Program]):
    """It says what it serves and where; Ctrl-C ends it without an error."""
    program = start_server(cwd=indexed)
    with httpx.Client(base_url=program.address, timeout=60) as client:
        upload = {"image": (indexed / "chelsea.png").read_bytes()}
        answer = client.post("/api/search", files=upload, data={"query": json.dumps({"k": 3})}).json()
        assert answer["results"][0]["hits"][0]["match"] == "identical"
    code, out, err = program.stop()
    assert (code, out) == (0, "stopped\n")
    assert err == "lookalike: Ctrl-C stops the server\n"


def test_the_command_for_others(indexed: Path, start_server: Callable[..., Program]):
    """A server that others reach has a token, which is in its link, unless that is not wanted; it warns of both."""
    program = start_server("--gallery", indexed, "--host", "0.0.0.0")  # noqa: S104  the matter of the test
    assert "?token=" in program.address
    token = program.address.partition("token=")[2]
    own = f"http://127.0.0.1:{program.address.split(':')[2].partition('/')[0]}"
    assert httpx.get(f"{own}/api/health", timeout=60).status_code == 401
    assert httpx.get(f"{own}/api/health", headers={"Authorization": f"Bearer {token}"}, timeout=60).status_code == 200
    assert "plain HTTP can be overheard" in program.stop()[2]
    program = start_server("--gallery", indexed, "--host", "0.0.0.0", "--no-auth")  # noqa: S104
    assert httpx.get(f"http://127.0.0.1:{program.port}/api/health", timeout=60).status_code == 200
    assert "everyone who reaches this address" in program.stop()[2]
    program = start_server("-q", "--gallery", indexed, LOOKALIKE_TOKEN="chosen-by-the-user")
    assert program.address.endswith("?token=chosen-by-the-user")
    assert program.stop() == (0, "", "")


def test_problems_at_the_start(
    indexed: Path, tmp_path: Path, call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
):
    """Each names the way out."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = call("serve", "--gallery", indexed, "--port", str(port))
    assert (result.code, result.err) == (
        1,
        f"lookalike: port {port} is in use. To use another one: --port {port + 1}\n",
    )
    result = call("serve", "--gallery", indexed, "--host", "no.such.host.invalid")
    assert (result.code, "can't listen here" in result.err) == (1, True)
    result = call("serve", "--gallery", tmp_path / "nothing", "--port", "0")
    assert (result.code, "no gallery" in result.err) == (1, True)
    for port_text in ("-1", "65536", "x", ""):
        assert call("serve", "--port", port_text).code == 2
    monkeypatch.setenv("LOOKALIKE_TOKEN", "short")
    result = call("serve", "--gallery", indexed, "--port", "0")
    assert (result.code, "fewer than 12 characters" in result.err) == (2, True)


def test_two_galleries_named_twice_are_served_once(tmp_path: Path, fake: FakeEncoder):
    """And names of folders become names in addresses."""
    roots = [make_folder(tmp_path / name, 2) for name in ("Fotos 2024", "fotos-2024", "写真")]
    for root in roots:
        index(root, fake).close()
    with running(*roots, roots[0] / "even", encoder=fake) as web:
        names = [one["name"] for one in web.client.get("/api/galleries").json()["galleries"]]
        assert names == ["fotos-2024", "fotos-2024-2", "gallery"]
