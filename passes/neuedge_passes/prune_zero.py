"""prune-zero: leave out projections that carry nothing, neurons that never fire and neurons that nothing reads."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.network.edit import with_remarks
from neuedge_nir.network.model import Network
from neuedge_nir.rewrite.door import Context
from neuedge_passes.liveness import Mask, Masks, live, reached, read
from neuedge_passes.slicing import by_unit, without


@dataclass(frozen=True, slots=True)
class PruneZero:
    """Projections of zeros alone, neurons that provably send nothing and neurons that nothing reads are left out.

    Sound: a sum loses only terms that are always 0, and an output sees only what has a way to it of weights other than
    zero. A neuron never fires if it receives only through weights of zero, or from others that never fire, and if bias
    and leak draw its potential to less than the threshold: from 0 it moves there without going past it, where no time
    constant is shorter than the timestep. Without a known timestep, and for neurons without leak, that is claimed only
    where the potential stays at 0 or falls. Only strictly above its threshold a neuron fires.

    Neurons of flat populations go one by one, those of others by whole channels, cut out of the weights on both sides,
    through pools, scales and delays. Where that is impossible (groups that would become uneven, one to one, a layer
    that others share) they stay, with what they read, as do projections into an output and the ports, and all neurons
    of a network without outputs.
    """

    name: ClassVar[str] = "prune-zero"
    summary: ClassVar[str] = "leave out zeros, neurons that never fire and neurons that nothing reads"
    keeps: ClassVar[str] = "exact"
    requires: ClassVar[tuple[str, ...]] = ()

    def run(self, network: Network, context: Context) -> Network:
        """The network without what does nothing; the same network where all may do something."""
        dt = context.dt if context.dt is not None else network.dt
        before = network
        while (after := pruned(network, dt, {})) is not network:
            network = after
        return told(before, network)


def pruned(network: Network, dt: float | None, silent: Masks) -> Network:
    """One round: what goes makes more of the others idle or unread. `silent` are neurons known to send nothing."""
    sending = live(network, dt, silent)
    ports = {port.name for port in network.outputs}
    projections = tuple(p for p in network.projections if p.target in ports or reached(p, sending[p.source]).any())
    if len(projections) < len(network.projections):
        network = replace(network, projections=projections)
    whole: set[str] = set()
    while True:
        after, failed = without(network, _removable(network, sending, whole))
        if not failed:
            return after
        whole |= failed


def _removable(network: Network, sending: Masks, whole: Collection[str]) -> dict[str, Mask]:
    """The neurons that send nothing, or that only removable neurons read: what stays is to do what it did."""
    stays = {p.name: np.full(p.neurons, p.name in whole or not network.outputs) for p in network.populations}
    while True:
        seen = read(network, stays)
        found = {p.name: by_unit(p, ~stays[p.name] & ~(sending[p.name] & seen[p.name])) for p in network.populations}
        if all(np.array_equal(~mask, stays[name]) for name, mask in found.items()):
            return found
        stays = {name: ~mask for name, mask in found.items()}


def told(before: Network, after: Network) -> Network:
    """The network after a pass with remarks on what it left out; the very network where that is nothing."""
    return after if after is before else with_remarks(after, *_remarks(before, after))


def _remarks(before: Network, after: Network) -> Iterator[Diagnostic]:
    left = {p.name: p.neurons for p in after.populations}
    for population in before.populations:
        if (lost := population.neurons - left.get(population.name, 0)) > 0:
            message = f"{lost} of {population.neurons} neurons left out: they never fire, or nothing reads them"
            yield Diagnostic("PASS003", Severity.INFO, population.name, message)
    names = {p.name for p in after.projections}
    for projection in before.projections:
        if projection.name not in names and {projection.source, projection.target} <= left.keys() | _inputs(after):
            message = f"the projection from {projection.source} is left out: it carries only zeros"
            yield Diagnostic("PASS003", Severity.INFO, projection.target, message)


def _inputs(network: Network) -> set[str]:
    return {port.name for port in network.inputs}
