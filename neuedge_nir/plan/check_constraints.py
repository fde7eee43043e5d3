"""Whether the plan keeps the constraints that it was made under: each is held against the cores as they stand."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from neuedge_nir.constraints.model import Apart, Core, Forbid, Holder, Pin, Together
from neuedge_nir.plan.check_links import Grid, usable
from neuedge_nir.plan.check_parts import boxes_of
from neuedge_nir.plan.check_rules import at_most, refuse
from neuedge_nir.plan.figures import Link
from neuedge_nir.plan.model import Plan, PlanCore, PlanSlice

Shapes = Mapping[str, tuple[int, ...]]


def check_constraints(plan: Plan, grid: Grid) -> None:
    """Raises `VerificationError` (PLAN210 to PLAN216) at the first constraint that is broken, or makes no sense."""
    shapes = {p.name: p.shape for p in plan.populations if p.model not in ("Input", "Output") and p.relay is None}
    given = plan.options.constraints
    _check_sense(plan, shapes)
    for pin in given.pin:
        _check_pin(plan, pin, shapes)
    for group in given.together:
        _check_together(plan, group)
    for parted in given.apart:
        _check_apart(plan, parted)
    for forbid in given.forbid:
        _check_forbid(plan, forbid)
    for cap in given.cap:
        for number, core in enumerate(plan.cores):
            held = core.slices if core.role == "neurons" else ()
            counted = sum(_size(s) for s in held if cap.population in (None, s.population))
            at_most("PLAN214", "neurons under a cap", counted, cap.neurons, f"core {number}")
    _check_spare(plan, grid)
    if gone := sorted({chip for chip in plan.machine.chips if chip in {dead.chip for dead in given.dead}}):
        refuse("PLAN238", f"the chip at {gone[0]} is dead, and the plan has it")


def check_dead_links(plan: Plan, crossed: Iterable[Link]) -> None:
    """No message crosses a dead link, in either direction."""
    dead = {frozenset(broken.link) for broken in plan.options.constraints.dead if broken.link is not None}
    for link in crossed if dead else ():
        if frozenset(link) in dead:
            refuse("PLAN238", f"messages cross the link between {link[0]} and {link[1]}, which is dead")


def _check_sense(plan: Plan, shapes: Shapes) -> None:
    """The constraints name what there is."""
    given = plan.options.constraints
    for name in given.populations:
        if name not in shapes:
            refuse("PLAN216", f"a constraint names a population {name!r}, and there is none")
    for pin in given.pin:
        first, last = pin.neurons or (0, 1)
        if not 0 <= first < last <= math.prod(shapes[pin.population]) or bool(pin.cores) == bool(pin.chips):
            refuse(
                "PLAN216", f"a pin of neurons {pin.neurons} to cores {pin.cores} or chips {pin.chips}", pin.population
            )
    for forbid in given.forbid:
        if (forbid.chip is None) == (forbid.router is None):
            refuse("PLAN216", "forbidden is either a chip or a router, with one of its cores or all")
    for dead in given.dead:
        if (dead.chip is None) == (dead.link is None):
            refuse("PLAN216", "dead is either a chip or a link")
    counts = [cap.neurons - 1 for cap in given.cap] + [reserve.cores for reserve in given.reserve]
    if min(counts, default=0) < 0 or any(len(g.populations) < 2 for g in given.apart):
        refuse("PLAN216", "a cap of no neurons, fewer than no cores in reserve, or a population apart from none")


def _size(piece: PlanSlice) -> int:
    """The neurons of a slice."""
    spans = piece.block if piece.block is not None else (piece.run or (0, 0),)
    return math.prod(stop - start for start, stop in spans)


def _holding(plan: Plan, names: Sequence[str]) -> Iterator[tuple[int, PlanCore, set[str]]]:
    """The cores with slices of any of these populations, with the names that each holds."""
    for number, core in enumerate(plan.cores):
        there = {piece.population for piece in core.slices} & set(names)
        if there:
            yield number, core, there


def _check_pin(plan: Plan, pin: Pin, shapes: Shapes) -> None:
    for number, core, _ in _holding(plan, [pin.population]):
        if not any(_inside(s, pin, shapes) for s in core.slices if s.population == pin.population):
            continue
        here = Core(core.router, core.slot) in pin.cores or plan.machine.chips[core.chip] in pin.chips
        if not here:
            where = f"router {core.router}, slot {core.slot} of the chip at {plan.machine.chips[core.chip]}"
            refuse("PLAN210", f"{pin.population!r} is pinned elsewhere than to {where}", f"core {number}")


def _inside(piece: PlanSlice, pin: Pin, shapes: Shapes) -> bool:
    """Whether any neuron of a slice is one that is pinned."""
    if pin.neurons is None:
        return True
    shape = shapes[piece.population]
    if piece.run is not None:
        return piece.run[0] < pin.neurons[1] and pin.neurons[0] < piece.run[1]
    block = piece.block or ()
    return any(
        all(max(a, c) < min(b, d) for (a, b), (c, d) in zip(block, box, strict=True))
        for box in boxes_of(*pin.neurons, shape)
    )


def _place(core: PlanCore, on: Holder) -> object:
    return (core.router, core.slot) if on is Holder.CORE else core.chip


def _check_together(plan: Plan, group: Together) -> None:
    places = {_place(core, group.on) for _, core, _ in _holding(plan, group.populations)}
    if len(places) > 1:
        refuse("PLAN211", f"{list(group.populations)} are to share one {group.on} and stand on {len(places)}")


def _check_apart(plan: Plan, group: Apart) -> None:
    there: dict[object, set[str]] = {}
    for number, core, names in _holding(plan, group.populations):
        both = there.setdefault(_place(core, group.on), set())
        both |= names
        if len(both) > 1:
            refuse("PLAN212", f"{sorted(both)} are to be apart and share a {group.on}", f"core {number}")


def _check_forbid(plan: Plan, forbid: Forbid) -> None:
    for number, core in enumerate(plan.cores):
        on_chip = forbid.chip is not None and plan.machine.chips[core.chip] == forbid.chip
        on_router = forbid.router is not None and core.router == forbid.router
        if on_chip or (on_router and forbid.slot in (None, core.slot)):
            refuse(
                "PLAN213", f"it stands on router {core.router}, slot {core.slot}, which is forbidden", f"core {number}"
            )


def _check_spare(plan: Plan, grid: Grid) -> None:
    """Chips have as many cores in use as are left of the usable ones: dead and reserved ones are off."""
    given = plan.options.constraints
    slots = plan.chip.topology.cores_per_router.count
    for chip, cores in sorted(Counter(core.chip for core in plan.cores).items()):
        position = plan.machine.chips[chip]
        dead = set()
        for forbid in given.forbid:
            if forbid.router is not None and grid.position(forbid.router) == position:
                dead |= {(forbid.router, slot) for slot in range(slots) if forbid.slot in (None, slot)}
        spare = sum(reserve.cores for reserve in given.reserve if reserve.chip is None or reserve.chip == position)
        left = usable(plan, grid.system, position) - len(dead) - spare
        at_most("PLAN215", "cores besides those forbidden and reserved", cores, left, f"chip {chip}")
