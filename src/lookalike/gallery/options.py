"""The options that a gallery was made with. They are kept in it, so that later runs, queries and re-encoding agree."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from lookalike.errors import GalleryDamagedError
from lookalike.gallery.store import Store
from lookalike.images.decode import ReadOptions
from lookalike.text import printable

_KEY: Final = "options"


@dataclass(frozen=True, slots=True)
class GalleryOptions:
    """How a gallery finds and reads its images."""

    reading: ReadOptions = field(default_factory=ReadOptions)

    def with_changes(self, **changes: Any) -> Self:
        """These options with some fields of ``reading`` changed; fields that are None stay as they are."""
        given = {name: value for name, value in changes.items() if value is not None}
        return replace(self, reading=replace(self.reading, **given))


def read_options(store: Store) -> GalleryOptions:
    """The options kept in ``store``; the defaults if there are none.

    Raises :class:`~lookalike.errors.GalleryDamagedError` if they can't be read.
    """
    text = store.metadata(_KEY)
    if text is None:
        return GalleryOptions()
    try:
        return GalleryOptions(ReadOptions.from_texts(json.loads(text)["reading"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise GalleryDamagedError(
            f"{printable(store.address)}: the options kept in this gallery can't be read ({error!r}). To return to "
            "the defaults: lookalike index --reset-options"
        ) from error


def write_options(store: Store, options: GalleryOptions) -> None:
    """Keep ``options`` in ``store``."""
    text = json.dumps({"reading": options.reading.to_texts()})
    if text != store.metadata(_KEY):
        store.set_metadata(_KEY, text)
