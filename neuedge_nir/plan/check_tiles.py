"""Whether populations are cut as the user asked."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from operator import contains

from neuedge_nir.plan.check_ports import takes_cores
from neuedge_nir.plan.check_rules import refuse
from neuedge_nir.plan.model import Plan


def check_tiles(plan: Plan) -> None:
    """Every slice of such a population is one of the tiles asked for. That they cover it is checked elsewhere."""
    without = ("Output",) if takes_cores(plan) else ("Input", "Output")
    shapes = {p.name: p.shape for p in plan.populations if p.model not in without}
    for name, asked in plan.options.tiles.items():
        shape = shapes.get(name, ())
        if re.fullmatch(r"/?[1-9][0-9]{0,17}(x[1-9][0-9]{0,17})*", asked) is None or asked.count("x") + 1 not in (
            1,
            len(shape),
        ):
            refuse("PLAN138", f"tiles {asked!r} of a population of shape {shape}", name)
        axes = shape if asked.count("x") + 1 == len(shape) else (math.prod(shape),)
        sizes = [int(size) for size in asked.lstrip("/").split("x")]
        if any(size > length for size, length in zip(sizes, axes, strict=True)):
            refuse("PLAN138", f"tiles {asked!r} larger than a population of shape {shape}", name)
        due = [_spans(length, size, asked[0] == "/") for length, size in zip(axes, sizes, strict=True)]
        held = ((number, piece) for number, core in enumerate(plan.cores) for piece in core.slices)
        for number, piece in held:
            spans = piece.block or (piece.run,)
            if piece.population == name and not (len(spans) == len(due) and all(map(contains, due, spans))):
                refuse("PLAN138", f"a slice of {name!r} is none of the tiles {asked!r}", f"core {number}")


def _spans(length: int, size: int, count: bool) -> set[tuple[int, int]]:
    edges = [length * i // size for i in range(size + 1)] if count else [*range(0, length, size), length]
    return set(pairwise(edges))
