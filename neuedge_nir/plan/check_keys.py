"""Keys, checked: whoever sends has fields of its own within the bits of a key, and no two slices answer to one."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise

from neuedge_nir.plan.check_extensions import stages_of
from neuedge_nir.plan.check_rules import at_most, refuse, same
from neuedge_nir.plan.model import Plan, PlanKeys, PlanSlice


def check_keys(plan: Plan) -> None:
    """Every slice with a route has a key; fields are powers of two, hold what they number, and overlap nowhere."""
    rule, keys = plan.chip.topology.keys, plan.keys
    if rule is None or keys is None:
        same("PLAN180", "keys", keys is None, rule is None)
        return
    width, colours = round(rule.bits.typical), 2 ** round(rule.colour_bits.typical)
    _check_bits(keys, width)
    slots = [(route.core, route.slice) for route in plan.routes]
    same("PLAN180", "slices with a key", [(key.core, key.slice) for key in keys.slices], slots)
    held: dict[str, list[tuple[int, int]]] = defaultdict(list)
    stages = stages_of(plan)
    for key in keys.slices:
        piece = plan.cores[key.core].slices[key.slice]
        where = f"key of core {key.core}, slice {key.slice} of {piece.population!r}"
        covers = 2**width - key.mask
        if covers < 1 or covers & (covers - 1) or key.key % covers or not 0 <= key.key < 2**width:
            refuse("PLAN180", f"the key {key.key:#x} with the mask {key.mask:#x} is no field of {width} bits", where)
        due = _neurons(piece) * colours * max(1, stages.get(piece.population, 0))
        at_most("PLAN180", "keys of a slice", due, covers, where)
        same("PLAN180", "keys of a slice", covers, colours * 2 ** keys.atom_bits.get(piece.population, 0), where)
        held[piece.population].append((key.key, covers))
    _check_fields(keys, held, width)
    ranges = sorted(span for spans in held.values() for span in spans)
    for (first, covers), (second, _) in pairwise(ranges):
        if second < first + covers:
            refuse("PLAN181", f"the keys from {second:#x} belong to two slices")


def _check_bits(keys: PlanKeys, width: int) -> None:
    """No field is wider than the key, whatever it is of: what follows counts in powers of two of them."""
    for where, bits in ("keys.population_bits", keys.population_bits), ("keys.low_bits", keys.low_bits):
        _check_field(bits, width, where)
    for kind, fields in ("core_bits", keys.core_bits), ("atom_bits", keys.atom_bits):
        for name, bits in fields.items():
            _check_field(bits, width, f"keys.{kind}.{name}")


def _check_field(bits: int, width: int, where: str) -> None:
    if not 0 <= bits <= width:
        refuse("PLAN180", f"a field of {bits} bits of a key of {width}", where, bits, width)


def _neurons(piece: PlanSlice) -> int:
    return math.prod(stop - start for start, stop in piece.block or (piece.run or (0, 0),))


def _bits(values: int) -> int:
    """The fewest bits that number so many."""
    bits = 0
    while 2**bits < values:
        bits += 1
    return bits


def _check_fields(keys: PlanKeys, held: Mapping[str, list[tuple[int, int]]], width: int) -> None:
    """A population has one value in the field above `low_bits`, no other has it, and its cores fit below."""
    same("PLAN180", "populations with fields", (sorted(keys.core_bits), sorted(keys.atom_bits)), (sorted(held),) * 2)
    at_most("PLAN180", "bits of a key", keys.population_bits + keys.low_bits, width)
    tops: dict[int, str] = {}
    for name, spans in held.items():
        room = 2**keys.low_bits
        at_most("PLAN180", "keys below the population's field", spans[0][1] * 2 ** keys.core_bits[name], room, name)
        at_most("PLAN180", "cores of a population", len(spans), 2 ** keys.core_bits[name], name)
        own = {key // room for key, _ in spans}
        if len(own) != 1 or min(own) >= 2**keys.population_bits:
            refuse("PLAN180", f"its slices have {sorted(own)} in the field of the population", name)
        for key, covers in spans:
            if key % room >= covers * 2 ** keys.core_bits[name]:
                refuse("PLAN180", f"the key {key:#x} lies above the field of its cores", name)
        other = tops.setdefault(min(own), name)
        if other != name:
            refuse("PLAN181", f"it shares the field of {other!r}", name)
    low = max((_bits(spans[0][1]) + keys.core_bits[name] for name, spans in held.items()), default=None)
    same("PLAN180", "bits below the population's field", keys.low_bits, low if low is not None else keys.low_bits)
    same("PLAN180", "bits of the population's field", keys.population_bits, _bits(len(held)))
    for name, spans in held.items():
        same("PLAN180", "bits of the cores' field", keys.core_bits[name], _bits(len(spans)), name)
