"""What has to be changed for an imported network to spike as the exporter's own run: so a difference has a reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np
from torch import nn


def unchanged(_: nir.NIRGraph, __: float) -> None:
    """Leaves the graph as it is."""


@dataclass(frozen=True)
class Remedy:
    """What makes an import behave as the exporter did: a change of the graph before it, or of the modules after it.

    It is tried where it changes anything, and for networks whose names have `only` in them.
    """

    name: str
    graph: Callable[[nir.NIRGraph, float], None] = unchanged
    modules: Callable[[nn.Module], None] = lambda _: None
    only: str = ""


def whole_tau(graph: nir.NIRGraph, dt: float) -> None:
    """Norse writes dt / tau_inv and reads 1 / tau_inv."""
    change_times(graph, lambda tau: tau / dt)


def whole_synapse(graph: nir.NIRGraph, dt: float) -> None:
    """A spike moves the current of a LIFCell by its whole weight; Norse writes w_in = 1, a part dt / tau_syn of it."""
    for node in graph.nodes.values():
        if isinstance(node, nir.CubaLIF):
            node.w_in = node.tau_syn / dt


def whole_r(graph: nir.NIRGraph, dt: float) -> None:
    """Some imports want r = tau_mem / dt; thresholds grow with it."""
    for node in graph.nodes.values():
        if isinstance(node, nir.CubaLIF):
            more = node.tau_mem / dt / node.r
            node.r, node.v_threshold = node.r * more, node.v_threshold * more


def as_exponential(graph: nir.NIRGraph, dt: float) -> None:
    """sinabs decays by exp(-dt/tau), the others by 1 - dt/tau."""
    change_times(graph, lambda tau: dt / (1 - np.exp(-dt / tau)))


def change_times(graph: nir.NIRGraph, change: Callable[[Any], Any]) -> None:
    for node in graph.nodes.values():
        for name in ("tau", "tau_syn", "tau_mem"):
            if hasattr(node, name):
                setattr(node, name, np.asarray(change(getattr(node, name))))


def ties(direction: float) -> Callable[[nir.NIRGraph, float], None]:
    """Moves thresholds by the smallest number there is: some frameworks fire at the threshold, some above it."""

    def moved(graph: nir.NIRGraph, _: float) -> None:
        for node in graph.nodes.values():
            if hasattr(node, "v_threshold"):
                node.v_threshold = np.nextafter(np.float32(node.v_threshold), np.float32(direction))

    return moved


def pools_as_sums(graph: nir.NIRGraph, _: float) -> None:
    """A mean is a sum with its factor in the weights behind, here behind a Flatten."""
    for name, node in list(graph.nodes.items()):
        if isinstance(node, nir.AvgPool2d):
            graph.nodes[name] = nir.SumPool2d(node.kernel_size, node.stride, node.padding)
            weighted = [t for s, t in graph.edges for u, v in graph.edges if u == name and v == s]
            for each in weighted:
                graph.nodes[each].weight = graph.nodes[each].weight / np.float32(np.prod(node.kernel_size))


def behind(graph: nir.NIRGraph, name: str) -> list[nir.NIRNode]:
    """The weighted nodes that feed a node."""
    return [graph.nodes[source] for source, target in graph.edges if target == name]


def gain_into_weights(graph: nir.NIRGraph, dt: float) -> None:
    """Leaves r = 1, or for an IF an input of 1 that moves the membrane by 1."""
    for name, node in graph.nodes.items():
        if isinstance(node, nir.LIF):
            scale(behind(graph, name), node.r)
            node.r = np.ones_like(node.r)
        elif isinstance(node, nir.IF):
            scale(behind(graph, name), node.r * dt)
            node.r = np.ones_like(node.r)


def scale(nodes: Sequence[Any], gain: Any) -> None:
    factor = float(np.unique(gain).item())
    for node in nodes:
        node.weight = node.weight * np.float32(factor)
        if hasattr(node, "bias"):
            node.bias = node.bias * np.float32(factor)


def times_in(unit: float) -> Callable[[nir.NIRGraph, float], None]:
    """Time constants so that a timestep has the length that the framework takes for granted."""
    return lambda graph, dt: change_times(graph, lambda tau: tau * (unit / dt))


FROM_NORSE = Remedy("tau/dt", whole_tau, only="norse")
FROM_SINABS = Remedy("exponential", as_exponential, only="sinabs")
SYNAPSE = Remedy("w_in", whole_synapse, only="norse")
WHOLE_R = Remedy("r", whole_r, only="norse")
AS_SUMS = Remedy("pool", pools_as_sums)
