"""CLIP's two towers, ViT and text transformer, as ONNX graphs.

Source of the computation: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision"
(2021), as in open_clip's ``transformer.py`` and ``model.py``. Matrix products use ``Gemm``, which takes weights in
their stored layout; a transposed copy would double the memory. Measurements: docs/measurements-clip.md.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import onnx

from lookalike.encoders.networks.clip_tensors import IMAGE, TEXT, ImageSizes, TextSizes, image_sizes, text_sizes
from lookalike.encoders.networks.graph import GraphBuilder
from lookalike.encoders.spec import ClipSettings, Preprocessing
from lookalike.encoders.weights.tensors import WeightsFile
from lookalike.errors import WeightsError

_EPSILON: Final = 1e-5
_QUICK: Final = 1.702
# exp() of it is 0 in every precision. Minus infinity would become NaN in some fused attention kernels.
_MASKED: Final = -1e9


def build_image(weights: WeightsFile, preprocessing: Preprocessing, settings: ClipSettings) -> onnx.ModelProto:
    """Build the image tower of ``weights`` (renamed): uint8 (n, S, S, 3) RGB in, float32 (n, dimension) out.

    Raises :class:`~lookalike.errors.WeightsError` if a tensor is missing or has another shape, or if S isn't the image
    size of the tower.
    """
    sizes = image_sizes(weights)
    if preprocessing.crop != sizes.side:
        raise WeightsError(f"{weights.path}: needs images of {sizes.side} pixels, not {preprocessing.crop}")
    graph = GraphBuilder("clip_image", weights)
    tower = _Tower(graph, IMAGE, sizes, settings, settings.image_head)
    tower.begin(_patch_tokens(graph, preprocessing, sizes))
    tower.normalise("norm_before")
    tower.run_blocks(first_token_only=True)
    return graph.finish(tower.project(tower.value), sizes.dimension)


def build_text(weights: WeightsFile, settings: ClipSettings) -> onnx.ModelProto:
    """Build the text tower of ``weights`` (renamed): token ids int64 (n, tokens) in, float32 (n, dimension) out.

    The feature is read at the first occurrence of the highest id, which is the end token; the padding after it has no
    influence. Raises :class:`~lookalike.errors.WeightsError` if a tensor is missing or has another shape.
    """
    sizes = text_sizes(weights)
    graph = GraphBuilder("clip_text", weights)
    ids = graph.token_ids(sizes.tokens)
    embedded = graph.rows(f"{TEXT}.tokens", ids)
    tower = _Tower(graph, TEXT, sizes, settings, settings.text_head)
    tower.begin(graph.node("Add", embedded, graph.weight(f"{TEXT}.positions", (sizes.tokens, sizes.width))))
    tower.mask = graph.constant(np.triu(np.full((sizes.tokens, sizes.tokens), _MASKED, np.float32), 1))
    tower.run_blocks()
    ends = graph.node("GatherND", tower.by_item(tower.value), _end_of_text(graph, ids, sizes.tokens), batch_dims=1)
    return graph.finish(tower.project(ends), sizes.dimension)


def _patch_tokens(graph: GraphBuilder, preprocessing: Preprocessing, sizes: ImageSizes) -> str:
    """The class token followed by the patches, positions added: (n, tokens, width)."""
    pixels = graph.normalised_pixels(preprocessing)
    grid, patch, width = sizes.side // sizes.patch, sizes.patch, sizes.width
    numbers = 3 * patch * patch
    # A convolution whose stride is its kernel is one matrix product over the patches.
    cut = graph.node("Reshape", pixels, graph.integers(-1, 3, grid, patch, grid, patch))
    rows = graph.node("Transpose", cut, perm=[0, 2, 4, 1, 3, 5])
    rows = graph.node("Reshape", rows, graph.integers(-1, numbers))
    patches = graph.node("Gemm", rows, graph.weight(f"{IMAGE}.patches", (width, numbers)), transB=1)
    tokens = graph.node("Reshape", patches, graph.integers(-1, sizes.tokens - 1, width))
    # Padding makes room for the class token, which is added together with the positions; this works for any n.
    padded = graph.node("Pad", tokens, graph.integers(0, 1, 0, 0, 0, 0))
    first = graph.node(
        "Pad", graph.weight(f"{IMAGE}.class_token", (1, width)), graph.integers(0, 0, sizes.tokens - 1, 0)
    )
    positions = graph.weight(f"{IMAGE}.positions", (sizes.tokens, width))
    return graph.node("Add", padded, graph.node("Add", first, positions))


def _end_of_text(graph: GraphBuilder, ids: str, tokens: int) -> str:
    """The position of the first occurrence of the highest id in each row: int64 (n, 1)."""
    # Runtimes differ in which of several equal maxima they return, so earlier positions get a bonus.
    bonus = graph.constant(np.arange(tokens, 0, -1, dtype=np.int32) - 1)
    factor = graph.constant(np.array(tokens, np.int32))
    scaled = graph.node("Mul", graph.node("Cast", ids, to=onnx.TensorProto.INT32), factor)
    return graph.node("ArgMax", graph.node("Add", scaled, bonus), axis=1, keepdims=1)


class _Tower:
    """A stack of pre-norm transformer blocks; ``value`` is the current (n x tokens, width) matrix."""

    def __init__(
        self, graph: GraphBuilder, prefix: str, sizes: ImageSizes | TextSizes, settings: ClipSettings, head: int
    ) -> None:
        if sizes.width % head:
            raise WeightsError(f"{graph.weights.path}: a width of {sizes.width} is not a multiple of the head's {head}")
        self.graph = graph
        self.prefix = prefix
        self.sizes = sizes
        self.activation = settings.activation
        self.head = head
        self.mask: str | None = None
        self.value = ""

    def begin(self, tokens: str) -> None:
        """Start from ``tokens``, (n, tokens, width)."""
        self.value = self.graph.node("Reshape", tokens, self.graph.integers(-1, self.sizes.width))

    def by_item(self, rows: str) -> str:
        """Reshape a matrix of all tokens to (n, tokens, width), where n is the number of images or texts."""
        return self.graph.node("Reshape", rows, self.graph.integers(-1, self.sizes.tokens, self.sizes.width))

    def normalise(self, name: str) -> None:
        """Apply a LayerNorm to the current matrix."""
        self.value = self._norm(self.value, name)

    def project(self, rows: str) -> str:
        """Normalise one token of each image or text, and project it into the space that both towers share."""
        projection = self.graph.weight(f"{self.prefix}.projection", (self.sizes.dimension, self.sizes.width))
        return self.graph.node("Gemm", self._norm(rows, "norm_after"), projection, transB=1)

    def run_blocks(self, *, first_token_only: bool = False) -> None:
        """Add every block: x += attention(norm(x)), then x += MLP(norm(x)).

        With ``first_token_only`` the last block computes only the first token of each item, so that ``value`` becomes
        (n, width): the same result with 7 % less computation in a tower of 12 blocks.
        """
        last = self.sizes.layers - 1
        for index in range(self.sizes.layers):
            self._block(f"blocks.{index}", first_token_only=first_token_only and index == last)

    def _block(self, name: str, *, first_token_only: bool) -> None:
        normed = self._norm(self.value, f"{name}.norm1")
        queries = normed
        if first_token_only:
            queries, self.value = self._first_tokens(normed), self._first_tokens(self.value)
        attended = self._attention(queries, normed, name, count=1 if first_token_only else self.sizes.tokens)
        self.value = self.graph.node("Add", self.value, attended)
        hidden, _ = self.graph.weights[f"{self.prefix}.{name}.expand.weight"].shape
        inner = self._linear(self._norm(self.value, f"{name}.norm2"), f"{name}.expand", (hidden, self.sizes.width))
        outer = self._linear(self._activate(inner), f"{name}.contract", (self.sizes.width, hidden))
        self.value = self.graph.node("Add", self.value, outer)

    def _first_tokens(self, rows: str) -> str:
        return self.graph.node("Gather", self.by_item(rows), self.graph.constant(np.array(0, np.int64)), axis=1)

    def _attention(self, queries: str, rows: str, block: str, count: int) -> str:
        """softmax(q kᵀ / sqrt(head) + mask) v for every head (Vaswani et al., 2017), ``count`` queries per item."""
        graph, width, tokens = self.graph, self.sizes.width, self.sizes.tokens

        def heads(value: str, name: str, count: int, perm: list[int]) -> str:
            projected = self._linear(value, f"{block}.{name}", (width, width))
            shape = graph.integers(-1, count, width // self.head, self.head)
            return graph.node("Transpose", graph.node("Reshape", projected, shape), perm=perm)

        query = heads(queries, "query", count, [0, 2, 1, 3])
        key = heads(rows, "key", tokens, [0, 2, 3, 1])
        value = heads(rows, "value", tokens, [0, 2, 1, 3])
        scores = graph.node("MatMul", graph.node("Mul", query, graph.number(self.head**-0.5)), key)
        if self.mask is not None:
            scores = graph.node("Add", scores, self.mask)
        mixed = graph.node("MatMul", graph.node("Softmax", scores, axis=-1), value)
        mixed = graph.node("Transpose", mixed, perm=[0, 2, 1, 3])
        return self._linear(graph.node("Reshape", mixed, graph.integers(-1, width)), f"{block}.out", (width, width))

    def _activate(self, value: str) -> str:
        graph = self.graph
        if self.activation == "quickgelu":
            return graph.node("Mul", value, graph.node("Sigmoid", graph.node("Mul", value, graph.number(_QUICK))))
        erf = graph.node("Erf", graph.node("Div", value, graph.number(2**0.5)))
        doubled = graph.node("Mul", value, graph.node("Add", erf, graph.number(1)))
        return graph.node("Mul", doubled, graph.number(0.5))

    def _linear(self, rows: str, name: str, shape: tuple[int, int]) -> str:
        weight = self.graph.weight(f"{self.prefix}.{name}.weight", shape)
        return self.graph.node(
            "Gemm", rows, weight, self.graph.weight(f"{self.prefix}.{name}.bias", shape[:1]), transB=1
        )

    def _norm(self, rows: str, name: str) -> str:
        pair = (self.graph.weight(f"{self.prefix}.{name}.{part}", (self.sizes.width,)) for part in ("weight", "bias"))
        return self.graph.node("LayerNormalization", rows, *pair, axis=-1, epsilon=_EPSILON)
