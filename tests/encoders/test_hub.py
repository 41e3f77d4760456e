"""Downloading weights from the hub: once, completely and verified."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import fields
from inspect import signature

import pytest
from huggingface_hub import HfFileMetadata, constants
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers

import hub_server
from lookalike.encoders.catalog import HubFile
from lookalike.encoders.weights.hub import cached_path

pytestmark = pytest.mark.slow

REVISION = "4afec35ffe57a943d569ff7ee888061830164da8"
FILE = HubFile("team/rail-clip", "open_clip_model.safetensors", REVISION)
CONTENT = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(CONTENT).hexdigest()

# huggingface_hub reads its environment when it is imported, so each download is a process of its own.
PROGRAM = """
import json, sys
from lookalike.encoders.weights.hub import HubFile, cached_path, download
from lookalike.errors import LookalikeError
repository, filename, revision, sha256 = sys.argv[1:]
try:
    file = HubFile(repository, filename, revision)
    path = download(file, sha256, on_wait=lambda: print("waiting", file=sys.stderr, flush=True))
    print(json.dumps({"path": str(path), "cached": str(cached_path(file))}))
except LookalikeError as error:
    answer = {"error": type(error).__name__, "message": str(error), "kind": getattr(error, "kind", None)}
    print(json.dumps(answer))
