"""Blur: convolution of linear light with a kernel, and a fast Gaussian blur; edges are continued by reflection."""

from __future__ import annotations

from math import ceil, cos, pi, sin
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from lookalike.evaluation.corruptions.pixels import Pixels

_POINTS_PER_PIXEL = 8
"""Points per pixel of length when a line kernel is drawn."""


def convolve(light: Pixels, kernel: Pixels) -> Pixels:
    """Convolve ``light`` (rows, columns, channels) with a kernel (odd, odd) that sums to 1, in the Fourier domain."""
    rows, columns = light.shape[:2]
    down, right = kernel.shape[0] // 2, kernel.shape[1] // 2
    padded = np.pad(light, ((down, down), (right, right), (0, 0)), mode="symmetric")
    size = (_fast_length(padded.shape[0]), _fast_length(padded.shape[1]))
    transfer = np.fft.rfft2(kernel, size)
    result = np.empty_like(light)
    for channel in range(light.shape[2]):
        plane = np.fft.irfft2(np.fft.rfft2(padded[..., channel], size) * transfer, size)
        # The convolution is circular and starts at the corner of the kernel; what wraps around lies in the padding.
        result[..., channel] = plane[2 * down : 2 * down + rows, 2 * right : 2 * right + columns]
    return result


def disc_kernel(radius: float) -> Pixels:
    """The point spread function of defocus: a uniform disc of ``radius`` pixels with an antialiased edge."""
    reach = ceil(radius)
    steps = np.arange(-reach, reach + 1)
    return _normalise(np.clip(radius + 0.5 - np.hypot(steps[:, np.newaxis], steps[np.newaxis, :]), 0, 1))


def line_kernel(length: float, degrees: float) -> Pixels:
    """The point spread function of motion over ``length`` pixels, ``degrees`` anticlockwise from the right."""
    reach = ceil(length / 2) + 1
    along = (np.arange(max(1, ceil(length * _POINTS_PER_PIXEL))) + 0.5) / max(
        1, ceil(length * _POINTS_PER_PIXEL)
    ) * length - length / 2
    right, down = along * cos(degrees * pi / 180) + reach, -along * sin(degrees * pi / 180) + reach
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    left, top = np.floor(right).astype(int), np.floor(down).astype(int)
    for row in (0, 1):
        for column in (0, 1):
            weight = np.abs(1 - row - (down - top)) * np.abs(1 - column - (right - left))
            np.add.at(kernel, (top + row, left + column), weight)
    return _normalise(kernel)


def gaussian_blur(image: Image.Image, radius: float) -> Image.Image:
    """Blur the levels of an RGB or grey image with a Gaussian of ``radius`` pixels; fast, for haloes and soft edges."""
    # A wide blur leaves no detail that a smaller copy of the image would lose.
    shrink = min(16, int(radius / 1.5))
    if shrink > 1:
        small = gaussian_blur(image.reduce(shrink), radius / shrink)
        box = (0.0, 0.0, image.width / shrink, image.height / shrink)
        return small.resize(image.size, Image.Resampling.BILINEAR, box=box)
    if radius <= 0:
        return image
    reach = ceil(3 * radius)
    around = np.pad(np.asarray(image), [(reach, reach)] * 2 + [(0, 0)] * (image.mode == "RGB"), mode="symmetric")
    blurred = Image.fromarray(around).filter(ImageFilter.GaussianBlur(radius))
    return blurred.crop((reach, reach, reach + image.width, reach + image.height))


def _normalise(kernel: NDArray[np.floating[Any]]) -> Pixels:
    return np.asarray(kernel / kernel.sum(), np.float32)


def _fast_length(length: int) -> int:
    """The smallest even length >= ``length`` with no prime factors but 2, 3 and 5, for a fast transform."""
    even = length + length % 2
    while True:
        rest = even
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return even
        even += 2
