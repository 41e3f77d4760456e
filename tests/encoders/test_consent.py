"""Weights are downloaded only with consent, from the hub of the environment, and verified."""

from __future__ import annotations

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
from fakes import FakeSource
from lookalike import load_encoder
from lookalike.cli.options.command import Options
from lookalike.cli.options.encoder import resolve_encoder

pytestmark = pytest.mark.slow

NAME = "clip-vit-b-32-256"
REVISION = "4afec35ffe57a943d569ff7ee888061830164da8"
DRIVER = Path(__file__).parents[1] / "drivers" / "small_clip.py"


@pytest.fixture
def weights(checkpoint_folder) -> Path:
    """The weights file on the hub: a small CLIP."""
    return checkpoint_folder("clip-open_clip") / "open_clip_model.safetensors"


@pytest.fixture
def hub(tmp_path, monkeypatch, weights):
    """A fake hub with these weights, and an empty cache."""
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
    """A folder of three images."""
    for number in range(3):
        drawn(tmp_path / "photos" / f"{number}.png", number)
    return tmp_path / "photos"


@pytest.fixture
def run(weights):
    """A function that runs the command line without a terminal."""

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
    """A function that starts the command line and returns the running process."""

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
    """A function that runs the command line at a terminal, types ``answer``, and returns code, stdout and screen."""
    fcntl, pty, termios = (pytest.importorskip(name) for name in ("fcntl", "pty", "termios"))

    def start(answer, *arguments, **environment):
        terminal, slave = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 24, 200, 0, 0))
        os.write(terminal, f"{answer}\n".encode())
        with subprocess.Popen(
            [sys.executable, DRIVER, weights, "right", *arguments],
            env=os.environ | environment,
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=slave,
            text=True,
        ) as process:
            os.close(slave)
            screen = b"".join(iter(lambda: _read(terminal), b""))
            out, _ = process.communicate()
        os.close(terminal)
        return process.returncode, out, screen.decode()

    return start


def _read(terminal) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # on Linux, when the other end of the terminal is closed
        return b""


def encoder_of(run, photos) -> str:
    """The name of a gallery's encoder."""
    return json.loads(run("status", "--json", "--gallery", photos).stdout)["encoder"]["name"]


def test_pull_downloads_once_and_list_and_verify_agree(run, hub, weights):
    """A pulled encoder is in the cache of the hub, is listed as ready, and gives the published embedding."""
    assert f"{NAME}    no" in run("encoders", "list").stdout
    first = run("encoders", "pull", NAME)
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith(f"{NAME} is ready: ")
    assert Path(first.stdout.strip().partition(": ")[2]).read_bytes() == weights.read_bytes()
    assert (
        first.stderr.splitlines()[0] == f"lookalike: downloading {NAME}: {len(weights.read_bytes()) / 1e6:.1f} MB, MIT"
    )
    assert all("/resolve/" in path for _, path, _ in hub.requests), "there were requests for other paths"
    requests = len(hub.body_requests())
    assert run("encoders", "pull", NAME).stdout == first.stdout
    assert len(hub.body_requests()) == requests
    assert f"{NAME}    yes" in run("encoders").stdout
    verified = run("encoders", "verify", NAME)
    assert verified.returncode == 0, verified.stderr
    assert "SHA-256" in verified.stdout
    assert "image 1, 40 x 30 matches the published embedding" in verified.stdout


def content_of(done) -> Path:
    """The real path of the weights that a pull printed."""
    return Path(done.stdout.strip().partition(": ")[2]).resolve()


def test_pull_replaces_a_damaged_file(run, hub, weights):
    """A damaged file is reported as damaged, and the command named in the error replaces it."""
    file = content_of(run("encoders", "pull", NAME))
    file.write_bytes(weights.read_bytes()[:5000])
    assert f"{NAME}    damaged" in run("encoders").stdout
    failed = run("encoders", "verify", NAME)
    assert failed.returncode == 1
    assert "damaged" in failed.stderr
    assert f"lookalike encoders pull {NAME}" in failed.stderr
    pulled = run("encoders", "pull", NAME)
    assert pulled.returncode == 0, pulled.stderr
    assert "is damaged and will be replaced" in pulled.stderr
    assert file.read_bytes() == weights.read_bytes()
    assert run("encoders", "verify", NAME).returncode == 0


