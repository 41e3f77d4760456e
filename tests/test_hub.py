"""Weights come from the hub once, whole, checked, and only when asked for."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys

import pytest

import hub_server
from lookalike.encoders.catalog import HubFile
from lookalike.encoders.weights.hub import cached

REVISION = "4afec35ffe57a943d569ff7ee888061830164da8"
FILE = HubFile("team/rail-clip", "open_clip_model.safetensors", REVISION)
CONTENT = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(CONTENT).hexdigest()

# huggingface_hub reads its environment when it is imported, so each download is a process of its own.
PROGRAM = """
import json, sys
from lookalike.encoders.weights.hub import HubFile, cached, download
from lookalike.errors import LookalikeError
repository, filename, revision, sha256 = sys.argv[1:]
try:
    file = HubFile(repository, filename, revision)
    path = download(file, sha256, waiting=lambda: print("waiting", file=sys.stderr, flush=True))
    print(json.dumps({"path": str(path), "cached": str(cached(file))}))
except LookalikeError as error:
    answer = {"error": type(error).__name__, "message": str(error), "kind": getattr(error, "kind", None)}
    print(json.dumps(answer))
"""


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub with one file, and an empty cache."""
    hub = hub_server.Hub()
    hub.add(FILE.repository, FILE.filename, FILE.revision, CONTENT)
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    with hub_server.running(hub) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        yield hub


@pytest.fixture
def blobs(hub, tmp_path):
    """The folder in which the cache keeps the content of files."""
    return tmp_path / "hf" / "hub" / "models--team--rail-clip" / "blobs"


def download(file=FILE, sha256=SHA256, before="", **environment):
    """Download in a process of its own, ``before`` being run first; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", before + PROGRAM, file.repository, file.filename, file.revision, sha256],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_file_comes_once(hub):
    """The first download fetches the file into the Hugging Face cache, the second fetches nothing."""
    assert cached(FILE) is None
    path = download()["path"]
    assert cached(FILE) is not None
    assert str(cached(FILE)) == path
    assert cached(FILE).read_bytes() == CONTENT
    assert download()["path"] == path
    assert len(hub.body_requests()) == 1


def test_huggingface_hub_finds_it_there(hub):
    """What was fetched lies where huggingface_hub itself looks for it, offline too."""
    path = download()["path"]
    program = (
        "import sys; from huggingface_hub import hf_hub_download; "
        f"print(hf_hub_download({FILE.repository!r}, {FILE.filename!r}, revision={FILE.revision!r}))"
    )
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    found = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == path


def test_a_file_that_is_there_is_found_without_the_hub(hub):
    """A file that is here and right is no matter for the hub, not even with HF_HUB_OFFLINE set."""
    path = download()["path"]
    hub.requests.clear()
    assert download(HF_HUB_OFFLINE="1")["path"] == path
    assert hub.requests == []


@pytest.mark.parametrize("content", [CONTENT[:5000], CONTENT[:-1] + b"x", b""])
def test_a_damaged_file_is_replaced(hub, content):
    """A file of the cache that is cut or changed is fetched anew, into the same place."""
    path = download()["path"]
    cached(FILE).resolve().write_bytes(content)
    assert download()["path"] == path
    assert cached(FILE).read_bytes() == CONTENT
    assert [wanted for _, wanted in hub.body_requests()] == [None, None]


def test_a_damaged_file_is_replaced_where_links_cannot_be(hub, blobs):
    """Where the cache has the content under its name in the snapshot, as on some systems, that is replaced as well."""
    download()
    cached(FILE).unlink()
    shutil.rmtree(blobs)
    cached_path = blobs.parent / "snapshots" / REVISION / FILE.filename
    cached_path.write_bytes(CONTENT[::-1])
    assert "path" in download()
    assert cached(FILE).read_bytes() == CONTENT


def test_a_damaged_file_stays_where_the_hub_is_out_of_reach(hub):
    """Nothing is taken out of the cache before there is something to put in its place."""
    download()
    cached(FILE).resolve().write_bytes(CONTENT[:5000])
    assert download(HF_ENDPOINT="http://127.0.0.1:9")["kind"] == "unreachable"
    assert cached(FILE).read_bytes() == CONTENT[:5000]


def test_a_download_killed_before_its_check_is_finished(hub, blobs):
    """A part that is whole, of which a hub has nothing left to send, only remains to be checked."""
    blobs.mkdir(parents=True)
    (blobs / f"{SHA256}.lookalike.incomplete").write_bytes(CONTENT)
    assert "path" in download()
    assert hub.body_requests() == []
    assert cached(FILE).read_bytes() == CONTENT


def test_a_whole_part_that_is_wrong_is_thrown_away(hub, blobs):
    """A part of the right length and the wrong content is an error once; the next download starts afresh."""
    blobs.mkdir(parents=True)
    (blobs / f"{SHA256}.lookalike.incomplete").write_bytes(CONTENT[::-1])
    assert download()["error"] == "WeightsError"
    assert "path" in download()
    assert cached(FILE).read_bytes() == CONTENT


def test_a_part_that_is_too_long_is_thrown_away(hub, blobs):
    """What is longer than the file is not its beginning: the file is fetched from its first byte."""
    blobs.mkdir(parents=True)
    (blobs / f"{SHA256}.lookalike.incomplete").write_bytes(CONTENT + b"more")
    assert "path" in download()
    assert [wanted for _, wanted in hub.body_requests()] == [None]
    assert cached(FILE).read_bytes() == CONTENT


def test_two_downloads_at_once_fetch_once(hub):
    """The second waits, says so, and finds what the first has brought."""
    hub.open.clear()
    command = [sys.executable, "-c", PROGRAM, FILE.repository, FILE.filename, REVISION, SHA256]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as one:
        assert hub.asked.wait(60)
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as other:
            assert other.stderr.readline() == "waiting\n"
            hub.open.set()
            answers = [json.loads(process.communicate()[0]) for process in (one, other)]
    assert all("path" in answer for answer in answers)
    assert len(hub.body_requests()) == 1


def test_a_token_is_for_the_hub_alone(hub):
    """Where the hub sends a download to another host, the user's token doesn't go there."""
    with hub_server.running(other := hub_server.Hub()) as address:
        other.files, hub.elsewhere = hub.files, address
        assert "path" in download(HF_TOKEN="hf_secret")
    assert {token for _, token in hub.tokens} == {"Bearer hf_secret"}
    assert other.tokens == [("GET", None)]


def test_a_token_opens_what_the_hub_itself_sends(hub):
    """A hub that sends the content itself gets the token with every request."""
    assert "path" in download(HF_TOKEN="hf_secret")
    assert ("GET", "Bearer hf_secret") in hub.tokens
    assert {token for _, token in hub.tokens} == {"Bearer hf_secret"}


def test_a_full_disk_is_not_blamed_on_the_hub(hub, tmp_path):
    """Where the disk takes no more, the error names the folder and the variable that moves it; nothing is lost."""
    pytest.importorskip("resource")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
    answer = download(before=limit)
    assert (answer["error"], answer["kind"]) == ("DownloadError", "disk")
    assert str(tmp_path / "hf" / "hub") in answer["message"]
    assert "HF_HOME" in answer["message"]
    assert "http" not in answer["message"]
    assert "path" in download()


def test_a_cache_that_cannot_be_made_is_not_blamed_on_the_hub(hub, tmp_path):
    """Where a file is in the way of the cache's folder, the error names it and the way out."""
    (tmp_path / "file").write_text("in the way")
    answer = download(HF_HOME=str(tmp_path / "file"))
    assert (answer["error"], answer["kind"]) == ("DownloadError", "disk")
    assert str(tmp_path / "file") in answer["message"]
    assert "HF_HOME" in answer["message"]


