"""Nothing is sent anywhere: neither Python nor any library opens a socket."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from processes import python_path

pytestmark = pytest.mark.slow

DRIVERS = Path(__file__).parent / "drivers"


@pytest.mark.parametrize("cached", [False, True])
def test_no_socket_is_opened_and_no_telemetry_loaded(
    cached: bool, photos: Path, tmp_path: Path, isolated_cache: Path, driver: Callable[..., subprocess.Popen[bytes]]
):
    """Python opens no socket while indexing and searching, with or without a compiled network in the cache."""
    cache = isolated_cache if cached else tmp_path / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOKALIKE_CACHE", str(cache))
        with driver("private", photos, photos / "more" / "rocket.jpg", tmp_path / "page.html") as process:
            _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    assert (tmp_path / "page.html").is_file()


def test_no_library_connects_anywhere(photos: Path, tmp_path: Path):
    """Indexing, searching and status make no system call that connects or resolves an address."""
    trace = shutil.which("strace")
    if trace is None:
        pytest.skip("strace is not installed")
    if subprocess.run([trace, "-f", "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace is not permitted here")
    calls = tmp_path / "calls"
    options = ["-f", "-qq", "-e", "trace=socket,connect,sendto,sendmsg,bind", "-o", calls]
    query, page = photos / "more" / "rocket.jpg", tmp_path / "page.html"
    subprocess.run(
        [trace, *options, sys.executable, DRIVERS / "private.py", photos, query, page],
        env={**os.environ, "PYTHONPATH": python_path()},
        capture_output=True,
        check=True,
    )
    foreign = [
        line
        for line in calls.read_text().splitlines()
        if re.search(r"\b(socket|connect|sendto|sendmsg|bind)\(", line)
        and not re.search(r"AF_UNIX|AF_LOCAL|AF_NETLINK", line)
    ]
    assert foreign == []
