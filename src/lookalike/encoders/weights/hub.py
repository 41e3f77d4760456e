"""Weights on the Hugging Face hub: where they are in its cache, and how they get there.

``huggingface_hub`` keeps a cache that many programs share, honours mirrors, proxies, tokens and offline mode, and does
the talking. What it doesn't do is go on with a download that an earlier process began, or check a file against a
SHA-256 that we know beforehand; both are done here, before a file enters the cache.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from lookalike.encoders.catalog import HubFile
from lookalike.encoders.weights.cache import file_sha256
from lookalike.errors import DownloadError, LookalikeError, WeightsError

_ELSEWHERE: Final = "or copy the file from another machine and give its path: --encoder PATH"

# What the disk says to a write, which names no file; connections don't fail in these ways.
_DISK_ERRORS: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES}


def cached(file: HubFile) -> Path | None:
    """The file in the Hugging Face cache, unchecked; None if it isn't there.

    The cache's layout is documented; importing all of ``huggingface_hub`` would cost half a second at every start.
    """
    folder = f"models--{file.repository.replace('/', '--')}"
    path = _cache_folder() / folder / "snapshots" / file.revision / file.filename
    return path if path.is_file() else None


def download(
    file: HubFile, sha256: str | None, *, bar: type[Any] | None = None, waiting: Callable[[], object] | None = None
) -> Path:
    """Bring ``file`` into the Hugging Face cache and return its path there; one that is there is not fetched again.

    A damaged one is replaced. An interrupted download goes on where it was, also in a later process; where another
    process is at it, ``waiting`` is called once and its end awaited. The SHA-256 is checked before the file enters the
    cache; with None, the pinned revision alone vouches for the file. ``bar`` is the class of the progress bar, like
    ``tqdm.tqdm``; none is shown without. Raises :class:`~lookalike.errors.DownloadError` where the hub can't be
    reached or doesn't have the file, or the disk doesn't take it, and :class:`~lookalike.errors.WeightsError` where
    what came is not the file that was meant.
    """
    try:
        path = cached(file)
        if path is not None and _is_right(path, sha256):
            return path
        return _brought(file, sha256, bar, waiting)
    except LookalikeError:
        raise
    except Exception as error:  # those of the HTTP library beneath huggingface_hub, which is no part of its interface
        raise _explained(file, error) from error


def _cache_folder() -> Path:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read once, when the next line is first carried out
    from huggingface_hub import constants  # quick to import, unlike the rest of it

    return Path(constants.HF_HUB_CACHE)


def _is_right(path: Path, sha256: str | None) -> bool:
    return sha256 is None or file_sha256(path) == sha256


def _brought(file: HubFile, sha256: str | None, bar: type[Any] | None, waiting: Callable[[], object] | None) -> Path:
    """``file`` in the cache, asked of the hub."""
    from huggingface_hub import hf_hub_download

    blob, origin = _found(file)
    with _alone(blob, waiting):
        for place in (cached(file), blob):  # its name in the snapshot, and its content: one file where links can't be
            if place is not None and place.is_file() and not _is_right(place, sha256):
                place.unlink()
        if cached(file) is None and not blob.is_file():
            _fetch(origin, blob, sha256, bar)
        # The file's content is in its place: this only gives it its name in the snapshot.
        return Path(hf_hub_download(file.repository, file.filename, revision=file.revision))


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where a file's content comes from: its size in bytes, if the hub told it, and whether the token is for there."""

    address: str
    size: int | None
    is_the_hub: bool


