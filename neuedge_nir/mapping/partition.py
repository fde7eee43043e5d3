"""Which neurons share a core: the nouns of splitting and packing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from neuedge_nir.network.slices import Slice


class Role(StrEnum):
    """What a core is there for."""

    NEURONS = "neurons"
    INPUT = "input"
    IO = "io"  # passes on what the host sends, or hands spikes to it
    SYNAPSES = "synapses"  # takes a share of the events of the neuron before it


@dataclass(frozen=True, slots=True)
class Piece:
    """A slice of a population, or of an input port that has cores, on one core."""

    population: str
    part: Slice


Destinations = Mapping[str, tuple[tuple[Slice, ...], ...]]
"""For each population, its slices grouped by the core they are on."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """What one core holds, and what it uses of every limit, core's or chip's, by the limit's name."""

    role: Role
    pieces: tuple[Piece, ...]
    used: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Bound:
    """A lower bound on the number of neuron cores that holds for every split of every population.

    `resource` is the limit that it comes from.
    """

    cores: int
    resource: str


@dataclass(frozen=True, slots=True)
class Partition:
    """All clusters: a gatherer, which holds nothing, inputs, then neuron cores in the order of the network.

    `tiles_bound` holds for the slices chosen only; `packing_proven` says that no packing of them takes fewer cores.
    """

    clusters: tuple[Cluster, ...]
    bound: Bound
    tiles_bound: int
    packing_proven: bool

    @property
    def neuron_cores(self) -> int:
        return sum(c.role is Role.NEURONS for c in self.clusters)

    @property
    def synapse_cores(self) -> int:
        return sum(c.role is Role.SYNAPSES for c in self.clusters)

    @property
    def input_cores(self) -> int:
        return sum(c.role is Role.INPUT for c in self.clusters)

    @property
    def io_cores(self) -> int:
        return sum(c.role is Role.IO for c in self.clusters)
