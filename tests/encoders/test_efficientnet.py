"""The embedded encoder agrees with the reference implementation."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike import load_encoder

STORED = Path(__file__).parents[1] / "data" / "efficientnet_lite2.npz"


def _images(names):
    """The images decoded at full size and without colour profiles: this test is about the network, not decoding."""
    folder = Path(importlib.util.find_spec("skimage").submodule_search_locations[0]) / "data"
    return [np.asarray(Image.open(folder / name).convert("RGB")) for name in names]


@pytest.fixture(scope="module")
def reference():
    """The names of real images, and their unit vectors from the reference torch code."""
    with np.load(STORED) as stored:
        features = stored["features"].astype(np.float64)
        return stored["names"].tolist(), features / np.linalg.norm(features, axis=1, keepdims=True)


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_vectors_agree_with_the_reference(isolated_cache, reference, runtime):
    """On real images every vector has a cosine of at least 0.9999 to the reference's, also after centring."""
    names, expected = reference
    vectors = load_encoder(runtime=runtime).embed(_images(names)).astype(np.float64)
    assert (vectors * expected).sum(axis=1).min() >= 0.999999
    assert np.abs(vectors - expected).max() <= 1e-5
    ours, theirs = vectors - vectors.mean(axis=0), expected - expected.mean(axis=0)
    centred = (ours * theirs).sum(axis=1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    assert centred.min() >= 0.9999


def test_the_comparison_detects_swapped_channels(isolated_cache, reference):
    """Swapping red and blue gives vectors that fail the comparison above."""
    names, expected = reference
    swapped = [image[..., ::-1] for image in _images(names)]
    vectors = load_encoder().embed([np.ascontiguousarray(pixels) for pixels in swapped])
    assert (vectors * expected).sum(axis=1).min() < 0.99
