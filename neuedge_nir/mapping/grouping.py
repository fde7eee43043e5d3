"""The slices of each population by the core they are on, and whether cores keep their limits with them."""

from __future__ import annotations

from neuedge_nir.mapping.demand import Demands, fits
from neuedge_nir.mapping.first_fit import Cores
from neuedge_nir.mapping.partition import Destinations
from neuedge_nir.network.slices import Slice


def grouped(cores: Cores, demands: Demands) -> Destinations:
    """The slices of every population grouped by the core they are on; an input without cores is one group."""
    found: dict[str, list[tuple[Slice, ...]]] = {}
    for core in cores:
        for name in dict.fromkeys(piece.population for piece in core):
            found.setdefault(name, []).append(tuple(piece.part for piece in core if piece.population == name))
    return {**demands.uncut(), **{name: tuple(groups) for name, groups in found.items()}}


def consistent(cores: Cores, demands: Demands) -> bool:
    """Whether every core keeps its limits when each demand is counted with the real cut of its targets."""
    if not demands.depends_on_targets and not demands.tables:
        return True
    targets = grouped(cores, demands)
    return all(fits(demands.load(core, targets), demands.capacity) for core in cores)
