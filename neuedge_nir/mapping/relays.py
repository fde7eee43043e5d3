"""Relay populations: they repeat a population's spikes where a projection must wait longer than the chip can delay.

A relay has a neuron for each neuron of its source and spikes whenever that does, in the model within the same step; on
a chip with graded spikes it has the potential of a neuron that does not spike. On the chip it runs some steps behind,
so that what it feeds need not wait as long. One chain of relays serves all long projections of a source: each is fed by
the last relay of the chain that it can still wait for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from neuedge_nir.chip.model import Chip
from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.errors import NoPlanError, UsageError
from neuedge_nir.mapping.native_delay import native_delays
from neuedge_nir.mapping.timing import Timing
from neuedge_nir.network.activity import Activity
from neuedge_nir.network.model import (
    IF,
    LI,
    LIF,
    Listening,
    Network,
    Neuron,
    Population,
    Port,
    Projection,
    ResetMode,
    Signal,
    Threshold,
)

LEFT = 2.0**-26
"""What a spike leaves of 1 in an integrator that is not emptied: too little to make one of 60 million spikes more.

Above rounding errors, and for a chip that fires at its threshold, a whole number, nothing at all.
"""
MOST = 2**12
"""Relay populations of a network that are tried: a Delay of an hour is not to fill the memory of whoever maps it."""
HALF, ZERO, ONE = np.asarray(0.5), np.zeros(()), np.ones(())


@dataclass(frozen=True, eq=False)
class Relayed:
    """A network with relays: `sources` says whom each relay repeats (perhaps another relay), `lags` where each runs.

    `splitters` are those of them that are there for their copies (`mapping.splitters`).
    """

    network: Network
    sources: Mapping[str, str]
    lags: Mapping[str, int]
    remarks: tuple[Diagnostic, ...] = ()
    splitters: frozenset[str] = frozenset()
    stages: Mapping[str, int] = field(default_factory=dict)
    """Of relays that are delay extensions, in how many stages their spikes leave."""

    def root(self, name: str) -> str:
        """The population or port whose spikes these are in the end."""
        while name in self.sources:
            name = self.sources[name]
        return name

    def active(self, activity: Activity) -> Activity:
        """The activity with that of the relays: that of their sources."""
        rates = dict(activity.rates) | {name: activity.rates[self.root(name)] for name in self.sources}
        return replace(activity, rates=rates) if self.sources else activity


def with_relays(
    network: Network, timing: Timing, chip: Chip, reset: ResetMode, dt: float | None, *, mapped_inputs: bool = False
) -> Relayed:
    """The network in which no projection that a relay can shorten waits longer than the chip delays.

    As few relays as that takes; where the chip has delay extensions, and their stages are enough, one of these. Where
    the chip's longest delay is not published, relays hop step by step. The same network where none is needed, or the
    chip has no neuron that repeats spikes. What is not shortened keeps its delay: potentials where the chip has no
    graded spikes, and sources that a threshold would hear twice. Raises `UsageError` (USE012) where the neuron needs a
    timestep that nobody gave, `NoPlanError` (FIT030) where it takes more than `MOST` relays.
    """
    longest = chip.capabilities.max_delay.count if chip.capabilities.max_delay else 1
    waiting = _waiting(network, timing, chip, mapped_inputs)
    if not waiting:
        return Relayed(network, {}, {})
    _check_number(waiting, chip)
    most = chip.capabilities.delay_extension.stages.count if chip.capabilities.delay_extension else 0
    chains = []
    for source in _sources(network, waiting):
        values = isinstance(source, Population) and not source.spiking
        neuron = _follower(chip, dt) if values else repeater(chip, reset, dt)
        if neuron is not None:
            stages = 0 if values else most
            chains.append(_chain(source, waiting[source.name], timing, longest, neuron, network, stages))
    return Relayed(
        _joined(network, chains),
        {relay.name: before for chain in chains for relay, before in chain.fed()},
        {relay.name: lag for chain in chains for relay, lag in zip(chain.relays, chain.lags, strict=True)},
        tuple(_remark(chain, chip) for chain in chains),
        stages={relay.name: chain.stages for chain in chains for relay in chain.relays if chain.stages},
    )


Waiting = Mapping[str, Sequence[tuple[Projection, int]]]
"""By source, the projections that wait too long, each with the relays it is behind."""


def _waiting(network: Network, timing: Timing, chip: Chip, mapped_inputs: bool) -> Waiting:
    longest = chip.capabilities.max_delay.count if chip.capabilities.max_delay else 1
    native = native_delays(chip, network)
    spiking = {p.name for p in network.populations if p.spiking}
    spiking |= {port.name for port in network.inputs} if mapped_inputs else set()
    valued = {p.name for p in network.populations if not p.spiking} if chip.capabilities.graded_spikes else set()
    found: dict[str, list[tuple[Projection, int]]] = {}
    for projection in network.projections:
        steps = timing.delays.get(projection.name, 1)
        relays = math.ceil(steps / longest) - 1 if steps > native.get(projection.target, longest) else 0
        fitting = projection.source in (spiking if projection.signal is Signal.SPIKE else valued)
        if relays and fitting and not _heard_twice(projection, network):
            found.setdefault(projection.source, []).append((projection, relays))
    return found


def _check_number(waiting: Waiting, chip: Chip) -> None:
    needed = {name: max(relays for _, relays in those) for name, those in waiting.items()}
    total, most = sum(needed.values()), max(needed, key=lambda name: needed[name])
    if total > MOST:
        raise NoPlanError(
            "FIT030",
            f"spikes would wait on {chip.title} in {total:,} relay populations, {needed[most]:,} behind {most!r}",
            where=f"node {most!r}",
            resource="relay populations",
            needed=total,
            available=MOST,
            hint=f"shorten the skip or the Delay: at most {MOST:,} are tried",
        )


def _heard_twice(projection: Projection, network: Network) -> bool:
    """Whether a threshold of the target follows the source, which feeds it by other ways too."""
    target = network.population(projection.target)
    if target.adapts is None or target.adapts.source is not Listening.INPUT:
        return False
    return sum(p.source == projection.source and not p.steps for p in network.into(target.name)) > 1


def _sources(network: Network, waiting: Waiting) -> Iterator[Population | Port]:
    yield from (port for port in network.inputs if port.name in waiting)
    yield from (population for population in network.populations if population.name in waiting)


def repeater(chip: Chip, reset: ResetMode, dt: float | None) -> Neuron | None:
    """A neuron that spikes in just the steps in which one spike of weight 1 arrives, whatever a spike leaves behind.

    Half a spike is enough of a threshold where nothing of a spike is left a step later. An integrator from which a
    spike subtracts must keep as good as nothing: its threshold is `LEFT` below a spike, as NIR's comparison is strict.
    Without a timestep an integrator spikes for anything.
    """
    models, gone = chip.capabilities.neuron_models, reset is ResetMode.ZERO
    if "Threshold" in models:
        return Threshold(HALF)
    if "IF" in models and gone and dt is None:
        return IF(ONE, ZERO, ZERO)
    if dt is None and ("IF" in models or "LIF" in models):
        message = "relays that keep a long delay need the length of a step, which is not known"
        raise UsageError("USE012", message, where=chip.name, hint="give it with --dt")
    if "IF" in models and gone and dt is not None:
        return IF(np.asarray(1 / dt), HALF, ZERO)
    if "LIF" in models and chip.capabilities.exponential_leak and dt is not None:
        return LIF(np.asarray(dt), ONE, ZERO, HALF, ZERO)  # decays fully within a step
    if "IF" in models and dt is not None:
        return IF(np.asarray(1 / dt), np.asarray(1 - LEFT), ZERO)
    return None


def _follower(chip: Chip, dt: float | None) -> Neuron | None:
    """A leaky integrator that forgets all within a step: its potential is what arrives."""
    if "LI" not in chip.capabilities.neuron_models:
        return None
    if dt is None:
        message = "relays that keep a potential need the length of a step, which is not known"
        raise UsageError("USE012", message, where=chip.name, hint="give it with --dt")
    return LI(np.asarray(dt), ONE, ZERO)


@dataclass(frozen=True, slots=True, eq=False)
class _Chain:
    """The relays of one source, one behind the other, their lags, and the projections that they feed."""

    source: Population | Port
    relays: tuple[Population, ...]
    lags: tuple[int, ...]
    taps: Mapping[str, str]
    longest: int
    stages: int = 0

    def fed(self) -> Iterator[tuple[Population, str]]:
        """Each relay, and whom it repeats."""
        names = [self.source.name, *(relay.name for relay in self.relays)]
        return zip(self.relays, names, strict=False)

    def links(self) -> Iterator[Projection]:
        """One to one into each relay."""
        for relay, before in self.fed():
            signal = Signal.SPIKE if relay.spiking else Signal.ANALOG
            yield Projection(f"{before}->{relay.name}", before, relay.name, relay.shape, relay.shape, signal=signal)


def _chain(
    source: Population | Port,
    waiting: Sequence[tuple[Projection, int]],
    timing: Timing,
    longest: int,
    neuron: Neuron,
    network: Network,
    stages: int,
) -> _Chain:
    nodes = source.nodes if isinstance(source, Population) else ()
    most = max(relays for _, relays in waiting)
    if most <= stages:
        return _extension(source, waiting, timing, Population("", neuron, source.shape, None, nodes), network)
    names = free_names(source.name, network)
    relays = tuple(Population(next(names), neuron, source.shape, None, nodes) for _ in range(most))
    lags = tuple(timing.lags[source.name] + longest * (k + 1) for k in range(most))
    taps = {projection.name: relays[behind - 1].name for projection, behind in waiting}
    return _Chain(source, relays, lags, taps, max(timing.delays[projection.name] for projection, _ in waiting))


def _extension(
    source: Population | Port,
    waiting: Sequence[tuple[Projection, int]],
    timing: Timing,
    like: Population,
    network: Network,
) -> _Chain:
    """One relay a step behind its source, which feeds all that waits too long, in as many stages as that takes."""
    relay = replace(like, name=next(free_names(source.name, network, "delay")))
    taps = {projection.name: relay.name for projection, _ in waiting}
    longest = max(timing.delays[projection.name] for projection, _ in waiting)
    lags = (timing.lags[source.name] + 1,)
    return _Chain(source, (relay,), lags, taps, longest, max(stages for _, stages in waiting))


def free_names(source: str, network: Network, mark: str = "relay") -> Iterator[str]:
    """Names of relays that nothing has, nor a projection into them would."""
    taken = {port.name for port in (*network.inputs, *network.outputs)} | {p.name for p in network.populations}
    wires = {projection.name for projection in network.projections}
    number = 0
    while any(f"{source}.{mark}" in name for name in taken | wires):
        mark += "'"
    while True:
        number += 1
        yield f"{source}.{mark}{number}"


def _joined(network: Network, chains: Iterable[_Chain]) -> Network:
    """Relays stand behind their source, in front of all that it feeds within a step."""
    by_source = {chain.source.name: chain for chain in chains}
    populations: list[Population] = [
        relay for port in network.inputs if port.name in by_source for relay in by_source[port.name].relays
    ]
    for population in network.populations:
        populations.append(population)
        populations += by_source[population.name].relays if population.name in by_source else ()
    taps = {name: relay for chain in by_source.values() for name, relay in chain.taps.items()}
    moved = [replace(p, source=taps[p.name]) if p.name in taps else p for p in network.projections]
    links = [link for chain in by_source.values() for link in chain.links()]
    return replace(network, populations=tuple(populations), projections=(*moved, *links))


def _remark(chain: _Chain, chip: Chip) -> Diagnostic:
    count, neurons = len(chain.relays), chain.source.neurons
    able = chip.capabilities.max_delay
    knows = f"delays {able.count}" if able else "is not known to delay more than 1"
    relays = f"{count} relay population{'s' * (count != 1)} of {neurons:,} neurons"
    if chain.stages:
        kept = (
            f"a delay extension of {neurons:,} sources keeps them, in {chain.stages} stage{'s' * (chain.stages != 1)}"
        )
        message = f"its spikes wait up to {chain.longest} steps, and {chip.title} {knows} in a target: {kept}"
        return Diagnostic("WARN036", Severity.WARNING, chain.source.name, message, "shorten the skip or the Delay")
    what = "spikes" if chain.relays[0].spiking else "potentials"
    message = f"its {what} wait up to {chain.longest} steps, and {chip.title} {knows}: {relays} repeat them"
    return Diagnostic("WARN020", Severity.WARNING, chain.source.name, message, "shorten the skip or the Delay")
