"""A cache of compiled networks."""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lookalike.encoders.networks.source import NetworkSource
from lookalike.encoders.runtimes.mapping import map_file
from lookalike.encoders.spec import Precision
from lookalike.encoders.weights.cache import cache_folder, write_to_cache
from lookalike.system_files import read_bytes


@dataclass(frozen=True, slots=True)
class CompiledCopy:
    """A cached compiled network: ``name`` identifies the network, ``key`` everything it was compiled for.

    Its checksum is stored beside it and compared whenever it is used: a runtime may crash on a damaged file, or compute
    other embeddings. That takes about a third of a second for each gigabyte.
    """

    name: str
    key: str

    @property
    def path(self) -> Path:
        """The cached file."""
        return cache_folder() / "compiled" / f"{self.name}-{self.key}.blob"

    def open(self) -> mmap.mmap | None:
        """The file, memory-mapped, if it is as :meth:`write` wrote it; None otherwise. A damaged file is deleted."""
        try:
            mapped, checksum = map_file(self.path), read_bytes(self._checksum)
        except (OSError, ValueError):  # the latter if it is empty
            return None
        if checksum == _checksum_of(mapped):
            return mapped
        mapped.close()
        for file in (self.path, self._checksum):
            with contextlib.suppress(OSError):
                file.unlink()
        return None

    def write(self, write: Callable[[BinaryIO], object]) -> None:
        """Store what ``write`` writes, and delete outdated copies of the same network.

        Those were made by older runtimes or from older graphs.
        If the cache isn't writable, nothing is stored.
        """
        if write_to_cache(self.path, write):
            with contextlib.suppress(OSError, ValueError):
                checksum = _checksum_of(map_file(self.path))
                write_to_cache(self._checksum, lambda file: file.write(checksum))
            for other in self.path.parent.iterdir():
                name, _, rest = other.name.rpartition("-")
                if name == self.name and not rest.startswith(f"{self.key}."):
                    with contextlib.suppress(OSError):  # on Windows, a file in use can't be deleted
                        other.unlink()

    @property
    def _checksum(self) -> Path:
        return self.path.with_suffix(".crc32")


def _checksum_of(mapped: mmap.mmap) -> bytes:
    return f"{zlib.crc32(mapped):08x}".encode()


def compiled_copy(source: NetworkSource, precision: Precision, version: str, processor: str) -> CompiledCopy:
    """The cache entry of ``source`` compiled for this runtime version, processor and precision.

    The name includes the weights' SHA-256, so that checkpoints with the same name don't delete each other's copies.
    """
    key = json.dumps(
        [source.name, source.weights_sha256, source.graph_version, source.settings, version, processor, precision]
    )
    name = re.sub(r"[^\w.-]", "_", f"{source.name}-{precision}-{source.weights_sha256[:12]}")
    return CompiledCopy(name, hashlib.sha256(key.encode()).hexdigest()[:16])
