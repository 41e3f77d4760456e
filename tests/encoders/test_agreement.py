"""Our graphs compared with the features of the reference libraries for the same weights."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from lookalike.encoders.checkpoints.checkpoint import read_checkpoint
from lookalike.encoders.runtimes.choice import RUNTIMES
from lookalike.errors import WeightsError
from reference import GRAPH_MUTANTS, agreement, pixels, token_ids

CLIP = ("clip-open_clip", "clip-transformers", "clip-timm")
BASELINES = ("resnet", "vgg")
VOCABULARY = 96


@pytest.fixture(scope="module")
def features(checkpoint_folder):
    """A function that runs a checkpoint's image network, optionally with a changed graph."""

    def run(name, runtime="openvino", *, precision="fp32", change=None, flip=False, clip=None):
        checkpoint = read_checkpoint(checkpoint_folder(name))
        if clip is not None:
            checkpoint = replace(checkpoint, clip=replace(checkpoint.clip, activation=clip))
        source = checkpoint.image_network()
        if change is not None:
            source = replace(source, settings=change, build=partial(_changed, source.build, GRAPH_MUTANTS[change]))
        side = checkpoint.preprocessing.crop
        batch = pixels(side, 4) if name in BASELINES else pixels(side)
        return RUNTIMES[runtime].load(source, precision).run(batch[..., ::-1] if flip else batch)

    return run


def _changed(build, change):
    model, weights = build()
    change(model)
    return model, weights


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", CLIP + BASELINES)
def test_image_features_agree_with_the_reference(name, runtime, features, reference_vectors):
    """In fp32, image features match the reference for every convention, for 16-bit weights and in both runtimes."""
    found = agreement(features(name, runtime), reference_vectors(name, "image"))
    assert found.holds, found


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("padding", [0, VOCABULARY - 1])
@pytest.mark.parametrize("name", ["clip-open_clip", "clip-transformers"])
def test_text_features_agree_with_the_reference(name, padding, runtime, checkpoint_folder, reference_vectors):
    """Text features match the reference, whether texts are padded with zeros or with the end token."""
    network = RUNTIMES[runtime].load(read_checkpoint(checkpoint_folder(name)).text_network(), "fp32")
    ids = token_ids(VOCABULARY)
    ends = ids.argmax(1)
    for row, end in zip(ids, ends, strict=True):
        row[end + 1 :] = padding
    found = agreement(network.run(ids), reference_vectors(name, "text"))
    assert found.holds, found


@pytest.mark.parametrize("name", CLIP)
def test_bf16_is_close_to_the_reference(name, features, reference_vectors):
    """In bf16 the centred features have nearly the same direction as the reference's."""
    found = agreement(features(name, precision="bf16"), reference_vectors(name, "image"))
    assert found.centred >= 0.99, found


@pytest.mark.parametrize("change", GRAPH_MUTANTS)
@pytest.mark.parametrize("name", CLIP)
def test_a_mistake_in_the_graph_is_detected(name, change, features, reference_vectors):
    """The comparison fails for graphs with a single mistake."""
    found = agreement(features(name, change=change), reference_vectors(name, "image"))
    assert not found.holds
    assert found.centred < 0.99, found


@pytest.mark.parametrize("name", CLIP)
def test_the_wrong_activation_is_detected(name, features, reference_vectors, checkpoint_folder):
    """The comparison fails with the wrong activation."""
    right = read_checkpoint(checkpoint_folder(name)).clip.activation
    wrong = {"quickgelu": "gelu", "gelu": "quickgelu"}[right]
    found = agreement(features(name, clip=wrong), reference_vectors(name, "image"))
    assert not found.holds
    assert found.centred < 0.999, found


@pytest.mark.parametrize("name", CLIP + BASELINES)
def test_swapped_channels_are_detected(name, features, reference_vectors):
    """The comparison fails if the channels are in BGR order."""
    assert not agreement(features(name, flip=True), reference_vectors(name, "image")).holds


def test_features_do_not_depend_on_the_batch(checkpoint_folder):
    """The features of an image are the same alone and in a batch, up to rounding."""
    checkpoint = read_checkpoint(checkpoint_folder("clip-open_clip"))
    network = RUNTIMES["openvino"].load(checkpoint.image_network(), "fp32")
    batch = pixels(checkpoint.preprocessing.crop)
    alone = np.concatenate([network.run(batch[index : index + 1]) for index in range(len(batch))])
    np.testing.assert_allclose(alone, network.run(batch), atol=1e-5)


def test_a_compiled_copy_gives_the_same_features(checkpoint_folder):
    """Loading from the compiled copy gives the same features."""
    source = replace(read_checkpoint(checkpoint_folder("clip-timm")).image_network(), name="compiled-copy")
    batch = pixels(32)
    first = RUNTIMES["openvino"].load(source, "fp32").run(batch)

    def never():
        raise AssertionError("built although there is a compiled copy")

    second = RUNTIMES["openvino"].load(replace(source, build=never), "fp32").run(batch)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_weights_behind_a_symbolic_link_work(runtime, checkpoint_folder, tmp_path, features, reference_vectors):
    """Both runtimes can read weights through symbolic links, as in the Hugging Face cache."""
    for file in checkpoint_folder("clip-timm").iterdir():
        (tmp_path / file.name).symlink_to(file)
    source = replace(read_checkpoint(tmp_path).image_network(), name=f"linked-{runtime}")
    found = agreement(RUNTIMES[runtime].load(source, "fp32").run(pixels(32)), reference_vectors("clip-timm", "image"))
    assert found.holds, found


def test_an_image_only_checkpoint_has_no_text_network(checkpoint_folder):
    """The text network of a checkpoint without a text tower raises WeightsError."""
    checkpoint = read_checkpoint(checkpoint_folder("clip-timm"))
    assert not checkpoint.has_text
    with pytest.raises(WeightsError, match="no text tower"):
        checkpoint.text_network()
