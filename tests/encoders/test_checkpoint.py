"""What is found out about a checkpoint from its tensors and from the config beside it."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from safetensors.numpy import save_file

from checkpoints import CONFIGS, change_tensors, edit
from lookalike.encoders import catalog
from lookalike.encoders.checkpoints.checkpoint import catalogued, read_checkpoint
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
def test_a_clip_folder_tells_everything(name, activation, dimension, has_text, checkpoint_folder):
    """Family, sizes and towers come from the tensors, activation and preprocessing from the library's own config."""
    checkpoint = read_checkpoint(checkpoint_folder(name))
    assert checkpoint.family == "clip-vit"
    assert checkpoint.clip == ClipSettings(activation)
    assert (checkpoint.dimension, checkpoint.has_text) == (dimension, has_text)
    assert checkpoint.preprocessing.crop == 32
    assert checkpoint.preprocessing.resample == "bicubic"
    np.testing.assert_allclose(checkpoint.preprocessing.mean, catalog.CLIP_MEAN, rtol=1e-6)


@pytest.mark.parametrize(("name", "dimension"), [("resnet", 64), ("vgg", 64)])
def test_a_baseline_folder_tells_everything(name, dimension, checkpoint_folder):
    """ResNet and VGG are told by their tensors, and prepared for as timm's config says."""
    checkpoint = read_checkpoint(checkpoint_folder(name))
    assert (checkpoint.family, checkpoint.dimension, checkpoint.clip) == (name, dimension, None)
    assert checkpoint.preprocessing == catalog.IMAGENET


@pytest.mark.parametrize("name", FILES)
def test_a_file_alone_asks_for_the_activation(name, checkpoint_folder, tmp_path):
    """Where nothing beside the file tells the activation, it is asked for and never guessed; an answer is enough."""
    alone = tmp_path / "tuned.safetensors"
    shutil.copy(checkpoint_folder(name) / FILES[name], alone)
    with pytest.raises(UnknownActivationError, match="--activation quickgelu"):
        read_checkpoint(alone)
    checkpoint = read_checkpoint(alone, activation="gelu")
    assert checkpoint.clip == ClipSettings("gelu")
    assert checkpoint.name == "tuned"


def test_another_library_s_config_tells_nothing(copy_of):
    """A config.json of transformers beside tensors named by open_clip is not taken for theirs."""
    folder = copy_of("clip-open_clip")
    (folder / "open_clip_config.json").unlink()
    (folder / "config.json").write_text('{"model_type": "clip", "vision_config": {}}')
    with pytest.raises(UnknownActivationError):
        read_checkpoint(folder)


def test_a_transformers_config_without_the_key_means_quickgelu(copy_of):
    """The library leaves out what is its default, and that is quick_gelu."""
    folder = copy_of("clip-transformers")

    def forget(config):
        for tower in ("vision_config", "text_config"):
            del config[tower]["hidden_act"]

    edit(folder / "config.json", forget)
    assert read_checkpoint(folder).clip == ClipSettings("quickgelu")


def test_the_width_of_heads_is_taken_from_the_config(copy_of):
    """Where a config tells how wide a head is, that is believed rather than the usual 64."""
    folder = copy_of("clip-open_clip")
    edit(folder / "open_clip_config.json", lambda config: config["model_cfg"]["vision_cfg"].update(head_width=32))
    assert read_checkpoint(folder).clip == ClipSettings("quickgelu", image_head=32)


@pytest.mark.parametrize(
    ("name", "change", "words"),
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
def test_a_config_that_asks_for_another_computation_is_refused(name, change, words, copy_of):
    """Options that would change the features without leaving a trace in the tensors are refused, and named."""
    folder = copy_of(name)
    edit(folder / CONFIGS[name], change)
    with pytest.raises(WeightsError, match=words):
        read_checkpoint(folder)


def test_preprocessing_is_taken_from_the_config(copy_of):
    """Mean, std, resizing and resampling of a fine-tuned model are its own."""
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


def test_a_config_that_is_damaged_is_named(copy_of):
    """A config that can't be read is an error that names it, not a reason to guess."""
    folder = copy_of("clip-timm")
    (folder / "config.json").write_text("{")
    with pytest.raises(WeightsError, match=r"config\.json"):
        read_checkpoint(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda t: t.update({"visual.transformer.resblocks.0.ls_1.gamma": np.ones(128, np.float32)}),
            "further tensors",
        ),
        (lambda t: t.pop("visual.ln_pre.bias"), "visual.ln_pre.bias"),
        (lambda t: t.pop("visual.transformer.resblocks.1.mlp.c_proj.weight"), "c_proj"),
        (lambda t: t.update({"visual.conv1.weight": np.ones((128, 4, 8, 8), np.float32)}), "square RGB"),
    ],
)
def test_tensors_of_another_network_are_refused(change, words, copy_of):
    """A tower with tensors too many, too few or of other shapes is refused, and the tensor is named."""
    folder = copy_of("clip-open_clip")
    change_tensors(folder / "open_clip_model.safetensors", change)
    with pytest.raises(WeightsError, match=words):
        read_checkpoint(folder)


