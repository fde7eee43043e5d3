"""NIR's nodes with their fields checked: what a node means, no longer how it was stored."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from neuedge_nir.diagnostics import Diagnostic
from neuedge_nir.errors import InputError
from neuedge_nir.frontend import repairs
from neuedge_nir.frontend.compact import FloatArray, all_finite, converted, core, extremes
from neuedge_nir.frontend.raw import Caps, Field, RawNode, Shape, check_cap
from neuedge_nir.frontend.shapes import Padding, ShapeMismatchError, dense_shapes, resolve_padding, without_leading_ones
from neuedge_nir.network.connect import Delay, PoolKind, Scale
from neuedge_nir.network.model import IF, LI, LIF, CubaLI, CubaLIF, I, Neuron, Threshold


@dataclass(frozen=True, slots=True)
class PortNode:
    """An Input or Output; of a nested graph where `inner`: it hands on what it gets.

    `shape` is None where the file states none that can be believed: its neighbours have it.
    """

    where: str
    shape: Shape | None
    enters: bool
    inner: bool


@dataclass(frozen=True, slots=True, eq=False)
class NeuronNode:
    """Neurons of one model; `shape` is None where all parameters are single numbers."""

    where: str
    model: type[Neuron]
    parameters: Mapping[str, FloatArray]
    shape: Shape | None


@dataclass(frozen=True, slots=True, eq=False)
class DenseNode:
    """Linear, or Affine with its bias of shape (*batch, O)."""

    where: str
    weight: FloatArray
    bias: FloatArray | None


@dataclass(frozen=True, slots=True, eq=False)
class ConvNode:
    """Conv1d or Conv2d with its bias of shape (C_out,); `space` is None where the file has no input_shape."""

    where: str
    weight: FloatArray
    bias: FloatArray | None
    space: Shape | None
    stride: Shape
    padding: Padding
    dilation: Shape
    groups: int


@dataclass(frozen=True, slots=True)
class PoolNode:
    """SumPool2d or AvgPool2d."""

    where: str
    kind: PoolKind
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]


@dataclass(frozen=True, slots=True)
class FlattenNode:
    """A change of shape alone; `takes` is what the file says comes in, None where it does not say."""

    where: str
    start: int
    end: int
    takes: Shape | None


@dataclass(frozen=True, slots=True, eq=False)
class PointNode:
    """Scale or Delay: one value per element; `shape` is None for a single number."""

    where: str
    operator: type[Scale] | type[Delay]
    values: FloatArray
    shape: Shape | None


Node = PortNode | NeuronNode | DenseNode | ConvNode | PoolNode | FlattenNode | PointNode
Stateless = DenseNode | ConvNode | PoolNode | FlattenNode | PointNode
Parsed = tuple[Node, tuple[Diagnostic, ...]]

MODELS: Mapping[str, type[Neuron]] = {m.__name__: m for m in (IF, LIF, CubaLIF, LI, CubaLI, I, Threshold)}
CONV = ("weight", "bias", "stride", "padding", "dilation", "groups")
POOL = ("kernel_size", "stride", "padding")
FIELDS: Mapping[str, tuple[str, ...]] = {
    "Input": ("shape",),
    "Output": ("shape",),
    "Linear": ("weight",),
    "Affine": ("weight", "bias"),
    "Conv1d": CONV,
    "Conv2d": CONV,
    "SumPool2d": POOL,
    "AvgPool2d": POOL,
    "Scale": ("scale",),
    "Delay": ("delay",),
    "Flatten": ("start_dim", "end_dim"),
} | {name: tuple(f.name for f in fields(model)) for name, model in MODELS.items()}
MOST_AXES = 32
"""As many as an array in an HDF5 file may have."""
OPTIONAL = {"Conv1d": ("input_shape",), "Conv2d": ("input_shape",), "Flatten": ("input_type",)}


def is_stateless(node: Node) -> bool:
    """Part of a connection: neither neurons nor one of the network's own ports."""
    return isinstance(node, Stateless) or (isinstance(node, PortNode) and node.inner)


def check_parameters(nodes: Mapping[str, RawNode], caps: Caps) -> None:
    """Raises `InputError` (FILE015) where the parameters would not fit into memory; before anything is copied."""
    total = 0
    for node in nodes.values():
        for key, value in node.fields.items():
            total += _widened(key, value)
        check_cap(caps, "parameters", total, node.where)


def _widened(key: str, value: Field) -> int:
    """How many values of a field become float64: all but weights in single or double precision; equal ones are one."""
    if not isinstance(value, np.ndarray) or (key == "weight" and value.dtype.kind == "f" and value.dtype.itemsize >= 4):
        return 0
    stored: int = core(value).size
    return stored