def test_an_interrupted_download_goes_on_in_a_later_process(hub, blobs):
    """What an earlier process had received is not fetched again."""
    blobs.mkdir(parents=True)
    (blobs / f"{SHA256}.lookalike.incomplete").write_bytes(CONTENT[:300_000])
    assert "path" in download()
    assert [wanted for _, wanted in hub.body_requests()] == ["bytes=300000-"]
    assert cached(FILE).read_bytes() == CONTENT


def test_a_broken_connection_is_taken_up_again(hub):
    """A connection that is closed in the middle costs nothing but the rest."""
    hub.cut_after = 200_000
    assert "path" in download()
    assert cached(FILE).read_bytes() == CONTENT
    assert len(hub.body_requests()) == 2


def test_a_tampered_file_is_thrown_away(hub):
    """One flipped byte is noticed before the file enters the cache; the next download starts afresh."""
    hub.tamper = True
    answer = download()
    assert answer["error"] == "WeightsError"
    assert SHA256 in answer["message"]
    assert cached(FILE) is None
    hub.tamper = False
    assert "path" in download()


def test_a_wrong_revision_is_refused(hub):
    """A revision that the hub doesn't have is an error that says what to do."""
    other = HubFile(FILE.repository, FILE.filename, "0" * 40)
    answer = download(other)
    assert (answer["error"], answer["kind"]) == ("DownloadError", "absent")
    assert "doesn't have it" in answer["message"]
    assert "--encoder PATH" in answer["message"]


def test_offline_mode_asks_nobody(hub):
    """With HF_HUB_OFFLINE set no request is made, and the error names the variable."""
    answer = download(HF_HUB_OFFLINE="1")
    assert (answer["error"], answer["kind"]) == ("DownloadError", "unreachable")
    assert "HF_HUB_OFFLINE" in answer["message"]
    assert hub.requests == []


def test_a_hub_that_cannot_be_reached_is_an_error_in_words(hub):
    """With nobody at the hub's address, the error names it and the way out."""
    answer = download(HF_ENDPOINT="http://127.0.0.1:9")
    assert (answer["error"], answer["kind"]) == ("DownloadError", "unreachable")
    assert "http://127.0.0.1:9" in answer["message"]


def test_a_hub_that_answers_with_an_error_was_reached(hub):
    """An error of the hub's own is told from a hub that nobody can reach."""
    hub.broken.add(FILE.filename)
    answer = download()
    assert (answer["error"], answer["kind"]) == ("DownloadError", "other")
    assert "can't be fetched from" in answer["message"]


@pytest.mark.parametrize(
    ("variable", "below"), [("HF_HUB_CACHE", ""), ("HF_HOME", "hub"), ("XDG_CACHE_HOME", "huggingface/hub")]
)
def test_the_cache_is_where_the_environment_says(hub, tmp_path, monkeypatch, variable, below):
    """Every variable that moves the Hugging Face cache is honoured, downloading and looking up alike."""
    monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv(variable, str(tmp_path / "other"))
    answer = download()
    assert answer["path"].startswith(str(tmp_path / "other" / below))
    assert answer["cached"] == answer["path"]
