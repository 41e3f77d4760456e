"""Compare every encoder family at full size with its reference; print a table; exit 1 if anything differs.

    python tools/verify_encoders.py [IMAGES]

``IMAGES`` is a folder with at least 50 real images, for preprocessing and EfficientNet-Lite2. Needs the packages of
``tools/verify-constraints.txt``; downloads nothing. Weights are random (see ``torch_reference``) except EfficientNet's.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from PIL import Image

import reference
import torch_reference as theirs
from lookalike.encoders.catalog import CLIP_224
from lookalike.encoders.checkpoints.checkpoint import Checkpoint, read_checkpoint
from lookalike.encoders.encoder import find_checkpoint
from lookalike.encoders.networks.source import NetworkSource
from lookalike.encoders.preprocess import prepare_reference
from lookalike.encoders.runtimes.choice import RUNTIMES
from lookalike.encoders.spec import Precision
from lookalike.encoders.tokenizer import load_tokenizer

VOCABULARY: Final = 49408
MIN_IMAGES: Final = 50
MIN_BF16_COSINE: Final = 0.99


def _clip(side: int, patch: int, *, large: bool = False, quick: bool) -> dict[str, Any]:
    width, layers, text, dimension = (1024, 24, 768, 768) if large else (768, 12, 512, 512)
    return {
        "embed_dim": dimension,
        "quick_gelu": quick,
        "vision_cfg": {"image_size": side, "layers": layers, "width": width, "patch_size": patch},
        "text_cfg": {
            "context_length": 77,
            "vocab_size": VOCABULARY,
            "width": text,
            "heads": text // 64,
            "layers": 12,
        },
    }


ARCHITECTURES: Final = {
    "ViT-B/32": _clip(224, 32, quick=True),
    "ViT-B/32-256": _clip(256, 32, quick=False),
    "ViT-B/16": _clip(224, 16, quick=True),
    "ViT-L/14": _clip(224, 14, large=True, quick=True),
}
IMAGE_COUNTS: Final = {"ViT-L/14": 4}
MEMORY_LIMITS: Final = {"ViT-B/32": 900, "ViT-L/14": 3000}
BASELINES: Final = ("resnet50", "resnet152", "vgg16", "vgg19")


class Report:
    """Prints a row after each check, and collects the failed ones."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.started = time.monotonic()

    def row(self, what: str, result: str, *, holds: bool) -> None:
        """Print one check: its name, its result, and whether it holds."""
        seconds = time.monotonic() - self.started
        print(f"{'ok  ' if holds else 'FAIL'} {what:<62} {result}  [{seconds:.0f} s]", flush=True)
        if not holds:
            self.failed.append(what)

    def agreement(self, what: str, found: reference.Agreement, *, holds: bool | None = None) -> None:
        """Print one comparison of features; ``holds`` defaults to equality in fp32."""
        result = f"cosine {found.cosine:.8f}  centred {found.centred:.6f}  difference {found.difference:.1e}"
        self.row(what, result, holds=found.holds if holds is None else holds)


