"""Shared by the reference vectors, the tests that use them and the full-size verification. Needs no torch.

Inputs are generated from seeds. Both ``agreement`` and the mutants are defined here. Mutants are graphs with a single
typical mistake, which the comparison has to detect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Vectors = NDArray[np.float32]

IMAGES: Final = 8
TEXTS: Final = 6
LEAST_COSINE: Final = 0.999999
LARGEST_DIFFERENCE: Final = 1e-4


def pixels(side: int, count: int = IMAGES) -> NDArray[np.uint8]:
    """Images uint8 (count, side, side, 3): blotches of several sizes, with different colours and contrasts."""
    rng = np.random.default_rng(side)
    images = np.empty((count, side, side, 3), np.uint8)
    for index in range(count):
        blotch = -(-side // (2 + 2 * index))
        coarse = rng.uniform(-1, 1, (2 + 2 * index, 2 + 2 * index, 3))
        levels = np.kron(coarse, np.ones((blotch, blotch, 1)))[:side, :side]
        levels = levels * rng.uniform(30, 120) + rng.uniform(60, 190, 3) + rng.normal(0, 8, levels.shape)
        images[index] = np.clip(levels, 0, 255)
    return images


def token_ids(vocabulary: int, tokens: int = 77, count: int = TEXTS, *, padding: int = 0) -> NDArray[np.int64]:
    """Texts of several lengths as token ids, int64 (count, tokens); start and end tokens are the two highest ids."""
    rng = np.random.default_rng(vocabulary)
    ids = np.full((count, tokens), padding, np.int64)
    for row, length in zip(ids, np.linspace(1, tokens - 2, count).astype(int), strict=True):
        row[0] = vocabulary - 2
        row[1 : length + 1] = rng.integers(1, vocabulary - 2, length)
        row[length + 1] = vocabulary - 1
    return ids


@dataclass(frozen=True, slots=True)
class Agreement:
    """How closely two sets of features agree.

    ``cosine`` is the minimum over the rows. ``centred`` is the same after subtracting the reference's mean from both,
    because rows of similar direction have high cosines even if something is wrong. ``difference`` is the largest
    difference of any value, relative to the reference's root mean square.
    """

    cosine: float
    centred: float
    difference: float

    @property
    def holds(self) -> bool:
        """Whether the two are equal up to fp32 rounding."""
        return self.cosine >= LEAST_COSINE and self.difference <= LARGEST_DIFFERENCE


def agreement(ours: Vectors, theirs: Vectors) -> Agreement:
    """Compare our features (n, d) with the reference's."""
    a, b = ours.astype(np.float64), theirs.astype(np.float64)
    mean = b.mean(0)
    difference = np.abs(a - b).max() / np.sqrt((b * b).mean())
    return Agreement(_least_cosine(a, b), _least_cosine(a - mean, b - mean), float(difference))


def _least_cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())


def without_first_norm(model: onnx.ModelProto) -> None:
    """Remove the LayerNorm before the blocks."""
    first = next(node for node in model.graph.node if node.op_type == "LayerNormalization")
    unused = set(first.input[1:])
    first.CopyFrom(helper.make_node("Identity", first.input[:1], first.output[:]))
    for tensor in [tensor for tensor in model.graph.initializer if tensor.name in unused]:
        model.graph.initializer.remove(tensor)


def transposed_projection(model: onnx.ModelProto) -> None:
    """Interpret the projection as its transpose."""
    nodes = list(model.graph.node)
    last = [node for node in nodes if node.op_type == "Gemm"][-1]
    stored = next(tensor for tensor in model.graph.initializer if tensor.name == "image.projection")
    dimension = model.graph.output[0].type.tensor_type.shape.dim[1].dim_value
    width = int(np.prod(stored.dims)) // dimension
    model.graph.initializer.append(numpy_helper.from_array(np.array([width, dimension], np.int64), "mutant_shape"))
    reshape = helper.make_node("Reshape", [last.input[1], "mutant_shape"], ["mutant_weight"])
    model.graph.node.insert(nodes.index(last), reshape)
    last.CopyFrom(helper.make_node("Gemm", [last.input[0], "mutant_weight"], last.output[:]))


def swapped_heads(model: onnx.ModelProto) -> None:
    """Reverse the heads of the values in the first block."""
    nodes = list(model.graph.node)
    softmax = next(node for node in nodes if node.op_type == "Softmax")
    mixing = next(node for node in nodes if node.op_type == "MatMul" and node.input[0] == softmax.output[0])
    split = next(node for node in nodes if node.output[0] == mixing.input[1])
    shape = next(tensor for tensor in model.graph.initializer if tensor.name == nodes[nodes.index(split) - 1].input[1])
    heads = int(numpy_helper.to_array(shape)[2])
    order = numpy_helper.from_array(np.arange(heads)[::-1].astype(np.int64), "mutant_order")
    model.graph.initializer.append(order)
    gather = helper.make_node("Gather", [mixing.input[1], "mutant_order"], ["mutant_values"], axis=1)
    model.graph.node.insert(nodes.index(mixing), gather)
    mixing.input[1] = "mutant_values"


GRAPH_MUTANTS: Final[Mapping[str, Callable[[onnx.ModelProto], None]]] = {
    "no first LayerNorm": without_first_norm,
    "transposed projection": transposed_projection,
    "heads swapped": swapped_heads,
}
"""Mistakes in the graph of an image tower; wrong activation and BGR need no mutant."""
