"""What the reference vectors, the tests that read them and the full-size verification share. Needs no torch.

Inputs are generated, so they need not be stored; both sides generate the same. Agreement is judged in one place, and
so are the mutants: graphs with one mistake that people do make, which agreement has to tell from the right one.
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

PICTURES: Final = 8
TEXTS: Final = 6
LEAST_COSINE: Final = 0.999999
LARGEST_DIFFERENCE: Final = 1e-4


def pixels(side: int, count: int = PICTURES) -> NDArray[np.uint8]:
    """Pictures uint8 (count, side, side, 3): blotches of several sizes, no two of them alike in colour or contrast."""
    rng = np.random.default_rng(side)
    pictures = np.empty((count, side, side, 3), np.uint8)
    for index in range(count):
        blotch = -(-side // (2 + 2 * index))
        coarse = rng.uniform(-1, 1, (2 + 2 * index, 2 + 2 * index, 3))
        levels = np.kron(coarse, np.ones((blotch, blotch, 1)))[:side, :side]
        levels = levels * rng.uniform(30, 120) + rng.uniform(60, 190, 3) + rng.normal(0, 8, levels.shape)
        pictures[index] = np.clip(levels, 0, 255)
    return pictures


def token_ids(vocabulary: int, tokens: int = 77, count: int = TEXTS, *, padding: int = 0) -> NDArray[np.int64]:
    """Texts of several lengths as token ids, int64 (count, tokens); start and end are the two highest ids."""
    rng = np.random.default_rng(vocabulary)
    ids = np.full((count, tokens), padding, np.int64)
    for row, length in zip(ids, np.linspace(1, tokens - 2, count).astype(int), strict=True):
        row[0] = vocabulary - 2
        row[1 : length + 1] = rng.integers(1, vocabulary - 2, length)
        row[length + 1] = vocabulary - 1
    return ids


@dataclass(frozen=True, slots=True)
class Agreement:
    """How near two sets of features are.

    ``cosine`` is the least over the rows; ``centred`` the same after the reference's mean row is taken from both, for
    rows that all point the same way have high cosines whatever is wrong; ``difference`` is the largest of any number,
    where the reference's numbers are of size 1 in the root mean square.
    """

    cosine: float
    centred: float
    difference: float

    @property
    def holds(self) -> bool:
        """Whether the two count as the same in fp32."""
        return self.cosine >= LEAST_COSINE and self.difference <= LARGEST_DIFFERENCE


def agreement(ours: Vectors, theirs: Vectors) -> Agreement:
    """Compare features (n, d), ours with the reference's."""
    a, b = ours.astype(np.float64), theirs.astype(np.float64)
    mean = b.mean(0)
    difference = np.abs(a - b).max() / np.sqrt((b * b).mean())
    return Agreement(_least_cosine(a, b), _least_cosine(a - mean, b - mean), float(difference))


def _least_cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())


def without_first_norm(model: onnx.ModelProto) -> None:
    """The LayerNorm before the blocks forgotten."""
    first = next(node for node in model.graph.node if node.op_type == "LayerNormalization")
    unused = set(first.input[1:])
    first.CopyFrom(helper.make_node("Identity", first.input[:1], first.output[:]))
    for tensor in [tensor for tensor in model.graph.initializer if tensor.name in unused]:
        model.graph.initializer.remove(tensor)


def transposed_projection(model: onnx.ModelProto) -> None:
    """The projection's numbers taken for a matrix stored the other way round."""
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
    """The heads of the first block's values in reverse order."""
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
"""Mistakes in the graph of an image tower. Two more need no graph of their own: the wrong activation, and BGR."""
