"""Retrieval experiments on labelled images: evaluate one encoder, compare encoders, measure robustness.

A dataset is embedded, its gallery is ranked for every query, rankings become metrics with confidence intervals, and
each experiment returns its results.

The public experiments are what this package exports::

    from lookalike.evaluation import evaluate

    print(evaluate("PetImages", "efficientnet-lite2").metrics.micro["precision@1"])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookalike.exports import lazy_exports

if TYPE_CHECKING:
    from lookalike.embedding.vector_cache import EmbeddingCache
    from lookalike.evaluation.data.embedded import embed_dataset
    from lookalike.evaluation.data.load import load_dataset
    from lookalike.evaluation.experiments.angle_comparison import compare_angles
    from lookalike.evaluation.experiments.angles import measure_angles
    from lookalike.evaluation.experiments.compare import compare
    from lookalike.evaluation.experiments.evaluate import evaluate
    from lookalike.evaluation.experiments.inspect import inspect_dataset
    from lookalike.evaluation.experiments.matrix import similarity_matrix
    from lookalike.evaluation.experiments.reproduce import reproduce
    from lookalike.evaluation.robustness.comparison import compare_robustness
    from lookalike.evaluation.robustness.robustness import measure_robustness

__all__ = [
    "EmbeddingCache",
    "compare",
    "compare_angles",
    "compare_robustness",
    "embed_dataset",
    "evaluate",
    "inspect_dataset",
    "load_dataset",
    "measure_angles",
    "measure_robustness",
    "reproduce",
    "similarity_matrix",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "EmbeddingCache": "lookalike.embedding.vector_cache",
        "compare_angles": "lookalike.evaluation.experiments.angle_comparison",
        "compare_robustness": "lookalike.evaluation.robustness.comparison",
        "compare": "lookalike.evaluation.experiments.compare",
        "embed_dataset": "lookalike.evaluation.data.embedded",
        "evaluate": "lookalike.evaluation.experiments.evaluate",
        "inspect_dataset": "lookalike.evaluation.experiments.inspect",
        "load_dataset": "lookalike.evaluation.data.load",
        "measure_angles": "lookalike.evaluation.experiments.angles",
        "measure_robustness": "lookalike.evaluation.robustness.robustness",
        "reproduce": "lookalike.evaluation.experiments.reproduce",
        "similarity_matrix": "lookalike.evaluation.experiments.matrix",
    },
)
