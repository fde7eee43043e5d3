"""Damage to slices, cores and where they stand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from neuedge_nir.plan.model import Plan, PlanCore, PlanSlice
from tests.damage import exchanged, instead, less_or_more, other, put, without
from tests.test_verify import changed

# --- Slices


def _slices(plan: Plan) -> list[tuple[int, int, PlanSlice]]:
    return [(index, at, piece) for index, core in enumerate(plan.cores) for at, piece in enumerate(core.slices)]


def _with_slices(plan: Plan, index: int, slices: Sequence[PlanSlice]) -> Plan:
    cores = list(plan.cores)
    cores[index] = replace(cores[index], slices=tuple(slices))
    return replace(plan, cores=tuple(cores))


def slice_moved(plan: Plan, rng: Random) -> Plan | None:
    """A slice stands on another core, last of its slices; what is used moves with it half of the time."""
    if len(plan.cores) < 2:
        return None
    index, at, piece = rng.choice(_slices(plan))
    goal = rng.choice([n for n in range(len(plan.cores)) if n != index])
    moved = _with_slices(plan, index, without(plan.cores[index].slices, at))
    moved = _with_slices(moved, goal, (*moved.cores[goal].slices, piece))
    return moved if rng.random() < 0.5 else _recounted(moved, index, goal)


def _recounted(plan: Plan, *those: int) -> Plan:
    """The figures of neurons as the slices now are."""
    names = [limit.name for limit in plan.chip.limits if limit.formula == "neurons"]
    cores = list(plan.cores)
    for index in those:
        size = sum(size_of(piece) for piece in cores[index].slices)
        cores[index] = replace(cores[index], used={**cores[index].used, **dict.fromkeys(names, size)})
    return replace(plan, cores=tuple(cores))


def size_of(piece: PlanSlice) -> int:
    return math.prod(stop - start for start, stop in piece.block or (piece.run or (0, 0),))


def border_shifted(plan: Plan, rng: Random) -> Plan | None:
    """The border of a slice is one further, and that of its neighbour too where there is one right behind it."""
    index, at, piece = rng.choice(_slices(plan))
    spans = piece.block if piece.block is not None else (piece.run or (0, 0),)
    axis, by = rng.randrange(len(spans)), rng.choice([-1, 1])
    start, stop = spans[axis]
    grown = _spans(piece, axis, (start, stop + by))
    found = _with_slices(plan, index, instead(plan.cores[index].slices, at, grown))
    for n, place, near in _slices(plan):
        theirs = near.block if near.block is not None else (near.run or (0, 0),)
        rest = without(theirs, axis) == without(spans, axis) if len(theirs) == len(spans) else False
        if near.population == piece.population and rest and theirs[axis][0] == stop and rng.random() < 0.8:
            shrunk = _spans(near, axis, (stop + by, theirs[axis][1]))
            found = _with_slices(found, n, instead(found.cores[n].slices, place, shrunk))
    return found if rng.random() < 0.5 else _recounted(found, *range(len(plan.cores)))


def _spans(piece: PlanSlice, axis: int, span: tuple[int, int]) -> PlanSlice:
    if piece.block is None:
        return replace(piece, run=span)
    return replace(piece, block=instead(piece.block, axis, span))


def slice_dropped(plan: Plan, rng: Random) -> Plan | None:
    index, at, _ = rng.choice(_slices(plan))
    return _with_slices(plan, index, without(plan.cores[index].slices, at))


def slice_doubled(plan: Plan, rng: Random) -> Plan | None:
    _, _, piece = rng.choice(_slices(plan))
    goal = rng.randrange(len(plan.cores))
    return _with_slices(plan, goal, (*plan.cores[goal].slices, piece))


def slices_exchanged(plan: Plan, rng: Random) -> Plan | None:
    """Two slices in each other's place, anywhere."""
    if len(_slices(plan)) < 2:
        return None
    (a, i, one), (b, j, two) = rng.sample(_slices(plan), 2)
    found = _with_slices(plan, a, instead(plan.cores[a].slices, i, two))
    found = _with_slices(found, b, instead(found.cores[b].slices, j, one))
    return found if rng.random() < 0.5 else _recounted(found, a, b)


def slice_of_another(plan: Plan, rng: Random) -> Plan | None:
    """A slice of another population, of the same spans."""
    index, at, piece = rng.choice(_slices(plan))
    name = rng.choice([p.name for p in plan.populations if p.name != piece.population])
    return _with_slices(plan, index, instead(plan.cores[index].slices, at, replace(piece, population=name)))


