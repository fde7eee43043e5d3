"""Messages that are expected of projections of a probability, beside those that are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuedge_nir.mapping.legalise import LegalProjection
from neuedge_nir.network.connect import irregular_in
from neuedge_nir.network.connect_sparse import FixedProbability
from neuedge_nir.network.count import counter
from neuedge_nir.network.irregular import ProbableCounter
from neuedge_nir.network.parts import Parts, Shares
from neuedge_nir.network.slices import Slice

Feeding = tuple[LegalProjection, Sequence[Slice]]
"""A projection, and the slices of its target that are on one core."""


def is_probable(legal: LegalProjection) -> bool:
    return isinstance(irregular_in(legal.projection.chain), FixedProbability)


def with_expected(known: Shares, probable: Sequence[Feeding], parts: Parts, *, apart: bool) -> Shares:
    """Messages of every part into one core, one spike per neuron, rounded up.

    A neuron that is known to reach the core sends anyway; of all others the share is expected that any probability
    joins with any of its neurons, each independently. `apart`: every axon is a message of its own.
    """
    sizes = parts.sizes
    total = np.zeros(len(sizes))
    total[known[0]] = known[1]
    missed = 1.0
    for legal, slices in probable:
        count = counter(legal.projection)
        assert isinstance(count, ProbableCounter)
        share = count.share(sum(part.neurons for part in slices))
        missed *= 1 - share
        if apart:
            total += legal.stored.axons_per_input * np.ceil(np.round(sizes * share, 6))
    if not apart:
        total += np.ceil(np.round((sizes - total) * (1 - missed), 6))
    which = np.flatnonzero(total)
    return which, total[which].astype(np.int64)