def test_auto_passes_over_a_damaged_file(run, hub, photos):
    """A damaged encoder is reported in one line, and indexing uses another one."""
    file = content_of(run("encoders", "pull", NAME))
    damaged = bytearray(file.read_bytes())
    damaged[5000] ^= 1
    file.write_bytes(damaged)
    done = run("index", photos)
    assert done.returncode == 0, done.stderr
    warning, using, *_ = done.stderr.splitlines()
    assert file.parents[1].name in warning
    assert f"lookalike encoders pull {NAME}" in warning
    assert "using efficientnet-lite2" in using
    again = run("index", photos, "--yes", "--gallery", photos.parent / "another")
    assert again.returncode == 0, again.stderr
    assert encoder_of(run, photos.parent / "another") == NAME


def test_verify_ignores_cached_checksums(run, hub):
    """Verify detects a changed byte even if size and modification time are unchanged, and pull repairs it."""
    file = content_of(run("encoders", "pull", NAME))
    content, before = file.read_bytes(), file.stat()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "damaged" in run("encoders", "verify", NAME).stderr
    assert run("encoders", "pull", NAME).returncode == 0
    assert file.read_bytes() == content


def test_verify_recompiles_the_network(run, hub, tmp_path, monkeypatch, checkpoint_folder):
    """Verify replaces compiled copies of earlier runs, which may be wrong."""
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    run("encoders", "pull", NAME)
    assert run("encoders", "verify", NAME).returncode == 0
    (blob,) = (tmp_path / "cache" / "compiled").glob(f"{NAME}-fp32-*.blob")
    load_encoder(checkpoint_folder("clip-transformers"))
    (other,) = (tmp_path / "cache" / "compiled").glob("clip-transformers*.blob")
    for suffix in (".blob", ".crc32"):
        shutil.copy(other.with_suffix(suffix), blob.with_suffix(suffix))
    done = run("encoders", "verify", NAME)
    assert done.returncode == 0, done.stderr
    assert blob.read_bytes() != other.read_bytes()


def test_a_later_pull_adds_a_missing_tokenizer(run, hub):
    """A pull downloads a missing tokenizer even if the weights are there; a hub without one is not an error."""
    first = run("encoders", "pull", NAME)
    assert "tokenizer" not in first.stderr
    hub.add("team/rail-clip", "tokenizer.json", REVISION, b"{}")
    hub.broken.add("tokenizer.json")
    failed = run("encoders", "pull", NAME)
    assert (failed.returncode, failed.stdout) == (0, first.stdout)
    (line,) = failed.stderr.splitlines()
    assert "but not their tokenizer: team/rail-clip/tokenizer.json" in line
    hub.broken.clear()
    done = run("encoders", "pull", NAME)
    assert (done.returncode, done.stderr) == (0, "")
    tokenizer = Path(first.stdout.strip().partition(": ")[2]).with_name("tokenizer.json")
    assert tokenizer.read_bytes() == b"{}"


def test_a_second_pull_waits_for_the_first(start, hub):
    """Two concurrent pulls download once: the second says that it waits, and both succeed."""
    hub.open.clear()
    with start("encoders", "pull", NAME) as one:
        assert hub.asked.wait(60)
        with start("encoders", "pull", NAME) as other:
            assert other.stderr.readline().startswith("lookalike: downloading")
            assert "another process that is downloading" in other.stderr.readline()
            hub.open.set()
            for process in (one, other):
                assert "is ready" in process.communicate()[0]
    assert len(hub.body_requests()) == 1


def test_verify_says_where_an_embedding_differs(run, hub):
    """If an embedding differs from the published one, verify says so and exits with code 1."""
    run("encoders", "pull", NAME)
    done = run("encoders", "verify", NAME, golden="wrong")
    assert done.returncode == 1
    assert "image 1, 40 x 30 differs from the published embedding by" in done.stderr


def test_verify_without_weights_says_how_to_get_them(run, hub):
    """Verifying an encoder without weights is an error that names the command to get them."""
    done = run("encoders", "verify", NAME)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"lookalike encoders pull {NAME}" in done.stderr
    assert hub.requests == []


def test_a_tampered_file_is_not_installed(run, hub):
    """A byte changed during the download is an error, and the encoder is not ready."""
    hub.tamper = True
    done = run("encoders", "pull", NAME)
    assert done.returncode == 1
    assert "the downloaded file has the SHA-256" in done.stderr
    assert f"{NAME}    no" in run("encoders").stdout


def test_without_a_terminal_nothing_is_downloaded(run, hub, photos):
    """Without a terminal and without --yes there is no request; one line names the encoder used and the alternative."""
    done = run("index", photos)
    assert done.returncode == 0
    assert hub.requests == []
    line = done.stderr.splitlines()[0]
    assert line == (
        "lookalike: using efficientnet-lite2, the encoder included with Lookalike. To use CLIP, which finds more: "
        f"lookalike encoders pull {NAME}, then lookalike index --reencode {NAME}"
    )
    assert encoder_of(run, photos) == "efficientnet-lite2"


