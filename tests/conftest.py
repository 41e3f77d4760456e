"""What tests share: photographs, galleries, the command line, and a cache of their own."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from fakes import FakeEncoder
from galleries import Result
from lookalike import Encoder, Gallery, load_encoder
from lookalike.cli.main import main

# The same examples on every run, and none judged by how long it takes: other work may go on beside.
settings.register_profile("same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("same")

TESTS = Path(__file__).parent
PHOTOGRAPHS = (
    "astronaut.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "hubble_deep_field.jpg",
    "motorcycle_left.png",
    "motorcycle_right.png",
    "rocket.jpg",
)
"""Real photographs that scikit-image's own package carries."""

NOBODY = 65534
"""A user who owns nothing."""


@pytest.fixture(scope="session", autouse=True)
def isolated_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep caches in a folder of this session, so that networks are compiled once and no user's cache is touched."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOKALIKE_CACHE", str(folder))
        patch.setenv("HF_HUB_CACHE", str(folder / "hub"))
        patch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder / "hub"))
        yield folder


@pytest.fixture(scope="session")
def photographs() -> Path:
    """The folder that scikit-image's photographs lie in (found without importing it)."""
    spec = importlib.util.find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "data"


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    """The real default encoder."""
    return load_encoder()


@pytest.fixture
def fake() -> FakeEncoder:
    """An encoder that takes no time and counts what it is given."""
    return FakeEncoder()


@pytest.fixture
def photos(tmp_path: Path, photographs: Path) -> Path:
    """A folder of eight real photographs, some of them in a folder below."""
    return _photos(photographs, tmp_path / "photos")


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory, photographs: Path, encoder: Encoder) -> Path:
    root = _photos(photographs, tmp_path_factory.mktemp("template") / "photos")
    with Gallery.create(root, encoder=encoder) as gallery:
        gallery.update()
    return root


@pytest.fixture
def indexed(_template: Path, tmp_path: Path) -> Path:
    """A folder of eight real photographs with a gallery made by the real encoder."""
    return Path(shutil.copytree(_template, tmp_path / "photos"))


def _photos(photographs: Path, root: Path) -> Path:
    for number, name in enumerate(PHOTOGRAPHS):
        place = root / "more" / name if number % 2 else root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(photographs / name, place)
    return root


@pytest.fixture
def cli() -> Callable[..., Result]:
    """Run the command line as a process of its own."""

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
def call(
    capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch, fake: FakeEncoder
) -> Callable[..., Result]:
    """Run the command line in this process, with the fake encoder in the place of every other."""
    monkeypatch.setattr("lookalike.gallery.gallery.load_encoder", lambda *_, **__: fake)
    monkeypatch.setattr("lookalike.encoders.encoder.load_encoder", lambda *_, **__: fake)
    monkeypatch.setattr("lookalike.cli.encoder_options.automatic", lambda **_: fake.spec.name)

    def run(*arguments: str | Path, cwd: Path | None = None) -> Result:
        with contextlib.chdir(cwd or Path.cwd()):
            try:
                code = main([os.fspath(argument) for argument in arguments])
            except SystemExit as leaving:
                code = int(leaving.code or 0)
        streams = capsysbinary.readouterr()
        return Result(code, streams.out.decode(), streams.err.decode())

    return run


@pytest.fixture
def driver() -> Callable[..., subprocess.Popen[bytes]]:
    """Start a script of ``tests/drivers`` as a process of its own, its output in a pipe."""

    def start(name: str, *arguments: str | Path, **options: object) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, str(TESTS / "drivers" / f"{name}.py"), *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(TESTS)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,  # type: ignore[call-overload]
        )

    return start


@pytest.fixture
def unprivileged(tmp_path: Path) -> Iterator[Callable[[], contextlib.AbstractContextManager[None]]]:
    """A context in which permissions count, also where the tests run as root, whom they don't concern."""
    if os.name == "nt":
        pytest.skip("permissions work otherwise on Windows")
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
    """The folder of labelled photographs that ``$LOOKALIKE_DATA`` names, beside this repository if it doesn't."""
    folder = Path(os.environ.get("LOOKALIKE_DATA") or TESTS.parent.parent / "shared" / "data")
    if not (folder / "catdog" / "labels.csv").is_file():
        pytest.skip(f"no labelled photographs at {folder}; LOOKALIKE_DATA can name them")
    return folder
