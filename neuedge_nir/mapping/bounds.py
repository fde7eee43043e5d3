"""What any mapping takes at least: known before one is looked for, and a proof where a machine has less."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence

from neuedge_nir.chip.model import Chip, LimitScope
from neuedge_nir.errors import CapacityError
from neuedge_nir.mapping.demand import Demand, Demands
from neuedge_nir.mapping.fabric import how_to_have_more
from neuedge_nir.mapping.partition import Bound
from neuedge_nir.mapping.split import check_single_neurons, too_many_cores
from neuedge_nir.mapping.values import gather
from neuedge_nir.network.model import Network


def check_room(demands: Demands, available: int, max_cores: int) -> None:
    """Raises `CapacityError` where the bounds alone exceed so many chips: a proof, whatever the mapping.

    Raises `NoPlanError` where any plan has more cores than are tried. The connections of so many neurons are looked at
    only where that is cheap: where no limit asks how the targets are cut.
    """
    neurons, per_chip = neurons_bound(demands), demands.legal.chip.topology.cores_per_chip.count
    huge = neurons.cores > max_cores
    if huge:
        _check_chips(math.ceil((neurons.cores + outer_cores_bound(demands)) / per_chip), neurons.resource, available,
                     demands)  # fmt: skip
    if not (huge and demands.depends_on_targets):
        check_single_neurons(demands)
        _check_chips(*chips_bound(demands), available, demands)
    bound = neurons if huge else lower_bound(demands)
    cores = bound.cores + outer_cores_bound(demands)
    if cores > max_cores:
        by = bound.resource if cores == bound.cores else f"{bound.resource} and by its inputs and outputs"
        raise too_many_cores(f"the network needs at least {cores} cores, by {by}", max_cores, cores)


def check_neurons(network: Network, chip: Chip, available: int) -> None:
    """Raises `CapacityError` (FIT015) where so many chips have fewer neurons than the network: known at once.

    Nothing of any connection is looked at, so that the size of a network costs nothing.
    """
    rooms = {x.name: x.limit.count for x in chip.limits if x.formula == "neurons" and x.scope is LimitScope.CORE}
    resource = min(rooms, key=lambda name: rooms[name], default=None)
    cores = math.ceil(network.neurons / rooms[resource]) if resource is not None else 1
    chips = math.ceil(cores / chip.topology.cores_per_chip.count)
    if resource is not None and chips > available:
        largest = max(network.populations, key=lambda p: p.neurons).name
        raise _too_few_chips(chips, resource, available, f"node {largest!r}", chip, "neurons", rooms[resource])


def _check_chips(chips: int, resource: str, available: int, demands: Demands) -> None:
    if chips > available:
        binding = next((limit for limit in demands.limits if limit.name == resource), None)
        outer = 0 if binding is not None and binding.scope is LimitScope.CHIP else outer_cores_bound(demands)
        besides = f" and {outer} core{'s' * (outer > 1)} of its inputs and outputs" if outer else ""
        counted = (binding.formula, binding.limit.count) if binding else ("", 0)
        chip = demands.legal.chip
        raise _too_few_chips(chips, resource + besides, available, _largest(resource, demands), chip, *counted)


def _too_few_chips(
    chips: int, resource: str, available: int, where: str, chip: Chip, formula: str = "", count: int = 0
) -> CapacityError:
    fewer = gather(formula, count) if formula else ""
    are = "is" if available == 1 else "are"
    return CapacityError(
        "FIT015",
        f"the network needs at least {chips} chips, by {resource}; {available} {are} available",
        where=where,
        resource="chips",
        needed=chips,
        available=available,
        hint=f"{how_to_have_more(chip, available)}, or make the network smaller"
        + (f", as {fewer} does" if fewer else ""),
    )


def _largest(resource: str, demands: Demands) -> str:
    """The node that asks most of what binds; of neurons where that has no count, or would take long to be had."""
    populations = demands.legal.model.populations
    index = next((i for i, limit in enumerate(demands.limits) if limit.name == resource), None)
    if index is None or index in demands.distinct or demands.depends_on_targets:
        return f"node {max(populations, key=lambda p: p.neurons).name!r}"
    return f"node {max(populations, key=lambda p: demands.least(p.name, index, {})).name!r}"


def lower_bound(demands: Demands) -> Bound:
    """The cores that any split needs: the least total demand over one core's capacity, for the limit that asks most.

    All different values of the network are on some core, and a core has no more of them than its table.
    Relays do not count: another mapping might do with fewer.
    """
    found = _cores_by_limit(demands.uncrossed, demands.per_core) | _cores_by_table(demands)
    resource = max(found, key=lambda name: found[name], default="cores")
    return Bound(max(1, found.get(resource, 1)), resource)


def neurons_bound(demands: Demands) -> Bound:
    """The cores that the neurons alone need, whatever connects them: known without a look at any connection."""
    neurons = demands.legal.model.neurons
    taken = {"neurons": neurons * demands.legal.compartments_per_neuron, "neuron_copies": neurons}
    counted = [limit for limit in demands.limits if limit.formula in taken and limit.scope is LimitScope.CORE]
    found = {limit.name: math.ceil(taken[limit.formula] / limit.limit.count) for limit in counted}
    resource = max(found, key=lambda name: found[name], default="cores")
    return Bound(found.get(resource, 1), resource)


def chips_bound(demands: Demands, cores: Bound | None = None) -> tuple[int, str]:
    """The chips that any split needs, and the resource that says so: cores, or a limit that a chip's cores share.

    Cores that inputs and outputs need beside those with neurons count. `cores`: the lower bound of these, where known.
    """
    bound = cores or lower_bound(demands)
    per_chip = demands.legal.chip.topology.cores_per_chip.count
    shared = [i for i, limit in enumerate(demands.limits) if limit.scope is LimitScope.CHIP]
    every = bound.cores + outer_cores_bound(demands)
    found = {bound.resource: math.ceil(every / per_chip), **_cores_by_limit(demands, shared)}
    resource = max(found, key=lambda name: found[name])
    return found[resource], resource


def _cores_by_limit(demands: Demands, which: Sequence[int]) -> dict[str, int]:
    """The least total demand of all populations over one holder's capacity, by limit."""
    totals = least_totals(demands, which)
    return {demands.limits[i].name: math.ceil(total / demands.capacity[i]) for i, total in totals.items()}


