"""Complete a JPEG whose end is missing, and measure how much of it is decoded from data."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.images.readers.jpeg import PROGRESSIVE, START_OF_SCAN, Segment, read_frame, segments, without_metadata
from lookalike.images.readers.opened import Decoding
from lookalike.images.readers.pillow import open_with_pillow

_END_OF_IMAGE: Final = b"\xff\xd9"
_FILLER_BYTES: Final = 1 << 16


def completed(content: bytes) -> bytes:
    """The JPEG ``content`` up to its first incomplete segment, with a marker for the end.

    A decoder then shows what there is, and fills the rest.
    """
    last = _last_segment(content)
    if last is not None and last.end > len(content):
        content = content[: last.start]
    return content.rstrip(b"\xff") + _END_OF_IMAGE


def decoded_share(content: bytes) -> float:
    """The share of the image's blocks that a decoder reads from data, 0 to 1.

    A progressive image counts as decoded where its first scan is. To find the blocks, the image is decoded with two
    different continuations: what comes from data is equal in both.
    """
    complete = without_metadata(completed(content))
    if _first_scans_are_complete(complete):
        return 1.0
    filler = np.random.default_rng(0).integers(0, 255, _FILLER_BYTES, np.uint8).tobytes()  # no byte is 255
    try:
        one, other = (_blocks(data) for data in (complete, complete[:-2] + filler + _END_OF_IMAGE))
    except Exception:  # noqa: BLE001  Pillow raises almost anything on damage
        return 0.0
    if one.shape != other.shape:
        return 0.0
    differ = (one != other).reshape(*one.shape[:2], -1).any(axis=2)
    if not differ.any():
        return 1.0
    # Subsampled images are stored in units of two rows of two blocks, so that both rows of the last units are damaged.
    row = int(differ.any(axis=1).argmax()) // 2 * 2
    column = int(differ[row : row + 2].any(axis=0).argmax())
    rows, columns = differ.shape
    return float((row * columns + column * min(2, rows - row)) / (rows * columns))


def _blocks(content: bytes) -> NDArray[np.uint8]:
    """The image at an eighth of its size: one pixel a block."""
    image = open_with_pillow(io.BytesIO(content), "JPEG").decode(Decoding(min_side=1))
    return np.asarray(image)


def _last_segment(content: bytes) -> Segment | None:
    last = None
    for last in segments(content):  # noqa: B007  the last one is used
        pass
    return last


def _first_scans_are_complete(content: bytes) -> bool:
    """Whether each component of a progressive image has a complete first scan, and every scan before it."""
    frame = read_frame(content)
    if frame is None or not frame.is_progressive:
        return False
    scans = [segment for segment in segments(content) if segment.marker == START_OF_SCAN]
    covered: set[int] = set()
    for scan in scans[:-1]:  # the data of the last one may be incomplete
        covered |= _first_scan_of(content, scan)
    return len(covered) >= _components(content)


def _first_scan_of(content: bytes, scan: Segment) -> set[int]:
    """The components whose first scan this is (ISO/IEC 10918-1, B.2.3): it begins at coefficient 0 and refines none."""
    header = content[scan.start + 4 : scan.end]
    count = header[0]
    start, _, approximation = header[1 + 2 * count : 4 + 2 * count]
    is_first = start == 0 and approximation >> 4 == 0
    return {header[1 + 2 * number] for number in range(count)} if is_first else set()


def _components(content: bytes) -> int:
    frame = next(segment for segment in segments(content) if segment.marker in PROGRESSIVE)
    return content[frame.start + 9]