# --- Cores and chips


def seats_exchanged(plan: Plan, rng: Random) -> Plan | None:
    """Two cores stand in each other's place."""
    if len(plan.cores) < 2:
        return None
    a, b = rng.sample(range(len(plan.cores)), 2)
    return _seated(_seated(plan, a, plan.cores[b]), b, plan.cores[a])


def _seated(plan: Plan, index: int, like: PlanCore) -> Plan:
    core = replace(plan.cores[index], chip=like.chip, router=like.router, slot=like.slot)
    return replace(plan, cores=instead(plan.cores, index, core))


def seat_taken(plan: Plan, rng: Random) -> Plan | None:
    """A core stands where another does, in a slot that no router has, or at another router."""
    index = rng.randrange(len(plan.cores))
    core = plan.cores[index]
    match rng.randrange(3):
        case 0 if len(plan.cores) > 1:
            return _seated(plan, index, rng.choice([c for c in plan.cores if c is not core]))
        case 1:
            x, y = core.router
            router = rng.choice([(x + 1, y), (x, y + 1), (x - 1, y), (x, y - 1), (x + 99, y)])
            moved = replace(core, router=router)
        case _:
            slot = rng.choice([-1, plan.chip.topology.cores_per_router.count])
            moved = replace(core, slot=slot)
    return replace(plan, cores=instead(plan.cores, index, moved))


def core_elsewhere(plan: Plan, rng: Random) -> Plan | None:
    """A core is said to be of another chip."""
    index = rng.randrange(len(plan.cores))
    return changed(plan, ("cores", index, "chip"), lambda chip: other(chip, rng))  # type: ignore[no-any-return]


def machine_changed(plan: Plan, rng: Random) -> Plan | None:
    """A chip stands elsewhere, is left out, is there twice, or two change places; or the system is another."""
    chips = plan.machine.chips
    match rng.randrange(4):
        case 0 if len(chips) > 1:
            chips = exchanged(chips, rng)
        case 1:
            chips = less_or_more(chips, rng)
        case 2:
            small = [system.name for system in plan.chip.topology.systems if system.chips < len(chips)]
            return replace(plan, machine=replace(plan.machine, system=rng.choice([*small, "Deep Thought"])))
        case _:
            at = rng.randrange(len(chips))
            x, y = chips[at]
            chips = instead(chips, at, rng.choice([(x + 1, y), (x, y + 1), (x - 1, y), (x, y - 1)]))
    return replace(plan, machine=replace(plan.machine, chips=chips))


def cores_less_or_more(plan: Plan, rng: Random) -> Plan | None:
    return replace(plan, cores=less_or_more(plan.cores, rng))


def cores_exchanged(plan: Plan, rng: Random) -> Plan | None:
    """Two cores under each other's number: routes lead where they led by number."""
    return replace(plan, cores=exchanged(plan.cores, rng)) if len(plan.cores) > 1 else None


def role_changed(plan: Plan, rng: Random) -> Plan | None:
    index = rng.randrange(len(plan.cores))
    roles = ["neurons", "input", "io", "synapses"]
    return changed(plan, ("cores", index, "role"), lambda role: rng.choice([r for r in roles if r != role]))  # type: ignore[no-any-return]


def used_changed(plan: Plan, rng: Random) -> Plan | None:
    """A figure of what a core uses."""
    index = rng.randrange(len(plan.cores))
    used = plan.cores[index].used
    if not used:
        return None
    return put(plan, ("cores", index, "used", name := rng.choice(sorted(used))), used[name], rng)


def order_changed(plan: Plan, rng: Random) -> Plan | None:
    """Two neurons of an order change places, a run is longer, shorter, left out, twice; or the order is left out."""
    if not plan.orders:
        return None
    name = rng.choice(sorted(plan.orders))
    runs = plan.orders[name].runs
    match rng.randrange(4):
        case 0 if len(runs) > 1:
            runs = exchanged(runs, rng)
        case 1:
            at = rng.randrange(len(runs))
            runs = instead(runs, at, (runs[at][0], runs[at][1] + rng.choice([-1, 1])))
        case 2:
            runs = less_or_more(runs, rng)
        case _:
            return replace(plan, orders={key: order for key, order in plan.orders.items() if key != name})
    return replace(plan, orders={**plan.orders, name: replace(plan.orders[name], runs=runs)})
