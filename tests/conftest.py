"""Shared fixtures: images, galleries, the command line, and a separate cache."""

from __future__ import annotations

import contextlib
import importlib.util
import math
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from fakes import FakeEncoder, FakeSource
from galleries import Result
from lookalike import Encoder, Gallery, load_encoder
from lookalike.cli.encoder_source import EncoderSource
from lookalike.cli.main import main
from lookalike.embedding.limits import FileLimits, set_default_limits
from lookalike.embedding.vector_cache import EmbeddingCache
from processes import python_path

# The same examples on every run; no deadlines, because other processes may use the machine.
settings.register_profile(
    "deterministic", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("deterministic")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a shell; programs are interrupted here
    signal.signal(signal.SIGINT, signal.default_int_handler)

TESTS = Path(__file__).parent
IMAGES = (
    "astronaut.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "hubble_deep_field.jpg",
    "motorcycle_left.png",
    "motorcycle_right.png",
    "rocket.jpg",
)
"""Photographs included in the scikit-image package."""

NOBODY = 65534
"""The id of a user without permissions."""


@pytest.fixture(scope="session", autouse=True)
def isolated_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Use one cache folder per session: networks are compiled once, and the user's cache is not touched."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOKALIKE_CACHE", str(folder))
        # Encoders of tests have one name and count what they encode: embeddings last as long as a command.
        patch.setenv("LOOKALIKE_CACHE_GB", "0")
        patch.setenv("COLUMNS", "120")  # the width of text, also where tests run in parallel
        patch.setattr("lookalike.cli.terminal.progress._QUICK_SECONDS", math.inf)  # what is printed depends on no clock
        patch.setenv("HF_HUB_CACHE", str(folder / "hub"))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def reading_in_this_process() -> None:
    """Read files in the process of the tests, which is faster; test_isolation.py and programs in tests don't."""
    set_default_limits(FileLimits(isolate=False))


@pytest.fixture(scope="session")
def photographs() -> Path:
    """The folder of the images in scikit-image, found without importing it."""
    spec = importlib.util.find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "data"


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    """The default encoder with its real weights."""
    return load_encoder()


@pytest.fixture
def fake() -> FakeEncoder:
    """A fast encoder that counts its images."""
    return FakeEncoder()


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[EmbeddingCache]:
    """An empty cache of embeddings."""
    with EmbeddingCache(tmp_path / "embeddings") as cache:
        yield cache


@pytest.fixture
def keep_embeddings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let commands keep their embeddings, as they do for users; the folder of the cache."""
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LOOKALIKE_CACHE_GB")
    return tmp_path / "cache" / "embeddings"


@pytest.fixture
def photos(tmp_path: Path, photographs: Path) -> Path:
    """A folder of eight photographs, some of them in a subfolder."""
    return _copy_images(photographs, tmp_path / "photos")


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory, photographs: Path, encoder: Encoder) -> Path:
    root = _copy_images(photographs, tmp_path_factory.mktemp("template") / "photos")
    with Gallery.create(root, encoder=encoder) as gallery:
        gallery.update()
    return root


@pytest.fixture
def indexed(_template: Path, tmp_path: Path) -> Path:
    """A folder of eight photographs with a gallery made with the default encoder."""
    return Path(shutil.copytree(_template, tmp_path / "photos"))


def _copy_images(photographs: Path, root: Path) -> Path:
    for number, name in enumerate(IMAGES):
        target = root / "more" / name if number % 2 else root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(photographs / name, target)
    return root


@pytest.fixture
def cli() -> Callable[..., Result]:
    """Run the command line in a new process."""

    def run(*arguments: str | bytes | Path, cwd: Path | None = None, **environment: str) -> Result:
        done = subprocess.run(
            [sys.executable, "-m", "lookalike.cli.main", *arguments],
            cwd=cwd,
            env={**os.environ, **environment},
            capture_output=True,
            check=False,
        )
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@pytest.fixture
def call(capsysbinary: pytest.CaptureFixture[bytes], fake: FakeEncoder) -> Callable[..., Result]:
    """Run the command line in this process, by default with the fake encoder instead of any other."""

    def run(*arguments: str | Path, cwd: Path | None = None, encoders: EncoderSource | None = None) -> Result:
        with contextlib.chdir(cwd or Path.cwd()):
            try:
                code = main([os.fspath(argument) for argument in arguments], encoders or FakeSource(fake))
            except SystemExit as leaving:
                code = int(leaving.code or 0)
        streams = capsysbinary.readouterr()
        return Result(code, streams.out.decode(), streams.err.decode())

    return run


@pytest.fixture
def driver() -> Callable[..., subprocess.Popen[bytes]]:
    """Start a script of ``tests/drivers`` in a new process with its output in pipes."""

    def start(name: str, *arguments: str | Path, **options: object) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, str(TESTS / "drivers" / f"{name}.py"), *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": python_path()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,  # type: ignore[call-overload]
        )

    return start


@pytest.fixture
def unprivileged(tmp_path: Path) -> Iterator[Callable[[], contextlib.AbstractContextManager[None]]]:
    """A context in which file permissions apply even if the tests run as root."""
    if os.name == "nt":
        pytest.skip("permissions work differently on Windows")
    widened = []

    @contextlib.contextmanager
    def as_nobody() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        for folder in (tmp_path, *tmp_path.parents):
            mode = stat.S_IMODE(folder.stat().st_mode)
            if mode & 0o055 != 0o055:
                widened.append((folder, mode))
                folder.chmod(mode | 0o055)
        os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)

    yield as_nobody
    for folder, mode in widened:
        folder.chmod(mode)


@pytest.fixture(scope="session")
def labelled_photographs() -> Path:
    """The labelled images in ``$LOOKALIKE_DATA``, or by default in a folder beside this repository."""
    folder = Path(os.environ.get("LOOKALIKE_DATA") or TESTS.parent.parent / "shared" / "data")
    if not (folder / "catdog" / "labels.csv").is_file():
        pytest.skip(f"no labelled images in {folder}; set LOOKALIKE_DATA to their folder")
    return folder
