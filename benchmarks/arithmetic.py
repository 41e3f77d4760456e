"""The number of floating-point operations of a network."""

from __future__ import annotations

from math import prod

import onnx

from lookalike.encoders.networks.source import NetworkSource


def gigaflop(network: NetworkSource) -> float:
    """GFLOP per image: two for each multiplication in convolutions and matrix products; the rest is ignored."""
    model, _ = network.build()
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    inferred = onnx.shape_inference.infer_shapes(model).graph
    shapes = {
        v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in (*inferred.value_info, *inferred.output)
    }
    shapes |= {tensor.name: list(tensor.dims) for tensor in inferred.initializer}
    return sum(_products(node, shapes) for node in inferred.node) * 2 / 1e9


def _products(node: onnx.NodeProto, shapes: dict[str, list[int]]) -> int:
    if node.op_type == "Conv":
        return prod(shapes[node.output[0]]) * prod(shapes[node.input[1]][1:])
    if node.op_type == "MatMul":
        return prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]
    if node.op_type == "Gemm":
        transposed = any(a.name == "transB" and a.i for a in node.attribute)
        return prod(shapes[node.output[0]]) * shapes[node.input[1]][1 if transposed else 0]
    return 0