def parsed(name: str, raw: RawNode, inner_port: bool) -> Parsed:
    """The node, its own quirks repaired and its values checked."""
    if raw.type not in FIELDS:
        message = f"the node type {raw.type!r} is unknown"
        raise InputError("NET001", message, where=raw.where, hint=f"known are NIRGraph, {', '.join(sorted(FIELDS))}")
    _check_lists(raw)
    node, remarks = repairs.mended(name, raw)
    if node.added:
        return PortNode(node.where, None, node.type == "Input", inner_port), ()
    _check_fields(node)
    if node.type in MODELS:
        neuron, more = _neuron(name, node)
        return neuron, remarks + more
    return (_port(node, inner_port) if node.type in ("Input", "Output") else PARSERS[node.type](node)), remarks


def _check_lists(node: RawNode) -> None:
    """Shapes and the like are spelled out, in messages too. What the file calls one could be of any length."""
    for key in repairs.COUNTS:
        value = node.fields.get(key)
        if isinstance(value, np.ndarray) and value.size > MOST_AXES:
            message = f"{key} holds {value.size} numbers, but no signal has more than {MOST_AXES} axes"
            raise InputError("NET018", message, where=node.where, hint="export the model again")


def _check_fields(node: RawNode) -> None:
    wanted, optional = FIELDS[node.type], OPTIONAL.get(node.type, ())
    if missing := [key for key in wanted if key not in node.fields]:
        message = f"{node.type} lacks the field {missing[0]!r}"
        raise InputError("NET002", message, where=node.where, hint="export the model again")
    if odd := sorted(node.fields.keys() - {*wanted, *optional}):
        message = f"{node.type} has no field {odd[0]!r}, and what it means is not known"
        raise InputError("NET003", message, where=node.where, hint="remove it or move it into the metadata")


def _port(node: RawNode, inner: bool) -> PortNode:
    return PortNode(node.where, _lengths(node, "shape"), node.type == "Input", inner)


def _neuron(name: str, node: RawNode) -> tuple[NeuronNode, tuple[Diagnostic, ...]]:
    parameters = {key: converted(_numbers(node, key), np.float64) for key in FIELDS[node.type]}
    shapes = {key: value.shape for key, value in parameters.items() if value.ndim}
    shape = max(shapes.values(), key=len, default=None)
    for other in shapes.values():
        if shape is None or without_leading_ones(other) != without_leading_ones(shape):
            message = f"the parameters differ in shape: {', '.join(f'{k} {s}' for k, s in shapes.items())}"
            hint = "give each one value per neuron, or a single number"
            raise InputError("NET014", message, where=node.where, hint=hint)
    remarks = _check_times(name, node, parameters)
    if not remarks:
        _check_thresholds(node, parameters)
    return NeuronNode(node.where, MODELS[node.type], parameters, shape), remarks


def _check_times(name: str, node: RawNode, parameters: Mapping[str, FloatArray]) -> tuple[Diagnostic, ...]:
    for key, value in parameters.items():
        if key.startswith("tau") and extremes(value)[0] <= 0:
            remark = repairs.placeholders(name, parameters)
            if remark is None or bool((core(value) == 0).any()):
                message = f"{key} must be greater than 0, but holds {core(value).min():g}"
                raise InputError("NET015", message, where=node.where, hint="a time constant is a positive time")
            return (remark,)
    return ()


@np.errstate(over="ignore")
def _check_thresholds(node: RawNode, parameters: Mapping[str, FloatArray]) -> None:
    """A reset to above the threshold fires for ever, whatever comes in. Equal is silent, since v must exceed it."""
    if "v_reset" not in parameters:
        return
    if extremes(parameters["v_threshold"])[0] >= extremes(parameters["v_reset"])[1]:
        return
    threshold, reset = (_rows(parameters[key]) for key in ("v_threshold", "v_reset"))
    if bool((threshold < reset).any()):
        most = float((reset - threshold).max())
        message = f"v_threshold lies below v_reset, by up to {most:g}: such a neuron fires in every timestep"
        raise InputError("NET023", message, where=node.where, hint="a threshold lies above the reset potential")


def _rows(value: FloatArray) -> FloatArray:
    """All elements in a row, or one for all."""
    return core(value).reshape(-1)


def _linear(node: RawNode) -> DenseNode:
    weight = _numbers(node, "weight")
    try:
        outputs = dense_shapes(weight.shape)[1]
    except ShapeMismatchError as error:
        raise InputError("NET009", str(error), where=node.where, hint="store it as (outputs, inputs)") from error
    return DenseNode(node.where, weight, _bias(node, outputs) if "bias" in node.fields else None)


def _conv(node: RawNode) -> ConvNode:
    weight, axes = _numbers(node, "weight"), 1 if node.type == "Conv1d" else 2
    if weight.ndim != axes + 2 or 0 in weight.shape:
        message = f"the weights of a {node.type} need {axes + 2} axes without a 0, not {weight.shape}"
        raise InputError("NET018", message, where=node.where, hint="store them as (outputs, inputs / groups, *kernel)")
    stride, dilation = (_counts(node, key, axes, 1) for key in ("stride", "dilation"))
    space = _counts(node, "input_shape", axes, 1) if "input_shape" in node.fields else None
    padding = _conv_padding(node, weight.shape[2:], stride, dilation)
    bias = _bias(node, weight.shape[:1])
    return ConvNode(node.where, weight, bias, space, stride, padding, dilation, _groups(node, weight.shape[0]))


