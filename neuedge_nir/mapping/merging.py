"""Pools that merge at the axon: where every message is processed, the sources of a window may send to one input axon.

Then a sum costs no weight, and the kernel behind it grows by nothing.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from neuedge_nir.network.connect import Operator, Pool
from neuedge_nir.network.count import counter
from neuedge_nir.network.counting import Counting
from neuedge_nir.network.model import Projection


@lru_cache(maxsize=4096)
def merged_at_axon(projection: Projection) -> Counting:
    """The counter of a projection from the windows of its leading pools, if none of these overlap.

    A source in two windows would send to two axons of a core, a message each: that is not counted, so not done.
    """
    chain = projection.chain
    while chain and _apart(chain[0]):
        projection = replace(projection, source_shape=chain[0].output_shape, chain=chain[1:])
        chain = projection.chain
    return counter(projection)


def _apart(operator: Operator) -> bool:
    """Whether it is a pool of which every input has one window at most."""
    return isinstance(operator, Pool) and all(
        kernel <= stride for kernel, stride in zip(operator.kernel, operator.stride, strict=True)
    )
