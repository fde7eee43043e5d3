"""Other people's slices on chips of SpiNNaker 1: only who shares a chip, where it stands and how trees run is ours.

`--shared DIR` holds `peers/NAME.network.json` (populations and projections) and `peers/NAME.pacman.json` (the slices
that PACMAN cut, their SDRAM and its figures). Every neuron spikes once. The bounds hold for any packing of these
slices: of chips by what they all use together, of hops by the chips that a source and its targets need at least.
"""

from __future__ import annotations

import argparse
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neuedge_nir.api import chip_of
from neuedge_nir.chip.model import Chip, LimitScope
from neuedge_nir.mapping.chips.room import Units, units_of
from neuedge_nir.mapping.partition import Cluster, Piece, Role
from neuedge_nir.mapping.place import place
from neuedge_nir.mapping.route import route
from neuedge_nir.mapping.traffic import Flow
from neuedge_nir.network.slices import Run

NAMES = ("pd1", "pd0.5", "pd0.1", "layers1M")
"""Potjans and Diesmann's microcircuit in three sizes, with its background; 50 layers of 20,000 neurons."""

RESERVED = 488_476
"""SDRAM of every chip that PACMAN keeps for its own, in bytes."""

MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Slice:
    """Neurons `start` to `stop - 1` of a population on a core, and the SDRAM they take in bytes."""

    population: str
    start: int
    stop: int
    sdram: int

    @property
    def neurons(self) -> int:
        return self.stop - self.start


def slices_of(peer: Mapping[str, Any]) -> list[Slice]:
    """The slices of a mapping. Where it does not tell the bytes of each, every one takes the mean."""
    mean = math.ceil(peer["sdram_total_mb"] * MEBIBYTE / peer["cores"])
    found = []
    for placed in peer["placements"]:
        population, _, span = placed[0].removesuffix(")").rpartition("(")
        first, last = span.split(":")
        found.append(Slice(population, int(first), int(last) + 1, placed[5] if len(placed) > 5 else mean))
    return found


def flows_of(slices: Sequence[Slice], projections: Sequence[Mapping[str, Any]]) -> list[Flow]:
    """What every slice sends: one to one to the slices of the same neurons, else to all slices of a target."""
    targets: list[set[int]] = [set() for _ in slices]
    for projection in projections:
        there = [t for t, part in enumerate(slices) if part.population == projection["post"]]
        for source, part in enumerate(slices):
            if part.population == projection["pre"]:
                targets[source].update(t for t in there if projection["conn"] != "one" or _overlap(part, slices[t]))
    return [
        Flow(source, 0, part.neurons, 1.0, tuple((t, part.neurons) for t in sorted(targets[source])))
        for source, part in enumerate(slices)
    ]


def _overlap(a: Slice, b: Slice) -> bool:
    return a.start < b.stop and b.start < a.stop


def clusters_of(slices: Sequence[Slice]) -> list[Cluster]:
    return [
        Cluster(Role.NEURONS, (Piece(part.population, Run(part.start, part.stop)),), {"sdram": part.sdram})
        for part in slices
    ]


def usable(chip: Chip) -> Chip:
    """The chip with the SDRAM that PACMAN leaves to slices."""
    limits = []
    for each in chip.limits:
        left = each.limit.typical - RESERVED
        shared = each.scope is LimitScope.CHIP
        limits.append(replace(each, limit=replace(each.limit, low=left, typical=left, high=left)) if shared else each)
    return replace(chip, limits=tuple(limits))


def least_hops(flows: Sequence[Flow], units: Units) -> int:
    """Messages times links at least: a tree over so many chips has one link less, and source and targets need room."""
    total = 0
    for flow in flows:
        ends = {flow.cluster, *(target for target, _ in flow.targets)}
        used = [sum(units.uses[end][r] for end in ends) for r in range(len(units.most))]
        chips = max(-(-use // most) for use, most in zip(used, units.most, strict=True))
        total += flow.neurons * (chips - 1) if flow.targets else 0
    return total


@dataclass(frozen=True, slots=True)
class Found:
    """Ours and theirs of one network, in the columns of the table."""

    name: str
    cells: tuple[str, ...]


HEAD = ("cores", "chips", "at least", "boards", "hops", "at least", "max link", "entries", "place s", "route s")


def measured(name: str, folder: Path, effort: str) -> Iterator[Found]:
    """Our chips and routes for one network's slices, and what is recorded of PACMAN's."""
    network, peer = (json.loads((folder / f"{name}.{kind}.json").read_text()) for kind in ("network", "pacman"))
    slices = slices_of(peer)
    clusters, flows, chip = clusters_of(slices), flows_of(slices, network["projs"]), usable(chip_of("spinnaker1"))
    units = units_of(clusters, chip)
    begin = os.times().user
    placement = place(clusters, flows, chip, max(s.chips for s in chip.topology.systems), effort)
    placed = os.times().user
    routing = route(flows, placement)
    routed = os.times().user
    chips = {site.chip for site in placement.sites}
    bound = f"{units.least_chips} ({units.names[units.scarcest[0]]})"
    numbers = (placement.fabric.boards_of(chips), routing.tree_hops, least_hops(flows, units), routing.max_load)
    cells = (len(slices), len(chips), bound, *numbers, max(routing.entries.values(), default=0))
    seconds = (f"{placed - begin:.1f}", f"{routed - placed:.1f}")
    yield Found(f"{name}, ours ({placement.engine or 'nothing searched'})", (*map(_cell, cells), *seconds))
    theirs = (peer["cores"], peer["chips"], "", peer["boards"], peer["weighted_tree_hops"], "", peer["max_link_load"])
    both = (*map(_cell, (*theirs, peer["max_entries_chip"])), f"{peer['cpu_s']:.1f} in all", "")
    yield Found(f"{name}, PACMAN's", both)


def _cell(value: object) -> str:
    return f"{value:,.0f}" if isinstance(value, int | float) else str(value)


def table(rows: Sequence[Found]) -> str:
    lines = [("", *HEAD), *((row.name, *row.cells) for row in rows)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    aligned = (
        [line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))] for line in lines
    )
    return "\n".join("  ".join(cells) for cells in aligned)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with peers/*.json")
    parser.add_argument("--effort", default="normal", choices=("quick", "normal", "high"))
    parser.add_argument("names", nargs="*", default=NAMES)
    given = parser.parse_args()
    rows = [row for name in given.names for row in measured(name, given.shared / "peers", given.effort)]
    print(table(rows))


if __name__ == "__main__":
    main()
