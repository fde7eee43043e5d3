"""Neurons that get more events in a timestep than a core has time for: how much slower the chip would have to run."""

from __future__ import annotations

import math

from neuedge_nir.chip.model import Chip, Limit
from neuedge_nir.chip.slow import is_per_step
from neuedge_nir.errors import CapacityError, UsageError
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.partition import Piece
from neuedge_nir.mapping.rounding import whole_events
from neuedge_nir.mapping.synapse_cores import most_synapse_cores
from neuedge_nir.network.count import most_events
from neuedge_nir.network.slices import Run


def check_scale(chip: Chip, factor: int) -> None:
    """Raises `UsageError` (USE070) where there is no tick to make longer."""
    if factor > 1 and chip.costs.timestep_s is None:
        raise UsageError(
            "USE070",
            f"{chip.title} has no timestep of its own that could be slowed down",
            where="--time-scale",
            hint="leave it out: this chip takes for a step the time it needs",
        )


def check_load(demands: Demands, chip: Chip) -> None:
    """Raises `CapacityError` (FIT041) where one neuron alone gets more events than a core can take in a timestep.

    No slice is smaller. `chip` is the chip at its own pace: the least factor that is enough follows from its limits.
    """
    for limit in demands.limits:
        if limit.formula == "synaptic_events" and is_per_step(limit) and chip.costs.timestep_s is not None:
            needs = {p.name: _most_events(demands, p.name) for p in demands.legal.network.populations}
            name = max(needs, key=lambda each: needs[each])
            if needs[name] > limit.limit.count * max(1, most_synapse_cores(chip)):
                raise _overloaded(name, needs[name], limit, chip)


def _most_events(demands: Demands, name: str) -> int:
    """Of the neuron that gets most."""
    incoming = [p.projection for p in demands.legal.into(name)]
    at = most_events(incoming, [demands.activity.rate(p.source) for p in incoming])
    return whole_events(demands.events(Piece(name, Run(at, at + 1))))


def _takers(cores: int) -> str:
    return "a core" if cores == 1 else f"all {cores} cores beside it on a chip"


def _overloaded(name: str, needed: int, limit: Limit, chip: Chip) -> CapacityError:
    own = next(each.limit.count for each in chip.limits if each.name == limit.name)
    cores = max(1, most_synapse_cores(chip))
    factor = math.ceil(needed / (own * cores))
    return CapacityError(
        "FIT041",
        f"a neuron of {name!r} gets {needed:,} events in a timestep, and {_takers(cores)} of {chip.title} "
        f"{'has' if cores == 1 else 'have'} time for {limit.limit.count * cores:,}",
        where=f"node {name!r}",
        resource=limit.name,
        needed=needed,
        available=limit.limit.count * cores,
        hint=f"--time-scale {factor} gives every timestep {factor} times the time, and no smaller factor is enough; "
        "or lower its activity, or make its receptive field smaller",
    )
