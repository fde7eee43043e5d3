"""What must share a chip, and what chips have room for: cores, and every limit that the cores of a chip share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import sub

from neuedge_nir.chip.model import Chip, LimitScope
from neuedge_nir.mapping.fabric import Fabric
from neuedge_nir.mapping.partition import Cluster, Role

Room = tuple[int, ...]
"""Cores, then what each limit of a chip counts."""


@dataclass(frozen=True, eq=False)
class Units:
    """Clusters that must share a chip: unit k is clusters `first[k]` to `first[k + 1] - 1`, and takes `uses[k]`.

    A neuron's core and the synapse cores behind it are one unit, every other cluster is one by itself. `names` are
    those of the resources in `uses`; `most` is what a whole chip has of each.
    """

    first: tuple[int, ...]
    uses: tuple[Room, ...]
    names: tuple[str, ...]
    most: Room

    def __len__(self) -> int:
        return len(self.uses)

    @cached_property
    def of_cluster(self) -> tuple[int, ...]:
        """The unit of every cluster."""
        return tuple(k for k in range(len(self)) for _ in range(self.first[k], self.first[k + 1]))

    @cached_property
    def totals(self) -> Room:
        return tuple(map(sum, zip(*self.uses, strict=True))) or (0,) * len(self.most)

    @cached_property
    def scarcest(self) -> list[int]:
        """The resources that are used, those first that ask for most chips; of two, what chips share before cores."""
        used = [r for r, share in enumerate(self.shares) if share]
        return sorted(used, key=lambda r: (-self.shares[r], -r))

    @property
    def shares(self) -> tuple[float, ...]:
        """Chips' worth of each resource."""
        return tuple(total / most if most else 0.0 for total, most in zip(self.totals, self.most, strict=True))

    @property
    def least_chips(self) -> int:
        """Chips that any packing of these units takes: a proof, if all chips are whole ones."""
        full = zip(self.totals, self.most, strict=True)
        return max(1, *(-(-total // most) if most else 1 for total, most in full))

    def per_cluster(self, of_unit: Sequence[int]) -> list[int]:
        """The chip of every cluster."""
        return [of_unit[k] for k in self.of_cluster]


def units_of(clusters: Sequence[Cluster], chip: Chip) -> Units:
    """The units of clusters in their order: synapse cores belong to the neuron before them."""
    rules = [limit for limit in chip.limits if limit.scope is LimitScope.CHIP]
    first = [i for i, cluster in enumerate(clusters) if i == 0 or cluster.role is not Role.SYNAPSES]
    ends = [*first[1:], len(clusters)]
    uses = tuple(
        (end - start, *(sum(clusters[i].used[rule.name] for i in range(start, end)) for rule in rules))
        for start, end in zip(first, ends, strict=True)
    )
    most = (chip.topology.cores_per_chip.count, *(rule.limit.count for rule in rules))
    return Units((*first, len(clusters)), uses, ("cores", *(rule.name for rule in rules)), most)


def room_of(fabric: Fabric, chip: int, units: Units) -> Room:
    """What a chip of the machine has: fewer cores, perhaps, at the corner of its board, or where some are closed."""
    return (fabric.free_cores(chip), *units.most[1:])


def fits(use: Sequence[int], room: Sequence[int]) -> bool:
    return all(a <= b for a, b in zip(use, room, strict=True))


def minus(room: Sequence[int], use: Sequence[int]) -> Room:
    return tuple(map(sub, room, use))


def hardest_first(units: Units) -> list[int]:
    """The units, those first that take the largest share of a chip."""
    share = [max(u / m if m else 0.0 for u, m in zip(use, units.most, strict=True)) for use in units.uses]
    return sorted(range(len(units)), key=lambda k: (-share[k], k))
