"""Write ``tests/data/reference_metrics.json``: rankings with the metrics of three independent libraries.

    python tools/make_reference_metrics.py [--check]

``--check`` compares the libraries' current results with the file, and exits 1 if anything differs. It needs
ranx, torchmetrics, pytorch-metric-learning and torch (``tools/verify-constraints.txt``); the tests need only the file.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

# torchmetrics imports torchvision, whose wheel is built for another torch: see ``torch_reference``.
_OPERATORS = torch.library.Library("torchvision", "DEF")
_OPERATORS.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
_OPERATORS.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import ranx  # noqa: E402  needs the operators above
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator  # noqa: E402
from pytorch_metric_learning.utils.inference import CustomKNN  # noqa: E402
from torchmetrics.functional import retrieval  # noqa: E402

FILE: Final = Path(__file__).parent.parent / "tests" / "data" / "reference_metrics.json"
KS: Final = (1, 5, 10)
TOLERANCE: Final = 1e-12
LIBRARIES: Final = ("ranx", "torchmetrics", "pytorch-metric-learning")


def main() -> int:
    """Write the file, or compare with it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the file without writing it")
    current = reference()
    if parser.parse_args().check:
        problems = list(differences(json.loads(FILE.read_text(encoding="utf-8")), current))
        print("\n".join(problems) or f"{FILE.name}: no differences")
        return int(bool(problems))
    FILE.write_text(json.dumps(current, separators=(",", ":")).replace('{"relevant', '\n{"relevant') + "\n", "utf-8")
    print(f"{FILE}: {FILE.stat().st_size / 1e3:.0f} kB")
    return 0


def reference() -> dict[str, Any]:
    """The content of the file."""
    return {
        "libraries": {name: version(name) for name in LIBRARIES},
        "ks": KS,
        "rankings": [
            {
                "relevant": "".join(str(int(hit)) for hit in relevant),
                "ranx": _ranx(relevant),
                "torchmetrics": _torchmetrics(relevant),
            }
            for relevant in rankings()
        ],
        "embeddings": [
            {
                "vectors": vectors.tolist(),
                "labels": labels.tolist(),
                "pytorch-metric-learning": _metric_learning(vectors, labels),
            }
            for vectors, labels in embeddings()
        ],
    }


def rankings() -> Iterator[np.ndarray]:
    """Full rankings, bool (n,), with at least one relevant item: extreme cases and random ones."""
    for size in (1, 2, 4, 9, 30):
        for rank in {0, size // 2, size - 1}:
            yield np.arange(size) == rank  # R = 1
        yield np.ones(size, np.bool_)  # R = n
    for size in (7, 12, 40):
        yield np.arange(size) % 2 == 0
        yield np.arange(size) % 2 == 1
        yield np.arange(size) >= size // 2
        yield np.arange(size) < size // 2
    rng = np.random.default_rng(4)
    for size, share in ((8, 0.3), (25, 0.1), (25, 0.9), (60, 0.5), (120, 0.02), (120, 0.3), (250, 0.5)):
        for _ in range(3):
            relevant = rng.random(size) < share
            relevant[rng.integers(size)] = True
            yield relevant


def embeddings() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Integer vectors (n, d), no two of the same direction, and labels (n,), each at least twice."""
    rng = np.random.default_rng(5)
    for number, classes in ((40, 3), (40, 1), (24, 12), (60, 7)):
        labels = rng.permutation(np.arange(number) % classes)
        yield rng.integers(-40, 41, (classes, 6))[labels] + rng.integers(-60, 61, (number, 6)), labels


def _ranx(relevant: np.ndarray) -> dict[str, float]:
    names = [*(f"{name}@{k}" for name in ("precision", "recall", "hit_rate", "ndcg") for k in KS), "map"]
    documents = [f"d{rank}" for rank in range(len(relevant))]
    qrels = ranx.Qrels({"q": {documents[rank]: 1 for rank in np.flatnonzero(relevant)}})
    run = ranx.Run({"q": {document: float(len(relevant) - rank) for rank, document in enumerate(documents)}})
    return {name: float(value) for name, value in ranx.evaluate(qrels, run, names).items()}


def _torchmetrics(relevant: np.ndarray) -> dict[str, float]:
    scores = torch.arange(len(relevant), 0, -1, dtype=torch.float64)
    target = torch.from_numpy(relevant)
    with _double_precision():
        values = {"map": retrieval.retrieval_average_precision(scores, target)}
        for k in KS:
            values[f"precision@{k}"] = retrieval.retrieval_precision(scores, target, top_k=k)
            values[f"recall@{k}"] = retrieval.retrieval_recall(scores, target, top_k=k)
            values[f"hit_rate@{k}"] = retrieval.retrieval_hit_rate(scores, target, top_k=k)
            values[f"ndcg@{k}"] = retrieval.retrieval_normalized_dcg(scores, target, top_k=k)
    return {name: float(value) for name, value in values.items()}


@contextmanager
def _double_precision() -> Iterator[None]:
    """Make torchmetrics compute in float64 instead of float32, which has only seven digits."""
    single, to_single = torch.float32, torch.Tensor.float
    torch.float32, torch.Tensor.float = torch.float64, torch.Tensor.double
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.float32, torch.Tensor.float = single, to_single
        torch.set_default_dtype(single)


def _metric_learning(vectors: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Leave-one-out metrics of one dataset: means over queries and (``macro_``) over classes."""
    unit = torch.from_numpy(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    names = ("precision_at_1", "mean_average_precision", "mean_average_precision_at_r", "r_precision")
    values: dict[str, float] = {}
    for prefix, by_class in (("", False), ("macro_", True)):
        calculator = AccuracyCalculator(
            include=names,
            avg_of_avgs=by_class,
            k=len(labels) - 1,
            device=torch.device("cpu"),
            knn_func=CustomKNN(_Cosine(), batch_size=len(labels)),
        )
        for name, value in calculator.get_accuracy(unit, torch.from_numpy(labels)).items():
            values[f"{prefix}{name}"] = float(value)
    return values


class _Cosine:
    """Cosine in float64 as a distance for pytorch-metric-learning; greater is nearer."""

    is_inverted = True

    def __call__(self, query: torch.Tensor, gallery: torch.Tensor | None = None) -> torch.Tensor:
        return query @ (query if gallery is None else gallery).T


def differences(stored: Any, current: Any, key: str = "") -> Iterator[str]:
    """One line for each difference between two references, ignoring library versions."""
    if isinstance(current, dict):
        for name in current.keys() | stored.keys():
            if name not in current or name not in stored:
                yield f"{key}/{name}: in one of them only"
            elif name != "libraries":
                yield from differences(stored[name], current[name], f"{key}/{name}")
    elif isinstance(current, list | tuple):
        if len(current) != len(stored):
            yield f"{key}: {len(stored)} stored, {len(current)} now"
        for index, (old, new) in enumerate(zip(stored, current, strict=False)):
            yield from differences(old, new, f"{key}/{index}")
    elif not (stored == current or (isinstance(current, float) and abs(stored - current) <= TOLERANCE)):
        yield f"{key}: {stored} stored, {current} now"


if __name__ == "__main__":
    sys.exit(main())