def test_yes_on_the_command_line_is_consent(run, hub, photos):
    """With --yes the weights are downloaded and used; later runs use them without another download."""
    done = run("index", photos, "--yes")
    assert done.returncode == 0, done.stderr
    assert encoder_of(run, photos) == NAME
    requests = len(hub.requests)
    assert run("index", photos, "-q", "--gallery", photos.parent / "another").stderr == ""
    assert encoder_of(run, photos.parent / "another") == NAME
    assert len(hub.requests) == requests


def choose(source, encoder, *, yes):
    """The result of ``resolve_encoder`` for ``encoder``."""
    return resolve_encoder(Options(yes=yes, encoders=source), encoder)


@pytest.fixture
def source(monkeypatch):
    """A source of encoders that records the names of those that would be downloaded."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    return FakeSource()


def test_yes_is_consent_to_the_named_encoder(source):
    """A missing encoder of the catalogue is downloaded with --yes, and not without a terminal to ask at."""
    assert choose(source, "clip-vit-b-16", yes=False) == "clip-vit-b-16"
    assert source.pulled == []
    assert choose(source, "clip-vit-b-16", yes=True) == "clip-vit-b-16"
    assert choose(source, "efficientnet-lite2", yes=True) == "efficientnet-lite2"
    assert choose(source, "some/folder", yes=True) == "some/folder"
    assert source.pulled == ["clip-vit-b-16"]


def test_the_user_is_asked_about_the_named_encoder(source, monkeypatch, capsys):
    """The question names the encoder, and the answer decides."""
    for answer, expected in (("n", []), ("y", ["resnet50"])):
        terminal = io.StringIO(f"{answer}\n")
        terminal.isatty = lambda: True
        monkeypatch.setattr(sys, "stdin", terminal)
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
        assert choose(source, "resnet50", yes=False) == "resnet50"
        assert source.pulled == expected
    assert "resnet50 is not on this machine. Download resnet50 (102 MB, BSD-3-Clause)" in capsys.readouterr().err


def test_after_a_wrong_download_the_default_encoder_is_used(run, hub, photos):
    """If the downloaded file has a wrong checksum, indexing reports it and uses the default encoder."""
    hub.tamper = True
    done = run("index", photos, "--yes")
    assert done.returncode == 0, done.stderr
    assert "the downloaded file has the SHA-256" in done.stderr
    assert "using efficientnet-lite2" in done.stderr
    assert encoder_of(run, photos) == "efficientnet-lite2"


@pytest.mark.parametrize("answer", ["y", "Yes"])
def test_the_question_names_the_size(at_terminal, run, hub, photos, weights, answer):
    """The question names encoder, size and licence; yes starts the download, with a progress bar."""
    code, out, screen = at_terminal(answer, "index", photos)
    assert code == 0, screen
    size = f"{len(weights.read_bytes()) / 1e6:,.0f} MB"
    question = " ".join(screen.split())
    assert "CLIP finds what images show, also by words" in question
    assert f"Download {NAME} ({size}, MIT) from the Hugging Face hub now? It is downloaded once" in question
    assert "Without it, efficientnet-lite2 is used, which finds images that look alike. [y/N]" in question
    assert "100%" in screen
    assert out.startswith("3 images: 3 added")
    assert encoder_of(run, photos) == NAME


@pytest.mark.parametrize("answer", ["n", "", "perhaps"])
def test_anything_but_yes_is_no(at_terminal, run, hub, photos, answer):
    """Without a yes there is no request, and the default encoder is used."""
    code, out, screen = at_terminal(answer, "index", photos)
    assert code == 0
    assert "using efficientnet-lite2" in screen
    assert out.startswith("3 images: 3 added")
    assert hub.requests == []
    assert encoder_of(run, photos) == "efficientnet-lite2"


def test_offline_mode_asks_no_question(at_terminal, hub, photos):
    """With HF_HUB_OFFLINE there is no question."""
    code, _, screen = at_terminal("y", "index", photos, HF_HUB_OFFLINE="1")
    assert code == 0
    assert "Download" not in screen
    assert hub.requests == []


def test_if_the_hub_is_unreachable_the_default_encoder_is_used(run, hub, photos):
    """If the hub is unreachable, indexing reports it and uses the default encoder."""
    done = run("index", photos, "--yes", HF_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode == 0
    assert "download from http://127.0.0.1:9 failed" in done.stderr
    assert "using efficientnet-lite2" in done.stderr
    assert encoder_of(run, photos) == "efficientnet-lite2"
