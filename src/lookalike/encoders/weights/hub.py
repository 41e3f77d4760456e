"""Weights on the Hugging Face hub: finding them in the local cache, and downloading them.

``huggingface_hub`` manages a cache that many programs share, and supports mirrors, proxies, tokens and offline mode. It
doesn't resume a download of an earlier process, nor check a file against a known SHA-256; this module does both before
a file enters the cache.
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
from lookalike.file_locks import NoLocksError, acquire_lock, release_lock

_ALTERNATIVE: Final = "or copy the file from another machine and use its path: --encoder PATH"

# Errors of disk writes that carry no file name; connections don't fail with these.
_DISK_ERRORS: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES}


def cached_path(file: HubFile) -> Path | None:
    """The file in the Hugging Face cache, not verified; None if it isn't there.

    The layout of the cache is documented; importing all of ``huggingface_hub`` would cost half a second at every start.
    """
    folder = f"models--{file.repository.replace('/', '--')}"
    path = cache_folder() / folder / "snapshots" / file.revision / file.filename
    return path if path.is_file() else None


def download(
    file: HubFile, sha256: str | None, *, bar: type[Any] | None = None, on_wait: Callable[[], object] | None = None
) -> Path:
    """Download ``file`` to the Hugging Face cache, unless it is already there, and return its path.

    A damaged file is replaced. An interrupted download is resumed, also by a later process. If another process is
    downloading the file, ``on_wait`` is called once and this function waits. The SHA-256 is checked before the file
    enters the cache; if it is None, only the pinned revision identifies the file. ``bar`` is a progress bar class such
    as ``tqdm.tqdm``. Raises :class:`~lookalike.errors.DownloadError` if the hub is unreachable or doesn't have the
    file, or if it can't be stored, and :class:`~lookalike.errors.WeightsError` if the SHA-256 differs.
    """
    try:
        path = cached_path(file)
        if path is not None and _matches(path, sha256):
            return path
        return _download_to_cache(file, sha256, bar, on_wait)
    except LookalikeError:
        raise
    except Exception as error:  # of the HTTP library that huggingface_hub uses, which isn't part of its interface
        raise download_error(f"{file.repository}/{file.filename}", file.revision, error) from error


def cache_folder() -> Path:
    """The folder of the Hugging Face cache."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # has to be set before the first import
    from huggingface_hub import constants  # quick to import, unlike the rest of the package

    # Read here again, because the package reads the variable only when it is imported.
    return Path(os.environ.get("HF_HUB_CACHE") or constants.HF_HUB_CACHE)


def _matches(path: Path, sha256: str | None) -> bool:
    return sha256 is None or file_sha256(path) == sha256


def _download_to_cache(
    file: HubFile, sha256: str | None, bar: type[Any] | None, on_wait: Callable[[], object] | None
) -> Path:
    """Download ``file`` from the hub to the cache, replacing a damaged copy."""
    from huggingface_hub import hf_hub_download

    blob, origin = _query_hub(file)
    with _lock(blob, on_wait):
        # The snapshot's entry is a link to the blob, or a file of its own on systems without symbolic links.
        for place in (cached_path(file), blob):
            if place is not None and place.is_file() and not _matches(place, sha256):
                place.unlink()
        if cached_path(file) is None and not blob.is_file():
            _fetch(origin, blob, sha256, bar)
        # The blob is already in the cache, so this only creates the entry in the snapshot.
        return Path(hf_hub_download(file.repository, file.filename, revision=file.revision, cache_dir=cache_folder()))


@dataclass(frozen=True, slots=True)
class _Origin:
    """The source of a file: its size in bytes, if known, and whether it is the hub itself, which gets the token."""

    address: str
    size: int | None
    is_the_hub: bool


