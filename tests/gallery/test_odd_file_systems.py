"""File systems without usable inodes: nothing is hidden, lost or encoded again."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drawing import drawn
from lookalike.gallery.local.locks import network_type
from lookalike.images.walk import find_images

SOURCE = Path(__file__).parents[1] / "drivers" / "odd_file_system.c"
COMPILER = shutil.which("cc")

pytestmark = pytest.mark.skipif(
    COMPILER is None or sys.platform != "linux", reason="plays file systems on Linux, with a C compiler"
)

Run = Callable[..., str]


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that plays odd file systems, compiled."""
    path = tmp_path_factory.mktemp("odd") / "odd.so"
    assert COMPILER is not None
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", path, SOURCE, "-ldl"], check=True)
    return path


@pytest.fixture
def run(library: Path, tmp_path: Path) -> Run:
    """Run Python code on the folder ``tmp_path / "photos"``, whose file system has odd inodes."""

    def start(code: str, inodes: str = "", locks: int | None = None) -> str:
        environment = {
            **os.environ,
            "LD_PRELOAD": str(library),
            "ODD_ROOT": str(tmp_path / "photos"),
            "ODD_INODES": inodes,
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        if locks is not None:
            environment["ODD_LOCKS"] = str(locks)
        command = [sys.executable, "-c", code, str(tmp_path / "photos")]
        return subprocess.run(command, env=environment, check=True, text=True, stdout=subprocess.PIPE).stdout

    return start


UPDATE = """
import os, sys
from pathlib import Path
from fakes import FakeEncoder
from galleries import index
from lookalike.embedding import load
from lookalike.embedding.limits import FileLimits, set_default_limits

set_default_limits(FileLimits(isolate=False))
root, encoder = Path(sys.argv[1]), FakeEncoder()
if {never_open}:
    load.open_file = None
with index(root, encoder) as gallery:
    print(len(gallery), encoder.encoded, len({{os.stat(entry.path).st_ino for entry in os.scandir(root)}}))
"""


@pytest.mark.parametrize("inodes", ["zero", "one", "new"])
def test_a_gallery_stays_whole(inodes: str, run: Run, tmp_path: Path):
    """All images are found at any depth, and the next runs encode nothing, also when inodes are usual again."""
    for number in range(6):
        drawn(tmp_path / f"photos/{number}.png", number)
        drawn(tmp_path / f"photos/{number}/in/deep/{number}.png", 50 + number)
    os.link(tmp_path / "photos/1.png", tmp_path / "photos/2/hard.png")
    first = run(UPDATE.format(never_open=False), inodes).split()
    assert first[:2] == ["13", "13"]
    assert int(first[2]) == {"zero": 1, "one": 7}.get(inodes, 12) + (inodes == "new")  # the play works
    assert run(UPDATE.format(never_open=False), inodes).split()[:2] == ["13", "0"]
    assert run(UPDATE.format(never_open=False), "new").split()[:2] == ["13", "0"]
    assert run(UPDATE.format(never_open=False), "").split()[:2] == ["13", "0"]


def test_new_inodes_of_many_files_read_nothing(run: Run, tmp_path: Path):
    """If most of many files have a new inode, size and time are trusted, and no file is opened."""
    for number in range(120):
        drawn(tmp_path / f"photos/{number}.png", number, (8, 6))
    assert run(UPDATE.format(never_open=False), "new").split()[:2] == ["120", "120"]
    assert run(UPDATE.format(never_open=True), "new").split()[:2] == ["120", "0"]


def test_a_file_replaced_in_place_is_noticed_by_its_inode(run: Run, tmp_path: Path):
    """Where inodes are usual, another file of the same size and time is read."""
    for number in range(12):
        drawn(tmp_path / f"photos/{number}.bmp", number)
    run(UPDATE.format(never_open=False), "")
    old, new = tmp_path / "photos/3.bmp", drawn(tmp_path / "other.bmp", 77)
    assert old.stat().st_size == new.stat().st_size
    os.utime(new, ns=(old.stat().st_mtime_ns, old.stat().st_mtime_ns))
    new.replace(old)
    assert run(UPDATE.format(never_open=False), "").split()[:2] == ["12", "1"]


TREES = st.recursive(
    st.lists(st.integers(0, 3), max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
WALK = """
import sys
from pathlib import Path
from lookalike.images.walk import find_images
print("\\n".join(file.path for file in find_images(Path(sys.argv[1])).files))
"""


def plant(folder: Path, tree: object) -> None:
    """Make a tree of folders and image files."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(tree, dict):
        for name, inner in tree.items():
            plant(folder / name, inner)
    elif isinstance(tree, list):
        for number in tree:
            (folder / f"{number}.jpg").touch()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=TREES, links=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=3))
@pytest.mark.slow
def test_the_walk_finds_the_same_whatever_the_inodes(
    tree: object, links: list[tuple[int, int]], run: Run, tmp_path: Path
):
    """On any tree with links, the walk finds every file once, with odd inodes as with usual ones."""
    root = tmp_path / "photos"
    shutil.rmtree(root, ignore_errors=True)
    plant(root, tree)
    folders = sorted(path for path in root.rglob("*") if path.is_dir())
    for number, (source, target) in enumerate(links):
        if folders:
            (folders[source % len(folders)] / f"link{number}").symlink_to(folders[target % len(folders)])
    expected = [file.path for file in find_images(root).files]
    real = {os.path.realpath(path) for path in root.rglob("*.jpg")}
    assert {os.path.realpath(root / path) for path in expected} == real
    assert len(expected) == len(real)
    for inodes in ("zero", "one", "new"):
        assert run(WALK, inodes).split() == expected


OPEN = """
import sys, time
from pathlib import Path
from fakes import FakeEncoder
from lookalike import Gallery, GalleryError

root, started = Path(sys.argv[1]), time.monotonic()
for writing in (True, False):
    try:
        with Gallery.open(root, encoder=FakeEncoder(), writing=writing) as gallery:
            print("ok", len(gallery.search(root / "1.png").hits))
    except GalleryError as error:
        print(type(error).__name__, error)
print("waited" if time.monotonic() - started > 5 else "at once")
"""


@pytest.mark.parametrize(
    ("number", "problem"),
    [
        (errno.ENOLCK, "no lock service"),
        (errno.ENOSYS, "can't lock files"),
        (errno.EOPNOTSUPP, "can't lock files"),
        (errno.EACCES, "must not be locked"),
        (errno.EIO, "can't be locked here"),
    ],
)
def test_shares_without_locks_are_told_as_such(number: int, problem: str, run: Run, tmp_path: Path):
    """Writing is refused at once, with the problem and the way out; reading goes on, since nobody can write."""
    for number_of_image in range(4):
        drawn(tmp_path / f"photos/{number_of_image}.png", number_of_image)
    run(UPDATE.format(never_open=False))
    refused, read, waited = run(OPEN, locks=number).splitlines()
    assert refused.startswith("GalleryLocksError")
    assert problem in refused
    assert os.strerror(number) in refused
    assert "--gallery PATH" in refused
    assert (read, waited) == ("ok 3", "at once")


def test_a_new_gallery_on_a_share_without_locks(run: Run, tmp_path: Path):
    """No gallery is created where files can't be locked."""
    drawn(tmp_path / "photos/1.png", 1)
    assert "no lock service" in run(CREATE, locks=errno.ENOLCK)
    assert not (tmp_path / "photos/.lookalike/gallery.sqlite3").exists()


CREATE = """
import sys
from fakes import FakeEncoder
from lookalike import Gallery, GalleryError

try:
    Gallery.create(sys.argv[1], encoder=FakeEncoder())
except GalleryError as error:
    print(error)
"""


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EACCES])
def test_caches_on_a_share_without_locks(number: int, run: Run, tmp_path: Path):
    """Neither vectors of experiments nor weights are stored where two programs could damage them; nothing waits."""
    (tmp_path / "photos").mkdir()
    vectors, weights, waited = run(CACHES, locks=number).splitlines()
    assert vectors.startswith("CacheError")
    assert weights.startswith("NoLocksError")
    assert os.strerror(number) in vectors
    assert waited == "at once"


CACHES = """
import sys, time
from pathlib import Path
from lookalike import LookalikeError
from lookalike.embedding.vector_cache import EmbeddingCache
from lookalike.file_locks import acquire_lock

root, started = Path(sys.argv[1]), time.monotonic()
try:
    with EmbeddingCache(root / "cache"):
        print("opened")
except LookalikeError as error:
    print(type(error).__name__, error)
try:
    acquire_lock(root / "blob.lock", on_wait=lambda: print("waits"))
except OSError as error:
    print(type(error).__name__, error)
print("waited" if time.monotonic() - started > 5 else "at once")
"""

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:40 / /mnt/nas rw,relatime shared:9 - cifs //nas/photos rw
41 22 0:41 / /mnt/with\\040space rw,relatime shared:9 - nfs4 nas:/photos rw
42 40 0:42 / /mnt/nas/local rw,relatime - ext4 /dev/sdb1 rw
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/mnt/nas", "cifs"),
        ("/mnt/nas/2023/.lookalike", "cifs"),
        ("/mnt/nas2", None),
        ("/mnt/with space/x", "nfs4"),
        ("/mnt/nas/local/x", None),
        ("/home", None),
    ],
)
def test_network_file_systems_are_recognised(folder: str, kind: str | None, tmp_path: Path):
    """By the type of the innermost mount point; None where the system doesn't tell."""
    (tmp_path / "mountinfo").write_text(MOUNTS)
    assert network_type(Path(folder), tmp_path / "mountinfo") == kind
    assert network_type(Path(folder), tmp_path / "missing") is None
