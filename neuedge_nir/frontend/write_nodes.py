"""Populations, ports, operators and Flattens as nodes of a .nir file: the types and fields of NIR 1.0.8.

Every parameter has the whole shape, as other readers want it; here still as a view on what is stored. Numbers become
float32 where that holds them exactly, because torch multiplies no float32 weights with float64 signals.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.errors import InputError
from neuedge_nir.frontend.compact import FloatArray, converted, core
from neuedge_nir.frontend.raw import Array, Field, RawNode, Shape
from neuedge_nir.frontend.shapes import same_padding
from neuedge_nir.frontend.write_paths import ILL, Element, Flat
from neuedge_nir.network.blocks import row_blocks
from neuedge_nir.network.connect import Conv, Delay, Dense, Pool, PoolKind, Scale
from neuedge_nir.network.connect_sparse import FixedProbability, Sparse
from neuedge_nir.network.model import Population, Port

Fields = Mapping[str, Field]


def port_node(port: Port, kind: str) -> RawNode:
    """`kind`: Input or Output."""
    return RawNode(kind, {"shape": _whole(*port.shape)}, {}, f"node {port.name!r}")


def neuron_node(population: Population) -> RawNode:
    """Without `v_reset` where it is 0 for all: NIR's default, and a field that nir 1.0.4 does not know."""
    where = f"node {population.name!r}"
    parameters = {k: v for k, v in population.parameters.items() if k != "v_reset" or core(v).any()}
    narrow = all(map(_fits_single, parameters.values()))
    fields = {
        key: spread(converted(values, np.float32 if narrow else np.float64), population.shape, where)
        for key, values in parameters.items()
    }
    return RawNode(population.model, fields, {}, where)


def constant_node(population: Population) -> RawNode:
    """An Affine that nothing feeds: it gives its bias alone."""
    bias = population.bias if population.bias is not None else np.zeros(())
    where = f"node {population.name!r}"
    dtype = np.float32 if _fits_single(bias) else np.float64
    weight = np.broadcast_to(np.zeros((), dtype), (*population.shape, 1))
    fields = {"weight": weight, "bias": spread(converted(bias, dtype), population.shape, where)}
    return RawNode("Affine", fields, {}, where)


def element_node(element: Element, bias: FloatArray | None) -> RawNode:
    """`bias` broadcasts to what a Dense gives, and to (channels, 1, ...) for a Conv.

    A Dense without one is an Affine that adds zeros, not a Linear: sinabs leaves a Linear out, and says nothing.
    """
    where = f"node {element.node!r}"
    match element:
        case Dense():
            weight = _stored(element.weight)
            own = _bias(np.zeros(()) if bias is None else bias, element.output_shape, weight)
            return RawNode("Affine", {"weight": weight, "bias": own}, {}, where)
        case Conv():
            return _conv(element, bias, where)
        case Pool():
            kind = "SumPool2d" if element.kind is PoolKind.SUM else "AvgPool2d"
            pairs = {"kernel_size": element.kernel, "stride": element.stride, "padding": element.padding}
            return RawNode(kind, {key: _whole(*pair) for key, pair in pairs.items()}, {}, where)
        case Scale():
            return RawNode("Scale", {"scale": spread(_stored(element.factor), element.shape, where)}, {}, where)
        case Delay():
            delay = converted(element.delay, np.float32 if _fits_single(element.delay) else np.float64)
            return RawNode("Delay", {"delay": spread(delay, element.shape, where)}, {}, where)
        case Sparse() | FixedProbability():
            raise TypeError(f"{element.node!r} is a matrix by now")
        case Flat():
            ends = {"start_dim": np.asarray(element.start), "end_dim": np.asarray(element.end)}
            return RawNode("Flatten", {**ends, "input_type": _whole(*element.input_shape)}, {}, where)


def _conv(conv: Conv, bias: FloatArray | None, where: str) -> RawNode:
    weight, axes = _stored(conv.weight), len(conv.kernel)
    if axes not in (1, 2):
        message = f"a convolution over {axes} axes, and NIR has those over 1 or 2"
        raise InputError("OUT003", message, where=where, hint="take the axes apart")
    if {len(conv.stride), len(conv.padding), len(conv.dilation)} != {axes}:
        message = f"stride, padding and dilation are not for the {axes} axes of the kernel"
        raise InputError("OUT006", message, where=where, hint=ILL)
    # nir keeps plain numbers for one axis: a list of one would break its constructor.
    counts = {"stride": conv.stride, "dilation": conv.dilation, "input_shape": conv.input_shape[1:]}
    fields: dict[str, Field] = {key: _plain(numbers) for key, numbers in counts.items()}
    channels = conv.weight.shape[:1]
    own = np.zeros(channels, weight.dtype) if bias is None else _bias(bias.reshape(-1), channels, weight)
    fields |= {"weight": weight, "bias": own, "padding": _padding(conv, where), "groups": np.asarray(conv.groups)}
    return RawNode(f"Conv{axes}d", fields, {}, where)


def _padding(conv: Conv, where: str) -> Field:
    """Numbers where they can say it. nir 1.0.8 takes every kernel for square, and is right about 'same' alone."""
    even = all(before == after for before, after in conv.padding)
    keeps = set(conv.stride) == {1} and conv.padding == same_padding(conv.kernel, conv.stride, conv.dilation)
    if keeps and (not even or len(set(conv.kernel)) > 1):
        return "same"
    if even:
        return _plain(tuple(before for before, _ in conv.padding))
    message = f"the padding {conv.padding} differs before and after, which NIR says only with 'same'"
    raise InputError("OUT003", message, where=where, hint="pad by equal numbers, and enlarge the kernel by zeros")


def _plain(numbers: tuple[int, ...]) -> Array:
    return np.asarray(numbers[0]) if len(numbers) == 1 else _whole(*numbers)


def _whole(*numbers: int) -> Array:
    return np.array(numbers, np.int64)


def spread(values: FloatArray, shape: Shape, where: str) -> FloatArray:
    """The values broadcast to the shape, as a view. Raises `InputError` (OUT006) where they do not fit it."""
    try:
        return np.broadcast_to(values, shape)
    except ValueError as error:
        message = f"values of shape {values.shape} do not fit {shape}"
        raise InputError("OUT006", message, where=where, hint=ILL) from error


def _stored(weights: FloatArray) -> FloatArray:
    """Weights in the precision they have, as far as files go: half as single, anything else as double."""
    if weights.dtype in (np.float32, np.float64) and weights.dtype.isnative:
        return weights
    single = weights.dtype.kind == "f" and weights.dtype.itemsize <= 4
    return converted(weights, np.float32 if single else np.float64)


def _bias(bias: FloatArray, shape: Shape, weight: FloatArray) -> NDArray[np.floating]:
    return np.broadcast_to(converted(bias, weight.dtype if _fits_single(bias) else np.float64), shape)


def _fits_single(values: FloatArray) -> bool:
    with np.errstate(over="ignore"):
        return all(bool((rows.astype(np.float32) == rows).all()) for _, rows in row_blocks(core(values)))
