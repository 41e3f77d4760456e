"""The encoder of an open gallery: given, or loaded when it is first needed, and checked before it is used."""

from __future__ import annotations

from collections.abc import Callable

from lookalike.encoders.encoder import Encoder
from lookalike.errors import BackendMismatchError
from lookalike.gallery.stamp_check import (
    check_backend,
    check_for_search,
    check_for_update,
    load_own_encoder,
    matches_stamp,
    record_backend,
)
from lookalike.gallery.store import Store


class OwnEncoder:
    """The encoder that a gallery was made with.

    ``encoder`` is one that is loaded already, if any; ``load`` is called otherwise, with the arguments of
    :func:`~lookalike.load_encoder`. Raises :class:`~lookalike.errors.StampMismatchError` if ``encoder`` isn't the
    gallery's own.
    """

    def __init__(self, store: Store, encoder: Encoder | None, load: Callable[..., Encoder]) -> None:
        self._store = store
        self._load = load
        self._given = encoder
        self._checked: Encoder | None = None
        if encoder is not None:
            check_for_search(store, encoder)

    def for_search(self) -> Encoder:
        """The encoder, which may have another precision than the gallery's embeddings if it was given."""
        if self._checked is None:
            encoder = self._given or load_own_encoder(self._store, self._load)
            check_for_search(self._store, encoder)
            check_backend(self._store, encoder)
            self._checked = encoder
        return self._checked

    def for_update(self) -> Encoder:
        """The encoder, in the gallery's own precision; its runtime and device are recorded."""
        encoder = self.for_search()
        check_for_update(self._store, encoder)
        record_backend(self._store, encoder)
        return encoder

    def replace(self, encoder: Encoder) -> None:
        """Use ``encoder`` from now on, and record where its weights are."""
        check_for_search(self._store, encoder)
        check_backend(self._store, encoder)
        self._checked = encoder
        path = None if encoder.location is None else encoder.location.absolute()
        if self._store.is_writable and path is not None and path != self._store.weights_path:
            self._store.set_weights_path(path)

    def is_made_by(self, encoder: Encoder) -> bool:
        """Whether ``encoder`` is the gallery's own, in the same precision, and computes the same embeddings."""
        if not matches_stamp(self._store, encoder):
            return False
        try:
            check_backend(self._store, encoder)
        except BackendMismatchError:
            return False
        return True
