"""Splitters: relays that have the copies, where each neuron of the chip drives one axon.

A neuron with many destinations takes a slot of its own core for each. With a splitter it drives one axon, of a relay
neuron elsewhere, and that one stands there as often as it has destinations: a step later, and with all other neurons of
its population close together again, so that whoever feeds them reaches fewer cores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from neuedge_nir.chip.model import Chip
from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.mapping.relays import Relayed, free_names, repeater
from neuedge_nir.network.model import Network, Population, Projection, ResetMode, Signal

MODES = ("auto", "never", "always")
"""auto: where that takes fewer cores; never: all copies in their neuron's own core; always: none that can be moved."""

Levels = Mapping[str, int]
"""By population, among how many splitter populations its targets are dealt; one left out has its copies in its core."""

Served = Mapping[str, tuple[tuple[str, ...], ...]]
"""By population, the projections that each of its splitters feeds."""

LEVELS = (1, 2, 4, 8, 16)
"""Tried in this order, until the copies of each splitter fit."""

MOST_TRIED = 12
"""Populations that are tried one by one; of a network with more, all have splitters or none."""


@dataclass(frozen=True, eq=False)
class Split:
    """A network with splitters: `sources` says whose spikes each repeats."""

    network: Network
    sources: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[Diagnostic, ...] = ()


def splittable(network: Network, chip: Chip) -> tuple[str, ...]:
    """The populations whose copies can be moved to splitters, in the order of the network; none on most chips."""
    if not chip.capabilities.one_destination:
        return ()
    return tuple(p.name for p in network.populations if p.spiking and movable(p.name, network))


def movable(name: str, network: Network) -> tuple[Projection, ...]:
    """The projections that may wait a step longer: those to populations, of spikes, that are in no cycle."""
    inner = {population.name for population in network.populations}
    return tuple(
        p
        for p in network.out_of(name)
        if p.target in inner and p.signal is Signal.SPIKE and name not in _reached(p.target, network)
    )


def _reached(start: str, network: Network) -> set[str]:
    """A population and all that its signals come to."""
    found, waiting = {start}, [start]
    while waiting:
        for projection in network.out_of(waiting.pop()):
            if projection.target not in found:
                found.add(projection.target)
                waiting.append(projection.target)
    return found


def dealt(network: Network, levels: Levels) -> Served:
    """What each splitter feeds: projections in their order, about as many target neurons for each."""
    return {name: tuple(_groups(movable(name, network), level, network)) for name, level in levels.items()}


def _groups(served: Sequence[Projection], level: int, network: Network) -> Iterator[tuple[str, ...]]:
    size = {population.name: population.neurons for population in network.populations}
    total, before = max(1, sum(size[p.target] for p in served)), 0
    groups: dict[int, list[str]] = {}
    for projection in served:
        groups.setdefault(before * level // total, []).append(projection.name)
        before += size[projection.target]
    yield from (tuple(group) for group in groups.values())


def with_splitters(network: Network, served: Served, chip: Chip, reset: ResetMode, dt: float | None) -> Split:
    """The network in which these populations have splitters; the same network where none has.

    Raises `UsageError` (USE012) where the relay neuron needs a timestep that nobody gave.
    """
    neuron = repeater(chip, reset, dt) if served else None
    if neuron is None:
        return Split(network)
    populations: list[Population] = []
    taps: dict[str, str] = {}
    sources: dict[str, str] = {}
    for population in network.populations:
        populations.append(population)
        names = free_names(population.name, network, "splitter")
        for group in served.get(population.name, ()):
            splitter = Population(next(names), neuron, population.shape, None, population.nodes)
            populations.append(splitter)
            sources[splitter.name] = population.name
            taps |= dict.fromkeys(group, splitter.name)
    moved = [replace(p, source=taps[p.name]) if p.name in taps else p for p in network.projections]
    shapes = {population.name: population.shape for population in populations}
    links = [Projection(f"{of}->{name}", of, name, shapes[of], shapes[name]) for name, of in sources.items()]
    whole = replace(network, populations=tuple(populations), projections=(*moved, *links))
    return Split(whole, sources, tuple(_remarks(sources, whole, chip)))


def with_both(split: Split, relayed: Relayed) -> Relayed:
    """The relays of a network with splitters, and those."""
    sources, remarks = {**split.sources, **relayed.sources}, (*split.remarks, *relayed.remarks)
    return replace(relayed, sources=sources, remarks=remarks, splitters=frozenset(split.sources))


def _remarks(sources: Mapping[str, str], network: Network, chip: Chip) -> Iterable[Diagnostic]:
    for name in dict.fromkeys(sources.values()):
        count = sum(of == name for of in sources.values())
        neurons = next(p.neurons for p in network.populations if p.name == name)
        message = (
            f"its spikes go on through {count} splitter population{'s' * (count != 1)} of {neurons:,} neurons, a step "
            f"later: a neuron of {chip.title} drives one axon, and its copies take fewer cores there than in its own"
        )
        yield Diagnostic("WARN040", Severity.INFO, name, message, "--splitters never keeps them in their own cores")


Cores = Callable[[Levels], int | None]
"""The cores that a mapping with these splitters takes; None where none is found."""


def cheapest(candidates: Iterable[str], mode: str, cores: Cores, least: int) -> Levels:
    """The splitters of the mapping with the fewest cores; of those, of one with the fewest splitters.

    `candidates` are in the order of the network. Starting from no splitters, and from all, one population after the
    other is tried the other way, and stays so where that is better. Nothing is tried where copies in their own cores
    take no more than the `least` cores of any mapping.
    """
    names = tuple(candidates)
    if mode == "never" or not names or (mode == "auto" and cores({}) == least):
        return {}
    every = [dict.fromkeys(names, level) for level in LEVELS]
    fitting = next((levels for levels in every if cores(levels) is not None), None)
    if mode == "always":
        return fitting or every[0]
    few = len(names) <= MOST_TRIED
    ways: list[Levels] = [_grown(names, cores) if few else {}]
    if fitting is not None:
        ways.append(_shrunk(names, fitting, cores) if few else fitting)
    return min(ways, key=lambda levels: _price(levels, cores))


def _price(levels: Levels, cores: Cores) -> tuple[bool, int, int]:
    taken = cores(levels)
    return taken is None, taken or 0, sum(levels.values())


def _grown(names: tuple[str, ...], cores: Cores) -> Levels:
    """From no splitters on, the last population first: its cores decide how many copies those before it have."""
    found: Levels = {}
    for name in reversed(names):
        more = [{**found, name: level} for level in LEVELS]
        fitting = next((levels for levels in more if cores(levels) is not None), more[0])
        found = min((found, fitting), key=lambda levels: _price(levels, cores))
    return found


def _shrunk(names: tuple[str, ...], levels: Levels, cores: Cores) -> Levels:
    """From all splitters on: each population does without, or with one, where that takes no more cores."""
    for name in names:
        without = {each: level for each, level in levels.items() if each != name}
        ways = [levels, without, {**without, name: 1}]
        levels = min(ways, key=lambda way: _price(way, cores))
    return levels
