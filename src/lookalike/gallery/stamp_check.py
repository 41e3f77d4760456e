"""Check whether an encoder is the one a gallery was made with."""

from __future__ import annotations

from dataclasses import replace

from lookalike.encoders.encoder import Encoder
from lookalike.encoders.spec import EncoderSpec
from lookalike.errors import StampMismatchError
from lookalike.gallery.store import Store
from lookalike.text import printable


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