def _found(file: HubFile) -> tuple[Path, _Origin]:
    """Where the cache wants the content of ``file``, and where it comes from."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    address = hf_hub_url(file.repository, file.filename, revision=file.revision)
    metadata = get_hf_file_metadata(address)
    if metadata.commit_hash != file.revision or not metadata.etag:
        raise DownloadError(
            f"{file.repository}: the hub answered with revision {metadata.commit_hash}, not {file.revision}; try again "
            f"later, {_ELSEWHERE}"
        )
    folder = _cache_folder() / f"models--{file.repository.replace('/', '--')}" / "blobs"
    folder.mkdir(parents=True, exist_ok=True)
    is_the_hub = urlsplit(metadata.location).netloc == urlsplit(address).netloc
    return folder / metadata.etag, _Origin(metadata.location, metadata.size, is_the_hub)


@contextmanager
def _alone(blob: Path, waiting: Callable[[], object] | None) -> Iterator[None]:
    """Let one process at a time bring ``blob``; ``waiting`` is called where another one is at it."""
    from filelock import FileLock, Timeout

    lock = FileLock(blob.with_name(f"{blob.name}.lookalike.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if waiting is not None:
            waiting()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _fetch(origin: _Origin, blob: Path, sha256: str | None, bar: type[Any] | None) -> None:
    """Fetch ``blob``, going on with the part that an earlier process has left, and check it."""
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    part = blob.with_name(f"{blob.name}.lookalike.incomplete")
    if part.is_file() and (origin.size is None or part.stat().st_size > origin.size):
        part.unlink()  # too long to be its beginning, or it can't be told whether it is
    headers = build_hf_headers(token=None if origin.is_the_hub else False)  # other hosts have no business with it
    with part.open("ab") as target:
        done = target.tell()
        if done != origin.size:  # of a whole one, killed before it was checked, nothing is left to ask for
            http_get(
                origin.address, target, resume_size=done, headers=headers, expected_size=origin.size, tqdm_class=bar
            )
    found = file_sha256(part, afresh=True)
    if sha256 is not None and found != sha256:
        part.unlink()
        raise WeightsError(
            f"{origin.address}: what came is not the file that was meant (SHA-256 {found}, expected {sha256}); it has "
            "been thrown away. Try again; if it happens once more, the mirror or a proxy changes files"
        )
    part.replace(blob)


def _explained(file: HubFile, error: Exception) -> DownloadError:
    from huggingface_hub import constants, errors

    what = f"{file.repository}/{file.filename} at {file.revision[:12]}"
    if isinstance(error, OSError) and _is_of_the_disk(error):
        place = "HF_HUB_CACHE" if os.environ.get("HF_HUB_CACHE") else "HF_HOME"
        return DownloadError(
            f"{what}: can't be kept in {_cache_folder()} ({error.strerror}). Make room there, or set {place} to "
            "another folder; then run the same command again",
            kind="disk",
        )
    if constants.HF_HUB_OFFLINE:
        return DownloadError(
            f"{what}: not here, or damaged, and HF_HUB_OFFLINE forbids to fetch it; unset it, {_ELSEWHERE}",
            kind="unreachable",
        )
    absent = (errors.RemoteEntryNotFoundError, errors.RepositoryNotFoundError, errors.RevisionNotFoundError)
    if isinstance(error, absent):
        return DownloadError(
            f"{what}: {constants.ENDPOINT} doesn't have it (any more); update Lookalike, {_ELSEWHERE}", kind="absent"
        )
    detail = str(error).splitlines()[0] if str(error) else type(error).__name__
    return DownloadError(
        f"{what}: can't be fetched from {constants.ENDPOINT} ({detail}). What has come so far is kept. Run the same "
        f"command again when the hub can be reached, {_ELSEWHERE}",
        kind="unreachable" if _is_of_the_connection(error) else "other",
    )


def _is_of_the_disk(error: OSError) -> bool:
    """Whether it comes from a file of ours; errors of the connection are OSErrors too, but name no file."""
    return error.filename is not None or error.errno in _DISK_ERRORS


def _is_of_the_connection(error: Exception) -> bool:
    """Whether nobody has answered."""
    from huggingface_hub import errors

    if isinstance(error, errors.HfHubHTTPError):  # an answer, though not the one that was hoped for
        return False
    failed = errors.HTTPError  # type: ignore[attr-defined]  # the HTTP library's own, whichever that is
    return isinstance(error, (failed, errors.LocalEntryNotFoundError, ConnectionError))
