"""Messages onto links: dimension order for meshes and tori, multicast trees with table entries for the rest."""

from __future__ import annotations

from collections.abc import Sequence

from neuedge_nir.chip.model import RoutingKind
from neuedge_nir.mapping.keys import KeySpace
from neuedge_nir.mapping.place import Placement
from neuedge_nir.mapping.routing.mesh import route_mesh
from neuedge_nir.mapping.routing.model import Routing
from neuedge_nir.mapping.routing.multicast import route_multicast
from neuedge_nir.mapping.traffic import Flow

__all__ = ["Routing", "route"]


def route(flows: Sequence[Flow], placement: Placement, keys: KeySpace | None = None) -> Routing:
    """Routes for all flows under the chip's routing; with tables where messages carry `keys`.

    Raises `NoPlanError` where a destination cannot be reached or a routing table overflows.
    """
    if placement.fabric.chip.topology.routing is RoutingKind.XY:
        return route_mesh(flows, placement)
    return route_multicast(flows, placement, keys)