def test_a_classifier_in_place_of_the_projection_is_refused(copy_of):
    """A timm classifier lies under the projection's name; its bias gives it away."""
    folder = copy_of("clip-timm")
    change_tensors(folder / "model.safetensors", lambda t: t.update({"head.bias": np.ones(128, np.float16)}))
    with pytest.raises(WeightsError, match="classifier"):
        read_checkpoint(folder)


@pytest.mark.parametrize(("name", "extra"), [("resnet", "layer1.0.se.fc1.weight"), ("vgg", "features.1.running_mean")])
def test_relatives_of_the_baselines_are_refused(name, extra, copy_of):
    """A ResNet or VGG with tensors that a plain one doesn't have is refused when its graph is built."""
    folder = copy_of(name)
    change_tensors(folder / "model.safetensors", lambda t: t.update({extra: np.ones(4, np.float32)}))
    with pytest.raises(WeightsError, match="further tensors"):
        read_checkpoint(folder).image_network().build()


def test_old_buffers_of_positions_are_ignored(copy_of):
    """Old transformers files hold position ids beside the weights; they change nothing."""
    folder = copy_of("clip-open_clip")
    ids = np.arange(77).reshape(1, 77)
    change_tensors(folder / "open_clip_model.safetensors", lambda t: t.update({"visual.embeddings.position_ids": ids}))
    assert read_checkpoint(folder).dimension == 128


def test_a_folder_without_safetensors_says_so(tmp_path):
    """Pickles are no alternative: a folder that has only those is refused."""
    (tmp_path / "pytorch_model.bin").write_bytes(b"PK")
    with pytest.raises(WeightsError, match=r"no \.safetensors file"):
        read_checkpoint(tmp_path)


def test_another_network_is_refused(tmp_path):
    """Tensors of no known family are refused, and the known ones are listed."""
    save_file({"roberta.embeddings": np.ones(3, np.float32)}, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match="CLIP ViT"):
        read_checkpoint(tmp_path)


def test_an_encoder_is_loaded_by_its_path(checkpoint_folder):
    """A folder's path stands for an encoder wherever a name does, and its vectors have length 1."""
    encoder = load_encoder(str(checkpoint_folder("clip-open_clip")))
    picture = np.random.default_rng(1).integers(0, 256, (60, 80, 3), np.uint8)
    assert encoder.spec.clip == ClipSettings("quickgelu")
    np.testing.assert_allclose(np.linalg.norm(encoder.embed([picture]), axis=1), 1, rtol=1e-5)


def test_a_name_that_is_neither_encoder_nor_path_is_refused(tmp_path):
    """What is no encoder's name and leads to no file is an unknown encoder."""
    with pytest.raises(UnknownEncoderError):
        load_encoder(str(tmp_path / "nowhere"))


def test_the_activation_is_part_of_the_stamp(checkpoint_folder):
    """The same file with another activation is another encoder, and a stamp comes back from JSON as it was."""
    folder = checkpoint_folder("clip-open_clip")
    one = read_checkpoint(folder).spec("fp32")
    other = read_checkpoint(folder, activation="gelu").spec("fp32")
    assert one.fingerprint != other.fingerprint
    assert EncoderSpec.from_json(one.to_json()) == one


def test_hub_weights_are_found_in_the_shared_cache(tmp_path, monkeypatch):
    """A hub file lies where every program that uses the hub puts it; one that isn't there says how to get it."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    row = catalog.find("clip-vit-b-32-256")
    assert locate.locate(row) is None
    with pytest.raises(WeightsError, match="encoders pull clip-vit-b-32-256"):
        locate.checked(row)
    repository = tmp_path / ("models--" + row.source.repository.replace("/", "--"))
    file = repository / "snapshots" / row.source.revision / row.source.filename
    file.parent.mkdir(parents=True)
    file.write_bytes(b"not the real one")
    assert locate.locate(row) == file
    with pytest.raises(WeightsError, match="SHA-256"):
        locate.checked(row)


def test_a_catalogued_clip_makes_both_networks(tmp_path):
    """A row of the catalogue is enough to make both networks, each known under a name of its own."""
    checkpoint = catalogued(catalog.find("clip-vit-b-32"), tmp_path / "open_clip_model.safetensors")
    assert checkpoint.clip == catalog.QUICK_GELU
    assert checkpoint.image_network().name == "clip-vit-b-32"
    assert checkpoint.text_network().name == "clip-vit-b-32-text"
