"""The keys that the embeddings of corrupted images are kept under: what is in an image and its donors decides."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from lookalike.embedding.vector_cache import KEY_BYTES
from lookalike.evaluation.corruptions.corruption import DonorKind
from lookalike.evaluation.robustness.donors import DonorPlan
from lookalike.evaluation.robustness.grid import Version

_Kind = tuple[bool, DonorKind | None, int]
"""Whether the image is clean, its donor, and the draw of that."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageKeys:
    """The keys of all images: ``digests`` are those of their contents, ``masks`` those of their masks or empty."""

    digests: Sequence[bytes]
    masks: Sequence[bytes]
    donors: DonorPlan | None
    _known: dict[_Kind, list[bytes]] = field(default_factory=dict)

    def of(self, version: Version) -> list[bytes]:
        """The key of each image in this version: 16 bytes."""
        kind = (not version.severity, version.donor, version.draw if version.donor else 1)
        if kind not in self._known:
            self._known[kind] = [self._key(row, kind) for row in range(len(self.digests))]
        return self._known[kind]

    def _key(self, row: int, kind: _Kind) -> bytes:
        is_clean, donor, draw = kind
        parts = [] if is_clean or not self.masks[row] else [self.masks[row]]
        if donor is not None and self.donors is not None:
            # All of them: which is the first that can be used follows from their contents.
            parts += [self.donors.digests[number] for number in self.donors.candidates(row, donor, draw)]
        if not parts:
            return self.digests[row][:KEY_BYTES]
        return hashlib.sha256(b"".join([self.digests[row], *parts])).digest()[:KEY_BYTES]
