"""Real weights give the embeddings that others have published of them, where the Hugging Face hub can be reached."""

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

# Photographs whose embeddings others have published. They may not be passed on with this code: rclip's own are in its
# repository (tests/e2e/images), the other is val2017/000000039769.jpg of COCO. LOOKALIKE_GOLDEN_PICTURES names a folder
# that has them.
PICTURES = {
    "cat.jpg": "f29ca232129f45b3d9fbabbadd7971b13809456282121b69e2325f11a4465e94",
    "black cat at night.jpg": "36df7b13ed6adbdc42db9d4547880967e4b2eca00f36f230f3e3cb02c1ab958d",
    "black kitty.jpeg": "4566e241cab37f5a9438e7c2c49b60ac82135bc44f031cfd5ba7bed2cc3de9e2",
    "books.jpg": "5aa9a34fc06c74ae6cddb3e27c4a39e54fcc6fbd152cd299efa9385811cd0617",
    "000000039769.jpg": "dea9e7ef97386345f7cff32f9055da4982da5471c48d575146c796ab4563b04e",
}

# rclip's end-to-end snapshots, of the weights of clip-vit-b-32-256: cosines with cat.jpg, and with the word "kitty".
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
        if error.kind != "unreachable":  # the hub has something else than it should: that is what the test is for
            raise
        pytest.skip(f"the real weights of {row.name} can't be had here: {error}")
    return load_encoder(row.name, precision="fp32")


@pytest.fixture(scope="module", params=GOLDEN)
def real(request, monkeypatch_module):
    """An encoder with its real weights, fetched if need be into the user's own cache."""
    return _real(request.param)


@pytest.fixture
def picture():
    """A published photograph by its name, checked."""
    folder = os.environ.get("LOOKALIKE_GOLDEN_PICTURES")

    def find(name):
        if not folder:
            pytest.skip(f"LOOKALIKE_GOLDEN_PICTURES names no folder with {name}")
        path = Path(folder) / name
        if not path.is_file():
            pytest.skip(f"{path} is not there")
        assert hashlib.sha256(path.read_bytes()).hexdigest() == PICTURES[name], f"{path} is another picture"
        return path

    return find


@pytest.fixture(scope="module")
def monkeypatch_module():
    """The hub's cache as it is outside of tests, so that half a gigabyte isn't fetched for each run."""
    import importlib

    from huggingface_hub import constants

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("HF_HUB_CACHE")
        patch.setattr(constants, "HF_HUB_CACHE", importlib.reload(constants).HF_HUB_CACHE)
        yield


@pytest.mark.hub
def test_published_embeddings_come_out(real):
    """Every published embedding of this encoder agrees within the tolerance its source gives."""
    for golden in GOLDEN[real.spec.name]:
        assert golden.difference(real) <= golden.tolerance, golden.name


@pytest.mark.hub
def test_photographs_are_as_alike_as_rclip_published(monkeypatch_module, picture):
    """With the DataComp weights, cosines of photographs and of a word are those of rclip's own snapshots."""
    cat, others = picture("cat.jpg"), [picture(name) for name in WITH_THE_CAT]
    encoder = _real("clip-vit-b-32-256")
    # Three digits were printed, by a network exported in another way.
    vectors = encoder.embed([cat, *others])
    np.testing.assert_allclose(vectors[1:] @ vectors[0], list(WITH_THE_CAT.values()), atol=2e-3)
    (kitty,) = encoder.embed_texts(["kitty"])
    named = encoder.embed([picture(name) for name in WITH_KITTY])
    np.testing.assert_allclose(named @ kitty, list(WITH_KITTY.values()), atol=2e-3)


@pytest.mark.hub
def test_the_two_cats_of_coco_are_as_transformers_and_fastembed_publish(monkeypatch_module, picture):
    """With OpenAI's weights: the cosines behind transformers' logits (scale 100), and fastembed's first components."""
    cats = picture("000000039769.jpg")
    encoder = _real("clip-vit-b-32")
    (vector,) = encoder.embed([cats])
    texts = encoder.embed_texts(["a photo of a cat", "a photo of a dog"])
    np.testing.assert_allclose(100 * texts @ vector, [24.5701, 19.3049], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(vector[:5], [-0.0098, 0.0128, -0.0274, 0.002, -0.0059], atol=1e-3)


@pytest.mark.parametrize("kind", ["absent", "disk", "other"])
def test_only_a_hub_out_of_reach_is_a_reason_to_skip(monkeypatch, kind):
    """A hub that doesn't have the weights, or has others, fails these tests; one that can't be reached skips them."""

    def fail(_):
        raise DownloadError("it can't be fetched", kind=kind)

    monkeypatch.setattr(locate, "fetch", fail)
    with pytest.raises(DownloadError):
        _real("clip-vit-b-32")
    kind = "unreachable"
    with pytest.raises(pytest.skip.Exception, match="can't be had here"):
        _real("clip-vit-b-32")


def test_golden_values_name_encoders_of_the_catalogue():
    """Published values are of encoders that we have, whole pictures or words, and not all alike."""
    for name, values in GOLDEN.items():
        assert catalog.find(name).name == name
        assert len({golden.first for golden in values}) == len(values)
        assert all((golden.size is None) != (golden.text is None) for golden in values)


def test_synthetic_pictures_follow_their_formula():
    """R = (x + 17 s) mod 256, G = (3 y + 29 s) mod 256, B = (x + 2 y + 43 s) mod 256, at every corner."""
    picture = synthetic(2, 320, 240)
    assert picture.shape == (240, 320, 3)
    for y, x in ((0, 0), (0, 319), (239, 0), (239, 319)):
        assert picture[y, x].tolist() == [(x + 34) % 256, (3 * y + 58) % 256, (x + 2 * y + 86) % 256]
