"""Mapped inputs in bands of rows: as many cores as runs take, each heard by fewer."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from tests.worlds import convnet, real


def plan_of(side: int, **tiles: int) -> Plan:
    """Two channels of side x side to a convolution, on SpiNNaker 1: 500 sources a core."""
    options = Options(effort="quick", map_inputs=True, activity="0.01", tiles=tiles)
    return compile_network(convnet(side, 8), real("spinnaker1"), options)


def inputs(plan: Plan) -> list[tuple[tuple[int, int], ...]]:
    return [piece.block for core in plan.cores if core.role == "input" for piece in core.slices if piece.block]


@pytest.mark.parametrize("side", [24, 34])
def test_bands_take_no_more_cores_than_runs_and_send_less(side: int) -> None:
    banded = plan_of(side)
    channels, rows, columns = next(p.shape for p in banded.populations if p.model == "Input")
    count = math.ceil(channels * rows * columns / 500)
    in_runs = plan_of(side, i=500)
    assert banded.mapping.cores_input == in_runs.mapping.cores_input == count
    assert all(block[0] == (0, channels) and block[2] == (0, columns) for block in inputs(banded))
    assert sum(last - first for _, (first, last), _ in inputs(banded)) == rows
    assert banded.cost.traffic.deliveries_per_step < in_runs.cost.traffic.deliveries_per_step


def test_rows_that_no_core_holds_leave_runs() -> None:
    """Channels times columns are more than a core's sources: one row of all channels fits none."""
    chip = real("spinnaker1")
    ways = tuple(
        replace(way, neurons_per_core=replace(way.neurons_per_core, low=40, typical=40, high=40))
        if way.neurons_per_core
        else way
        for way in chip.io.inputs
    )
    small = replace(chip, io=replace(chip.io, inputs=ways))
    plan = compile_network(convnet(24, 8), small, Options(effort="quick", map_inputs=True, activity="0.01"))
    assert not inputs(plan)
