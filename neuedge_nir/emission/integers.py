"""The integer network of a plan: what goes into the files is what `simulate --as` runs."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.emulation.model import IntegerNetwork
from neuedge_nir.emulation.quantise import quantise
from neuedge_nir.interpreter.operators import applied
from neuedge_nir.interpreter.run import timestep
from neuedge_nir.mapping.legalise import LegalNetwork, legalise
from neuedge_nir.network.area import members
from neuedge_nir.network.connect import Delay
from neuedge_nir.network.count import counter
from neuedge_nir.network.model import Network, Projection, ResetMode
from neuedge_nir.network.slices import Block, Run, Slice
from neuedge_nir.plan.model import Plan, PlanSlice
from neuedge_nir.plan.splits import served_in

Whole = NDArray[np.int64]


def legal_of(plan: Plan, network: Network) -> LegalNetwork:
    """The network as the plan's chip holds it; `network` is that after the plan's passes."""
    reset, dt = ResetMode(plan.options.reset), timestep(network, plan.options.dt)
    return legalise(
        network,
        plan.chip,
        reset=reset,
        dt=dt,
        inputs=plan.options.inputs,
        outputs=plan.options.outputs,
        splitters=served_in(plan),
        approximate=plan.options.recurrence == "approximate",
    )


def integers_of(plan: Plan, network: Network) -> IntegerNetwork:
    """The network in the numbers of the plan's chip. Raises what `quantise` raises."""
    return quantise(legal_of(plan, network), timestep(network, plan.options.dt))


def part_of(piece: PlanSlice) -> Slice:
    """A slice as the network's geometry knows it."""
    return Block(piece.block) if piece.block is not None else Run(*(piece.run or (0, 0)))


def elements(part: Slice, shape: tuple[int, ...]) -> Whole:
    """The neurons of a slice, as row-major indices in ascending order."""
    if isinstance(part, Run):
        return np.arange(part.start, part.stop)
    table = np.arange(math.prod(shape)).reshape(shape)
    return np.sort(table[tuple(slice(*span) for span in part.spans)], axis=None)


def sources(projection: Projection, parts: list[Slice]) -> Whole:
    """The source elements that reach any of these slices, ascending; a weight of zero reaches like any other."""
    reached = sum(members(counter(projection).sources(part)) for part in parts)
    return np.flatnonzero(np.asarray(reached).ravel())


def weights(projection: Projection, some: Whole) -> Whole:
    """[source, neuron]: what a spike of each of these source elements adds to every neuron of the target.

    `projection` is one of an integer network. Delays are left out: the plan has them.
    """
    signal = np.zeros((len(some), math.prod(projection.source_shape)))
    signal[np.arange(len(some)), some] = 1.0
    for operator in projection.chain:
        if not isinstance(operator, Delay):
            signal = applied(operator, signal.reshape(len(some), *operator.input_shape))
    return np.rint(signal).astype(np.int64).reshape(len(some), math.prod(projection.target_shape))
