"""What a mapping may take, by the effort that a user asks for, and what decides between mappings."""

from __future__ import annotations

from dataclasses import dataclass

from neuedge_nir.mapping.packing.dive import Search


@dataclass(frozen=True, slots=True)
class Effort:
    """What a mapping may take.

    `choice` and `packing` are deterministic solver times for each CP-SAT model, in OR-Tools' own units (some seconds
    each). `cores` are those of the largest plan that is tried unasked: a thousand take some seconds. `searches`:
    how far cuts that fill what others leave are looked for, one after the other.
    """

    choice: float
    packing: float
    cores: int = 2**15
    searches: tuple[Search, ...] = ()


SEARCHES = (
    Search(tiles=6, width=16, rounds=30, steps=2),
    Search(tiles=8, width=24, rounds=40, steps=6, near=200),
    Search(tiles=12, width=24, rounds=60, steps=40, near=500),
)

EFFORTS = {
    "none": Effort(0.0, 0.0, cores=2**13),
    "quick": Effort(0.1, 0.1, searches=SEARCHES[:1]),
    "normal": Effort(0.5, 1.0, searches=SEARCHES[:2]),
    "high": Effort(4.0, 8.0, searches=SEARCHES),
}

LADDER = tuple(EFFORTS)
"""The efforts, the quickest first. Each tries what those before it try, too."""

OBJECTIVES = ("cores", "traffic")
"""What decides between packings that fit; the other breaks ties."""
