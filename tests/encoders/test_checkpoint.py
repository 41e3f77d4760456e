"""Reading checkpoints: from their tensors and from the config beside them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from safetensors.numpy import save_file

from checkpoints import CONFIGS, change_tensors, edit
from lookalike.encoders import catalog
from lookalike.encoders.checkpoints.checkpoint import from_catalog, read_checkpoint
from lookalike.encoders.encoder import load_encoder
from lookalike.encoders.spec import ClipSettings, EncoderSpec
from lookalike.encoders.weights import locate
from lookalike.errors import UnknownActivationError, UnknownEncoderError, WeightsError

FILES = {
    "clip-open_clip": "open_clip_model.safetensors",
    "clip-transformers": "model.safetensors",
    "clip-timm": "model.safetensors",
}


@pytest.mark.parametrize(
    ("name", "activation", "dimension", "has_text"),
    [
        ("clip-open_clip", "quickgelu", 128, True),
        ("clip-transformers", "gelu", 96, True),
        ("clip-timm", "quickgelu", 128, False),
    ],
)
def test_a_clip_folder_is_read(name, activation, dimension, has_text, checkpoint_folder):
    """Family, sizes and towers come from the tensors, activation and preprocessing from the library's config."""
    checkpoint = read_checkpoint(checkpoint_folder(name))
    assert checkpoint.family == "clip-vit"
    assert checkpoint.clip == ClipSettings(activation)
    assert (checkpoint.dimension, checkpoint.has_text) == (dimension, has_text)
    assert checkpoint.preprocessing.crop == 32
    assert checkpoint.preprocessing.resample == "bicubic"
    np.testing.assert_allclose(checkpoint.preprocessing.mean, catalog.CLIP_MEAN, rtol=1e-6)


@pytest.mark.parametrize(("name", "dimension"), [("resnet", 64), ("vgg", 64)])
def test_a_baseline_folder_is_read(name, dimension, checkpoint_folder):
    """ResNet and VGG are recognised by their tensors, and preprocessing comes from timm's config."""
    checkpoint = read_checkpoint(checkpoint_folder(name))
    assert (checkpoint.family, checkpoint.dimension, checkpoint.clip) == (name, dimension, None)
    assert checkpoint.preprocessing == catalog.IMAGENET


@pytest.mark.parametrize("name", FILES)
def test_a_file_without_config_needs_the_activation(name, checkpoint_folder, tmp_path):
    """Without a config, the activation has to be given; it is never guessed."""
    alone = tmp_path / "tuned.safetensors"
    shutil.copy(checkpoint_folder(name) / FILES[name], alone)
    with pytest.raises(UnknownActivationError, match="--activation quickgelu"):
        read_checkpoint(alone)
    checkpoint = read_checkpoint(alone, activation="gelu")
    assert checkpoint.clip == ClipSettings("gelu")
    assert checkpoint.name == "tuned"


def test_another_librarys_config_is_ignored(copy_of):
    """A config.json of transformers is not used for tensors of open_clip."""
    folder = copy_of("clip-open_clip")
    (folder / "open_clip_config.json").unlink()
    (folder / "config.json").write_text('{"model_type": "clip", "vision_config": {}}')
    with pytest.raises(UnknownActivationError):
        read_checkpoint(folder)


def test_a_transformers_config_without_the_key_means_quickgelu(copy_of):
    """The library omits its default activation, quick_gelu."""
    folder = copy_of("clip-transformers")

    def remove(config):
        for tower in ("vision_config", "text_config"):
            del config[tower]["hidden_act"]

    edit(folder / "config.json", remove)
    assert read_checkpoint(folder).clip == ClipSettings("quickgelu")


def test_the_head_width_comes_from_the_config(copy_of):
    """A head width in the config is used instead of the default 64."""
    folder = copy_of("clip-open_clip")
    edit(folder / "open_clip_config.json", lambda config: config["model_cfg"]["vision_cfg"].update(head_width=32))
    assert read_checkpoint(folder).clip == ClipSettings("quickgelu", image_head=32)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("clip-open_clip", lambda c: c["model_cfg"]["vision_cfg"].update(pool_type="avg"), "pool_type"),
        ("clip-open_clip", lambda c: c["model_cfg"]["text_cfg"].update(no_causal_mask=True), "no_causal_mask"),
        ("clip-open_clip", lambda c: c["preprocess_cfg"].update(resize_mode="squash"), "resize_mode"),
        ("clip-open_clip", lambda c: c["preprocess_cfg"].update(interpolation="lanczos"), "lanczos"),
        ("clip-transformers", lambda c: c["vision_config"].update(hidden_act="relu"), "relu"),
        ("clip-transformers", lambda c: c["vision_config"].update(layer_norm_eps=1e-6), "layer_norm_eps"),
        ("clip-timm", lambda c: c["pretrained_cfg"].update(crop_mode="squash"), "crop_mode"),
    ],
)
def test_unsupported_options_are_rejected(name, change, message, copy_of):
    """Options that change the features but not the tensors are rejected and named."""
    folder = copy_of(name)
    edit(folder / CONFIGS[name], change)
    with pytest.raises(WeightsError, match=message):
        read_checkpoint(folder)


def test_preprocessing_comes_from_the_config(copy_of):
    """Mean, std, size and resampling come from the config."""
    folder = copy_of("clip-transformers")
    edit(
        folder / "preprocessor_config.json",
        lambda config: config.update(
            image_mean=[0.5] * 3, image_std=[0.25] * 3, resample=2, size={"shortest_edge": 40}
        ),
    )
    found = read_checkpoint(folder).preprocessing
    assert (found.resize, found.crop, found.resample) == (40, 32, "bilinear")
    assert (found.mean, found.std) == ((127.5,) * 3, (63.75,) * 3)