def _query_hub(file: HubFile) -> tuple[Path, _Origin]:
    """Ask the hub about ``file``; returns the path of its blob in the cache, and its source."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    address = hf_hub_url(file.repository, file.filename, revision=file.revision)
    metadata = get_hf_file_metadata(address)
    if metadata.commit_hash != file.revision or not metadata.etag:
        raise DownloadError(
            f"{file.repository}: the hub answered with revision {metadata.commit_hash}, not {file.revision}; try again "
            f"later, {_ALTERNATIVE}"
        )
    folder = cache_folder() / f"models--{file.repository.replace('/', '--')}" / "blobs"
    folder.mkdir(parents=True, exist_ok=True)
    is_the_hub = urlsplit(metadata.location).netloc == urlsplit(address).netloc
    return folder / metadata.etag, _Origin(metadata.location, metadata.size, is_the_hub)


@contextmanager
def _lock(blob: Path, on_wait: Callable[[], object] | None) -> Iterator[None]:
    """Let one process at a time download ``blob``; ``on_wait`` is called if another process is doing so."""
    lock = acquire_lock(blob.with_name(f"{blob.name}.lookalike.lock"), on_wait=on_wait or (lambda: None))
    try:
        yield
    finally:
        release_lock(lock)


def _fetch(origin: _Origin, blob: Path, sha256: str | None, bar: type[Any] | None) -> None:
    """Download ``blob``, resuming a partial download, and check its SHA-256."""
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    part = blob.with_name(f"{blob.name}.lookalike.incomplete")
    if part.is_file() and (origin.size is None or part.stat().st_size > origin.size):
        part.unlink()  # longer than the file, or the file's size is unknown
    headers = build_hf_headers(token=None if origin.is_the_hub else False)  # never send the token to other hosts
    with part.open("ab") as target:
        done = target.tell()
        if done != origin.size:  # else it is complete, but was interrupted before the check
            http_get(
                origin.address, target, resume_size=done, headers=headers, expected_size=origin.size, tqdm_class=bar
            )
    actual = file_sha256(part, reread=True)
    if sha256 is not None and actual != sha256:
        part.unlink()
        raise WeightsError(
            f"{origin.address}: the downloaded file has the SHA-256 {actual}, expected {sha256}; it was deleted. Try "
            "again; if it happens again, a mirror or proxy is changing files"
        )
    part.replace(blob)


def download_error(name: str, revision: str, error: Exception) -> DownloadError:
    """The error for ``name``, a file or a repository, that couldn't be downloaded."""
    from huggingface_hub import constants, errors

    what = f"{name} at {revision[:12]}"
    if isinstance(error, OSError) and _is_disk_error(error):
        variable = "HF_HUB_CACHE" if os.environ.get("HF_HUB_CACHE") else "HF_HOME"
        if isinstance(error, NoLocksError):
            way_out = f"{error.problem}. Set {variable} to a folder on a local disk"
        else:
            way_out = f"{error.strerror}. Free some space, or set {variable} to another folder"
        return DownloadError(
            f"{what}: can't be stored in {cache_folder()}: {way_out}, then run the same command again", kind="disk"
        )
    if constants.HF_HUB_OFFLINE:
        return DownloadError(
            f"{what}: missing or damaged, and HF_HUB_OFFLINE forbids downloads; unset it, {_ALTERNATIVE}",
            kind="unreachable",
        )
    absent = (errors.RemoteEntryNotFoundError, errors.RepositoryNotFoundError, errors.RevisionNotFoundError)
    if isinstance(error, absent):
        return DownloadError(
            f"{what}: {constants.ENDPOINT} doesn't have this; check the name or update Lookalike, {_ALTERNATIVE}",
            kind="absent",
        )
    detail = str(error).splitlines()[0] if str(error) else type(error).__name__
    return DownloadError(
        f"{what}: download from {constants.ENDPOINT} failed ({detail}). The part received so far is kept. Run the same "
        f"command again when the hub is reachable, {_ALTERNATIVE}",
        kind="unreachable" if _is_connection_error(error) else "other",
    )


def _is_disk_error(error: OSError) -> bool:
    """Whether the error concerns a local file; connection errors are OSErrors too, but without a file name."""
    return error.filename is not None or error.errno in _DISK_ERRORS or isinstance(error, NoLocksError)


def _is_connection_error(error: Exception) -> bool:
    """Whether there was no answer at all."""
    from huggingface_hub import errors

    if isinstance(error, errors.HfHubHTTPError):  # the hub answered with an error
        return False
    http_error = errors.HTTPError  # type: ignore[attr-defined]  # the base class of whichever HTTP library is used
    return isinstance(error, (http_error, errors.LocalEntryNotFoundError, ConnectionError))
