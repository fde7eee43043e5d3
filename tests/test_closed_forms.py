"""Dimension order in closed form, at every size of a mesh and torus, against ways walked link by link."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_nir.chip.model import Mesh
from neuedge_nir.mapping.fabric import Fabric, Link, Router
from neuedge_nir.mapping.routing import order
from neuedge_nir.mapping.routing.order import STEPS, link_counts, tree_counts
from tests.sampling import examples
from tests.test_route import fabric_of
from tests.worlds import system, topology


def machine(columns: int, rows: int, *, wraps: bool) -> Fabric:
    mesh = Mesh.TORUS if wraps else Mesh.MESH
    return fabric_of(topology(columns=columns, rows=rows, systems=(system(1, 1),), mesh=mesh))


@st.composite
def messages(draw: st.DrawFn) -> tuple[Fabric, list[tuple[int, Router, Router, int]]]:
    """Flow, source, target, count: all messages of a flow have one source."""
    fabric = machine(draw(st.integers(1, 7)), draw(st.integers(1, 7)), wraps=draw(st.booleans()))
    router = st.tuples(st.integers(0, fabric.columns - 1), st.integers(0, fabric.rows - 1))
    ends = draw(st.lists(st.tuples(router, st.lists(router, max_size=6)), max_size=6))
    return fabric, [(f, a, b, draw(st.integers(1, 50))) for f, (a, those) in enumerate(ends) for b in those]


def arrays(sent: list[tuple[int, Router, Router, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    flow, sources, targets, counts = ([message[k] for message in sent] for k in range(4))
    starts, ends = (np.array(routers, dtype=np.int64).reshape(-1, 2) for routers in (sources, targets))
    return np.array(flow, dtype=np.int64), starts, ends, np.array(counts, dtype=np.int64)


@settings(max_examples=examples(80), deadline=None)
@given(messages(), st.integers(1, 5))
def test_loads_are_those_of_every_way_walked(
    drawn: tuple[Fabric, list[tuple[int, Router, Router, int]]], block: int
) -> None:
    fabric, sent = drawn
    walked: Counter[Link] = Counter()
    for _, a, b, count in sent:
        for link in pairwise(fabric.xy_path(a, b)):
            walked[link] += count
    _, sources, targets, counts = arrays(sent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order, "BLOCK", block)
        found = link_counts(sources, targets, counts, (fabric.columns, fabric.rows), wraps=fabric.wraps)
    named: Counter[Link] = Counter()
    for d, x, y in np.argwhere(found).tolist():
        ahead = (x + STEPS[d][0]) % fabric.columns, (y + STEPS[d][1]) % fabric.rows
        named[(x, y), ahead] += int(found[d, x, y])
    assert named == walked


@settings(max_examples=examples(80), deadline=None)
@given(messages())
def test_tree_hops_count_the_most_messages_on_each_link_of_a_flow(
    drawn: tuple[Fabric, list[tuple[int, Router, Router, int]]],
) -> None:
    fabric, sent = drawn
    most: dict[tuple[int, Link], int] = defaultdict(int)
    for flow, a, b, count in sent:
        for link in pairwise(fabric.xy_path(a, b)):
            most[flow, link] = max(most[flow, link], count)
    size = fabric.columns, fabric.rows
    found = tree_counts(*arrays(sent), size, wraps=fabric.wraps, flows=6)
    assert found.tolist() == [sum(n for (f, _), n in most.items() if f == flow) for flow in range(6)]


def test_a_hundred_thousand_flows_add_up_at_once() -> None:
    random = np.random.default_rng(1)
    sources, targets = (random.integers(0, 64, (100_000, 2)) for _ in range(2))
    counts = random.integers(1, 100, 100_000)
    for wraps in (False, True):
        found = link_counts(sources, targets, counts, (64, 64), wraps=wraps)
        far = np.abs(targets - sources)
        far = np.minimum(far, 64 - far) if wraps else far
        assert found.sum() == (far.sum(axis=1) * counts).sum()


# --- The benchmark


@pytest.fixture(scope="module")
def bench() -> Iterator[ModuleType]:
    file = Path(__file__).parents[1] / "benchmarks" / "routing.py"
    spec = importlib.util.spec_from_file_location("routing_benchmark", file)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_the_benchmark_reads_a_peers_placement(bench: ModuleType) -> None:
    network = {
        "pops": [{"name": "a", "n": 300}, {"name": "b", "n": 300}],
        "projs": [{"pre": "a", "post": "b", "conn": "one"}, {"pre": "b", "post": "b", "conn": "fixedprob"}],
    }
    placed = [["a(0:199)", 0, 0, 3], ["a(200:299)", 1, 0, 3], ["b(0:255)", 1, 1, 3], ["b(256:299)", 0, 1, 3]]
    cores = bench.cores_of(network, {"placements": placed})
    assert cores.held == (("a", 0, 200), ("a", 200, 300), ("b", 0, 256), ("b", 256, 300))
    assert cores.targets == ((2,), (2, 3), (2, 3), (2, 3))
    found = bench.routed(cores, bench.fabric_for(bench.load_target("spinnaker1").chip(), 4))
    assert found.tree_hops == 200 + 100 * 2 + 256 + 44
    assert found.tables is not None


def test_the_benchmark_prints_a_line_for_each_machine(bench: ModuleType) -> None:
    lines = list(bench.closed_forms(1000, 5))
    assert [line.split("|")[1].strip() for line in lines] == ["1,000 on a mesh", "1,000 on a torus"]
