"""Update galleries by themselves when the files in their folders change."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

from watchfiles import Change, DefaultFilter, watch

from lookalike.errors import GalleryLockedError, LookalikeError
from lookalike.gallery.gallery import Gallery
from lookalike.web.galleries.served import ServedGallery

_LOG: Final = logging.getLogger(__name__)

_QUIET_MILLISECONDS: Final = 1_500
"""A folder into which files are copied is updated when nothing has changed for so long, or after ten times that."""
_IDLE_MILLISECONDS: Final = 500
"""How long nothing may happen until that is told."""


class _StoppedError(Exception):
    """The server ends; what is not updated yet will be the next time."""


class Watcher:
    """Follows the folders of galleries, each on a thread of its own. Every gallery is updated once at the start."""

    def __init__(self, galleries: Sequence[ServedGallery], locked_seconds: float) -> None:
        """``locked_seconds`` is how long to wait for another process that writes to a gallery."""
        self._locked_seconds = locked_seconds
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._follow, args=(served,), name=f"watch {served.name}", daemon=True)
            for served in galleries
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, also amid an update, and wait until that is so."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _follow(self, served: ServedGallery) -> None:
        try:
            is_current = False
            for changes in self._changes(served.gallery):
                if changes or not is_current:
                    self._update(served)
                    is_current = True
        except _StoppedError:
            pass
        except (LookalikeError, OSError) as error:
            _LOG.warning("%s: not watched any more: %s", served.name, error)

    def _changes(self, gallery: Gallery) -> Iterator[AbstractSet[object]]:
        """The files below the root that have changed, each time; an empty set now and then, also at the beginning.

        From the first one on, no change is missed, so that the first update must come after that.
        """
        return watch(
            gallery.root,
            watch_filter=_NotOwn(gallery.path),
            debounce=10 * _QUIET_MILLISECONDS,
            step=_QUIET_MILLISECONDS,
            stop_event=self._stopped,
            rust_timeout=_IDLE_MILLISECONDS,
            yield_on_timeout=True,
            force_polling=True if gallery.status().network else None,
            raise_interrupt=False,
        )

    def _update(self, served: ServedGallery) -> None:
        """Update a gallery as ``lookalike index`` does; a problem with it is told, and the next change tries again."""
        try:
            self._update_when_free(served)
        except LookalikeError as error:
            _LOG.warning("%s: not updated: %s", served.name, error)
        finally:
            served.updating = None

    def _update_when_free(self, served: ServedGallery) -> None:
        def progress(done: int, total: int, _path: str) -> None:
            if self._stopped.is_set():
                raise _StoppedError
            served.updating = (done, total)

        while True:
            try:
                with served.open_to_write() as gallery:
                    gallery.update(progress=progress)
            except GalleryLockedError:
                if self._stopped.wait(self._locked_seconds):
                    raise _StoppedError from None
            else:
                return


class _NotOwn(DefaultFilter):
    """All changes but those of hidden files, which are no images, and of the gallery's own files."""

    def __init__(self, own: Path) -> None:
        super().__init__(ignore_dirs=(".lookalike",))
        self._own = own

    def __call__(self, change: Change, path: str) -> bool:
        """Whether a change of ``path`` matters."""
        changed = Path(path)
        return (
            not changed.is_relative_to(self._own)
            and not changed.name.startswith(".")
            and super().__call__(change, path)
        )
