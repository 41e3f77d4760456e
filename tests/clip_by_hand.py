"""A small random CLIP with open_clip's tensor names, made without that library, and its text tower in numpy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

WIDTH = 64
SIDE = 16
Tensors = dict[str, NDArray[Any]]

_PATCH = 8
_HEADS = 4


def random_clip(*, context: int = 77, vocabulary: int = 49408, seed: int = 1) -> Tensors:
    """The tensors in float16: towers of one block and width 64, 4 text heads, images of 16 pixels."""
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> NDArray[np.float16]:
        return (rng.integers(-3, 4, shape) / 16).astype(np.float16)

    tensors = {
        "visual.class_embedding": draw(WIDTH),
        "visual.positional_embedding": draw((SIDE // _PATCH) ** 2 + 1, WIDTH),
        "visual.conv1.weight": draw(WIDTH, 3, _PATCH, _PATCH),
        "visual.proj": draw(WIDTH, WIDTH),
        "positional_embedding": draw(context, WIDTH),
        "token_embedding.weight": draw(vocabulary, WIDTH),
        "text_projection": draw(WIDTH, WIDTH),
    }
    for norm in ("visual.ln_pre", "visual.ln_post", "ln_final"):
        tensors |= {f"{norm}.weight": 1 + draw(WIDTH), f"{norm}.bias": draw(WIDTH)}
    for block in ("visual.transformer.resblocks.0", "transformer.resblocks.0"):
        for norm in ("ln_1", "ln_2"):
            tensors |= {f"{block}.{norm}.weight": 1 + draw(WIDTH), f"{block}.{norm}.bias": draw(WIDTH)}
        shapes = {"attn.in_proj_": 3, "attn.out_proj.": 1, "mlp.c_fc.": 2}
        for name, times in shapes.items():
            tensors |= {f"{block}.{name}weight": draw(times * WIDTH, WIDTH), f"{block}.{name}bias": draw(times * WIDTH)}
        tensors |= {f"{block}.mlp.c_proj.weight": draw(WIDTH, 2 * WIDTH), f"{block}.mlp.c_proj.bias": draw(WIDTH)}
    return tensors


def save_clip(folder: Path, tensors: Tensors) -> Path:
    """Save ``tensors`` and their config as open_clip does; returns the folder."""
    folder.mkdir(exist_ok=True)
    save_file(tensors, folder / "open_clip_model.safetensors")
    text = {"width": WIDTH, "heads": _HEADS, "layers": 1}
    vision = {"image_size": SIDE, "patch_size": _PATCH, "width": WIDTH, "layers": 1}
    config = {"model_cfg": {"embed_dim": WIDTH, "quick_gelu": True, "vision_cfg": vision, "text_cfg": text}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    return folder


def text_vectors(tensors: Tensors, ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """The unit vectors, float64 (n, 64), of texts with the token ids ``ids`` (n, context)."""
    values = {name: tensor.astype(np.float64) for name, tensor in tensors.items() if not name.startswith("visual.")}
    rows = values["token_embedding.weight"][ids] + values["positional_embedding"]
    rows = rows + _attention(_layer_norm(rows, values, "transformer.resblocks.0.ln_1"), values)
    inner = _linear(_layer_norm(rows, values, "transformer.resblocks.0.ln_2"), values, "mlp.c_fc.")
    rows = rows + _linear(inner / (1 + np.exp(-1.702 * inner)), values, "mlp.c_proj.")
    ends = _layer_norm(rows, values, "ln_final")[np.arange(len(ids)), ids.argmax(1)]
    features = ends @ values["text_projection"]
    return np.asarray(features / np.linalg.norm(features, axis=1, keepdims=True))


def _layer_norm(rows: Any, values: Tensors, name: str) -> Any:
    centred = rows - rows.mean(-1, keepdims=True)
    spread = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return centred / spread * values[f"{name}.weight"] + values[f"{name}.bias"]


def _linear(rows: Any, values: Tensors, name: str) -> Any:
    block = "transformer.resblocks.0."
    return rows @ values[f"{block}{name}weight"].T + values[f"{block}{name}bias"]


def _attention(rows: Any, values: Tensors) -> Any:
    count, tokens, _ = rows.shape
    inputs = np.split(_linear(rows, values, "attn.in_proj_"), 3, axis=-1)
    query, key, value = (part.reshape(count, tokens, _HEADS, -1).transpose(0, 2, 1, 3) for part in inputs)
    scores = query @ key.transpose(0, 1, 3, 2) / np.sqrt(WIDTH // _HEADS)
    scores = np.where(np.tri(tokens, dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    mixed = weights / weights.sum(-1, keepdims=True) @ value
    return _linear(mixed.transpose(0, 2, 1, 3).reshape(rows.shape), values, "attn.out_proj.")
