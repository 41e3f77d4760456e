"""Check whether an encoder is the one a gallery was made with, and whether this machine computes the same with it.

The stamp says which encoder made the embeddings. The runtimes and devices that computed them are recorded beside it,
with the embeddings of 16 fixed images by the first of them. Another runtime or device is accepted if it computes nearly
the same embeddings for these images.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.encoder import Encoder
from lookalike.encoders.runtimes.runtime import Backend
from lookalike.encoders.spec import EncoderSpec
from lookalike.errors import BackendMismatchError, StampMismatchError, WeightsError
from lookalike.gallery.store import Store
from lookalike.text import printable

LEAST_COSINE: Final = 0.9999
"""The lowest cosine of two embeddings of one image by the same encoder on different backends."""

_KEY: Final = "probe"


def matches_stamp(store: Store, encoder: Encoder) -> bool:
    """Whether ``encoder`` is the gallery's own, in the same precision."""
    return _is_stamp(store, encoder.spec, encoder)


def check_for_search(store: Store, encoder: Encoder) -> None:
    """Raise :class:`~lookalike.errors.StampMismatchError` unless ``encoder`` is the gallery's own, in any precision."""
    if not _is_stamp(store, replace(encoder.spec, precision=store.stamp.precision), encoder):
        raise _mismatch_error(store, encoder)


def check_for_update(store: Store, encoder: Encoder) -> None:
    """Raise :class:`~lookalike.errors.StampMismatchError` unless ``encoder`` is the gallery's own, in its precision."""
    if not matches_stamp(store, encoder):
        raise _mismatch_error(store, encoder)


def _is_stamp(store: Store, spec: EncoderSpec, encoder: Encoder) -> bool:
    # A checkpoint loaded from a path takes its name from the file, which may have been renamed.
    by_path = encoder.location is not None and store.weights_path is not None
    return (replace(spec, name=store.stamp.name) if by_path else spec) == store.stamp


def _mismatch_error(store: Store, encoder: Encoder) -> StampMismatchError:
    return StampMismatchError(
        f"{printable(store.address)}: this gallery was made with {store.stamp}, not with {encoder.spec}. Embeddings of "
        "different encoders can't be compared. Use the gallery's own encoder, create another gallery (lookalike index "
        "FOLDER --gallery PATH), or convert this one (lookalike index FOLDER --reencode NAME)"
    )


@dataclass(frozen=True, slots=True)
class _Probe:
    """The ``backends`` that made a gallery's embeddings, and the first one's ``embeddings`` of the probe images."""

    stamp: str
    backends: tuple[Backend, ...]
    embeddings: NDArray[np.float32]

    def to_json(self) -> str:
        backends = [[backend.runtime, backend.device] for backend in self.backends]
        embeddings = base64.b64encode(self.embeddings.astype("<f4").tobytes()).decode()
        return json.dumps({"stamp": self.stamp, "backends": backends, "embeddings": embeddings})

    @classmethod
    def read(cls, store: Store) -> _Probe | None:
        """The gallery's record; None if it has none for its present encoder."""
        text = store.metadata(_KEY)
        if text is None:
            return None
        fields = json.loads(text)
        if fields["stamp"] != store.stamp.fingerprint:  # re-encoded since
            return None
        embeddings = np.frombuffer(base64.b64decode(fields["embeddings"]), "<f4").reshape(-1, store.stamp.dimension)
        return cls(fields["stamp"], tuple(Backend(*names) for names in fields["backends"]), embeddings)


def recorded_backends(store: Store) -> tuple[Backend, ...]:
    """The runtimes and devices that made the embeddings; empty for galleries of earlier versions."""
    probe = _Probe.read(store)
    return () if probe is None else probe.backends


def check_backend(store: Store, encoder: Encoder) -> None:
    """Raise :class:`~lookalike.errors.BackendMismatchError` if ``encoder`` computes other embeddings.

    Only a backend that isn't recorded is compared, and only in the gallery's own precision.
    """
    probe = _Probe.read(store)
    if probe is None or encoder.backend in probe.backends or not matches_stamp(store, encoder):
        return
    cosine = float((probe.embeddings * encoder.probe()).sum(axis=1).min())
    if not cosine >= LEAST_COSINE:
        recorded = " and ".join(map(str, probe.backends))
        raise BackendMismatchError(
            f"{printable(store.address)}: the embeddings of this gallery were computed by {recorded}. Here, "
            f"{encoder.backend} computes others (cosine {cosine:.6f} for the same image, at least {LEAST_COSINE} is "
            "needed). Use the recorded runtime and device (--runtime, --device), or create another gallery (lookalike "
            "index FOLDER --gallery PATH)"
        )


def record_backend(store: Store, encoder: Encoder) -> None:
    """Record that ``encoder``, which :func:`check_backend` has accepted, adds embeddings to the gallery."""
    probe = _Probe.read(store)
    if probe is None:
        probe = _Probe(store.stamp.fingerprint, (encoder.backend,), encoder.probe())
    elif encoder.backend in probe.backends:
        return
    else:
        probe = replace(probe, backends=(*probe.backends, encoder.backend))
    store.set_metadata(_KEY, probe.to_json())


def load_own_encoder(store: Store, load: Callable[..., Encoder]) -> Encoder:
    """The encoder of the gallery, loaded by ``load``, which takes the arguments of :func:`lookalike.load_encoder`.

    Raises :class:`~lookalike.errors.WeightsError` if its weights are no longer where they were.
    """
    stamp, path = store.stamp, store.weights_path
    if path is None:
        return load(stamp.name, precision=stamp.precision, view=stamp.view)
    if not path.exists():
        raise WeightsError(
            f"{printable(path)}: the weights of this gallery's encoder are no longer here. If they were moved: "
            "--encoder PATH"
        )
    return load_like(stamp, path, load)


def load_like(stamp: EncoderSpec, weights: str | os.PathLike[str], load: Callable[..., Encoder]) -> Encoder:
    """The encoder in the file ``weights``, with the precision, view and activation of ``stamp``."""
    activation = stamp.clip.activation if stamp.clip else None
    return load(weights, precision=stamp.precision, view=stamp.view, activation=activation)
