"""Compiled networks kept as files, which may be thrown away and made again."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lookalike.encoders.networks.source import NetworkSource
from lookalike.encoders.spec import Precision
from lookalike.encoders.weights.cache import cache_folder, file_sha256, write_atomically


@dataclass(frozen=True, slots=True)
class CompiledCopy:
    """A compiled network kept as a file, ``name`` telling which network and ``key`` all it was compiled for.

    Its SHA-256 stands beside it: a runtime that is given a damaged copy may crash instead of refusing it.
    """

    name: str
    key: str

    @property
    def path(self) -> Path:
        """The file itself."""
        return cache_folder() / "compiled" / f"{self.name}-{self.key}.blob"

    def is_intact(self) -> bool:
        """Whether the copy is there and is what :meth:`write` wrote."""
        try:
            return self._checksum.read_bytes() == file_sha256(self.path).encode()
        except OSError:
            return False

    def write(self, write: Callable[[BinaryIO], object]) -> None:
        """Keep what ``write`` writes, and forget copies of the same network that older runtimes or graphs left.

        Where the cache can't be written, nothing is kept.
        """
        if write_atomically(self.path, write):
            checksum = file_sha256(self.path).encode()
            write_atomically(self._checksum, lambda file: file.write(checksum))
            for other in self.path.parent.iterdir():
                name, _, rest = other.name.rpartition("-")
                if name == self.name and not rest.startswith(f"{self.key}."):
                    with contextlib.suppress(OSError):  # on Windows, a copy that is in use can't be removed
                        other.unlink()

    @property
    def _checksum(self) -> Path:
        return self.path.with_suffix(".sha256")


def compiled_copy(source: NetworkSource, precision: Precision, version: str, processor: str) -> CompiledCopy:
    """Where ``source`` compiled for this runtime, processor and precision is kept.

    The weights' SHA-256 is in the name, so that checkpoints of the same name don't take each other's copies away.
    """
    key = json.dumps(
        [source.name, source.weights_sha256, source.graph_version, source.settings, version, processor, precision]
    )
    name = f"{source.name}-{precision}-{source.weights_sha256[:12]}"
    return CompiledCopy(name, hashlib.sha256(key.encode()).hexdigest()[:16])
