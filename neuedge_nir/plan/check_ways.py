"""On a crossbar of axon types an axon meets a neuron in one bit, so no spike may reach one on several ways."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuedge_nir.chip.model import AxonWeights
from neuedge_nir.network.connect import Dense
from neuedge_nir.plan.check_fan import ROWS, Axis, Stage, Window
from neuedge_nir.plan.check_parts import Ints
from neuedge_nir.plan.check_rules import refuse
from neuedge_nir.plan.check_wires import Rules
from neuedge_nir.plan.model import Plan


def check_ways(plan: Plan, rules: Rules) -> None:
    """Every projection that such a chip holds joins each pair of neurons on one way at most."""
    if plan.chip.capabilities.weights is not AxonWeights.AXON_TYPES:
        return
    for wire in rules.wires:
        if wire.held is not None and _several(wire.stages):
            refuse("PLAN137", "a neuron is reached on several ways by one axon", f"projection {wire.projection.name!r}")


def _several(through: Sequence[Stage]) -> bool:
    windows = [stage for stage in through if isinstance(stage, Window)]
    if any(_blind(window) for window in windows):  # then nothing reaches anything
        return False
    dense = next((at for at, stage in enumerate(through) if isinstance(stage, Dense)), None)
    for at, stage in enumerate(through):
        if isinstance(stage, Window):
            axes = list(zip(stage.axes, stage.output_shape, strict=True))
            summed = axes if dense is None else _mixed(axes, through[dense])
            if any(_twice_read(axis, size) for axis, size in axes):
                return True
            if dense is not None and at < dense and any(_read_by_two(axis, size) for axis, size in summed):
                return True
            if dense is not None and at > dense and any(_reads_two(axis, size) for axis, size in summed):
                return True
    return False


def _blind(window: Window) -> bool:
    pairs = zip(window.axes, window.output_shape, strict=True)
    return any(axis and not any((row >= 0).any() for row in _reads(axis, size)) for axis, size in pairs)


def _mixed(axes: list[tuple[Axis, int]], dense: Stage) -> list[tuple[Axis, int]]:
    """The axes whose indices a dense layer sums: its last, unless it takes the whole signal in a row."""
    return axes if isinstance(dense, Dense) and dense.weight.ndim == 2 else axes[-1:]


def _reads(axis: Axis, outputs: int) -> list[Ints]:
    """[output, way]: the input at the end of each way back from an output; -1 where it ends outside."""
    found = []
    for start in range(0, outputs, ROWS):
        rows = np.arange(start, min(start + ROWS, outputs))[:, None]
        for step in reversed(axis):
            rows = step.reads(rows).reshape(len(rows), -1)
        found.append(np.sort(rows, axis=1))
    return found


def _twice_read(axis: Axis, outputs: int) -> bool:
    """Whether an output reads an input on two ways."""
    pairs = ((rows[:, 1:], rows[:, :-1]) for rows in _reads(axis, outputs) if axis)
    return any(bool(((right == left) & (right >= 0)).any()) for right, left in pairs)


def _reads_two(axis: Axis, outputs: int) -> bool:
    return bool(axis) and any(bool(((rows >= 0).sum(axis=1) > 1).any()) for rows in _reads(axis, outputs))


def _read_by_two(axis: Axis, outputs: int) -> bool:
    read = np.concatenate([rows[rows >= 0] for rows in _reads(axis, outputs)]) if axis else np.zeros(0, np.int64)
    return len(np.unique(read)) < len(read)
