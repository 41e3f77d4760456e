"""Weights are fetched with consent alone, from the hub that the environment names, and checked."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

import hub_server
from drawing import drawn

NAME = "clip-vit-b-32-256"
REVISION = "4afec35ffe57a943d569ff7ee888061830164da8"
DRIVER = Path(__file__).parents[1] / "drivers" / "small_clip.py"


@pytest.fixture
def weights(checkpoint_folder) -> Path:
    """The file that the hub has: a small CLIP."""
    return checkpoint_folder("clip-open_clip") / "open_clip_model.safetensors"


@pytest.fixture
def hub(tmp_path, monkeypatch, weights):
    """A hub with those weights, and an empty cache."""
    hub = hub_server.Hub()
    hub.add("team/rail-clip", "open_clip_model.safetensors", REVISION, weights.read_bytes())
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    with hub_server.running(hub) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        yield hub


@pytest.fixture
def photos(tmp_path) -> Path:
    """Three drawings."""
    for number in range(3):
        drawn(tmp_path / "photos" / f"{number}.png", number)
    return tmp_path / "photos"


@pytest.fixture
def run(weights):
    """Run the command line; nobody is at the terminal."""

    def start(*arguments, golden="right", **environment):
        return subprocess.run(
            [sys.executable, DRIVER, weights, golden, *arguments],
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    return start


@pytest.fixture
def at_terminal(weights):
    """Run the command line at a terminal on which ``answer`` is typed; gives exit code, output, what was shown."""
    fcntl, pty, termios = (pytest.importorskip(name) for name in ("fcntl", "pty", "termios"))

    def start(answer, *arguments, **environment):
        terminal, behind = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 24, 200, 0, 0))
        os.write(terminal, f"{answer}\n".encode())
        with subprocess.Popen(
            [sys.executable, DRIVER, weights, "right", *arguments],
            env=os.environ | environment,
            stdin=behind,
            stdout=subprocess.PIPE,
            stderr=behind,
            text=True,
        ) as process:
            os.close(behind)
            shown = b"".join(iter(lambda: _read(terminal), b""))
            out, _ = process.communicate()
        os.close(terminal)
        return process.returncode, out, shown.decode()

    return start


def _read(terminal) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # on Linux, what a terminal says when nobody is behind it any more
        return b""


def encoder_of(run, photos) -> str:
    """The name of the encoder that a gallery was made with."""
    return json.loads(run("status", "--json", "--gallery", photos).stdout)["encoder"]["name"]


def test_pull_fetches_once_and_list_and_verify_know(run, hub, weights):
    """After a pull the encoder is ready where the cache of the hub is, and its published embedding comes out."""
    assert f"{NAME}    no" in run("encoders", "list").stdout
    first = run("encoders", "pull", NAME)
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith(f"{NAME} is ready: ")
    assert Path(first.stdout.strip().partition(": ")[2]).read_bytes() == weights.read_bytes()
    assert first.stderr.splitlines()[0] == f"fetching {NAME}: {len(weights.read_bytes()) / 1e6:.1f} MB, MIT"
    asked = len(hub.body_requests())
    assert run("encoders", "pull", NAME).stdout == first.stdout
    assert len(hub.body_requests()) == asked
    assert f"{NAME}    yes" in run("encoders").stdout
    checked = run("encoders", "verify", NAME)
    assert checked.returncode == 0, checked.stderr
    assert "SHA-256" in checked.stdout
    assert "picture 1, 40 x 30 agrees with the published embedding" in checked.stdout


def test_verify_says_where_an_embedding_differs(run, hub):
    """Weights whose embedding is not the published one are told from right ones, with exit code 1."""
    run("encoders", "pull", NAME)
    done = run("encoders", "verify", NAME, golden="wrong")
    assert done.returncode == 1
    assert "picture 1, 40 x 30 differs from the published embedding by" in done.stderr


def test_verify_without_weights_says_how_to_get_them(run, hub):
    """Verifying an encoder that isn't here is an error that names the command that fetches it."""
    done = run("encoders", "verify", NAME)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"lookalike encoders pull {NAME}" in done.stderr
    assert hub.requests == []


def test_a_tampered_file_never_becomes_ready(run, hub):
    """A flipped byte on the way is an error, and the encoder stays unready."""
    hub.tamper = True
    done = run("encoders", "pull", NAME)
    assert done.returncode == 1
    assert "what came is not the file that was meant" in done.stderr
    assert f"{NAME}    no" in run("encoders").stdout


def test_nobody_to_ask_means_no_download(run, hub, photos):
    """Without a terminal and without --yes nothing is asked of the hub; one line says what is used and what to do."""
    done = run("index", photos)
    assert done.returncode == 0
    assert hub.requests == []
    (line,) = done.stderr.splitlines()
    assert line == (
        f"lookalike: using efficientnet-lite2, which is always here. For CLIP later: lookalike encoders pull {NAME}, "
        f"then lookalike index --reencode {NAME}"
    )
    assert encoder_of(run, photos) == "efficientnet-lite2"


def test_yes_on_the_command_line_is_consent(run, hub, photos):
    """With --yes the weights are fetched and used; later runs and other folders find them without being asked."""
    done = run("index", photos, "--yes")
    assert done.returncode == 0, done.stderr
    assert encoder_of(run, photos) == NAME
    asked = len(hub.requests)
    assert run("index", photos, "--gallery", photos.parent / "another").stderr == ""
    assert encoder_of(run, photos.parent / "another") == NAME
    assert len(hub.requests) == asked


@pytest.mark.parametrize("answer", ["y", "Yes"])
def test_a_terminal_is_asked_and_told_how_much_it_is(at_terminal, run, hub, photos, weights, answer):
    """The question names encoder, size and licence; yes fetches, with a progress bar."""
    code, out, shown = at_terminal(answer, "index", photos)
    assert code == 0, shown
    size = f"{len(weights.read_bytes()) / 1e6:,.0f} MB"
    assert f"Download {NAME} ({size}, MIT) from the Hugging Face hub now? [y/N]" in shown
    assert "100%" in shown
    assert out.startswith("3 added")
    assert encoder_of(run, photos) == NAME


@pytest.mark.parametrize("answer", ["n", "", "perhaps"])
def test_anything_but_yes_is_no(at_terminal, run, hub, photos, answer):
    """Without a yes nothing is asked of the hub, and the encoder that is always here is used."""
    code, out, shown = at_terminal(answer, "index", photos)
    assert code == 0
    assert "using efficientnet-lite2" in shown
    assert out.startswith("3 added")
    assert hub.requests == []
    assert encoder_of(run, photos) == "efficientnet-lite2"


def test_offline_mode_asks_no_question(at_terminal, hub, photos):
    """Where HF_HUB_OFFLINE is set, there is no question to ask."""
    code, _, shown = at_terminal("y", "index", photos, HF_HUB_OFFLINE="1")
    assert code == 0
    assert "Download" not in shown
    assert hub.requests == []


def test_a_hub_out_of_reach_leaves_the_encoder_that_is_here(run, hub, photos):
    """Where the hub can't be reached, indexing says so and goes on with what is always here."""
    done = run("index", photos, "--yes", HF_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode == 0
    assert "can't be fetched from http://127.0.0.1:9" in done.stderr
    assert "using efficientnet-lite2" in done.stderr
    assert encoder_of(run, photos) == "efficientnet-lite2"
