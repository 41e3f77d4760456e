"""Weights on the Hugging Face hub: where they are in its cache, and how they get there.

``huggingface_hub`` keeps a cache that many programs share, honours mirrors, proxies, tokens and offline mode, and does
the talking. What it doesn't do is go on with a download that an earlier process began, or check a file against a
SHA-256 that we know beforehand; both are done here, before a file enters the cache.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lookalike.encoders.cache import file_sha256
from lookalike.errors import DownloadError, LookalikeError, WeightsError

_ELSEWHERE: Final = "or copy the file from another machine and give its path: --encoder PATH"


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of the hub at a pinned revision (a commit, 40 hexadecimal digits)."""

    repository: str
    filename: str
    revision: str


def cached(file: HubFile) -> Path | None:
    """The file in the Hugging Face cache, unchecked; None if it isn't there.

    The cache's layout is documented; importing all of ``huggingface_hub`` would cost half a second at every start.
    """
    folder = f"models--{file.repository.replace('/', '--')}"
    path = _cache_folder() / folder / "snapshots" / file.revision / file.filename
    return path if path.is_file() else None


def download(file: HubFile, sha256: str | None, *, bar: type[Any] | None = None) -> Path:
    """Bring ``file`` into the Hugging Face cache and return its path there; one that is there is not fetched again.

    An interrupted download goes on where it was, also in a later process. The SHA-256 is checked before the file
    enters the cache; with None, the pinned revision alone vouches for the file. ``bar`` is the class of the progress
    bar, like ``tqdm.tqdm``; none is shown without. Raises :class:`~lookalike.errors.DownloadError` where the hub can't
    be reached or doesn't have the file, and :class:`~lookalike.errors.WeightsError` where what came is not the file
    that was meant.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import huggingface_hub

    try:
        blob, address = _blob(file)
        if not blob.is_file():
            _fetch(address, blob, sha256, bar)
        # The file's content is in its place: this only gives it its name in the snapshot.
        return Path(huggingface_hub.hf_hub_download(file.repository, file.filename, revision=file.revision))
    except LookalikeError:
        raise
    except Exception as error:  # those of the HTTP library beneath huggingface_hub, which is no part of its interface
        raise DownloadError(_explained(file, error)) from error


def _cache_folder() -> Path:
    from huggingface_hub import constants  # quick to import, unlike the rest of it

    return Path(constants.HF_HUB_CACHE)


def _blob(file: HubFile) -> tuple[Path, str]:
    """Where the cache wants the content of ``file``, and the address to fetch it from."""
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
    return folder / metadata.etag, metadata.location


def _fetch(address: str, blob: Path, sha256: str | None, bar: type[Any] | None) -> None:
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    part = blob.with_name(f"{blob.name}.lookalike.incomplete")
    with part.open("ab") as target:
        http_get(address, target, resume_size=target.tell(), headers=build_hf_headers(), tqdm_class=bar)
    found = file_sha256(part)
    if sha256 is not None and found != sha256:
        part.unlink()
        raise WeightsError(
            f"{address}: what came is not the file that was meant (SHA-256 {found}, expected {sha256}); it has been "
            "thrown away. Try again; if it happens once more, the mirror or a proxy changes files"
        )
    part.replace(blob)


def _explained(file: HubFile, error: Exception) -> str:
    from huggingface_hub import constants
    from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

    what = f"{file.repository}/{file.filename} at {file.revision[:12]}"
    if constants.HF_HUB_OFFLINE:
        return f"{what}: not here, and HF_HUB_OFFLINE forbids to fetch it; unset it, {_ELSEWHERE}"
    if isinstance(error, (EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError)):
        return f"{what}: {constants.ENDPOINT} doesn't have it (any more); update Lookalike, {_ELSEWHERE}"
    detail = str(error).splitlines()[0] if str(error) else type(error).__name__
    return (
        f"{what}: can't be fetched from {constants.ENDPOINT} ({detail}). What has come so far is kept. Run the same "
        f"command again when the hub can be reached, {_ELSEWHERE}"
    )