def test_a_damaged_config_is_named(copy_of):
    """A config that isn't valid JSON is an error that names the file."""
    folder = copy_of("clip-timm")
    (folder / "config.json").write_text("{")
    with pytest.raises(WeightsError, match=r"config\.json"):
        read_checkpoint(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: t.update({"visual.transformer.resblocks.0.ls_1.gamma": np.ones(128, np.float32)}),
            "additional tensors",
        ),
        (lambda t: t.pop("visual.ln_pre.bias"), "visual.ln_pre.bias"),
        (lambda t: t.pop("visual.transformer.resblocks.1.mlp.c_proj.weight"), "c_proj"),
        (lambda t: t.update({"visual.conv1.weight": np.ones((128, 4, 8, 8), np.float32)}), "square RGB"),
    ],
)
def test_tensors_of_another_network_are_rejected(change, message, copy_of):
    """A tower with additional, missing or wrongly shaped tensors is rejected, and the tensor is named."""
    folder = copy_of("clip-open_clip")
    change_tensors(folder / "open_clip_model.safetensors", change)
    with pytest.raises(WeightsError, match=message):
        read_checkpoint(folder)


def test_a_classifier_instead_of_the_projection_is_rejected(copy_of):
    """A timm classifier has the projection's name, and is recognised by its bias."""
    folder = copy_of("clip-timm")
    change_tensors(folder / "model.safetensors", lambda t: t.update({"head.bias": np.ones(128, np.float16)}))
    with pytest.raises(WeightsError, match="classifier"):
        read_checkpoint(folder)


@pytest.mark.parametrize(("name", "extra"), [("resnet", "layer1.0.se.fc1.weight"), ("vgg", "features.1.running_mean")])
def test_variants_of_the_baselines_are_rejected(name, extra, copy_of):
    """A ResNet or VGG with additional tensors is rejected when its graph is built."""
    folder = copy_of(name)
    change_tensors(folder / "model.safetensors", lambda t: t.update({extra: np.ones(4, np.float32)}))
    with pytest.raises(WeightsError, match="additional tensors"):
        read_checkpoint(folder).image_network().build()


def test_position_id_buffers_are_ignored(copy_of):
    """Position ids, which old transformers files contain, are ignored."""
    folder = copy_of("clip-open_clip")
    ids = np.arange(77).reshape(1, 77)
    change_tensors(folder / "open_clip_model.safetensors", lambda t: t.update({"visual.embeddings.position_ids": ids}))
    assert read_checkpoint(folder).dimension == 128


def test_a_folder_without_safetensors_says_so(tmp_path):
    """A folder with pickles only is rejected."""
    (tmp_path / "pytorch_model.bin").write_bytes(b"PK")
    with pytest.raises(WeightsError, match=r"no \.safetensors file"):
        read_checkpoint(tmp_path)


def test_an_unknown_network_is_rejected(tmp_path):
    """Tensors of an unknown family are rejected, and the supported families are listed."""
    save_file({"roberta.embeddings": np.ones(3, np.float32)}, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match="CLIP ViT"):
        read_checkpoint(tmp_path)


def test_an_encoder_is_loaded_by_its_path(checkpoint_folder):
    """load_encoder accepts a folder's path, and the vectors have length 1."""
    encoder = load_encoder(str(checkpoint_folder("clip-open_clip")))
    image = np.random.default_rng(1).integers(0, 256, (60, 80, 3), np.uint8)
    assert encoder.spec.clip == ClipSettings("quickgelu")
    np.testing.assert_allclose(np.linalg.norm(encoder.embed([image]), axis=1), 1, rtol=1e-5)


def test_a_name_that_is_neither_encoder_nor_path_is_rejected(tmp_path):
    """A path that doesn't exist is an unknown encoder."""
    with pytest.raises(UnknownEncoderError):
        load_encoder(str(tmp_path / "nowhere"))


def test_the_activation_is_part_of_the_stamp(checkpoint_folder):
    """The same file with another activation is another encoder, and a stamp survives JSON."""
    folder = checkpoint_folder("clip-open_clip")
    one = read_checkpoint(folder).spec("fp32")
    other = read_checkpoint(folder, activation="gelu").spec("fp32")
    assert one.fingerprint != other.fingerprint
    assert EncoderSpec.from_json(one.to_json()) == one


def test_hub_weights_are_found_in_the_shared_cache(tmp_path, monkeypatch):
    """Weights are found in the Hugging Face cache; for missing weights, the error names the command to get them."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    row = catalog.find("clip-vit-b-32-256")
    assert locate.weights_path(row) is None
    with pytest.raises(WeightsError, match="encoders pull clip-vit-b-32-256"):
        locate.verified_path(row)
    repository = tmp_path / ("models--" + row.source.repository.replace("/", "--"))
    file = repository / "snapshots" / row.source.revision / row.source.filename
    file.parent.mkdir(parents=True)
    file.write_bytes(b"not the real one")
    assert locate.weights_path(row) == file
    with pytest.raises(WeightsError, match="SHA-256"):
        locate.verified_path(row)


def test_a_clip_of_the_catalogue_has_both_networks(tmp_path):
    """A catalogue row provides both networks, each with its own name."""
    checkpoint = from_catalog(catalog.find("clip-vit-b-32"), tmp_path / "open_clip_model.safetensors")
    assert checkpoint.clip == catalog.QUICK_GELU
    assert checkpoint.image_network().name == "clip-vit-b-32"
    assert checkpoint.text_network().name == "clip-vit-b-32-text"
