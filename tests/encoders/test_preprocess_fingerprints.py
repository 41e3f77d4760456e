"""Preprocessing compared with values that other projects published for generated images."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from lookalike.encoders import catalog
from lookalike.encoders.preprocess import prepare, prepare_reference
from lookalike.images.decode import from_pillow

# Values at (channel, y, x) = (0,0,0), (1,17,203), (2,111,111), (0,S-1,5), (2,64,190), then the sums of the channels.
LIBREPHOTOS = {
    (320, 200): (0.587281, -1.256841, 2.074797, -1.456499, 1.676635, 3387.731, 6444.607, 22044.883),
    (199, 301): (0.426698, 0.333983, 2.017917, -1.63168, 1.306913, 3556.474, 6880.553, 21145.977),
    (100, 60): (0.193124, -1.181802, -0.840317, -0.814168, -0.243074, -352.328, 5212.394, -39657.594),
    (224, 224): (-1.792263, 0.093858, -1.48022, 1.010635, 2.131677, 3336.928, 6138.658, 15069.643),
}
VISIONGREP = {
    (320, 240): (-1.222924, -1.031724, -0.115093, -1.149932, -0.314174, 10616.03, 3826.7, 21441.374),
    (240, 320): (-1.544089, 1.174418, 1.050952, -1.471097, 0.851871, 12122.121, 10907.485, 21687.949),
    (256, 256): (-1.295916, -0.11625, 0.837651, -1.222924, 0.62435, 4524.399, 10577.074, 21812.915),
}


def fingerprint(image, preprocessing, prepare_image):
    """The network's normalised input at the published positions, and the sums of its channels."""
    levels = prepare_image(image, preprocessing)
    mean, std = np.array(preprocessing.mean), np.array(preprocessing.std)
    values = ((levels - mean) / std).transpose(2, 0, 1)
    positions = ((0, 0, 0), (1, 17, 203), (2, 111, 111), (0, preprocessing.crop - 1, 5), (2, 64, 190))
    return [values[position] for position in positions], values.sum((1, 2))


def _upright(image, preprocessing):
    return prepare(from_pillow(image), preprocessing)


def _image(red, green, blue):
    return Image.fromarray((np.stack([red, green, blue], -1) % 256).astype(np.uint8))


@pytest.mark.parametrize("prepare_image", [_upright, prepare_reference])
@pytest.mark.parametrize("size", LIBREPHOTOS)
def test_input_of_224_pixels_has_the_published_fingerprint(size, prepare_image):
    """Generated images, resized or not, become the input that LibrePhotos published for CLIP at 224 pixels."""
    y, x = np.mgrid[: size[1], : size[0]]
    points, sums = fingerprint(_image(7 * x + 3 * y, x * y, x ^ y), catalog.CLIP_224, prepare_image)
    np.testing.assert_allclose(points, LIBREPHOTOS[size][:5], atol=2e-6)
    np.testing.assert_allclose(sums, LIBREPHOTOS[size][5:], atol=0.05)


@pytest.mark.parametrize("prepare_image", [_upright, prepare_reference])
@pytest.mark.parametrize(("seed", "size"), list(enumerate(VISIONGREP)))
def test_input_of_256_pixels_has_the_published_fingerprint(seed, size, prepare_image):
    """Generated images become the input that visiongrep published for CLIP at 256 pixels."""
    y, x = np.mgrid[: size[1], : size[0]]
    image = _image(x + 17 * seed, 3 * y + 29 * seed, x + 2 * y + 43 * seed)
    points, sums = fingerprint(image, catalog.CLIP_256, prepare_image)
    np.testing.assert_allclose(points, VISIONGREP[size][:5], atol=2e-6)
    np.testing.assert_allclose(sums, VISIONGREP[size][5:], atol=0.05)


def test_reference_mode_differs_only_for_alpha_and_palettes():
    """RGB images give the same pixels; the reference drops alpha, and we composite it over white."""
    rng = np.random.default_rng(5)
    rgba = Image.fromarray(rng.integers(0, 256, (300, 401, 4), np.uint8))
    rgb = rgba.convert("RGB")
    np.testing.assert_array_equal(_upright(rgb, catalog.CLIP_224), prepare_reference(rgb, catalog.CLIP_224))
    assert (_upright(rgba, catalog.CLIP_224) != prepare_reference(rgba, catalog.CLIP_224)).any()


def test_the_catalogue_is_consistent():
    """Names and files are unique, checksums have the right length, and revisions are commits."""
    names = [row.name for row in catalog.CATALOG]
    assert len(set(names)) == len(names) == len({row.sha256 for row in catalog.CATALOG})
    for row in catalog.CATALOG:
        assert len(bytes.fromhex(row.sha256)) == 32
        if isinstance(row.source, catalog.HubFile):
            assert len(bytes.fromhex(row.source.revision)) == 20
            assert row.source.filename.endswith(".safetensors")
        assert (row.clip is not None) == (row.family == "clip-vit")
