"""Real weights give the published embeddings; needs the Hugging Face hub."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from lookalike import load_encoder
from lookalike.encoders import catalog
from lookalike.encoders.golden import GOLDEN, synthetic
from lookalike.encoders.weights import locate
from lookalike.errors import DownloadError

# Images with published embeddings, which may not be redistributed with this code: rclip's are in its
# repository (tests/e2e/images), the other is val2017/000000039769.jpg of COCO. LOOKALIKE_GOLDEN_IMAGES is the folder
# that contains them.
IMAGES = {
    "cat.jpg": "f29ca232129f45b3d9fbabbadd7971b13809456282121b69e2325f11a4465e94",
    "black cat at night.jpg": "36df7b13ed6adbdc42db9d4547880967e4b2eca00f36f230f3e3cb02c1ab958d",
    "black kitty.jpeg": "4566e241cab37f5a9438e7c2c49b60ac82135bc44f031cfd5ba7bed2cc3de9e2",
    "books.jpg": "5aa9a34fc06c74ae6cddb3e27c4a39e54fcc6fbd152cd299efa9385811cd0617",
    "000000039769.jpg": "dea9e7ef97386345f7cff32f9055da4982da5471c48d575146c796ab4563b04e",
}

# rclip's end-to-end snapshots for clip-vit-b-32-256: cosines with cat.jpg, and with the text "kitty".
WITH_THE_CAT = {
    "black cat at night.jpg": 0.657,
    "black kitty.jpeg": 0.652,
    "books.jpg": 0.309,
}
WITH_KITTY = {"black kitty.jpeg": 0.269, "cat.jpg": 0.247, "black cat at night.jpg": 0.243}


def _real(name):
    row = catalog.find(name)
    try:
        locate.fetch(row)
        locate.fetch_tokenizer(row)
    except DownloadError as error:
        if error.kind != "unreachable":  # then the hub has a wrong file, which this test should detect
            raise
        pytest.skip(f"the real weights of {row.name} are unavailable: {error}")
    return load_encoder(row.name, precision="fp32")


@pytest.fixture(scope="module", params=GOLDEN)
def real(request, monkeypatch_module):
    """An encoder with its real weights, downloaded to the user's cache if necessary."""
    return _real(request.param)


@pytest.fixture
def image():
    """A function that returns the verified path of a published image."""
    folder = os.environ.get("LOOKALIKE_GOLDEN_IMAGES")

    def find(name):
        if not folder:
            pytest.skip(f"LOOKALIKE_GOLDEN_IMAGES is not set, so {name} is missing")
        path = Path(folder) / name
        if not path.is_file():
            pytest.skip(f"{path} is missing")
        assert hashlib.sha256(path.read_bytes()).hexdigest() == IMAGES[name], f"{path} is another image"
        return path

    return find


@pytest.fixture(scope="module")
def monkeypatch_module():
    """The user's cache of the hub, so that half a gigabyte isn't downloaded in each run."""
    import importlib

    from huggingface_hub import constants

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("HF_HUB_CACHE")
        patch.setattr(constants, "HF_HUB_CACHE", importlib.reload(constants).HF_HUB_CACHE)
        yield


@pytest.mark.hub
def test_embeddings_equal_the_published_ones(real):
    """Every published embedding of this encoder is reproduced within the tolerance of its source."""
    for golden in GOLDEN[real.spec.name]:
        assert golden.difference(real) <= golden.tolerance, golden.name


@pytest.mark.hub
def test_cosines_equal_those_of_rclip(monkeypatch_module, image):
    """With the DataComp weights, cosines of images and of a text equal rclip's snapshots."""
    cat, others = image("cat.jpg"), [image(name) for name in WITH_THE_CAT]
    encoder = _real("clip-vit-b-32-256")
    # The snapshots have three digits and come from another export of the network.
    vectors = encoder.embed([cat, *others])
    np.testing.assert_allclose(vectors[1:] @ vectors[0], list(WITH_THE_CAT.values()), atol=2e-3)
    (kitty,) = encoder.embed_texts(["kitty"])
    named = encoder.embed([image(name) for name in WITH_KITTY])
    np.testing.assert_allclose(named @ kitty, list(WITH_KITTY.values()), atol=2e-3)


@pytest.mark.hub
def test_logits_equal_those_of_transformers_and_fastembed(monkeypatch_module, image):
    """With OpenAI's weights, cosines match transformers' logits (scale 100), and components match fastembed's."""
    cats = image("000000039769.jpg")
    encoder = _real("clip-vit-b-32")
    (vector,) = encoder.embed([cats])
    texts = encoder.embed_texts(["a photo of a cat", "a photo of a dog"])
    np.testing.assert_allclose(100 * texts @ vector, [24.5701, 19.3049], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(vector[:5], [-0.0098, 0.0128, -0.0274, 0.002, -0.0059], atol=1e-3)


@pytest.mark.parametrize("kind", ["absent", "disk", "other"])
def test_only_an_unreachable_hub_skips_these_tests(monkeypatch, kind):
    """Other download errors fail these tests."""

    def fail(_):
        raise DownloadError("download failed", kind=kind)

    monkeypatch.setattr(locate, "fetch", fail)
    with pytest.raises(DownloadError):
        _real("clip-vit-b-32")
    kind = "unreachable"
    with pytest.raises(pytest.skip.Exception, match="are unavailable"):
        _real("clip-vit-b-32")


def test_golden_values_name_encoders_of_the_catalogue():
    """Every golden value belongs to an encoder of the catalogue and to an image or a text, without duplicates."""
    for name, values in GOLDEN.items():
        assert catalog.find(name).name == name
        assert len({golden.first for golden in values}) == len(values)
        assert all((golden.size is None) != (golden.text is None) for golden in values)


def test_synthetic_images_follow_their_formula():
    """R = (x + 17 s) mod 256, G = (3 y + 29 s) mod 256, B = (x + 2 y + 43 s) mod 256, at every corner."""
    image = synthetic(2, 320, 240)
    assert image.shape == (240, 320, 3)
    for y, x in ((0, 0), (0, 319), (239, 0), (239, 319)):
        assert image[y, x].tolist() == [(x + 34) % 256, (3 * y + 58) % 256, (x + 2 * y + 86) % 256]
