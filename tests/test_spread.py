"""The figures of all links together: written down for small loads, and refused by the checker where they are wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuedge_nir.errors import VerificationError
from neuedge_nir.mapping.fabric import Link
from neuedge_nir.mapping.routing.analysis import link_use
from neuedge_nir.plan.verify import verify
from tests.test_routing_tables import world as several_chips
from tests.test_verify import TRAFFIC, add, changed, put, world

routers = st.tuples(st.integers(0, 6), st.integers(0, 6))


@given(st.dictionaries(st.tuples(routers, routers), st.integers(1, 40), min_size=1), st.sets(routers, min_size=1))
def test_links_are_counted_by_tenths_of_the_largest_load(
    loads: dict[Link, int], standing: set[tuple[int, int]]
) -> None:
    found = link_use({link: float(load) for link, load in loads.items()}, standing)
    largest = max(loads.values())
    tenths = [sum(k * largest < 10 * load <= (k + 1) * largest for load in loads.values()) for k in range(10)]
    assert (found.used, list(found.histogram)) == (len(loads), tenths)
    assert found.mean * len(loads) == pytest.approx(sum(loads.values()))
    for axis in (0, 1):
        there = [router[axis] for router in standing]
        lower = {at for at in range(7) if 2 * at <= min(there) + max(there)}
        assert found.bisection[axis] == sum(
            load for (a, b), load in loads.items() if (a[axis] in lower) != (b[axis] in lower)
        )


def test_what_goes_round_a_torus_crosses_its_middle_too() -> None:
    found = link_use({((0, 0), (3, 0)): 5.0, ((1, 0), (2, 0)): 3.0, ((0, 0), (1, 0)): 9.0}, {(x, 0) for x in range(4)})
    assert found.bisection == (8.0, 0.0)


def test_no_links_are_no_load() -> None:
    found = link_use({}, {(0, 0)})
    assert (found.used, found.mean, sum(found.histogram), found.bisection) == (0, 0.0, 0, (0.0, 0.0))


LINKS = (*TRAFFIC, "links")
DAMAGES: Mapping[str, tuple[tuple[Any, ...], Callable[[Any], Any]]] = {
    "a link too many": ((*LINKS, "used"), add(1)),
    "another mean": ((*LINKS, "mean"), add(0.5)),
    "a link in the bin below": ((*LINKS, "histogram"), lambda h: (*h[:-2], h[-2] + 1, h[-1] - 1)),
    "a link in no bin": ((*LINKS, "histogram", 9), add(-1)),
    "a bin more": ((*LINKS, "histogram"), lambda h: (*h, 0)),
    "less between columns": ((*LINKS, "bisection", 0), add(-1)),
    "more between rows": ((*LINKS, "bisection", 1), add(1)),
    "no bisection": ((*LINKS, "bisection"), put((0.0, 0.0))),
}


@pytest.mark.parametrize("name", DAMAGES)
@pytest.mark.parametrize("kind", ["mesh", "tree"])
def test_figures_of_links_that_are_wrong_are_refused(name: str, kind: str) -> None:
    plan, net = world("mesh") if kind == "mesh" else several_chips()
    assert plan.cost.traffic.links.used > 1
    path, make = DAMAGES[name]
    with pytest.raises(VerificationError) as refusal:
        verify(changed(plan, path, make), net)
    assert refusal.value.code == "PLAN239"
