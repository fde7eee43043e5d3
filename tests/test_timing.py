"""Lags against all paths written out, and every delay that a chip cannot keep."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_nir.errors import CapacityError, NoPlanError, UsageError
from neuedge_nir.mapping.timing import Timing, lag, rounded_delays
from neuedge_nir.network.connect import Delay
from neuedge_nir.network.model import Network
from tests.sampling import examples
from tests.worlds import chain, chip, dense, network, real, recurrent, residual, wire

Edge = tuple[str, str, int]
"""Source, target, delay in the original network."""

PATIENT = chip(neurons=10, max_delay=99)


def timing_of(net: Network, dt: float | None = None) -> Timing:
    return lag(net, PATIENT, dt if dt is not None else net.dt)


def delay(steps: float, size: int = 1) -> Delay:
    return Delay("wait", np.asarray(steps, dtype=np.float64), (size,))


def graph(edges: list[Edge]) -> Network:
    """Populations of one neuron each, joined by edges of any delay; those that lead back have a step of their own."""
    sizes = {name: 1 for source, target, _ in edges for name in (source, target)}
    wires = [wire(s, t, delay(d - (s >= t)), steps=int(s >= t)) for s, t, d in edges]
    return network(sizes, *wires, outputs={}, dt=1.0)


def simple_paths(edges: list[Edge], path: tuple[Edge, ...]) -> Iterator[tuple[Edge, ...]]:
    """All ways on from a path that enter no population twice, but may close a cycle."""
    yield path
    visited = {edge[0] for edge in path}
    if path[-1][1] not in visited:
        for edge in edges:
            if edge[0] == path[-1][1]:
                yield from simple_paths(edges, (*path, edge))


def written_out(edges: list[Edge]) -> dict[str, int] | None:
    """The least lags by looking at every path; None where a cycle is too quick for any."""
    lags = {name: 0 for source, target, _ in edges for name in (source, target)}
    for path in (path for edge in edges for path in simple_paths(edges, (edge,))):
        steps = sum(1 - d for _, _, d in path)
        if path[-1][1] in {edge[0] for edge in path[1:]}:
            continue  # a cycle with a way into it: the cycle alone is another of the paths
        if path[-1][1] == path[0][0]:
            if steps > 0:
                return None
            continue
        lags[path[-1][1]] = max(lags[path[-1][1]], steps)
    return lags


def test_each_population_of_a_chain_runs_one_step_behind_the_one_before() -> None:
    found = timing_of(chain(a=2, b=2, c=2))
    assert found.lags == {"in": 0, "a": 1, "b": 2, "c": 3, "out": 3}
    assert set(found.delays.values()) == {1}


def test_a_skip_waits_for_the_longer_way() -> None:
    found = timing_of(residual())
    assert found.lags == {"i": 0, "a": 1, "b": 2, "c": 3, "out": 3}
    assert found.delays == {"i->a#0": 1, "a->b#1": 1, "b->c#2": 1, "a->c#3": 2}


def test_a_population_feeds_itself_after_one_step() -> None:
    found = timing_of(recurrent())
    assert found.lags == {"i": 0, "a": 1, "b": 2, "out": 2}
    assert found.delays["a->a#1"] == 1


def test_an_output_is_read_at_the_lag_of_its_latest_source() -> None:
    net = network({"a": 2, "b": 2}, wire("a", "b", dense(2, 2)), outputs={"early": "a", "late": "b"})
    found = timing_of(net)
    assert (found.lags["early"], found.lags["late"]) == (0, 1)
    assert set(found.delays) == {"a->b#0"}


def test_two_populations_that_feed_each_other_within_a_step_are_refused_by_name() -> None:
    with pytest.raises(CapacityError, match=r"a -> b -> a|b -> a -> b") as caught:
        timing_of(graph([("a", "b", 0), ("b", "a", 1)]))
    assert (caught.value.code, caught.value.needed, caught.value.available) == ("FIT007", 2, 1)


def test_two_populations_that_feed_each_other_in_two_steps_are_exact() -> None:
    found = timing_of(graph([("a", "b", 0), ("b", "a", 2)]))
    assert found.delays == {"a->b#0": 1, "b->a#1": 1}


@settings(max_examples=examples(300), deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("abcde"), st.integers(0, 3)), min_size=1, max_size=9)
)
def test_lags_are_the_longest_of_all_paths_and_every_hop_takes_a_step(drawn: list[Edge]) -> None:
    edges = [(s, t, max(d, int(s >= t))) for s, t, d in drawn]
    net, due = graph(edges), written_out(edges)
    if due is None:
        with pytest.raises(CapacityError) as caught:
            timing_of(net)
        assert_really_too_quick(caught.value, edges)
        return
    found = timing_of(net)
    assert found.lags == due
    for projection, (source, target, d) in zip(net.projections, edges, strict=True):
        assert found.delays[projection.name] == due[target] - due[source] + d >= 1


def assert_really_too_quick(error: CapacityError, edges: list[Edge]) -> None:
    """The cycle in the message exists, and has fewer steps than projections."""
    path = error.message.removeprefix("the cycle ").partition(" takes")[0].split(" -> ")
    assert path[0] == path[-1]
    quickest = [min(d for s, t, d in edges if (s, t) == hop) for hop in pairwise(path)]
    assert error.needed == len(quickest) > (error.available or 0) >= sum(quickest)


def test_a_delay_in_time_needs_the_length_of_a_step() -> None:
    net = network({"a": 1, "b": 1}, wire("a", "b", delay(0.004)))
    with pytest.raises(UsageError, match="length of a step") as caught:
        timing_of(net)
    assert (caught.value.code, caught.value.where) == ("USE012", "node 'wait'")
    assert timing_of(net, dt=0.001).delays["a->b#0"] == 4


def test_a_delay_is_rounded_to_steps_and_remarked_on() -> None:
    net = network({"a": 1, "b": 1}, wire("a", "b", delay(0.0029)))
    assert timing_of(net, dt=0.001).delays["a->b#0"] == 3
    assert [(d.code, d.node, d.message) for d in rounded_delays(net, 0.001)] == [
        ("WARN003", "wait", "the delay is 2.9 steps and is rounded to 3")
    ]
    assert rounded_delays(net, 0.0029) == rounded_delays(net, 0.0001) == rounded_delays(net, None) == []


def test_a_delay_of_nothing_needs_no_length_of_a_step() -> None:
    net = network({"a": 1, "b": 1}, wire("a", "b", delay(0.0)))
    assert timing_of(net).lags["b"] == 1


def test_several_delays_on_one_way_add_up() -> None:
    net = network({"a": 1, "b": 1}, wire("a", "b", delay(2.0), dense(1, 1), delay(1.0)), dt=1.0)
    found = timing_of(net, dt=1.0)
    assert (found.lags["b"], found.delays["a->b#0"]) == (0, 3)


def test_delays_that_differ_within_a_projection_are_refused() -> None:
    uneven = Delay("wait", np.array([1.0, 2.0]), (2,))
    with pytest.raises(CapacityError, match="differs from element to element") as caught:
        timing_of(network({"a": 2, "b": 2}, wire("a", "b", uneven)), dt=1.0)
    assert (caught.value.code, caught.value.where) == ("FIT009", "node 'wait'")


def test_a_skip_longer_than_the_chips_delay_is_refused_with_the_figures() -> None:
    longer = network(
        dict.fromkeys("abcd", 2), *(wire(s, t, dense(2, 2)) for s, t in ("ab", "bc", "cd", "ad")), outputs={}
    )
    with pytest.raises(CapacityError, match=r"a->d#3 must wait 3 steps, Toy delays 2") as caught:
        lag(longer, chip(neurons=10, max_delay=2), None)
    assert (caught.value.code, caught.value.where) == ("FIT008", "node 'd'")
    assert (caught.value.needed, caught.value.available) == (3, 2)
    assert lag(longer, chip(neurons=10, max_delay=3), None).delays["a->d#3"] == 3


def test_a_skip_on_a_chip_whose_delay_nobody_published_proves_nothing() -> None:
    with pytest.raises(NoPlanError, match=r"a->c#3 must wait 2 steps; .* is not published") as caught:
        lag(residual(), chip(neurons=10), None)
    assert (caught.value.code, caught.value.where) == ("FIT008", "node 'c'")
    assert (caught.value.needed, caught.value.available) == (2, 1)


def test_the_host_may_inject_an_input_later() -> None:
    net = network(
        {"a": 2, "b": 2, "c": 2},
        *(wire(s, t, dense(2, 2)) for s, t in ("ia", "ab", "bc", "ic")),
        inputs={"i": 2},
    )
    assert lag(net, chip(neurons=10), None).delays["i->c#3"] == 3
    with pytest.raises(NoPlanError):
        lag(net, chip(neurons=10), None, mapped_inputs=True)


def test_the_lags_of_four_thousand_populations_take_a_moment() -> None:
    sizes: Mapping[str, int] = {f"p{k}": 1 for k in range(4000)}
    net = chain(inputs=1, **sizes)  # type: ignore[arg-type]
    started = time.process_time()
    found = timing_of(net)
    assert time.process_time() - started < 3
    assert found.lags["p3999"] == 4000


def test_the_order_in_which_projections_are_listed_does_not_matter() -> None:
    edges = [("a", "b", 0), ("b", "c", 0), ("a", "c", 0), ("c", "a", 3), ("c", "d", 0)]
    assert timing_of(graph(edges)).lags == dict(sorted(timing_of(graph(edges[::-1])).lags.items()))


@pytest.mark.parametrize("name", ["loihi1", "truenorth", "spinnaker1"])
def test_the_chips_with_a_published_delay_balance_a_residual_block(name: str) -> None:
    assert lag(residual(), real(name), None).delays["a->c#3"] == 2