def least_totals(demands: Demands, which: Sequence[int]) -> dict[int, int]:
    """What all populations together use of limits at least, by the limit's index. Relays do not count."""
    uncut = {**demands.uncut(), **dict.fromkeys(demands.legal.relays.sources, ())}
    names = {demands.family(p.name): p.name for p in demands.legal.model.populations}
    often = Counter(demands.family(p.name) for p in demands.legal.model.populations)
    return {i: sum(often[f] * demands.least(name, i, uncut) for f, name in names.items()) for i in which}


def _cores_by_table(demands: Demands) -> dict[str, int]:
    """All different values over those of one core, by limit."""
    names = [population.name for population in demands.legal.model.populations]
    total = {i: frozenset[Hashable]().union(*(demands.values(name, i).all for name in names)) for i in demands.distinct}
    return {demands.limits[i].name: math.ceil(len(all_) / demands.capacity[i]) for i, all_ in total.items()}


def outer_cores_bound(demands: Demands) -> int:
    """The cores that every mapping has beside those with neurons: what inputs need, and one that gathers outputs."""
    return input_cores_bound(demands) + demands.legal.outputs.gatherer


def input_cores_bound(demands: Demands) -> int:
    """The cores that input ports need at least, however they are cut: none where a host injects them.

    Every port has cores of its own where a core has one slice; else ports may share them.
    """
    ports = demands.legal.network.inputs
    if not demands.legal.mapped_inputs or not ports:
        return 0
    counted = list(zip(demands.limits, input_capacity(demands), strict=True))
    room = min((most for limit, most in counted if limit.formula == "neurons"), default=1 << 62)
    if any(limit.formula == "slices" and most == 1 for limit, most in counted):
        return sum(math.ceil(port.neurons / room) for port in ports)
    return math.ceil(sum(port.neurons for port in ports) / room)


def input_capacity(demands: Demands) -> Demand:
    """What a core with inputs has of every limit: as many neurons as its sources hold, where the chip says that."""
    sources = demands.legal.inputs.neurons_per_core
    return tuple(
        sources.count if sources is not None and limit.formula == "neurons" else most
        for limit, most in zip(demands.limits, demands.capacity, strict=True)
    )
