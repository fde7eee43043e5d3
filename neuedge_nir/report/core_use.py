"""What each core of a plan uses of every limit, and which limit it comes nearest to."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from neuedge_nir.chip.model import Limit, LimitScope
from neuedge_nir.chip.slow import slowed
from neuedge_nir.plan.model import Plan, PlanCore, PlanSlice


@dataclass(frozen=True, slots=True)
class CoreUse:
    """What a core uses of each of its limits, as (used, available), and the limit that it comes nearest to."""

    core: int
    used: Mapping[str, tuple[int, float]]
    binds: str | None
    share: float | None


def limits_of(plan: Plan) -> tuple[Limit, ...]:
    """The limits that the plan was held against, at the pace that it runs at."""
    return slowed(plan.chip, plan.options.time_scale).limits


def core_uses(plan: Plan) -> list[CoreUse]:
    """All cores with their limits, in the order of the plan; of a limit of chips, what all cores of its chip use.

    Cores that make spikes or pass them on have other limits, those of their way in: none is told.
    """
    limits = limits_of(plan)
    shared = [limit.name for limit in limits if limit.scope is LimitScope.CHIP]
    chips: Counter[tuple[int, str]] = Counter()
    for core in plan.cores:
        chips.update({(core.chip, name): core.used[name] for name in shared})
    return [_core_use(index, core, limits, chips) for index, core in enumerate(plan.cores)]


def _core_use(index: int, core: PlanCore, limits: Sequence[Limit], chips: Mapping[tuple[int, str], int]) -> CoreUse:
    own = core.role in ("neurons", "synapses")
    used = {
        limit.name: (chips.get((core.chip, limit.name), core.used[limit.name]), limit.limit.typical)
        for limit in limits
        if own
    }
    return CoreUse(index, used, *binding(used, limits))


def binding(used: Mapping[str, tuple[int, float]], limits: Sequence[Limit]) -> tuple[str | None, float | None]:
    """The limit that is fullest, the first of equals, and the share of it that is used.

    One population to a core is how some chips work: every core in use is full by that, and a network that grows runs
    out of another limit. It binds where there is no other.
    """
    of = {limit.name: limit for limit in limits}
    counting = [name for name in used if not _one_slice(of[name])] or list(used)
    binds = max(counting, key=lambda name: _fill(of[name], *used[name]), default=None)
    return binds, None if binds is None else used[binds][0] / used[binds][1]


def _one_slice(limit: Limit) -> bool:
    return limit.formula == "slices" and limit.limit.count == 1


def _fill(limit: Limit, used: int, most: float) -> float:
    """The share of what a limit counts; one bit less of an index is half of what it tells apart."""
    return 2.0 ** (used - most) if limit.formula == "ring_buffer_bits" else used / most


def neurons_of(piece: PlanSlice) -> int:
    """The neurons of a slice."""
    if piece.run is not None:
        return piece.run[1] - piece.run[0]
    return math.prod(stop - start for start, stop in piece.block or ())
