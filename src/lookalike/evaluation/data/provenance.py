"""What a result was produced with: versions, machine, command."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol, TypeVar

from lookalike.plugins import plugin_versions

_PACKAGES: Final = ("lookalike", "numpy", "pillow", "openvino", "onnxruntime")


class _HasProvenance(Protocol):
    """A dataclass with a provenance."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def provenance(self) -> Provenance: ...


_Result = TypeVar("_Result", bound=_HasProvenance)


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a result was produced with.

    ``versions`` are those of Python and of the packages that results depend on, plug-ins included, by name; ``machine``
    is one line about processor and system; ``command`` is the command line that repeats the result, None if it was not
    produced from the command line. There is no date, so that the same input gives the same report.
    """

    versions: Mapping[str, str]
    machine: str
    command: str | None = None


def provenance() -> Provenance:
    """The provenance of results of this process."""
    return Provenance({"python": platform.python_version(), **_package_versions()}, _machine())


def with_command(result: _Result, command: str) -> _Result:
    """``result``, a dataclass with a ``provenance``, with the command line that repeats it."""
    return replace(result, provenance=replace(result.provenance, command=command))


def _package_versions() -> dict[str, str]:
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions | plugin_versions()


def _machine() -> str:
    processors = os.cpu_count() or 1
    return f"{_processor()}, {processors} processors, {platform.system()} {platform.machine()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "processor unknown"
