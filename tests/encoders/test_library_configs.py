"""Configs of checkpoints: omitted defaults, unsupported options, and values of wrong types."""

from __future__ import annotations

import json
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoints import CONFIGS, edit, put
from lookalike.encoders.checkpoints.checkpoint import Checkpoint, read_checkpoint
from lookalike.encoders.spec import ClipSettings
from lookalike.errors import EncoderError, WeightsError

OPEN_CLIP, TRANSFORMERS, TIMM = CONFIGS
PROCESSOR = {"do_resize": True, "size": {"shortest_edge": 40}, "crop_size": {"height": 32, "width": 32}}


@pytest.mark.parametrize(
    ("name", "place", "settings"),
    [
        (OPEN_CLIP, "model_cfg.text_cfg.heads", ClipSettings("quickgelu", text_head=128 // 8)),
        (TRANSFORMERS, "text_config.num_attention_heads", ClipSettings("gelu", text_head=128 // 8)),
    ],
)
def test_omitted_text_heads_have_the_librarys_default(name, place, settings, copy_of):
    """A text tower whose config omits the number of heads has 8, as in the library."""
    folder = copy_of(name)
    *parents, key = place.split(".")

    def remove(config):
        for parent in parents:
            config = config[parent]
        del config[key]

    edit(folder / CONFIGS[name], remove)
    assert read_checkpoint(folder).clip == settings


@pytest.mark.parametrize(
    ("name", "place"), [(TRANSFORMERS, "vision_config.num_attention_heads"), (TIMM, "model_args.num_heads")]
)
def test_omitted_image_heads_are_twelve(name, place, copy_of):
    """An image tower of the base size whose config omits the number of heads has 12, and 128 isn't divisible by 12."""
    folder = copy_of(name)
    parent, key = place.split(".")
    edit(folder / CONFIGS[name], lambda config: config[parent].pop(key))
    with pytest.raises(WeightsError, match="128 can't be divided into 12 heads"):
        read_checkpoint(folder)


def test_heads_of_an_unknown_timm_network_are_not_guessed(copy_of):
    """The number of heads of a network with an unknown name has to be in the config."""
    folder = copy_of(TIMM)
    edit(folder / "config.json", lambda c: (c["model_args"].pop("num_heads"), c.update(architecture="my_clip")))
    with pytest.raises(WeightsError, match="my_clip"):
        read_checkpoint(folder)


@pytest.mark.parametrize(
    ("name", "place", "value", "message"),
    [
        (TIMM, "model_args.global_pool", "avg", "global_pool 'avg'"),
        (TIMM, "global_pool", "map", "global_pool 'map'"),
        (TIMM, "model_args.img_size", [16, 64], "16 x 64; only squares"),
        (TIMM, "pretrained_cfg.input_size", [3, 32, 64], "32 x 64; only squares"),
        (TIMM, "pretrained_cfg.input_size", [3, 64, 64], "32 pixels of the tensors"),
        (TIMM, "pretrained_cfg.crop_pct", 1.5, "resized to 21 pixels and cropped to 32"),
        (OPEN_CLIP, "model_cfg.vision_cfg.image_size", [16, 64], "image_size is 16 x 64; only squares"),
        (OPEN_CLIP, "model_cfg.vision_cfg.image_size", 64, "image_size is 64, but the tensors"),
        (OPEN_CLIP, "model_cfg.vision_cfg.patch_size", 16, "patch_size is 16, but the tensors"),
        (OPEN_CLIP, "model_cfg.vision_cfg.head_width", 48, "not a multiple of head_width 48"),
        (OPEN_CLIP, "model_cfg.text_cfg.heads", 3, "divided into 3 heads"),
        (OPEN_CLIP, "preprocess_cfg.size", 64, "32 pixels of the tensors"),
        (TRANSFORMERS, "vision_config.patch_size", 4, "patch_size is 4, but the tensors"),
    ],
)
def test_a_config_of_another_network_is_rejected(name, place, value, message, copy_of):
    """Unsupported pooling, non-square images and sizes that contradict the tensors are rejected."""
    folder = copy_of(name)
    edit(folder / CONFIGS[name], lambda config: put(config, place, value))
    with pytest.raises(WeightsError, match=message):
        read_checkpoint(folder)


def test_an_open_clip_config_without_a_model_is_rejected(copy_of):
    """A config without model_cfg is rejected instead of being read as the library's defaults."""
    folder = copy_of(OPEN_CLIP)
    (folder / "open_clip_config.json").write_text('{"vision_cfg": {}}')
    with pytest.raises(WeightsError, match="model_cfg"):
        read_checkpoint(folder)


def test_towers_with_different_activations_are_rejected(copy_of):
    """Towers with different activations are rejected, even if an activation is given."""
    folder = copy_of(TRANSFORMERS)
    edit(folder / "config.json", lambda config: config["text_config"].update(hidden_act="quick_gelu"))
    for override in (None, "gelu", "quickgelu"):
        with pytest.raises(WeightsError, match=r"image tower is gelu .* text tower quick_gelu.*not supported"):
            read_checkpoint(folder, activation=override)


def test_the_newer_processor_config_takes_precedence(copy_of):
    """The file that transformers 5 saves is used, and takes precedence over the older one."""
    folder = copy_of(TRANSFORMERS)
    config = {"image_processor": PROCESSOR | {"image_mean": [0.5] * 3, "image_std": [0.25] * 3, "resample": 2}}
    (folder / "processor_config.json").write_text(json.dumps(config))
    found = read_checkpoint(folder).preprocessing
    assert (found.resize, found.crop, found.resample) == (40, 32, "bilinear")
    assert (found.mean, found.std) == ((127.5,) * 3, (63.75,) * 3)
    (folder / "preprocessor_config.json").unlink()
    assert read_checkpoint(folder).preprocessing == found


@pytest.mark.parametrize(
    ("changes", "mean", "std"),
    [
        ({"do_normalize": False}, 0, 255),
        ({"rescale_factor": 1 / 127.5, "image_mean": [1.0] * 3, "image_std": [0.5] * 3}, 127.5, 63.75),
        ({"do_normalize": False, "rescale_factor": 1.0}, 0, 1),
        ({"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "rescale_factor": 0.003921569}, 127.5, 127.5),
    ],
)
def test_another_scale_is_applied(changes, mean, std, copy_of):
    """Other rescaling factors and missing normalisation are converted to equivalent mean and std."""
    folder = copy_of(TRANSFORMERS)
    edit(folder / "preprocessor_config.json", lambda config: config.update(changes))
    found = read_checkpoint(folder).preprocessing
    assert found.mean == pytest.approx((mean,) * 3)
    assert found.std == pytest.approx((std,) * 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"do_resize": False}, "do_resize"),
        ({"do_rescale": False}, "do_rescale"),
        ({"do_center_crop": False}, "do_center_crop"),
        ({"do_pad": True}, "do_pad"),
        ({"size": {"height": 32, "width": 32}}, "a single shortest_edge"),
        ({"size": {"shortest_edge": 32, "longest_edge": 64}}, "a single shortest_edge"),
        ({"size": 24}, "to 24 pixels and cropped to 32"),
        ({"crop_size": {"height": 32, "width": 64}}, "square"),
        ({"crop_size": 64}, "32 pixels of the tensors"),
        ({"image_processor_type": "SiglipImageProcessor"}, "SiglipImageProcessor"),
    ],
)
def test_unsupported_preprocessing_is_rejected(changes, message, copy_of):
    """Preprocessing that can't be reproduced exactly is rejected and named."""
    folder = copy_of(TRANSFORMERS)
    edit(folder / "preprocessor_config.json", lambda config: config.update(changes))
    with pytest.raises(WeightsError, match=f"(?s)preprocessor_config.*{message}"):
        read_checkpoint(folder)


def test_nulls_in_a_preprocessor_config_mean_the_default(copy_of):
    """The library writes null for default values."""
    folder = copy_of(TRANSFORMERS)
    before = read_checkpoint(folder).preprocessing
    edit(
        folder / "preprocessor_config.json",
        lambda config: config.update(dict.fromkeys(("do_center_crop", "crop_size", "resample", "do_pad"))),
    )
    assert read_checkpoint(folder).preprocessing == before


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("architecture", "resnetblur50"),
        ("global_pool", "max"),
        ("model_args.output_stride", 16),
        ("model_args.act_layer", "silu"),
    ],
)
def test_a_resnet_with_another_computation_is_rejected(place, value, copy_of):
    """Variants with the tensors of a plain ResNet are recognised by timm's config."""
    folder = copy_of("resnet")
    edit(folder / "config.json", lambda config: put(config, place, value))
    with pytest.raises(WeightsError, match=str(value)):
        read_checkpoint(folder)


KEYS = {
    (OPEN_CLIP, "open_clip_config.json"): (
        "model_cfg", "preprocess_cfg", "model_cfg.quick_gelu", "model_cfg.vision_cfg", "model_cfg.text_cfg",
        "model_cfg.vision_cfg.image_size", "model_cfg.vision_cfg.patch_size", "model_cfg.vision_cfg.head_width",
        "model_cfg.vision_cfg.pool_type", "model_cfg.text_cfg.heads", "model_cfg.text_cfg.act_kwargs",
        "preprocess_cfg.mean", "preprocess_cfg.std", "preprocess_cfg.interpolation", "preprocess_cfg.resize_mode",
        "preprocess_cfg.size",
    ),
    (TRANSFORMERS, "config.json"): (
        "model_type", "vision_config", "text_config", "vision_config.hidden_act", "text_config.hidden_act",
        "vision_config.num_attention_heads", "text_config.num_attention_heads", "vision_config.image_size",
        "vision_config.layer_norm_eps",
    ),
    (TRANSFORMERS, "preprocessor_config.json"): (
        "size", "crop_size", "resample", "image_mean", "image_std", "do_normalize", "do_resize", "rescale_factor",
        "image_processor_type", "size.shortest_edge", "crop_size.height",
    ),
    (TIMM, "config.json"): (
        "architecture", "model_args", "pretrained_cfg", "global_pool", "model_args.num_heads", "model_args.act_layer",
        "model_args.img_size", "pretrained_cfg.input_size", "pretrained_cfg.crop_pct", "pretrained_cfg.crop_mode",
        "pretrained_cfg.mean", "pretrained_cfg.interpolation",
    ),
    ("resnet", "config.json"): (
        "architecture", "model_args", "pretrained_cfg", "pretrained_cfg.input_size", "pretrained_cfg.crop_pct",
        "pretrained_cfg.std",
    ),
}  # fmt: skip
NUMBERS = st.integers() | st.floats() | st.sampled_from([0, -1, 10**400, 1e-300, 64, 32, 0.5])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=4) | st.lists(NUMBERS, max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def scratch(checkpoint_folder, tmp_path_factory):
    """Copies of all checkpoints; tests restore the configs after each change."""
    root = tmp_path_factory.mktemp("configs")
    for name in {name for name, _ in KEYS}:
        shutil.copytree(checkpoint_folder(name), root / name)
    return root


@given(data=st.data())
def test_any_value_is_accepted_or_rejected(data, scratch):
    """Any value in a config gives a checkpoint, or an EncoderError that names the file."""
    name, file = data.draw(st.sampled_from(list(KEYS)))
    place, value = data.draw(st.sampled_from(KEYS[name, file])), data.draw(VALUES)
    path = scratch / name / file
    before = path.read_text()
    try:
        edit(path, lambda config: put(config, place, value))
        assert isinstance(read_checkpoint(scratch / name), Checkpoint)
    except EncoderError as error:
        assert str(scratch / name) in str(error)  # noqa: PT017  no error is fine too
    finally:
        path.write_text(before)


@pytest.mark.parametrize("value", [0, "x", [1], None, {}, True, -1, 1e400])
@pytest.mark.parametrize(("name", "file"), KEYS)
def test_a_value_of_a_wrong_type_is_an_encoder_error(name, file, value, copy_of):
    """A wrong value for any key gives a checkpoint, or an EncoderError that names the file."""
    folder = copy_of(name)
    before = (folder / file).read_text()
    for place in KEYS[name, file]:
        edit(folder / file, lambda config, place=place: put(config, place, value))
        try:
            read_checkpoint(folder)
        except EncoderError as error:
            assert str(folder) in str(error)  # noqa: PT017
        (folder / file).write_text(before)
