"""Where an encoder's weights file is, and whether it is the one we mean."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from lookalike.encoders import catalog
from lookalike.encoders.catalog import CatalogRow, HubFile, PackagedFile
from lookalike.encoders.weights.cache import file_sha256
from lookalike.encoders.weights.hub import cached, download
from lookalike.errors import DownloadError, WeightsError


def locate(row: CatalogRow) -> Path | None:
    """The weights file of ``row`` on this machine, unchecked; None if it isn't here. Nothing is downloaded."""
    match row.source:
        case PackagedFile(package, path):
            return _in_package(package, path)
        case HubFile() as file:
            return cached(file)


def has_its_size(row: CatalogRow, path: Path) -> bool:
    """Whether the file at ``path`` is as long as the weights of ``row``: no proof, but it needn't be read for it."""
    return row.size_is_rounded or path.stat().st_size == row.size


def best_ready(*, damaged: Callable[[WeightsError], object] | None = None) -> CatalogRow:
    """The best encoder whose weights are on this machine: a CLIP one, else the one that comes with Lookalike.

    A damaged file counts as none: ``damaged`` is told of it, in words. Files behind the one chosen are not read.
    """
    for row in map(catalog.find, catalog.PREFERRED):
        if locate(row) is None:
            continue
        try:
            checked(row)
        except WeightsError as error:
            if damaged is not None:
                damaged(error)
        else:
            return row
    return catalog.find(catalog.DEFAULT)


def checked(row: CatalogRow, *, afresh: bool = False) -> Path:
    """The weights file of ``row``, its SHA-256 checked (once; the answer is remembered by size and time).

    With ``afresh`` the file is read again. Raises :class:`~lookalike.errors.WeightsError` where it is missing, can't
    be read, or is another.
    """
    path = locate(row)
    if path is None:
        raise WeightsError(f"the weights of {row.name} are not on this machine; to fetch them: {_way_out(row)}")
    try:
        found = file_sha256(path, afresh=afresh)
    except OSError as error:
        raise WeightsError(f"{path}: can't be read ({error.strerror}); to replace it: {_way_out(row)}") from error
    if found != row.sha256:
        raise WeightsError(
            f"{path}: this is not the weights file of {row.name}, or it is damaged (SHA-256 {found}, expected "
            f"{row.sha256}); to replace it: {_way_out(row)}"
        )
    return path


def must_be_fetched(row: CatalogRow) -> bool:
    """Whether the weights of ``row`` come from the hub and are not on this machine, or are damaged."""
    if not isinstance(row.source, HubFile):
        return False
    try:
        checked(row)
    except WeightsError:
        return True
    return False


def fetch(row: CatalogRow, *, bar: type[Any] | None = None, waiting: Callable[[], object] | None = None) -> Path:
    """The weights of ``row``, downloaded if they come from the hub and :func:`must_be_fetched`.

    ``bar`` is the class of a progress bar, ``waiting`` is called where another process is fetching them. Raises
    :class:`~lookalike.errors.DownloadError` and :class:`~lookalike.errors.WeightsError`.
    """
    if not isinstance(row.source, HubFile):
        return checked(row)
    return download(row.source, row.sha256, bar=bar, waiting=waiting)


def fetch_tokenizer(row: CatalogRow) -> Path | None:
    """The tokenizer.json that belongs to the weights of ``row``, downloaded beside them, so that words are split by it.

    None where the encoder knows no words or the hub has no such file: the vocabulary that all CLIP models share will
    do. Raises :class:`~lookalike.errors.DownloadError` where it can't be fetched for another reason.
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


def _way_out(row: CatalogRow) -> str:
    match row.source:
        case PackagedFile(package, _):
            return f"pip install --force-reinstall {package.replace('_', '-')}"
        case HubFile():
            return f"lookalike encoders pull {row.name}"
