"""A network in torch, eager, in a process and an environment of its own.

Started as ``python torch_peer.py NETWORK FOLDER`` by :mod:`benchmarks.torch_process`. It makes the reference's own
network, saves a checkpoint of it in ``FOLDER`` where its weights are drawn at random (all but EfficientNet-Lite2), and
answers each line of standard input with the seconds that it took, by the clock and of processor time:
``image 32 1`` for encoding so many pictures in fp32 so many times, ``gemm bfloat16 1`` for a large matrix product.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))

import torch

import torch_reference as reference
from verify_encoders import ARCHITECTURES

GEMM_SIDE = 2048
_MOST = 32


def main(name: str, folder: str) -> None:
    """Answer until standard input ends."""
    features, side = _network(name, Path(folder))
    pictures = torch.rand((_MOST, 3, side, side), generator=torch.Generator().manual_seed(0)) * 2 - 1
    print(torch.__version__, flush=True)
    with torch.inference_mode():
        for line in sys.stdin:
            what, value, times = line.split()
            action = _product(value) if what == "gemm" else lambda: features(pictures[: int(value)])  # noqa: B023
            wall, cpu = time.perf_counter(), time.process_time()
            for _ in range(int(times)):
                action()
            print(time.perf_counter() - wall, time.process_time() - cpu, flush=True)


def _network(name: str, folder: Path) -> tuple[Callable[[torch.Tensor], object], int]:
    if name == "efficientnet-lite2":
        lite: Any = reference.efficientnet_lite2()
        return lambda batch: lite.extract_features(batch).mean(dim=(2, 3)), 260
    if name in ARCHITECTURES:
        config = ARCHITECTURES[name]
        clip: Any = reference.draw_weights(reference.open_clip_model(config), seed=0)
        reference.save_open_clip(clip, config, folder)
        return clip.encode_image, config["vision_cfg"]["image_size"]
    model: Any = reference.draw_weights(reference.baseline(name), seed=0)
    reference.save_timm(model, folder)
    return lambda batch: model.forward_head(model.forward_features(batch), pre_logits=True), 224


def _product(dtype: str) -> Callable[[], object]:
    left, right = torch.rand((2, GEMM_SIDE, GEMM_SIDE)).to(getattr(torch, dtype))
    return lambda: left @ right


if __name__ == "__main__":
    main(*sys.argv[1:])