def main() -> int:
    """Run every check; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", nargs="?", type=Path)
    folder = parser.parse_args().images
    images = sorted(p for p in folder.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg", ".png"}) if folder else []
    torch.set_num_threads(os.cpu_count() or 1)
    report = Report()
    _verify_tokenizers(report)
    _verify_preprocessing(report, images[:100])
    if len(images) >= MIN_IMAGES:
        _verify_efficientnet(report, images[: MIN_IMAGES + 10])
    else:
        report.row("EfficientNet-Lite2", f"needs a folder of {MIN_IMAGES} images", holds=False)
    for name, config in ARCHITECTURES.items():
        with _scratch() as scratch:
            _verify_clip(report, name, config, scratch)
    for name in BASELINES:
        with _scratch() as scratch:
            _verify_baseline(report, name, scratch)
    print(f"\n{len(report.failed)} failed" + "".join(f"\n  {what}" for what in report.failed))
    return 1 if report.failed else 0


class _scratch(tempfile.TemporaryDirectory[str]):  # noqa: N801  used like a function
    """A temporary folder for checkpoints and compiled networks, which take several gigabytes."""

    def __enter__(self) -> Path:  # type: ignore[override]
        path = Path(super().__enter__())
        os.environ["LOOKALIKE_CACHE"] = str(path / "cache")
        return path


def _verify_clip(report: Report, name: str, config: dict[str, Any], scratch: Path) -> None:
    """All three conventions in both runtimes; bf16, mutants and memory for the first convention only."""
    images = reference.pixels(config["vision_cfg"]["image_size"], IMAGE_COUNTS.get(name, reference.IMAGES))
    for index, (library, make, save) in enumerate(_libraries(config)):
        folder = scratch / library
        folder.mkdir()
        model = theirs.draw_weights(make(config), seed=index)
        save(model, folder)
        features = theirs.image_features(model, images)
        checkpoint = read_checkpoint(folder)
        image = checkpoint.image_network()
        for runtime in RUNTIMES:
            found = reference.agreement(_run(image, images, runtime), features)
            report.agreement(f"{name} image, {library}, {runtime} fp32", found)
        if checkpoint.has_text:
            ids = reference.token_ids(VOCABULARY)
            texts = theirs.text_features(model, ids)
            for runtime in RUNTIMES:
                found = reference.agreement(_run(checkpoint.text_network(), ids, runtime), texts)
                report.agreement(f"{name} text, {library}, {runtime} fp32", found)
            if index == 0:
                _verify_bf16(report, f"{name} text, {library}", checkpoint.text_network(), ids, texts)
        del model
        if index == 0:
            _verify_bf16(report, f"{name} image, {library}", image, images, features)
            _verify_mutants(report, name, checkpoint, images, features)
            if name in MEMORY_LIMITS:
                _verify_memory(report, name, folder, scratch)
        shutil.rmtree(folder)
        shutil.rmtree(scratch / "cache", ignore_errors=True)


def _libraries(config: dict[str, Any]) -> Iterator[tuple[str, Callable[..., Any], Callable[[Any, Path], None]]]:
    yield "open_clip", theirs.open_clip_model, lambda model, folder: theirs.save_open_clip(model, config, folder)
    yield "transformers", theirs.transformers_model, theirs.save_transformers
    yield "timm", theirs.timm_model, theirs.save_timm


def _run(source: NetworkSource, batch: Any, runtime: str, precision: Precision = "fp32") -> reference.Vectors:
    return RUNTIMES[runtime].load(source, precision).run(batch)


def _verify_bf16(report: Report, what: str, source: NetworkSource, batch: Any, features: reference.Vectors) -> None:
    """In bf16, the centred features must have nearly the reference's directions."""
    found = reference.agreement(_run(source, batch, "openvino", "bf16"), features)
    report.agreement(f"{what}, openvino bf16", found, holds=found.centred >= MIN_BF16_COSINE)


def _verify_mutants(
    report: Report, name: str, checkpoint: Checkpoint, images: Any, features: reference.Vectors
) -> None:
    """The comparison must fail for graphs with one mistake and for images in BGR."""
    assert checkpoint.clip is not None  # noqa: S101  a CLIP has settings
    image = checkpoint.image_network()
    other = "gelu" if checkpoint.clip.activation == "quickgelu" else "quickgelu"
    wrong = replace(checkpoint, clip=replace(checkpoint.clip, activation=other)).image_network()
    runs = {"wrong activation": (wrong, images), "BGR": (image, images[..., ::-1])}
    for mutant, change in reference.GRAPH_MUTANTS.items():
        runs[mutant] = (replace(image, build=partial(_mutated, image, change)), images)
    for mutant, (source, batch) in runs.items():
        found = reference.agreement(_run(source, batch, "onnxruntime"), features)
        report.agreement(f"{name} mutant must differ: {mutant}", found, holds=not found.holds)


def _mutated(source: NetworkSource, change: Callable[[Any], None]) -> Any:
    model, weights = source.build()
    change(model)
    return model, weights


def _verify_memory(report: Report, name: str, folder: Path, scratch: Path) -> None:
    """The peak memory of a new process, first compiling and then warm; weights are links, as in the hub's cache."""
    linked = scratch / "linked"
    linked.mkdir()
    for file in folder.iterdir():
        (linked / file.name).symlink_to(file)
    script = Path(__file__).with_name("peak_memory.py")
    environment = os.environ | {"LOOKALIKE_CACHE": str(scratch / "cold")}
    for what, runtime in (("cold", "openvino"), ("warm", "openvino"), ("cold", "onnxruntime")):
        command = [sys.executable, str(script), str(linked), runtime]
        peak = int(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)
        limit = MEMORY_LIMITS[name]
        report.row(f"{name} peak memory, {runtime}, {what}, linked", f"{peak} MB of {limit}", holds=peak < limit)
    shutil.rmtree(scratch / "cold")
    shutil.rmtree(linked)


