"""Weights are fetched with consent alone, from the hub that the environment names, and checked."""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

import hub_server
from drawing import drawn
from lookalike import load_encoder
from lookalike.cli.encoder_options import fetched

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
def start(weights):
    """Start the command line and leave it running."""

    def start(*arguments):
        return subprocess.Popen(
            [sys.executable, DRIVER, weights, "right", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
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
    assert all("/resolve/" in path for _, path, _ in hub.requests), "the hub was told more than what is wanted"
    asked = len(hub.body_requests())
    assert run("encoders", "pull", NAME).stdout == first.stdout
    assert len(hub.body_requests()) == asked
    assert f"{NAME}    yes" in run("encoders").stdout
    checked = run("encoders", "verify", NAME)
    assert checked.returncode == 0, checked.stderr
    assert "SHA-256" in checked.stdout
    assert "picture 1, 40 x 30 agrees with the published embedding" in checked.stdout


def content_of(done) -> Path:
    """Where the content of the weights lies that a pull has told of."""
    return Path(done.stdout.strip().partition(": ")[2]).resolve()


def test_pull_replaces_a_damaged_file(run, hub, weights):
    """A damaged file is told from a missing one everywhere, and the command that is named as the way out mends it."""
    file = content_of(run("encoders", "pull", NAME))
    file.write_bytes(weights.read_bytes()[:5000])
    assert f"{NAME}    damaged" in run("encoders").stdout
    refused = run("encoders", "verify", NAME)
    assert refused.returncode == 1
    assert "or it is damaged" in refused.stderr
    assert f"to replace it: lookalike encoders pull {NAME}" in refused.stderr
    mended = run("encoders", "pull", NAME)
    assert mended.returncode == 0, mended.stderr
    assert "is damaged and will be replaced" in mended.stderr
    assert file.read_bytes() == weights.read_bytes()
    assert run("encoders", "verify", NAME).returncode == 0


def test_auto_passes_over_a_damaged_file(run, hub, photos):
    """A damaged encoder is as good as none: one line names the file, and indexing goes on without it."""
    file = content_of(run("encoders", "pull", NAME))
    damaged = bytearray(file.read_bytes())
    damaged[5000] ^= 1
    file.write_bytes(damaged)
    done = run("index", photos)
    assert done.returncode == 0, done.stderr
    warning, using = done.stderr.splitlines()
    assert file.parents[1].name in warning
    assert f"lookalike encoders pull {NAME}" in warning
    assert "using efficientnet-lite2" in using
    again = run("index", photos, "--yes", "--gallery", photos.parent / "another")
    assert again.returncode == 0, again.stderr
    assert encoder_of(run, photos.parent / "another") == NAME


def test_verify_reads_the_file_whatever_is_remembered(run, hub):
    """A byte that flips without a trace in size and time is found by verifying, and then mended by pulling."""
    file = content_of(run("encoders", "pull", NAME))
    whole, before = file.read_bytes(), file.stat()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "or it is damaged" in run("encoders", "verify", NAME).stderr
    assert run("encoders", "pull", NAME).returncode == 0
    assert file.read_bytes() == whole


def test_verify_compiles_the_network_anew(run, hub, tmp_path, monkeypatch, checkpoint_folder):
    """Verifying isn't about what an earlier run has compiled, which may be wrong: it replaces that."""
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    run("encoders", "pull", NAME)
    assert run("encoders", "verify", NAME).returncode == 0
    (kept,) = (tmp_path / "cache" / "compiled").glob(f"{NAME}-fp32-*.blob")
    load_encoder(checkpoint_folder("clip-transformers"))
    (other,) = (tmp_path / "cache" / "compiled").glob("clip-transformers*.blob")
    for suffix in (".blob", ".sha256"):
        shutil.copy(other.with_suffix(suffix), kept.with_suffix(suffix))
    done = run("encoders", "verify", NAME)
    assert done.returncode == 0, done.stderr
    assert kept.read_bytes() != other.read_bytes()


def test_a_tokenizer_comes_with_a_later_pull(run, hub):
    """A pull fetches the tokenizer that isn't there yet, though the weights are; a hub without one is no error."""
    first = run("encoders", "pull", NAME)
    assert "tokenizer" not in first.stderr
    hub.add("team/rail-clip", "tokenizer.json", REVISION, b"{}")
    hub.broken.add("tokenizer.json")
    failed = run("encoders", "pull", NAME)
    assert (failed.returncode, failed.stdout) == (0, first.stdout)
    (line,) = failed.stderr.splitlines()
    assert "their tokenizer isn't: team/rail-clip/tokenizer.json" in line
    hub.broken.clear()
    done = run("encoders", "pull", NAME)
    assert (done.returncode, done.stderr) == (0, "")
    beside = Path(first.stdout.strip().partition(": ")[2]).with_name("tokenizer.json")
    assert beside.read_bytes() == b"{}"


def test_a_second_pull_waits_for_the_first(start, hub):
    """Two pulls at once fetch once: the second says that it waits, and both end well."""
    hub.open.clear()
    with start("encoders", "pull", NAME) as one:
        assert hub.asked.wait(60)
        with start("encoders", "pull", NAME) as other:
            assert other.stderr.readline().startswith("fetching")
            assert "another process is fetching" in other.stderr.readline()
            hub.open.set()
            for process in (one, other):
                assert "is ready" in process.communicate()[0]
    assert len(hub.body_requests()) == 1


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


def choose(encoder, *, yes):
    """What ``fetched`` makes of ``encoder``."""
    return fetched(argparse.Namespace(yes=yes), encoder)


@pytest.fixture
def pulled(monkeypatch):
    """The names of the encoders that are pulled, without being fetched."""
    names = []
    monkeypatch.setattr("lookalike.cli.encoder_options.pull", lambda row: names.append(row.name))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return names


def test_yes_is_consent_to_the_encoder_that_is_named(pulled):
    """An encoder of the catalogue that isn't here is fetched with --yes; without, and nobody to ask, it isn't."""
    assert choose("clip-vit-b-16", yes=False) == "clip-vit-b-16"
    assert pulled == []
    assert choose("clip-vit-b-16", yes=True) == "clip-vit-b-16"
    assert choose("efficientnet-lite2", yes=True) == "efficientnet-lite2"
    assert choose("some/folder", yes=True) == "some/folder"
    assert pulled == ["clip-vit-b-16"]


def test_a_terminal_is_asked_about_the_encoder_that_is_named(pulled, monkeypatch, capsys):
    """The question names the encoder, and what is typed decides."""
    for answer, expected in (("n", []), ("y", ["resnet50"])):
        terminal = io.StringIO(f"{answer}\n")
        terminal.isatty = lambda: True
        monkeypatch.setattr("sys.stdin", terminal)
        monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
        assert choose("resnet50", yes=False) == "resnet50"
        assert pulled == expected
    assert "resnet50 is not on this machine. Download resnet50 (102 MB, BSD-3-Clause)" in capsys.readouterr().err


def test_a_download_that_is_not_what_was_meant_leaves_the_encoder_that_is_here(run, hub, photos):
    """With consent to a file that turns out to be another one, indexing says so and goes on with what is here."""
    hub.tamper = True
    done = run("index", photos, "--yes")
    assert done.returncode == 0, done.stderr
    assert "what came is not the file that was meant" in done.stderr
    assert "using efficientnet-lite2" in done.stderr
    assert encoder_of(run, photos) == "efficientnet-lite2"


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
