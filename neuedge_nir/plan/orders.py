"""Orders of neurons, between plans and networks."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

from neuedge_nir.mapping.irregular.orders import Found
from neuedge_nir.network.model import Network
from neuedge_nir.network.relabel import Order, order_of, relabelled, runs_in
from neuedge_nir.plan.model import Plan, PlanOrder


def planned(orders: Mapping[str, Found]) -> dict[str, PlanOrder]:
    """As a plan tells them."""
    told: dict[int, tuple[tuple[int, int], ...]] = {}
    for found in orders.values():
        told.setdefault(id(found.order), runs_in(found.order))
    return {name: PlanOrder(found.by, told[id(found.order)]) for name, found in sorted(orders.items())}


FINDERS = {"metis": "pymetis", "bandwidth": "scipy"}
"""What else an order depends on, by what found it."""


def tools(orders: Mapping[str, PlanOrder]) -> dict[str, str]:
    """The versions of what found the orders."""
    finders = {order.by.partition(",")[0] for order in orders.values()}
    return {FINDERS[found]: version(FINDERS[found]) for found in sorted(finders & {*FINDERS})}


def orders_in(plan: Plan) -> dict[str, Order]:
    return {name: order_of(order.runs) for name, order in plan.orders.items()}


def as_planned(plan: Plan, network: Network) -> Network:
    """The network with its neurons in the orders of a plan that the checker has accepted."""
    return relabelled(network, orders_in(plan))
