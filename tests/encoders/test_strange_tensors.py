"""Weights files that resemble those of a supported network."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from checkpoints import change_tensors
from lookalike.encoders.checkpoints.checkpoint import read_checkpoint
from lookalike.errors import WeightsError

WEIGHTS = {"clip-open_clip": "open_clip_model.safetensors"}


def zeros(*shape, dtype=np.float32):
    """A tensor of zeros."""
    return np.zeros(shape, dtype)


@pytest.mark.parametrize(
    ("name", "tensor", "value"),
    [
        ("clip-open_clip", "visual.conv1.weight", zeros()),
        ("clip-open_clip", "visual.conv1.weight", zeros(128, 0, 8, 8)),
        ("clip-open_clip", "visual.class_embedding", zeros()),
        ("clip-open_clip", "visual.positional_embedding", zeros(0, 128)),
        ("clip-open_clip", "positional_embedding", zeros(0, 128)),
        ("clip-open_clip", "visual.ln_pre.weight", zeros(128, dtype=np.float64)),
        ("clip-open_clip", "token_embedding.weight", zeros(96, 128, dtype=np.int64)),
        ("clip-open_clip", "visual.transformer.resblocks.0.attn.in_proj_weight", zeros(385, 128)),
        ("clip-timm", "head.bias", zeros(0)),
        ("resnet", "layer4.0.conv3.weight", zeros()),
        ("resnet", "layer1.0.conv1.weight", zeros(8)),
        ("vgg", "pre_logits.fc2.weight", zeros()),
        ("vgg", "pre_logits.fc1.weight", zeros(0, 8, 7, 7)),
        ("vgg", "features.0.weight", zeros(4)),
    ],
)
def test_a_tensor_of_wrong_shape_or_dtype_is_named(name, tensor, value, copy_of):
    """Missing axes, empty axes, indivisible rows and 64-bit values are rejected, naming the tensor."""
    folder = copy_of(name)
    change_tensors(
        folder / WEIGHTS.get(name, "model.safetensors"), lambda tensors: tensors.update({tensor: np.asarray(value)})
    )
    with pytest.raises(WeightsError, match=rf"safetensors: tensor '{tensor}'"):
        read_checkpoint(folder).image_network().build()


@pytest.mark.parametrize("name", ["visual.conv1.weight", "visual.ln_post.bias", "visual.positional_embedding"])
def test_huge_tensors_are_rejected_before_they_are_read(name, copy_of):
    """A sparse file of terabytes is rejected by its shapes; computing its digest would take an hour."""
    folder = copy_of("clip-open_clip")
    file = folder / "open_clip_model.safetensors"
    with safe_open(file, "np") as opened:
        tensors = {key: opened.get_slice(key) for key in opened.keys()}  # noqa: SIM118  not a dict
        shapes = {key: tensor.get_shape() for key, tensor in tensors.items()}
    shapes[name] = [2**40]
    header, place = {}, 0
    for key, shape in shapes.items():
        end = place + 4 * math.prod(shape)
        header[key] = {"dtype": "F32", "shape": shape, "data_offsets": [place, end]}
        place = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with file.open("wb") as sparse:
        sparse.write(len(text).to_bytes(8, "little") + text)
        sparse.truncate(8 + len(text) + place)
    with pytest.raises(WeightsError, match=r"shape|axes|don't fit"):
        read_checkpoint(folder)


def test_float64_is_not_supported(copy_of):
    """The error for a checkpoint in float64 names the supported dtypes."""
    folder = copy_of("clip-open_clip")
    change_tensors(
        folder / "open_clip_model.safetensors",
        lambda tensors: tensors.update({name: value.astype(np.float64) for name, value in tensors.items()}),
    )
    with pytest.raises(WeightsError, match=r"float64; save .* in float32"):
        read_checkpoint(folder)


def test_a_tower_without_blocks_is_rejected(copy_of):
    """A ViT has at least one block."""
    folder = copy_of("clip-open_clip")

    def cut(tensors):
        for name in [name for name in tensors if name.startswith("visual.transformer.")]:
            del tensors[name]

    change_tensors(folder / "open_clip_model.safetensors", cut)
    with pytest.raises(WeightsError, match=r"resblocks\.0\.ln_1\.weight"):
        read_checkpoint(folder)


def test_towers_of_different_dimensions_are_rejected(copy_of):
    """Towers whose embeddings have different dimensions can't be compared."""
    folder = copy_of("clip-open_clip")
    change_tensors(
        folder / "open_clip_model.safetensors", lambda tensors: tensors.update(text_projection=zeros(128, 64))
    )
    with pytest.raises(WeightsError, match="128 dimensions and the text tower 64"):
        read_checkpoint(folder)


@pytest.mark.parametrize(
    ("names", "description"),
    [
        (["vision_model.embeddings.patch_embedding.weight", "vision_model.embeddings.patch_embedding.bias"], "SigLIP"),
        (["visual.trunk.attn_pool.kv.weight", "visual.trunk.patch_embed.proj.weight"], "SigLIP"),
        (["visual.trunk.patch_embed.proj.weight"], "image tower of timm"),
        (["visual.conv1.weight", "visual.layer1.0.conv1.weight"], r"\(modified\) ResNet"),
        (["patch_embed.proj.weight", "patch_embed.proj.bias", "cls_token"], "plain ViT"),
        (["vit.embeddings.patch_embeddings.projection.weight"], "ViT of transformers"),
        (["vision_model.pre_layrnorm.weight", "vision_model.embeddings.patch_embedding.weight"], "projection"),
        (["pre_layrnorm.weight", "embeddings.patch_embedding.weight"], "CLIPVisionModelWithProjection"),
        (["layer4.0.conv1.weight", "layer4.0.conv2.weight"], "basic blocks"),
    ],
)
def test_unsupported_networks_are_named(names, description, tmp_path):
    """Networks that resemble a supported one are rejected with a description."""
    save_file({name: zeros(2, 2) for name in names}, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=rf"model\.safetensors: this is .*{description}"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize("with_index", [True, False])
def test_a_sharded_checkpoint_says_how_to_save_it_in_one_file(with_index, tmp_path):
    """A sharded checkpoint is rejected by folder and by file, and the error says how to merge it."""
    for number in (1, 2):
        save_file({f"part{number}": zeros(2)}, tmp_path / f"model-0000{number}-of-00002.safetensors")
    if with_index:
        (tmp_path / "model.safetensors.index.json").write_text("{}")
    for path in (tmp_path, tmp_path / "model-00001-of-00002.safetensors"):
        with pytest.raises(WeightsError, match=r"sharded.*max_shard_size"):
            read_checkpoint(path)
