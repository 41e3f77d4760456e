"""The options that a gallery was made with. They are kept in it, so that later runs, queries and re-encoding agree."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from lookalike.errors import GalleryDamagedError
from lookalike.gallery.store import Store
from lookalike.images.decode import ReadOptions
from lookalike.images.kinds import PassedOver
from lookalike.images.selection import Selection
from lookalike.system_files import parse_json
from lookalike.text import printable

_KEY: Final = "options"
_PASSED_OVER: Final = "passed-over"


@dataclass(frozen=True, slots=True)
class GalleryOptions:
    """How a gallery finds and reads its images."""

    reading: ReadOptions = field(default_factory=ReadOptions)
    selection: Selection = field(default_factory=Selection)

    def with_changes(self, **changes: Any) -> Self:
        """These options with some fields of ``reading`` or ``selection`` changed."""
        own = {name: value for name, value in changes.items() if name in Selection.__slots__}
        others = {name: value for name, value in changes.items() if name not in own}
        return replace(self, reading=replace(self.reading, **others), selection=replace(self.selection, **own))


def read_options(store: Store) -> GalleryOptions:
    """The options kept in ``store``; the defaults if there are none.

    Raises :class:`~lookalike.errors.GalleryDamagedError` if they can't be read.
    """
    text = store.metadata(_KEY)
    if text is None:
        return GalleryOptions()
    try:
        fields = parse_json(text)
        return GalleryOptions(ReadOptions.from_texts(fields["reading"]), Selection.from_lists(fields["selection"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise GalleryDamagedError(
            f"{printable(store.address)}: the options kept in this gallery can't be read ({error!r}). To return to "
            "the defaults: lookalike index --reset-options"
        ) from error


def write_options(store: Store, options: GalleryOptions) -> None:
    """Keep ``options`` in ``store``."""
    text = json.dumps({"reading": options.reading.to_texts(), "selection": options.selection.to_lists()})
    if text != store.metadata(_KEY):
        store.set_metadata(_KEY, text)


def record_passed_over(store: Store, passed_over: Mapping[PassedOver, int]) -> None:
    """Keep what the last update passed over, by kind."""
    text = json.dumps({str(kind): count for kind, count in passed_over.items()}, sort_keys=True)
    if text != store.metadata(_PASSED_OVER):
        store.set_metadata(_PASSED_OVER, text)


def read_passed_over(store: Store) -> dict[PassedOver, int]:
    """What the last update passed over, by kind; empty if that was never recorded."""
    text = store.metadata(_PASSED_OVER)
    return {} if text is None else {PassedOver(kind): count for kind, count in json.loads(text).items()}
