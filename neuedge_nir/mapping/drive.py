"""How much every neuron drives, once the targets are cut."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.mapping.legalise import LegalNetwork
from neuedge_nir.network.area import add_members
from neuedge_nir.network.count import counter
from neuedge_nir.network.reach import Region
from neuedge_nir.network.slices import Slice


def driven(
    legal: LegalNetwork,
    name: str,
    shape: tuple[int, ...],
    groups: Sequence[tuple[tuple[Slice, ...], ...]],
    *,
    copied: bool,
) -> NDArray[np.int64]:
    """For every neuron of a population the cores it sends to; or, `copied`, the slots that it takes for its axons.

    `groups` are the slices of each target, by core, in the order of the projections out of the population.
    """
    total = np.zeros(shape, dtype=np.int64)
    for leaving, cores in zip(legal.out_of(name), groups, strict=True):
        count = counter(leaving.projection)
        for parts in cores:
            products = tuple(q for part in parts for q in count.sources(part).products)
            region = Region(leaving.projection.source_shape, products)
            add_members(total, region, leaving.stored.axons_per_input if copied else 1)
    if not copied:
        return total
    ports = {port.name for port in legal.network.outputs}
    read_out = any(p.target in ports for p in legal.network.out_of(name))
    return np.maximum(1, total + read_out)
