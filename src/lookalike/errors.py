"""Every error that Lookalike raises on purpose.

::

    LookalikeError                  base class; the message names the file and says what to do
    ├── ImageError                  a file can't be used as an image (has .reason and .kind)
    ├── EncoderError                an encoder is unknown or can't be loaded
    │   ├── UnknownEncoderError     no encoder has this name
    │   ├── UnknownActivationError  no config says which activation a CLIP checkpoint was trained with
    │   ├── DeviceError             the device to encode on is not on this machine
    │   ├── WeightsError            a weights file is missing, damaged or not the expected one
    │   └── DownloadError           a weights file can't be downloaded (has .kind)
    ├── ReadingProcessError         a process that reads images can't be started
    ├── QueryError                  a query contains nothing to search for, or what can't be understood
    ├── TableError                  a CSV file can't be used
    ├── PluginError                 a plug-in of another package can't be used
    ├── OutputError                 an output file can't be written
    │   └── CacheError              embeddings can't be kept in the cache, or taken from it
    ├── ServerError                 the web server can't be started
    │   └── OverloadedError         it has too much to do, and will take the request later
    ├── EvaluationError             an experiment can't be run with these inputs
    │   ├── DatasetError            labelled images can't be used
    │   └── UnknownCorruptionError  no corruption has this name
    └── GalleryError                a gallery can't be used as requested
        ├── GalleryNotFoundError    there is no gallery at or above the folder
        ├── GalleryExistsError      there is already a gallery where a new one should be created
        ├── GalleryLockedError      another process is writing to the gallery
        ├── GalleryLocksError       files can't be locked where the gallery is, as on some network shares
        ├── GalleryWriteError       the disk is full, read-only or failing; committed data is safe
        ├── GalleryDamagedError     the gallery's files are inconsistent or unreadable
        ├── StampMismatchError      the gallery was made with another encoder
        ├── UnreachedImagesError    images can't be read, so the gallery keeps its encoder
        └── BackendMismatchError    this runtime and device compute other embeddings than the gallery's

Library code raises these errors. Programming errors (``TypeError``, ``ValueError``) are not wrapped, and only
``lookalike.cli`` prints messages or exits.
"""

from __future__ import annotations


class LookalikeError(Exception):
    """Base class of every error raised on purpose; ``str()`` of it can be shown to users."""


class ImageError(LookalikeError):
    """A file that can't be used as an image.

    ``reason`` is a short phrase such as "not an image (text file)"; ``kind`` is a value of
    :class:`lookalike.images.files.SkipKind` that programs can rely on.
    """

    def __init__(self, message: str, *, reason: str, kind: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.kind = kind


class EncoderError(LookalikeError):
    """An encoder is unknown, or can't be loaded or run."""


class UnknownEncoderError(EncoderError):
    """No encoder has this name."""


class UnknownActivationError(EncoderError):
    """No config says which activation a CLIP checkpoint was trained with, so the user has to."""


class DeviceError(EncoderError):
    """The device to encode on, such as a GPU, is not on this machine or can't be used."""


class WeightsError(EncoderError):
    """A weights file is missing, damaged, unsupported or not the expected one."""


class DownloadError(EncoderError):
    """A weights file can't be downloaded.

    ``kind`` is one word that programs can rely on: ``"unreachable"`` (no connection, or offline mode), ``"absent"``
    (the hub doesn't have the file), ``"disk"`` (the file can't be stored on this machine) or ``"other"``.
    """

    def __init__(self, message: str, *, kind: str = "other") -> None:
        super().__init__(message)
        self.kind = kind


class ReadingProcessError(LookalikeError):
    """A process that reads images can't be started; no image is to blame."""


class QueryError(LookalikeError):
    """A query contains nothing to search for, or what can't be understood."""


class TableError(LookalikeError):
    """A CSV file can't be used."""


class PluginError(LookalikeError):
    """A plug-in of another package can't be used."""


class OutputError(LookalikeError):
    """An output file can't be written."""


class CacheError(OutputError):
    """Embeddings can't be kept in the cache, or taken from it."""


class ServerError(LookalikeError):
    """The web server can't be started."""


class OverloadedError(ServerError):
    """The web server has too much to do to take a request; ``seconds`` later, it may have time."""

    def __init__(self, message: str, *, seconds: int = 1) -> None:
        super().__init__(message)
        self.seconds = seconds


class EvaluationError(LookalikeError):
    """An experiment can't be run with these inputs."""


class DatasetError(EvaluationError):
    """Labelled images can't be used; the message names the file and the row, and says what to do."""


class UnknownCorruptionError(EvaluationError):
    """No corruption has this name."""


class GalleryError(LookalikeError):
    """A gallery can't be used as requested."""


class GalleryNotFoundError(GalleryError):
    """There is no gallery at or above the folder."""


class GalleryExistsError(GalleryError):
    """There is already a gallery where a new one should be created."""


class GalleryLockedError(GalleryError):
    """Another process is writing to the gallery."""


class GalleryLocksError(GalleryError):
    """Files can't be locked where the gallery is, so that writing to it would not be safe."""


class GalleryWriteError(GalleryError):
    """A write failed (disk full, read-only or failing). Everything committed before is safe."""


class GalleryDamagedError(GalleryError):
    """The gallery's files are inconsistent or unreadable.

    ``file`` is the name of the damaged file, if one is known, and ``problem`` says what is wrong in a few words.
    """

    def __init__(self, message: str, *, file: str = "", problem: str = "") -> None:
        super().__init__(message)
        self.file = file
        self.problem = problem or message


class StampMismatchError(GalleryError):
    """The gallery was made with another encoder."""


class UnreachedImagesError(GalleryError):
    """Images of the gallery can't be read, so it keeps its encoder; what was encoded is kept for the next attempt."""


class BackendMismatchError(GalleryError):
    """The runtime and device of this machine compute other embeddings than those in the gallery."""
