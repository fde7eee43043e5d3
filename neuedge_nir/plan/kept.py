"""The mapping of an old plan under another network that differs in weights alone: cut, cores and places stay.

The old plan is a stranger's file. Of it are taken the slices, the cores and what they stand on, once it is checked by
itself; everything else is counted anew, and the new plan is verified as every plan is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from neuedge_nir.chip.model import Chip, LimitScope
from neuedge_nir.constraints.model import NONE
from neuedge_nir.errors import InputError, NoPlanError, UsageError, VerificationError
from neuedge_nir.mapping.bounds import input_capacity, lower_bound
from neuedge_nir.mapping.crossings import holds, with_crossings
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.fabric import Fabric, Site, fabric_for
from neuedge_nir.mapping.grouping import grouped
from neuedge_nir.mapping.keys import allocate
from neuedge_nir.mapping.legalise import LegalNetwork
from neuedge_nir.mapping.partition import Cluster, Partition, Piece, Role
from neuedge_nir.mapping.place import Placement
from neuedge_nir.mapping.route import route
from neuedge_nir.mapping.traffic import flows
from neuedge_nir.network.slices import Block, Run, Slice
from neuedge_nir.plan.model import Plan, PlanSchedule, PlanSlice
from neuedge_nir.plan.stages import Stages
from neuedge_nir.plan.store import read
from neuedge_nir.plan.verify import verify

HINT = "leave --from off to map the network anew"


KEPT: Mapping[str, object] = {
    "chips": None,
    "inputs": None,
    "outputs": None,
    "tiles": {},
    "constraints": NONE,
    "copies": None,
    "recurrence": "exact",
    "splitters": "auto",
    "time_scale": 1,
    "objective": "cores",
}
"""The options that a kept mapping was made with and nobody may ask otherwise for, with what stands for not asked."""


def options_kept(given: Plan | Path | str, asked: Mapping[str, object]) -> dict[str, object]:
    """A plan, read from its file if a path is given, and the options of its mapping.

    Raises `UsageError` (USE085) where others are asked for, `InputError` for a file that is no plan.
    """
    old = given if isinstance(given, Plan) else read(Path(given))
    held = {name: getattr(old.options, name) for name in (*KEPT, "effort", "seed")}
    if asked["map_inputs"]:
        raise UsageError("USE085", "a way for the inputs", where="--map-inputs, --from", hint="leave it out")
    for name, default in KEPT.items():
        wanted = asked[name]
        if isinstance(wanted, Mapping):
            wanted = {population: str(tiles) for population, tiles in wanted.items()}
        if wanted not in (default, held[name]):
            message = f"{name.replace('_', ' ')} other than those of the plan whose mapping is to be kept"
            hint = "leave them out, or leave --from off to map the network anew"
            raise UsageError("USE085", message, where=f"--{name.replace('_', '-')}, --from", hint=hint)
    return {"keep": old, **held}


def check_kept(old: Plan, legal: LegalNetwork, chip: Chip) -> None:
    """Raises `InputError` (USE084) where the old plan is of another chip, or is not sound by itself.

    Raises `NoPlanError` (FIT057) where the network differs from the old plan's in more than values.
    """
    if old.chip != chip:
        message = f"the old plan is for another description of a chip, {old.chip.title}"
        raise InputError("USE084", message, where="--from", hint=HINT)
    for where, before, now in _unlike(old, legal):
        message = f"the placement cannot be kept: {now}, and {before} in the old plan"
        raise NoPlanError("FIT057", message, where=where, hint=HINT)
    try:
        verify(old, None)
    except VerificationError as error:
        message = f"the old plan breaks a rule by itself: {error.code}, {error}"
        raise InputError("USE084", message, where="--from", hint="`verify` says more; " + HINT) from error


def _unlike(old: Plan, legal: LegalNetwork) -> Iterator[tuple[str, str, str]]:
    """Where the networks differ in more than values: the place, what is there in the old plan, what now."""
    network = legal.network
    now = {p.name: (p.model, p.shape) for p in network.populations}
    now |= {port.name: ("Input", port.shape) for port in network.inputs}
    now |= {port.name: ("Output", port.shape) for port in network.outputs}
    before = {p.name: (p.model, p.shape) for p in old.populations}
    yield from _apart("population", before, now)
    ends = {p.projection.name: (p.projection.source, p.projection.target, p.kind.value) for p in legal.projections}
    yield from _apart("projection", {p.name: (p.source, p.target, p.kind) for p in old.projections}, ends)


def _apart(what: str, before: Mapping[str, object], now: Mapping[str, object]) -> Iterator[tuple[str, str, str]]:
    for name in dict.fromkeys([*now, *before]):
        if before.get(name) != now.get(name):
            was, here = (_told(each.get(name)) for each in (before, now))
            yield f"{what} {name!r}", was, here


def _told(found: object) -> str:
    return "it is not there" if found is None else "it is " + ", ".join(map(str, found))  # type: ignore[call-overload]


def kept(old: Plan, demands: Demands, available: int, schedule: PlanSchedule) -> Stages:
    """The old plan's cut, packing and placement, everything about them counted anew.

    Raises `NoPlanError` (FIT058) where a core or chip then needs more than it has, and as `route` does.
    """
    clusters = _clusters(old, demands)
    _check_chips(clusters, old, demands)
    bound = lower_bound(demands)
    inner = sum(c.role is Role.NEURONS for c in clusters)
    partition = Partition(clusters, bound, bound.cores, inner == bound.cores)
    placement = Placement(_fabric(old, available), tuple(Site(c.chip, c.router, c.slot) for c in old.cores), math.nan)
    sent = flows(clusters, demands)
    placed = with_crossings(partition, placement, demands)
    if not holds(placed, demands):
        raise _broken("more destinations lie on other chips than a core has entries for", None)
    keys = allocate(sent, clusters, old.chip, demands.legal.relays.stages)
    routing = route(sent, placement, keys)
    return Stages(demands.uncrossed, placed, placement, sent, routing, available, schedule, keys=keys)


def _clusters(old: Plan, demands: Demands) -> tuple[Cluster, ...]:
    pieces = tuple(tuple(Piece(s.population, _part(s)) for s in core.slices) for core in old.cores)
    targets = grouped(pieces, demands)
    clusters = []
    for number, (core, held) in enumerate(zip(old.cores, pieces, strict=True)):
        used = demands.load(held, targets)
        most = input_capacity(demands) if core.role != Role.NEURONS else demands.capacity
        for limit, needed, room in zip(demands.limits, used, most, strict=True):
            if needed > room:
                names = ", ".join(dict.fromkeys(piece.population for piece in held))
                message = f"core {number}, with {names}, needs {needed} {limit.limit.unit} and has {room}"
                raise _broken(message, limit.name, needed, room)
        counts = {limit.name: n for limit, n in zip(demands.limits, used, strict=True)}
        clusters.append(Cluster(Role(core.role), held, counts))
    return tuple(clusters)


def _part(piece: PlanSlice) -> Slice:
    return Block(piece.block) if piece.block is not None else Run(*(piece.run or (0, 0)))


def _check_chips(clusters: tuple[Cluster, ...], old: Plan, demands: Demands) -> None:
    """What the cores of a chip share is enough for them."""
    for limit in demands.limits:
        if limit.scope is LimitScope.CHIP:
            used: Counter[int] = Counter()
            for core, cluster in zip(old.cores, clusters, strict=True):
                used[core.chip] += cluster.used[limit.name]
            for chip, needed in sorted(used.items()):
                if needed > limit.limit.count:
                    message = f"chip {chip} needs {needed} {limit.limit.unit} and has {limit.limit.count}"
                    raise _broken(message, limit.name, needed, limit.limit.count)


def _broken(
    message: str, resource: str | None, needed: float | None = None, available: float | None = None
) -> NoPlanError:
    return NoPlanError(
        "FIT058",
        f"the placement cannot be kept: {message}",
        where="--from",
        resource=resource,
        needed=needed,
        available=available,
        hint=HINT,
    )


def _fabric(old: Plan, available: int) -> Fabric:
    """The old machine, its chips in their old order."""
    given, chips = old.options.constraints, old.machine.chips
    dead, gone = given.dead_links, given.dead_chips
    found = fabric_for(old.chip, len(chips), available, dead, gone)
    system = next(s for s in old.chip.topology.systems if s.name == old.machine.system)
    rest = tuple(p for p in fabric_for(old.chip, system.chips).positions if p not in gone | {*chips})
    same = found.system == system and found.positions[: len(chips)] == chips
    return found if same else Fabric(old.chip, system, (*chips, *rest), dead, gone)
