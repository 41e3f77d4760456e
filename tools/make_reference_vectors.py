"""Write ``tests/data``: small networks saved by the reference libraries, and their features.

Run it with the packages of ``tools/verify-constraints.txt`` when a case is added; the tests need only its output.
Weights have few distinct values and are compressed with xz, to keep the folder small.
"""

from __future__ import annotations

import lzma
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import reference
import torch_reference as theirs

DATA = Path(__file__).parent.parent / "tests" / "data"

VOCABULARY = 96
VISION = {"image_size": 32, "layers": 2, "width": 128, "patch_size": 8, "mlp_ratio": 2.0}
TEXT = {"context_length": 77, "vocab_size": VOCABULARY, "width": 128, "heads": 2, "layers": 2, "mlp_ratio": 2.0}
QUICK = {"embed_dim": 128, "vision_cfg": VISION, "text_cfg": TEXT, "quick_gelu": True}
EXACT = {"embed_dim": 96, "vision_cfg": VISION, "text_cfg": TEXT}


def main() -> None:
    """Write every case."""
    shutil.rmtree(DATA, ignore_errors=True)
    _clip("open_clip", theirs.open_clip_model(QUICK), lambda m, f: theirs.save_open_clip(m, QUICK, f), torch.float32)
    _clip("transformers", theirs.transformers_model(EXACT), theirs.save_transformers, torch.bfloat16)
    _clip("timm", theirs.timm_model(QUICK), theirs.save_timm, torch.float16)
    _baseline("resnet", theirs.small_resnet())
    _baseline("vgg", theirs.small_vgg())
    size = sum(file.stat().st_size for file in DATA.rglob("*") if file.is_file())
    print(f"{DATA}: {size / 1e6:.2f} MB")


def _clip(name: str, model: Any, save: Callable[[Any, Path], None], dtype: torch.dtype) -> None:
    folder = _folder(f"clip-{name}")
    model = theirs.draw_weights(model, seed=len(name), coarse=True)
    save(model.to(dtype), folder)
    model = model.float()  # the reference computes in fp32 with weights rounded to ``dtype``
    vectors = {"image": theirs.image_features(model, reference.pixels(VISION["image_size"]))}
    if name != "timm":
        vectors["text"] = theirs.text_features(model, reference.token_ids(VOCABULARY))
    _store(folder, vectors)


def _baseline(name: str, model: Any) -> None:
    folder = _folder(name)
    model = theirs.draw_weights(model, seed=len(name), coarse=True)
    theirs.save_timm(model, folder)
    _store(folder, {"image": theirs.baseline_features(model, reference.pixels(224, 4))})


def _folder(name: str) -> Path:
    folder = DATA / name
    folder.mkdir(parents=True)
    return folder


def _store(folder: Path, vectors: dict[str, theirs.Features]) -> None:
    np.savez_compressed(folder / "vectors.npz", **{name: value.astype(np.float32) for name, value in vectors.items()})
    for file in folder.iterdir():
        if file.suffix == ".safetensors":
            Path(f"{file}.xz").write_bytes(lzma.compress(file.read_bytes(), preset=9))
            file.unlink()
        elif file.suffix not in {".json", ".npz"}:
            file.unlink()
    spread = {name: float(np.std(value)) for name, value in vectors.items()}
    print(folder.name, [file.name for file in folder.iterdir()], spread)


if __name__ == "__main__":
    main()
