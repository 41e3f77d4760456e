"""Weights come from the hub once, whole, checked, and only when asked for."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import pytest

import hub_server
from lookalike.encoders.hub import HubFile, cached

REVISION = "4afec35ffe57a943d569ff7ee888061830164da8"
FILE = HubFile("team/rail-clip", "open_clip_model.safetensors", REVISION)
CONTENT = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(CONTENT).hexdigest()

# huggingface_hub reads its environment when it is imported, so each download is a process of its own.
PROGRAM = """
import json, sys
from lookalike.encoders.hub import HubFile, cached, download
from lookalike.errors import LookalikeError
repository, filename, revision, sha256 = sys.argv[1:]
try:
    file = HubFile(repository, filename, revision)
    print(json.dumps({"path": str(download(file, sha256)), "cached": str(cached(file))}))
except LookalikeError as error:
    print(json.dumps({"error": type(error).__name__, "message": str(error)}))
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


def download(file=FILE, sha256=SHA256, **environment):
    """Download in a process of its own; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, file.repository, file.filename, file.revision, sha256],
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


def test_an_interrupted_download_goes_on_in_a_later_process(hub, tmp_path):
    """What an earlier process had received is not fetched again."""
    blobs = tmp_path / "hf" / "hub" / "models--team--rail-clip" / "blobs"
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
    assert answer["error"] == "DownloadError"
    assert "doesn't have it" in answer["message"]
    assert "--encoder PATH" in answer["message"]


def test_offline_mode_asks_nobody(hub):
    """With HF_HUB_OFFLINE set no request is made, and the error names the variable."""
    answer = download(HF_HUB_OFFLINE="1")
    assert answer["error"] == "DownloadError"
    assert "HF_HUB_OFFLINE" in answer["message"]
    assert hub.requests == []


def test_a_hub_that_cannot_be_reached_is_an_error_in_words(hub):
    """With nobody at the hub's address, the error names it and the way out."""
    answer = download(HF_ENDPOINT="http://127.0.0.1:9")
    assert answer["error"] == "DownloadError"
    assert "http://127.0.0.1:9" in answer["message"]


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
