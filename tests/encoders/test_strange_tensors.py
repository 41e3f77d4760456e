"""Weights files that are nearly those of a known network."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save_file

from checkpoints import change_tensors
from lookalike.encoders.checkpoints.checkpoint import read_checkpoint
from lookalike.errors import WeightsError

WEIGHTS = {"clip-open_clip": "open_clip_model.safetensors"}


def numbers(*shape, dtype=np.float32):
    """A tensor of zeros."""
    return np.zeros(shape, dtype)


@pytest.mark.parametrize(
    ("name", "tensor", "value"),
    [
        ("clip-open_clip", "visual.conv1.weight", numbers()),
        ("clip-open_clip", "visual.conv1.weight", numbers(128, 0, 8, 8)),
        ("clip-open_clip", "visual.class_embedding", numbers()),
        ("clip-open_clip", "visual.positional_embedding", numbers(0, 128)),
        ("clip-open_clip", "positional_embedding", numbers(0, 128)),
        ("clip-open_clip", "visual.ln_pre.weight", numbers(128, dtype=np.float64)),
        ("clip-open_clip", "token_embedding.weight", numbers(96, 128, dtype=np.int64)),
        ("clip-open_clip", "visual.transformer.resblocks.0.attn.in_proj_weight", numbers(385, 128)),
        ("clip-timm", "head.bias", numbers(0)),
        ("resnet", "layer4.0.conv3.weight", numbers()),
        ("resnet", "layer1.0.conv1.weight", numbers(8)),
        ("vgg", "pre_logits.fc2.weight", numbers()),
        ("vgg", "pre_logits.fc1.weight", numbers(0, 8, 7, 7)),
        ("vgg", "features.0.weight", numbers(4)),
    ],
)
def test_a_tensor_of_another_shape_or_kind_is_named(name, tensor, value, copy_of):
    """Too few axes, no rows, rows that can't be shared, 64-bit numbers: refused with the tensor's own name."""
    folder = copy_of(name)
    change_tensors(
        folder / WEIGHTS.get(name, "model.safetensors"), lambda tensors: tensors.update({tensor: np.asarray(value)})
    )
    with pytest.raises(WeightsError, match=rf"safetensors: tensor '{tensor}'"):
        read_checkpoint(folder).image_network().build()


def test_64_bit_numbers_are_not_supported(copy_of):
    """A checkpoint in float64 says so, and what would do."""
    folder = copy_of("clip-open_clip")
    change_tensors(
        folder / "open_clip_model.safetensors",
        lambda tensors: tensors.update({name: value.astype(np.float64) for name, value in tensors.items()}),
    )
    with pytest.raises(WeightsError, match=r"float64, which is not supported; save .* in float32"):
        read_checkpoint(folder)


def test_a_tower_without_blocks_is_refused(copy_of):
    """A ViT has at least one block."""
    folder = copy_of("clip-open_clip")

    def cut(tensors):
        for name in [name for name in tensors if name.startswith("visual.transformer.")]:
            del tensors[name]

    change_tensors(folder / "open_clip_model.safetensors", cut)
    with pytest.raises(WeightsError, match=r"resblocks\.0\.ln_1\.weight"):
        read_checkpoint(folder)


def test_towers_of_different_dimensions_are_refused(copy_of):
    """Texts whose embeddings are of another length than pictures' could never be compared with them."""
    folder = copy_of("clip-open_clip")
    change_tensors(
        folder / "open_clip_model.safetensors", lambda tensors: tensors.update(text_projection=numbers(128, 64))
    )
    with pytest.raises(WeightsError, match="pictures get 128 numbers and texts 64"):
        read_checkpoint(folder)


@pytest.mark.parametrize(
    ("names", "words"),
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
def test_relatives_are_called_by_their_names(names, words, tmp_path):
    """Networks that are often taken for a known one are refused in words that say what they are."""
    save_file({name: numbers(2, 2) for name in names}, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=rf"model\.safetensors: this is .*{words}"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize("with_index", [True, False])
def test_a_sharded_checkpoint_says_how_to_save_it_in_one_file(with_index, tmp_path):
    """Weights spread over several files are refused by folder and by file, with advice that works."""
    for number in (1, 2):
        save_file({f"part{number}": numbers(2)}, tmp_path / f"model-0000{number}-of-00002.safetensors")
    if with_index:
        (tmp_path / "model.safetensors.index.json").write_text("{}")
    for path in (tmp_path, tmp_path / "model-00001-of-00002.safetensors"):
        with pytest.raises(WeightsError, match=r"sharded.*max_shard_size"):
            read_checkpoint(path)