def _conv_padding(node: RawNode, kernel: Shape, stride: Shape, dilation: Shape) -> Padding:
    stored = node.fields["padding"]
    try:
        given = stored if isinstance(stored, str) else _counts(node, "padding", len(kernel), 0)
        return resolve_padding(given, kernel, stride, dilation)
    except ShapeMismatchError as error:
        raise InputError("NET018", str(error), where=node.where, hint="give the padding as numbers") from error


def _groups(node: RawNode, outputs: int) -> int:
    (groups,) = _counts(node, "groups", 1, 1)
    if outputs % groups:
        message = f"{outputs} output channels do not divide into {groups} groups"
        raise InputError("NET018", message, where=node.where, hint="correct groups")
    return groups


def _pool(node: RawNode) -> PoolNode:
    kind = PoolKind.SUM if node.type == "SumPool2d" else PoolKind.AVERAGE
    (height, width), (down, right) = (_counts(node, key, 2, 1) for key in ("kernel_size", "stride"))
    above, left = _counts(node, "padding", 2, 0)
    return PoolNode(node.where, kind, (height, width), (down, right), (above, left))


def _flatten(node: RawNode) -> FlattenNode:
    (start,), (end,) = (_counts(node, key, 1, None) for key in ("start_dim", "end_dim"))
    takes = _counts(node, "input_type", None, 0) if "input_type" in node.fields else ()
    # Old exporters wrote zeros for a shape they did not know.
    return FlattenNode(node.where, start, end, takes if math.prod(takes) and takes else None)


def _scale(node: RawNode) -> PointNode:
    values = _numbers(node, "scale")
    return PointNode(node.where, Scale, values, values.shape or None)


def _delay(node: RawNode) -> PointNode:
    values = converted(_numbers(node, "delay"), np.float64)
    if bool((core(values) < 0).any()):
        message = f"delay must not be negative, but holds {core(values).min():g}"
        raise InputError("NET019", message, where=node.where, hint="a signal cannot arrive before it was sent")
    return PointNode(node.where, Delay, values, values.shape or None)


PARSERS: Mapping[str, Callable[[RawNode], Node]] = {
    "Linear": _linear,
    "Affine": _linear,
    "Conv1d": _conv,
    "Conv2d": _conv,
    "SumPool2d": _pool,
    "AvgPool2d": _pool,
    "Flatten": _flatten,
    "Scale": _scale,
    "Delay": _delay,
}


def _numbers(node: RawNode, key: str) -> FloatArray:
    value: Any = node.fields[key]
    if value.size == 0:
        raise InputError(
            "NET014", f"{key} is empty: shape {value.shape}", where=node.where, hint="export the model again"
        )
    if not all_finite(value):
        hint = "train or export the model again: a chip has no NaN"
        raise InputError("NET016", f"{key} holds NaN or infinity", where=node.where, hint=hint)
    array: FloatArray = value
    return array


def _bias(node: RawNode, outputs: Shape) -> FloatArray | None:
    bias = converted(_numbers(node, "bias"), np.float64)
    if not core(bias).any() and bias.ndim == 0:
        return None
    if bias.shape not in (outputs, outputs[-1:]):
        message = f"the bias has shape {bias.shape}, but the weights give {outputs}"
        raise InputError("NET017", message, where=node.where, hint="store one bias per output")
    return bias if core(bias).any() else None


def _lengths(node: RawNode, key: str) -> Shape:
    shape = _counts(node, key, None, 1)
    if not shape:
        raise InputError("NET014", f"{key} is empty", where=node.where, hint="a single value has shape (1,)")
    return shape


def _counts(node: RawNode, key: str, length: int | None, least: int | None) -> Shape:
    """A field of whole numbers as a tuple, of a given length and each at least so much."""
    value = node.fields[key]
    if isinstance(value, str) or value.dtype.kind not in "iu" or value.ndim > 1 or (length is None and value.ndim == 0):
        message = f"{key} must be a list of whole numbers"
        raise InputError("NET018", message, where=node.where, hint="export the model again")
    counts = tuple(int(count) for count in value.reshape(-1))
    if length is not None and len(counts) != length:
        message = f"{key} must hold {length} number{'s' * (length > 1)}, not {len(counts)}"
        raise InputError("NET018", message, where=node.where, hint="one per spatial axis")
    if least is not None and min(counts, default=least) < least:
        message = f"{key} must be at least {least}, but is {counts[0] if length == 1 else counts}"
        raise InputError("NET018", message, where=node.where, hint="export the model again")
    return counts
