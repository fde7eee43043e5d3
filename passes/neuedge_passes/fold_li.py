"""fold-li: leaky integrators between spikes and neurons become the synapses of these neurons."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from neuedge_nir.network.model import LI, LIF, CubaLI, CubaLIF, Network, Neuron, Population, Projection
from neuedge_nir.rewrite.door import Context

Synapse = tuple[float, float]
"""tau and r of leaky integrators that are all alike."""


@dataclass(frozen=True, slots=True)
class FoldLI:
    """An LI hands on a value in every step, which a chip that sends spikes cannot; a synapse behind it can be the same.

    Sound, because an LI without bias and leak potential, tau v' = -v + r S, and the synapse of a CubaLIF,
    tau_syn I' = -I + w_in S, are one filter, and a filter with one tau and one r for all neurons changes places with
    everything linear: W (f * S) = f * (W S), delays included. The order within a step is the same too: both filters
    hand on what arrived in this very step. So LI -> linear -> LIF is linear -> CubaLIF with tau_syn = tau and w_in = r;
    and where a second LI stands in the place of the LIF, read by outputs alone, it becomes a CubaLI.

    A population is changed where all that it gets comes from such LIs, all with one tau and one r (fold-gain makes r
    one), it has no bias, which would not be filtered, and no threshold that follows its input. The LIs feed nothing
    else. Two layers then stand in a row where the LI had one in front: merge-linear makes one of them.
    """

    name: ClassVar[str] = "fold-li"
    summary: ClassVar[str] = "make leaky integrators between layers the synapses of the neurons behind them"
    keeps: ClassVar[str] = "exact"
    requires: ClassVar[tuple[str, ...]] = ()

    def run(self, network: Network, context: Context) -> Network:
        """The network without the LIs that synapses can be; the same network where there are none."""
        del context
        behind = _behind(network)
        gone = {p.source for name in behind for p in network.into(name)}
        if not gone:
            return network
        populations = (_with(p, behind[p.name]) if p.name in behind else p for p in network.populations)
        return replace(
            network,
            populations=tuple(p for p in populations if p.name not in gone),
            projections=tuple(_rewired(network, gone)),
        )


def _behind(network: Network) -> dict[str, Synapse]:
    """The populations that take over the LIs in front of them, and what these are.

    The fewest conditions at first; whoever depends on one that fails is taken away until none does.
    """
    lis = {p.name: alike for p in network.populations if (alike := _filter(p)) is not None}
    lis = {name: alike for name, alike in lis.items() if not any(p.source in lis for p in network.into(name))}
    ends = {p.name for p in network.populations if _takes(p, network) and p.name not in lis}
    ends |= {name for name in _readouts(network) if _takes(network.population(name), network)}
    while True:
        held = {n for n in lis if network.out_of(n) and all(p.target in ends for p in network.out_of(n))}
        fed = {name: {lis[p.source] if p.source in held else None for p in network.into(name)} for name in ends}
        left = {name for name, kinds in fed.items() if len(kinds) == 1 and None not in kinds}
        if left == ends:
            return {name: kind for name in sorted(left) for kind in fed[name] if kind is not None}
        ends = left


def _filter(population: Population) -> Synapse | None:
    """tau and r of an LI that is nothing but a filter, the same for all of its neurons."""
    neuron = population.neuron
    if not isinstance(neuron, LI) or population.bias is not None or np.any(neuron.v_leak):
        return None
    tau, r = (np.unique(values) for values in (neuron.tau, neuron.r))
    return (float(tau[0]), float(r[0])) if tau.size == r.size == 1 else None


def _takes(population: Population, network: Network) -> bool:
    """Whether a population may get a synapse: it has none, no bias, and no rule that looks at what arrives."""
    plain = isinstance(population.neuron, LIF | LI) and population.bias is None and population.adaptation is None
    return plain and bool(network.into(population.name))


def _readouts(network: Network) -> set[str]:
    """LIs that outputs alone read."""
    ports = {port.name for port in network.outputs}
    readers = {p.name: [q.target for q in network.out_of(p.name)] for p in network.populations}
    lis = {p.name for p in network.populations if isinstance(p.neuron, LI)}
    return {name for name, targets in readers.items() if name in lis and targets and set(targets) <= ports}


def _with(population: Population, synapse: Synapse) -> Population:
    tau, gain = (np.asarray(value) for value in synapse)
    return replace(population, neuron=_behind_a_synapse(population.neuron, tau, gain))


def _behind_a_synapse(neuron: Neuron, tau: np.ndarray, gain: np.ndarray) -> Neuron:
    if isinstance(neuron, LIF):
        return CubaLIF(tau, neuron.tau, neuron.r, neuron.v_leak, gain, neuron.v_threshold, neuron.v_reset)
    assert isinstance(neuron, LI)
    return CubaLI(tau, neuron.tau, neuron.r, neuron.v_leak, gain)


def _rewired(network: Network, gone: set[str]) -> list[Projection]:
    """The projections with the ways through the LIs as one each, where the second part stood."""
    found = []
    for second in network.projections:
        if second.source in gone:
            found += [_joined(first, second) for first in network.into(second.source)]
        elif second.target not in gone:
            found.append(second)
    return found


def _joined(first: Projection, second: Projection) -> Projection:
    return Projection(
        f"{first.name}>{second.name.removeprefix(first.target).lstrip('>')}",
        first.source,
        second.target,
        first.source_shape,
        second.target_shape,
        first.chain + second.chain,
        first.steps + second.steps,
        first.signal,
    )
