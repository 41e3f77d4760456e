"""A network in torch (eager mode), in a process and environment of its own.

Started as ``python torch_peer.py NETWORK FOLDER`` by :mod:`benchmarks.torch_process`. It builds the network of the
reference library and, for random weights (all but EfficientNet-Lite2), saves a checkpoint in ``FOLDER``. It answers
each line of standard input with the wall-clock and CPU seconds that the request took: ``image 32 1`` encodes 32 images
in fp32 once, ``gemm bfloat16 1`` computes a large matrix product once.
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
_MAX_BATCH = 32


def main(name: str, folder: str) -> None:
    """Answer requests until standard input ends."""
    features, side = _network(name, Path(folder))
    images = torch.rand((_MAX_BATCH, 3, side, side), generator=torch.Generator().manual_seed(0)) * 2 - 1
    print(torch.__version__, flush=True)
    with torch.inference_mode():
        for line in sys.stdin:
            kind, value, times = line.split()
            action = _product(value) if kind == "gemm" else lambda: features(images[: int(value)])  # noqa: B023
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