def _verify_baseline(report: Report, name: str, scratch: Path) -> None:
    model = theirs.draw_weights(theirs.baseline(name), seed=len(name))
    images = reference.pixels(224, 4)
    theirs.settle_statistics(model, images)
    theirs.save_timm(model, scratch)
    features = theirs.baseline_features(model, images)
    source = read_checkpoint(scratch).image_network()
    for runtime in RUNTIMES:
        found = reference.agreement(_run(source, images, runtime), features)
        report.agreement(f"{name}, timm, {runtime} fp32", found)
    _verify_bf16(report, f"{name}, timm", source, images, features)
    found = reference.agreement(_run(source, images[..., ::-1], "onnxruntime"), features)
    report.agreement(f"{name} mutant must differ: BGR", found, holds=not found.holds)


def _verify_efficientnet(report: Report, images: list[Path]) -> None:
    """The real weights on real images, prepared once for both networks."""
    checkpoint = find_checkpoint("efficientnet-lite2")
    preprocessing = checkpoint.preprocessing
    batch = np.stack([prepare_reference(Image.open(path), preprocessing) for path in images])
    model = theirs.efficientnet_lite2()
    features = theirs.efficientnet_features(model, batch)
    for runtime in RUNTIMES:
        found = reference.agreement(_run(checkpoint.image_network(), batch, runtime), features)
        report.agreement(f"EfficientNet-Lite2, {len(batch)} images, {runtime} fp32", found)


def _verify_preprocessing(report: Report, images: list[Path]) -> None:
    """Reference mode must give the pixels of open_clip's transform for every size and mode."""
    transform = theirs.open_clip_transform(CLIP_224.crop)
    differing, count = [], 0
    for what, image in (*_generated(), *((path.name, Image.open(path)) for path in images)):
        expected = theirs.pixels_of(transform(image))
        count += 1
        if not np.array_equal(prepare_reference(image, CLIP_224), expected):
            differing.append(what)
    result = f"{len(differing)} differ {' '.join(differing[:5])}"
    report.row(f"Preprocessing against open_clip's, {count} images", result, holds=not differing and count >= 200)  # noqa: PLR2004


def _verify_tokenizers(report: Report) -> None:
    """Token ids must equal open_clip's, with the checkpoint's tokenizer.json and without one."""
    texts = list(_texts())
    expected = theirs.open_clip_tokens(texts)
    with _scratch() as scratch:
        theirs.save_tokenizer(scratch)
        for what, folder in (("tokenizer.json", scratch), ("the shared vocabulary", scratch / "without")):
            ours = load_tokenizer(folder / "model.safetensors")(texts)
            differing = int((ours != expected).any(axis=1).sum())
            report.row(
                f"Tokens against open_clip's, {what}", f"{differing} of {len(texts)} texts differ", holds=not differing
            )


def _texts() -> Iterator[str]:
    """Texts of many kinds: contractions, entities, several scripts, noise, and too long ones."""
    yield from (
        "a cracked sleeper",
        "It's 3:45pm, isn't it?",
        "rail &amp;amp; sleeper",
        "CAFÉ naïve résumé",
        "  a\tb\n c ",
    )
    yield from (
        "東京の夜景",
        "Ελληνικά",
        "Привет, мир",
        "مرحبا بالعالم",
        "नमस्ते दुनिया",
        "emoji 😀🎉 👩‍👩‍👧 test",
        "",
        "!!!",
        "ﬁne",
    )
    yield from (
        "sleeper " * 200,
        "x" * 300,
        "1234567890 12.5% №7",
        "o'clock they'd we've I'm",
        "snake_case-and/slashes",
    )
    rng = np.random.default_rng(3)
    for length in rng.integers(1, 60, 300):
        yield "".join(chr(int(code)) for code in rng.choice(np.r_[32:127, 160:592, 880:1100, 0x4E00:0x4F00], length))


def _generated() -> Iterator[tuple[str, Image.Image]]:
    """Noise images of many sizes in every mode; noise shows even the smallest shift."""
    rng = np.random.default_rng(1)
    for mode in ("RGB", "RGBA", "L", "LA", "P", "PA", "1", "CMYK", "YCbCr", "HSV", "I", "F"):
        for _ in range(20):
            width, height = (int(side) for side in rng.integers(1, 700, 2))
            noise = Image.fromarray(rng.integers(0, 256, (height, width, 4), np.uint8))
            rgb = noise.convert("RGB")
            converted = (
                noise.convert("LA") if mode == "LA" else rgb.convert("P").convert("PA") if mode == "PA" else None
            )
            yield f"{mode} {width}x{height}", converted or (noise if mode == "RGBA" else rgb.convert(mode))


if __name__ == "__main__":
    sys.exit(main())