"""


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A fake hub with one file, and an empty cache."""
    hub = hub_server.Hub()
    hub.add(FILE.repository, FILE.filename, FILE.revision, CONTENT)
    for variable in ("HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))  # these tests look into the cache themselves
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    with hub_server.running(hub) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        yield hub


@pytest.fixture
def blobs(hub, tmp_path):
    """The folder of the cache that contains the files' contents."""
    return tmp_path / "hf" / "hub" / "models--team--rail-clip" / "blobs"


def download(file=FILE, sha256=SHA256, before="", **environment):
    """Download in a new process, which first runs the code ``before``; returns its output."""
    done = subprocess.run(
        [sys.executable, "-c", before + PROGRAM, file.repository, file.filename, file.revision, sha256],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_file_is_downloaded_once(hub):
    """The first call downloads the file to the Hugging Face cache, the second downloads nothing."""
    assert cached_path(FILE) is None
    path = download()["path"]
    assert cached_path(FILE) is not None
    assert str(cached_path(FILE)) == path
    assert cached_path(FILE).read_bytes() == CONTENT
    assert download()["path"] == path
    assert len(hub.body_requests()) == 1


def test_huggingface_hub_finds_the_file(hub):
    """huggingface_hub finds the downloaded file in its cache, also offline."""
    path = download()["path"]
    program = (
        "import sys; from huggingface_hub import hf_hub_download; "
        f"print(hf_hub_download({FILE.repository!r}, {FILE.filename!r}, revision={FILE.revision!r}))"
    )
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    found = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == path


def test_a_cached_file_needs_no_request(hub):
    """A valid cached file is used without any request, also with HF_HUB_OFFLINE."""
    path = download()["path"]
    hub.requests.clear()
    assert download(HF_HUB_OFFLINE="1")["path"] == path
    assert hub.requests == []


@pytest.mark.parametrize("content", [CONTENT[:5000], CONTENT[:-1] + b"x", b""])
def test_a_damaged_file_is_replaced(hub, content):
    """A truncated or changed file in the cache is downloaded again to the same path."""
    path = download()["path"]
    cached_path(FILE).resolve().write_bytes(content)
    assert download()["path"] == path
    assert cached_path(FILE).read_bytes() == CONTENT
    assert [wanted for _, wanted in hub.body_requests()] == [None, None]


def test_a_damaged_file_is_replaced_without_links(hub, blobs):
    """On systems without symbolic links, the snapshot contains the file itself, which is replaced too."""
    download()
    cached_path(FILE).unlink()
    shutil.rmtree(blobs)
    copied = blobs.parent / "snapshots" / REVISION / FILE.filename
    copied.write_bytes(CONTENT[::-1])
    assert "path" in download()
    assert cached_path(FILE).read_bytes() == CONTENT


def test_a_damaged_file_is_kept_if_the_hub_is_unreachable(hub):
    """Nothing is deleted from the cache if there is no replacement."""
    download()
    cached_path(FILE).resolve().write_bytes(CONTENT[:5000])
    assert download(HF_ENDPOINT="http://127.0.0.1:9")["kind"] == "unreachable"
    assert cached_path(FILE).read_bytes() == CONTENT[:5000]


def test_a_complete_partial_file_is_only_verified(hub, blobs):
    """A download that was interrupted just before its check is verified without another request."""
    blobs.mkdir(parents=True)
    (blobs / f"{SHA256}.lookalike.incomplete").write_bytes(CONTENT)
    assert "path" in download()
    assert hub.body_requests() == []
    assert cached_path(FILE).read_bytes() == CONTENT


def test_a_wrong_partial_file_is_deleted(hub, blobs):
    """A partial file with the right size and wrong content is an error once; the next download starts again."""
    blobs.mkdir(parents=True)
    (blobs / f"{SHA256}.lookalike.incomplete").write_bytes(CONTENT[::-1])
    assert download()["error"] == "WeightsError"
    assert "path" in download()
    assert cached_path(FILE).read_bytes() == CONTENT


def test_a_partial_file_that_is_too_long_is_deleted(hub, blobs):
    """A partial file longer than the file is discarded, and the download starts again."""
    blobs.mkdir(parents=True)
    (blobs / f"{SHA256}.lookalike.incomplete").write_bytes(CONTENT + b"more")
    assert "path" in download()
    assert [wanted for _, wanted in hub.body_requests()] == [None]
    assert cached_path(FILE).read_bytes() == CONTENT


def test_concurrent_downloads_download_once(hub):
    """The second process waits for the first and uses its file."""
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


def test_a_token_is_sent_to_the_hub_only(hub):
    """If the hub redirects to another host, the user's token isn't sent there."""
    with hub_server.running(other := hub_server.Hub()) as address:
        other.files, hub.elsewhere = hub.files, address
        assert "path" in download(HF_TOKEN="hf_secret")
    assert {token for _, token in hub.tokens} == {"Bearer hf_secret"}
    assert other.tokens == [("GET", None)]


def test_a_token_is_sent_with_every_request_to_the_hub(hub):
    """A hub that sends the content itself receives the token with every request."""
    assert "path" in download(HF_TOKEN="hf_secret")
    assert ("GET", "Bearer hf_secret") in hub.tokens
    assert {token for _, token in hub.tokens} == {"Bearer hf_secret"}


def test_a_full_disk_is_a_disk_error(hub, tmp_path, monkeypatch):
    """If the disk is full, the error names the folder and the variable that changes it; the download can resume."""
    pytest.importorskip("resource")
    monkeypatch.delenv("HF_HUB_CACHE")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
    answer = download(before=limit)
    assert (answer["error"], answer["kind"]) == ("DownloadError", "disk")
    assert str(tmp_path / "hf" / "hub") in answer["message"]
    assert "HF_HOME" in answer["message"]
    assert "http" not in answer["message"]
    assert "path" in download()


def test_a_cache_that_cannot_be_created_is_a_disk_error(hub, tmp_path, monkeypatch):
    """If the cache folder can't be created, the error names it and the variable that changes it."""
    monkeypatch.delenv("HF_HUB_CACHE")
    (tmp_path / "file").write_text("in the way")
    answer = download(HF_HOME=str(tmp_path / "file"))
    assert (answer["error"], answer["kind"]) == ("DownloadError", "disk")
    assert str(tmp_path / "file") in answer["message"]
    assert "HF_HOME" in answer["message"]


def test_an_interrupted_download_is_resumed_by_a_later_process(hub, blobs):
    """The part that an earlier process received isn't downloaded again."""
    blobs.mkdir(parents=True)
    (blobs / f"{SHA256}.lookalike.incomplete").write_bytes(CONTENT[:300_000])
    assert "path" in download()
    assert [wanted for _, wanted in hub.body_requests()] == ["bytes=300000-"]
    assert cached_path(FILE).read_bytes() == CONTENT


def test_a_broken_connection_is_resumed(hub):
    """After a closed connection, only the rest is requested."""
    hub.cut_after = 200_000
    assert "path" in download()
    assert cached_path(FILE).read_bytes() == CONTENT
    assert len(hub.body_requests()) == 2


def test_a_tampered_file_is_deleted(hub):
    """A changed byte is detected before the file enters the cache; the next download starts again."""
    hub.tamper = True
    answer = download()
    assert answer["error"] == "WeightsError"
    assert SHA256 in answer["message"]
    assert cached_path(FILE) is None
    hub.tamper = False
    assert "path" in download()


def test_an_unknown_revision_is_an_error(hub):
    """A revision that the hub doesn't have is an error with an alternative."""
    other = HubFile(FILE.repository, FILE.filename, "0" * 40)
    answer = download(other)
    assert (answer["error"], answer["kind"]) == ("DownloadError", "absent")
    assert "doesn't have this; check the name" in answer["message"]
    assert "--encoder PATH" in answer["message"]


def test_offline_mode_makes_no_request(hub):
    """With HF_HUB_OFFLINE, no request is made and the error names the variable."""
    answer = download(HF_HUB_OFFLINE="1")
    assert (answer["error"], answer["kind"]) == ("DownloadError", "unreachable")
    assert "HF_HUB_OFFLINE" in answer["message"]
    assert hub.requests == []


def test_an_unreachable_hub_is_an_error(hub):
    """If the hub doesn't answer, the error names its address."""
    answer = download(HF_ENDPOINT="http://127.0.0.1:9")
    assert (answer["error"], answer["kind"]) == ("DownloadError", "unreachable")
    assert "http://127.0.0.1:9" in answer["message"]


def test_an_error_of_the_hub_is_not_unreachable(hub):
    """An error status of the hub has another kind than an unreachable hub."""
    hub.broken.add(FILE.filename)
    answer = download()
    assert (answer["error"], answer["kind"]) == ("DownloadError", "other")
    assert "failed" in answer["message"]


@pytest.mark.parametrize(
    ("variable", "below"), [("HF_HUB_CACHE", ""), ("HF_HOME", "hub"), ("XDG_CACHE_HOME", "huggingface/hub")]
)
def test_the_cache_follows_the_environment(hub, tmp_path, monkeypatch, variable, below):
    """Every variable that changes the Hugging Face cache applies to downloads and look-ups."""
    monkeypatch.delenv("HF_HOME")
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.setenv(variable, str(tmp_path / "other"))
    answer = download()
    assert answer["path"].startswith(str(tmp_path / "other" / below))
    assert answer["cached"] == answer["path"]


def test_huggingface_hub_still_has_what_downloads_call():
    """The calls that are not part of its documented interface exist, with the arguments that are passed to them."""
    signature(http_get).bind(
        "https://hub.invalid/file",
        io.BytesIO(),
        resume_size=1,
        headers={},
        expected_size=2,
        tqdm_class=None,
    )
    signature(build_hf_headers).bind(token=False)
    assert "authorization" not in {name.lower() for name in build_hf_headers(token=False)}
    metadata = {field.name for field in fields(HfFileMetadata)}
    assert {"commit_hash", "etag", "location", "size"} <= metadata
    assert isinstance(constants.HF_HUB_CACHE, str)
    assert isinstance(constants.HF_HUB_OFFLINE, bool)
