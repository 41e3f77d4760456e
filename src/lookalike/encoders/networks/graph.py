"""Build an ONNX graph node by node; weights stay in their file and are referred to by offset."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lookalike.encoders.spec import Preprocessing
from lookalike.encoders.weights.tensors import TensorRef, WeightsFile
from lookalike.errors import WeightsError

# Opset 17 is the first with LayerNormalization; nothing here needs a newer one. IR version 8 belongs to it.
OPSET = 17
IR_VERSION = 8


class GraphBuilder:
    """Collects nodes and initializers; every method that adds a node returns the name of its output."""

    def __init__(self, name: str, weights: WeightsFile) -> None:
        """Start an empty graph that refers to ``weights``."""
        self.name = name
        self.weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}

    def node(self, op: str, *inputs: str, **attributes: object) -> str:
        """Add one node with one output."""
        output = f"{op}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(op, list(inputs), [output], name=output, **attributes))
        return output

    def constant(self, value: NDArray[np.generic]) -> str:
        """A small array stored in the graph itself."""
        name = f"constant_{len(self._initializers)}"
        self._initializers[name] = numpy_helper.from_array(np.asarray(value, order="C"), name)
        return name

    def integers(self, *values: int) -> str:
        """An int64 vector stored in the graph: a shape, axes or paddings."""
        return self.constant(np.array(values, np.int64))

    def number(self, value: float) -> str:
        """A float32 scalar stored in the graph."""
        return self.constant(np.array(value, np.float32))

    def weight(self, name: str, shape: Sequence[int] | None = None) -> str:
        """Refer to the stored tensor ``name`` as float32; if ``shape`` is given, the tensor must have it.

        Raises :class:`~lookalike.errors.WeightsError` if the tensor has another shape or an unsupported dtype.
        """
        ref = self.weights.floats(name)
        if shape is not None and tuple(shape) != ref.shape:
            raise WeightsError(f"{self.weights.path}: tensor {name!r} has shape {ref.shape}, not {tuple(shape)}")
        value = self._refer(name, ref)
        if ref.dtype != np.float32:
            value = self.node("Cast", value, to=TensorProto.FLOAT)
        # Runtimes fold a transposed weight at compile time, so this costs nothing when images are encoded.
        return value if ref.to_shape is None else self.node("Transpose", value, perm=ref.to_shape)

    def rows(self, name: str, indices: str) -> str:
        """Look up the rows ``indices`` of the stored matrix ``name`` as float32; other rows are never read."""
        ref = self.weights.floats(name, 2)
        gathered = self.node("Gather", self._refer(name, ref), indices, axis=0)
        return gathered if ref.dtype == np.float32 else self.node("Cast", gathered, to=TensorProto.FLOAT)

    def _refer(self, name: str, ref: TensorRef) -> str:
        if name not in self._initializers:
            tensor = TensorProto(
                name=name,
                data_type=helper.np_dtype_to_tensor_dtype(ref.dtype),
                dims=ref.stored_shape,
                data_location=TensorProto.EXTERNAL,
            )
            for key, value in (("location", self.weights.path.name), ("offset", ref.offset), ("length", ref.nbytes)):
                tensor.external_data.add(key=key, value=str(value))
            self._initializers[name] = tensor
        return name

    def normalised_pixels(self, preprocessing: Preprocessing) -> str:
        """Add the graph's input ``pixels``, uint8 (n, S, S, 3) RGB 0..255.

        Returns (pixels - mean) / std, float32 (n, 3, S, S).
        """
        size = preprocessing.crop
        mean, std = (np.array(value, np.float32).reshape(3, 1, 1) for value in (preprocessing.mean, preprocessing.std))
        self._input = helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", size, size, 3])
        # Transpose first: moving bytes is cheaper than moving floats, and each plane then has a single mean.
        planes = self.node("Transpose", "pixels", perm=[0, 3, 1, 2])
        levels = self.node("Cast", planes, to=TensorProto.FLOAT)
        return self.node("Div", self.node("Sub", levels, self.constant(mean)), self.constant(std))

    def token_ids(self, length: int) -> str:
        """Add the graph's input ``token_ids``, int64 (n, length)."""
        self._input = helper.make_tensor_value_info("token_ids", TensorProto.INT64, ["n", length])
        return "token_ids"

    def finish(self, output: str, dimension: int) -> onnx.ModelProto:
        """Return the model; its output ``features`` is ``output``, float32 (n, dimension)."""
        self._nodes.append(helper.make_node("Identity", [output], ["features"], name="features"))
        graph = helper.make_graph(
            self._nodes,
            self.name,
            [self._input],
            [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", dimension])],
            list(self._initializers.values()),
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
