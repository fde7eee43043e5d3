"""The quirks of real exporters, one small function each. Codes carry the number of the public catalogue of quirks.

The first half mends a node by itself: raw node in, raw node and remarks out. The second half words the remarks on
what only the neighbours can tell; `propagate.py` decides there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.errors import InputError
from neuedge_nir.frontend.compact import converted, core
from neuedge_nir.frontend.raw import Array, Field, RawNode, Shape
from neuedge_nir.frontend.shapes import (
    ShapeMismatchError,
    equal_but_for_leading_ones,
    flatten_output,
    without_leading_ones,
)

Mended = tuple[RawNode, tuple[Diagnostic, ...]]

NEURONS = ("IF", "LIF", "CubaLIF", "LI", "CubaLI", "I", "Threshold")
DEFAULTS = {
    "IF": {"v_reset": 0.0},
    "LIF": {"v_reset": 0.0},
    "CubaLIF": {"v_reset": 0.0, "w_in": 1.0},
    "CubaLI": {"w_in": 1.0},
}
PAIRS = {
    "Conv2d": ("stride", "padding", "dilation"),
    "SumPool2d": ("kernel_size", "stride", "padding"),
    "AvgPool2d": ("kernel_size", "stride", "padding"),
}
SCALARS = {
    "Conv1d": ("input_shape", "stride", "padding", "dilation", "groups"),
    "Conv2d": ("groups",),
    "Flatten": ("start_dim", "end_dim"),
}
COUNTS = (
    "shape",
    "input_shape",
    "stride",
    "padding",
    "dilation",
    "groups",
    "kernel_size",
    "start_dim",
    "end_dim",
    "input_type",
)


def mended(name: str, node: RawNode) -> Mended:
    """The node with every quirk of its own repaired, and a remark on each."""
    remarks: tuple[Diagnostic, ...] = ()
    for repair in (flag_for_bias, integer_values, odd_forms, scalars_among_arrays, missing_defaults):
        node, more = repair(name, node)
        remarks += more
    return node, remarks


def missing_defaults(name: str, node: RawNode) -> Mended:
    """NIR001: files before 1.0.6 have no v_reset, some no w_in."""
    absent = {key: value for key, value in DEFAULTS.get(node.type, {}).items() if key not in node.fields}
    if not absent:
        return node, ()
    values = ", ".join(f"{key} = {value:g}" for key, value in absent.items())
    remark = Diagnostic(
        "NIR001", Severity.ASSUMPTION, name, f"the file has no {' and no '.join(absent)}: taken as {values}"
    )
    return _with(node, {key: np.asarray(value, np.float64) for key, value in absent.items()}), (remark,)


def scalars_among_arrays(name: str, node: RawNode) -> Mended:
    """NIR006: some parameters of a neuron are single numbers, others one per neuron. (All single: see below.)"""
    ranks = {key: value.ndim for key, value in node.fields.items() if isinstance(value, np.ndarray)}
    single = sorted(key for key, rank in ranks.items() if rank == 0)
    if node.type not in NEURONS or not single or len(single) == len(ranks):
        return node, ()
    return node, (Diagnostic("NIR006", Severity.REPAIR, name, f"{', '.join(single)}: one value, used for all neurons"),)


def odd_forms(name: str, node: RawNode) -> Mended:
    """NIR009: one number for both axes, an array of one where a number belongs, a float that is a whole number."""
    changed = {key: value for key, value in _in_form(node).items() if value is not node.fields[key]}
    if not changed:
        return node, ()
    values = ", ".join(f"{key} = {value.tolist()}" for key, value in sorted(changed.items()))
    return _with(node, changed), (Diagnostic("NIR009", Severity.REPAIR, name, f"brought to the usual form: {values}"),)


def _in_form(node: RawNode) -> dict[str, Array]:
    arrays = {key: value for key, value in node.fields.items() if key in COUNTS and isinstance(value, np.ndarray)}
    whole = {key: _whole(value) for key, value in arrays.items()}
    pairs = {key: _pair(whole[key]) for key in PAIRS.get(node.type, ()) if key in whole}
    return whole | pairs | {key: _single(whole[key]) for key in SCALARS.get(node.type, ()) if key in whole}


def _whole(value: Array) -> Array:
    if value.dtype.kind == "f" and bool((np.abs(value) < 2**53).all()) and bool((value == np.trunc(value)).all()):
        return value.astype(np.int64)
    return value


def _pair(value: Array) -> Array:
    return np.broadcast_to(value, (2,)) if value.size == 1 else value


def _single(value: Array) -> Array:
    return value.reshape(()) if value.shape == (1,) else value


def flag_for_bias(name: str, node: RawNode) -> Mended:
    """NIR017: a bias stored as the flag False is no bias. True promises values that are not there."""
    bias = node.fields.get("bias")
    if not isinstance(bias, np.ndarray) or bias.dtype.kind != "b" or bias.ndim:
        return node, ()
    if bias:
        message = "the bias is the flag True: its values were not stored"
        raise InputError("NET017", message, where=node.where, hint="export the model again with the bias array")
    remark = Diagnostic("NIR017", Severity.REPAIR, name, "the bias is the flag False: read as no bias")
    return _with(node, {"bias": np.zeros(())}), (remark,)


def integer_values(name: str, node: RawNode) -> Mended:
    """NIR017: weights and parameters as integers or booleans are read as float64, float16 as float32: all exact."""
    odd = {
        key: converted(value, np.float32 if value.dtype.kind == "f" else np.float64)
        for key, value in sorted(node.fields.items())
        if key not in COUNTS
        and isinstance(value, np.ndarray)
        and (value.dtype.kind in "biu" or value.dtype.itemsize < 4)
    }
    if not odd:
        return node, ()
    kinds = ", ".join(f"{key} ({_dtype(node.fields[key])})" for key in odd)
    return _with(node, odd), (Diagnostic("NIR017", Severity.REPAIR, name, f"read as floating point: {kinds}"),)


def _dtype(value: Field) -> str:
    return value.dtype.name if isinstance(value, np.ndarray) else "text"


def _with(node: RawNode, fields: Mapping[str, Field]) -> RawNode:
    return replace(node, fields={**node.fields, **fields})


def placeholders(name: str, parameters: Mapping[str, Array]) -> Diagnostic | None:
    """All of a neuron's own parameters are one array of mixed signs: nobody's time constant, but a stand-in.

    Such drawings of a network (nirviz's srnn.nir) can be mapped and counted; a single negative tau cannot be meant.
    """
    own = [core(value) for key, value in parameters.items() if key not in ("v_reset", "w_in")]
    if len(own) < 3 or own[0].max() <= 0 or any(not np.array_equal(own[0], other) for other in own[1:]):
        return None
    message = "all parameters hold the same numbers, some negative: stand-ins, so that no simulation means anything"
    hint = "fine for counting and mapping; export the model again after training"
    return Diagnostic("NET054", Severity.REPAIR, name, message, hint)


def axes_in_front(name: str, stored: Shape, used: Shape) -> Diagnostic:
    """NIR005: axes in front, left over from batch and time, here or in what feeds the node."""
    why = "axes in front hold batch or time" if len(stored) > len(used) else "what feeds it has more axes in front"
    return Diagnostic("NIR005", Severity.REPAIR, name, f"shape {stored} read as {used}: {why}")


def inner_port(name: str, stored: Shape, used: Shape) -> Diagnostic:
    """NIR013: the Input or Output of a nested graph states another shape than what it hands on."""
    return Diagnostic("NIR013", Severity.REPAIR, name, f"shape {stored} read as {used}, which is what arrives there")


def scalar_parameters(name: str, used: Shape) -> Diagnostic:
    """NIR006: all parameters are single numbers, so the node takes the shape of what feeds it."""
    return Diagnostic(
        "NIR006", Severity.REPAIR, name, f"single-number parameters used for all of shape {used}, from what feeds it"
    )


def missing_input_shape(name: str, used: Shape) -> Diagnostic:
    """NIR007: the convolution does not say over what it runs."""
    return Diagnostic(
        "NIR007", Severity.REPAIR, name, f"no input_shape in the file: taken as {used} from what feeds it"
    )


def flattened(shape: Shape, start: int, end: int, wanted: Sequence[Shape]) -> Shape:
    """NIR010: a Flatten whose axes count a batch that NIR has not; where that shows, everything is flattened.

    It shows where the axes do not exist, or where a follower states one axis of all the elements. `wanted` are the
    shapes that the followers state. Raises `ShapeMismatchError` where nothing shows what was meant.
    """
    whole = (math.prod(shape),)
    meant = any(without_leading_ones(other) == whole for other in wanted)
    try:
        gives = flatten_output(shape, start, end)
    except ShapeMismatchError:
        if meant or not wanted:
            return whole
        raise
    return whole if meant and gives not in wanted else gives


def flatten_off_by_one(
    name: str, start: int, end: int, stated: Shape | None, used: tuple[Shape, Shape]
) -> Iterator[Diagnostic]:
    """NIR010: what `flattened` decided against the file, and an input_type that differs from what arrives."""
    takes, gives = used
    try:
        same = flatten_output(takes, start, end) == gives
    except ShapeMismatchError:
        same = False
    if not same:
        message = f"flattens axes {start}..{end} of {takes}, but all are meant, as the node behind shows"
        yield Diagnostic("NIR010", Severity.REPAIR, name, f"{message}: a batch axis was counted")
    if stated and not equal_but_for_leading_ones(stated, takes):
        yield Diagnostic("NIR010", Severity.REPAIR, name, f"input_type {stated} read as {takes}, which is what arrives")
