"""The checker's messages under dimension order, against a walk link by link."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_nir.plan import check_mesh
from neuedge_nir.plan.check_mesh import Messages, crossed
from tests.sampling import examples

Router = tuple[int, int]
WIDE, HIGH = 6, 5

routers = st.tuples(st.integers(0, WIDE - 1), st.integers(0, HIGH - 1))
messages = st.lists(st.tuples(st.integers(0, 3), routers, routers, st.integers(0, 4)), max_size=12)


def walked(start: Router, end: Router, *, torus: bool) -> Iterator[Router]:
    """The stops behind the first, along x and then along y: the shorter way round, upwards where both are as long."""
    here = list(start)
    for axis, size in enumerate((WIDE, HIGH)):
        upwards = (end[axis] - here[axis]) % size
        up = 2 * upwards <= size if torus else end[axis] > here[axis]
        while here[axis] != end[axis]:
            here[axis] = (here[axis] + (1 if up else -1)) % size
            yield here[0], here[1]


@pytest.mark.parametrize("torus", [False, True])
@settings(max_examples=examples(60), deadline=None)
@given(sent=messages, at_a_time=st.sampled_from([1, 7, 1 << 20]))
def test_every_link_has_the_messages_that_walk_over_it(
    sent: list[tuple[int, Router, Router, int]], at_a_time: int, torus: bool
) -> None:
    sent.sort()
    loads: dict[tuple[Router, Router], float] = defaultdict(float)
    widest: dict[tuple[int, tuple[Router, Router]], float] = defaultdict(float)
    turns: set[tuple[tuple[Router, Router], tuple[Router, Router]]] = set()
    for route, start, end, load in sent:
        stops = [start, *walked(start, end, torus=torus)]
        links = list(pairwise(stops))
        turns.update(pairwise(links))
        for link in links:
            loads[link] += load
            widest[route, link] = max(widest[route, link], load)
    columns = list(zip(*sent, strict=True)) or [(), (), (), ()]
    asked = Messages(
        np.array(columns[1], dtype=np.int64).reshape(-1, 2),
        np.array(columns[2], dtype=np.int64).reshape(-1, 2),
        np.array(columns[3], dtype=np.float64),
        np.array(columns[0], dtype=np.int64),
        np.zeros(len(sent), dtype=np.int64),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(check_mesh, "CROSSINGS", at_a_time)
        found = crossed(asked, (WIDE, HIGH), torus=torus)
    assert found.loads == loads
    assert found.tree_hops == sum(widest.values())
    assert found.turns == (turns if torus else set())
