"""Choose the frame that stands for an animation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from PIL import Image

from lookalike.images.files import is_system_error
from lookalike.images.pixels.rgb import contrast, to_rgb

_LOW_CONTRAST: Final = 4.0
"""A first frame whose luma has a standard deviation below this says nothing: it is blank, or a fade has just begun."""
_MOST_FRAMES: Final = 32
_LAST_FRAME: Final = 255
_SIDE: Final = 128
"""The side in pixels at which frames are compared."""


def telling_frame(image: Image.Image) -> Image.Image:
    """The first frame of an animation, or if that says nothing, the one with the greatest contrast.

    ``image`` is loaded and at its first frame; it is returned itself unless another frame is taken. At most 32 of the
    first 256 frames are looked at. A damaged frame ends the search.
    """
    best = _contrast(image)
    if best >= _LOW_CONTRAST or not getattr(image, "is_animated", False):
        return image
    chosen = image.copy()
    for frame in _later_frames(image):
        value = _contrast(frame)
        if value > best:
            chosen, best = frame.copy(), value
    return chosen


def _contrast(image: Image.Image) -> float:
    small = image
    if min(image.size) > 2 * _SIDE:
        side = (max(1, image.width * _SIDE // min(image.size)), max(1, image.height * _SIDE // min(image.size)))
        small = image.resize(side, Image.Resampling.NEAREST)
    return contrast(to_rgb(small))


def _later_frames(image: Image.Image) -> Iterator[Image.Image]:
    try:
        last = min(getattr(image, "n_frames", 1) - 1, _LAST_FRAME)
        for number in sorted(set(np.linspace(1, last, _MOST_FRAMES).round().astype(int).tolist())):
            image.seek(number)
            image.load()
            yield image
    except (EOFError, OSError, SyntaxError, ValueError) as error:
        if is_system_error(error):
            raise
