"""Every error that Lookalike raises on purpose.

::

    LookalikeError                  anything below; its text names the file and the way out
    ├── PictureError                a file that can't be used as a picture (has .reason)
    ├── EncoderError                an encoder that is unknown, or can't be made ready
    │   ├── UnknownEncoderError     no encoder of that name
    │   ├── UnknownActivationError  nothing tells which activation a CLIP checkpoint was trained with
    │   ├── WeightsError            a weights file is missing, damaged, or not the one expected
    │   └── DownloadError           a weights file can't be fetched (has .kind)
    ├── QueryError                  a query of which nothing is left to look for
    ├── OutputError                 a file that we were asked to write can't be written
    ├── EvaluationError             an experiment that can't be made as asked
    │   ├── DatasetError            labelled photographs that can't be used: which, and why
    │   └── UnknownCorruptionError  no corruption of that name
    └── GalleryError                a gallery that can't be used as asked
        ├── GalleryNotFoundError    there is no gallery at or above that folder
        ├── GalleryExistsError      there is one already where a new one was to be made
        ├── GalleryLockedError      another process is writing to it
        ├── GalleryWriteError       the disk is full, read-only or failing; what was committed is safe
        ├── GalleryDamagedError     its files contradict one another or can't be read
        └── StampMismatchError      it was made with another encoder than the one in hand

Library code raises these and lets programming errors (``TypeError``, ``ValueError``) be what they are;
only ``lookalike.cli`` prints or exits.
"""

from __future__ import annotations


class LookalikeError(Exception):
    """Base of every error raised on purpose; ``str()`` of it is fit to be shown to a user."""


class PictureError(LookalikeError):
    """A file that can't be used as a picture.

    ``reason`` is a short phrase that goes on from "skipped:", ``kind`` one word of
    :class:`lookalike.images.decode.SkipKind` that programs can rely on.
    """

    def __init__(self, message: str, *, reason: str, kind: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.kind = kind


class EncoderError(LookalikeError):
    """An encoder that is unknown, or can't be made ready."""


class UnknownEncoderError(EncoderError):
    """No encoder of that name is known."""


class UnknownActivationError(EncoderError):
    """Nothing tells which activation a CLIP checkpoint was trained with; the user has to say."""


class WeightsError(EncoderError):
    """A weights file that is missing, damaged, or not the one expected."""


class DownloadError(EncoderError):
    """A weights file that can't be fetched.

    ``kind`` is one word that programs can rely on: ``"unreachable"``, nobody answered, or asking is forbidden;
    ``"absent"``, the hub doesn't have the file; ``"disk"``, it can't be kept on this machine; ``"other"``.
    """

    def __init__(self, message: str, *, kind: str = "other") -> None:
        super().__init__(message)
        self.kind = kind


class QueryError(LookalikeError):
    """A query of which nothing is left to look for."""


class OutputError(LookalikeError):
    """A file that we were asked to write can't be written."""


class EvaluationError(LookalikeError):
    """An experiment that can't be made as asked."""


class DatasetError(EvaluationError):
    """Labelled photographs that can't be used; the message names the file, the row and the way out."""


class UnknownCorruptionError(EvaluationError):
    """No corruption of that name is known."""


class GalleryError(LookalikeError):
    """A gallery that can't be used as asked."""


class GalleryNotFoundError(GalleryError):
    """There is no gallery at, or above, the folder asked about."""


class GalleryExistsError(GalleryError):
    """There is a gallery already where a new one was to be made."""


class GalleryLockedError(GalleryError):
    """Another process is writing to the gallery."""


class GalleryWriteError(GalleryError):
    """The disk refused a write (full, read-only, failing). What was committed before is safe."""


class GalleryDamagedError(GalleryError):
    """The gallery's files contradict one another, or can't be read."""


class StampMismatchError(GalleryError):
    """The gallery was made with another encoder than the one in hand."""
