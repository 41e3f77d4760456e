"""Checkpoints in repositories of the hub are downloaded by their names, and then found without a connection."""

from __future__ import annotations

import json

import pytest

import hub_server
from clip_by_hand import random_clip, save_clip
from drawing import drawn
from lookalike.encoders.weights.repository import Repository
from lookalike.errors import UnknownEncoderError
from tokenizers_by_hand import save_tokenizer

pytestmark = pytest.mark.slow

COMMIT = "4afec35ffe57a943d569ff7ee888061830164da8"
NAME = "hf-hub:team/rail-clip"


@pytest.fixture
def hub(tmp_path):
    """A fake hub with a small CLIP as open_clip saves it, and files that aren't needed."""
    folder = save_clip(tmp_path / "saved", random_clip())
    save_tokenizer(folder / "tokenizer.json", {"cracked": 320, "sleeper": 1125, "night": 539})
    hub = hub_server.Hub()
    for file in folder.iterdir():
        hub.add("team/rail-clip", file.name, COMMIT, file.read_bytes())
    hub.add("team/rail-clip", "pytorch_model.bin", COMMIT, b"code" * 1000)
    hub.add("team/rail-clip", "README.md", COMMIT, b"text")
    with hub_server.running(hub) as address:
        hub.address = address
        yield hub


@pytest.fixture
def run(hub, cli, tmp_path):
    """Run the command line with this hub and an empty cache."""
    environment = {
        "HF_ENDPOINT": hub.address,
        "HF_HUB_CACHE": str(tmp_path / "hf"),
        "HF_HOME": str(tmp_path / "home"),
        "LOOKALIKE_CACHE": str(tmp_path / "cache"),
    }
    return lambda *arguments, **others: cli(*arguments, cwd=tmp_path, **environment | others)


def test_a_checkpoint_of_the_hub_is_used_by_its_name(hub, run, tmp_path):
    """It is downloaded once, with its settings and tokenizer only, and stays usable offline, also for text."""
    for number in range(3):
        drawn(tmp_path / "photos" / f"{number}.png", number)
    absent = run("index", "photos", "--encoder", NAME)
    assert absent.code == 1
    assert absent.err == f"lookalike: {NAME} is not on this machine. To download it: lookalike encoders pull {NAME}\n"
    assert hub.requests == []
    pulled = run("encoders", "pull", NAME)
    assert pulled.code == 0, pulled.err
    assert f"downloading {NAME}: " in pulled.err
    assert "licence mit" in pulled.err
    asked = {path.rpartition("/")[2] for path, _ in hub.body_requests() if "/api/" not in path}
    assert asked == {"open_clip_config.json", "open_clip_model.safetensors", "tokenizer.json"}
    hub.requests.clear()
    assert run("index", "photos", "--encoder", NAME, HF_HUB_OFFLINE="1").code == 0
    status = json.loads(run("status", "--gallery", "photos", "--json").out)
    assert status["encoder"]["name"] == NAME
    found = run("search", "--text", "a cracked sleeper", "--gallery", "photos", "--json", HF_HUB_OFFLINE="1")
    assert len(json.loads(found.out)["results"][0]["hits"]) == 3
    assert hub.requests == []
    again = json.loads(run("encoders", "pull", f"{NAME}@{COMMIT}", "--json").out)
    assert again["encoder"] == f"{NAME}@{COMMIT}"
    assert [path for path, _ in hub.body_requests() if "safetensors" in path] == []


def test_what_is_wrong_is_one_plain_line(hub, run):
    """An unreachable hub, an unknown repository, one without usable weights, and changed bytes."""
    unreachable = run("encoders", "pull", NAME, HF_ENDPOINT="http://127.0.0.1:9")
    unknown = run("encoders", "pull", "hf-hub:team/nothing")
    hub.add("team/pickles", "pytorch_model.bin", COMMIT, b"code")
    pickles = run("encoders", "pull", "hf-hub:team/pickles")
    hub.tamper = True
    changed = run("encoders", "pull", NAME)
    expected = {
        "the hub is reachable": unreachable,
        "doesn't have this; check the name": unknown,
        "this repository has none of the files": pickles,
    }
    for text, result in expected.items():
        assert (result.code, len(result.err.splitlines())) == (1, 1), result.err
        assert text in result.err
    assert changed.code == 1
    assert "SHA-256" in changed.err or "not valid JSON" in changed.err
    assert "Traceback" not in changed.err


@pytest.mark.parametrize(
    "name", ["hf-hub:", "hf-hub:team", "hf-hub:team/a/b", "hf-hub:../x/y", "hf-hub:a/b@../c", "hf-hub:a b/c"]
)
def test_names_that_are_none(name):
    """The message says how they are written."""
    with pytest.raises(UnknownEncoderError, match="write hf-hub:owner/repository"):
        Repository.parse(name)
