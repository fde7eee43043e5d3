"""Counts of single synapses against every pair written out, and expected ones against the mean of many draws."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_nir.interpreter.operators import applied
from neuedge_nir.network.build import build, fixed_probability, join, lif, source
from neuedge_nir.network.connect import Dense
from neuedge_nir.network.connect_sparse import FixedProbability, Sparse
from neuedge_nir.network.count import counter, most_sources
from neuedge_nir.network.irregular import longest_of
from neuedge_nir.network.model import Projection
from neuedge_nir.network.slices import Block, Run, whole
from neuedge_nir.network.valid import irregular_faults
from neuedge_nir.pipeline import compile_network
from neuedge_nir.plan.check_irregular import _longest
from tests.irregular import matrix_of, pairs_of, sparse, sparse_projections
from tests.sampling import examples
from tests.strategies import slices
from tests.test_count import members
from tests.worlds import real


def operator_of(projection: Projection) -> Sparse:
    return next(op for op in projection.chain if isinstance(op, Sparse))


@settings(max_examples=examples(200), deadline=None)
@given(st.data())
def test_counts_of_any_slice_are_those_of_its_synapses(data: st.DataObject) -> None:
    projection = data.draw(sparse_projections())
    part, source_part = data.draw(slices(projection.target_shape)), data.draw(slices(projection.source_shape))
    mine = members(part, projection.target_shape)
    pairs = {(s, t) for s, t in pairs_of(operator_of(projection)) if t in mine}
    sources = {s for s, _ in pairs}
    count = counter(projection)
    assert count.connections(part) == count.synapses(part) == count.stored_weights(part) == len(pairs)
    assert count.axons(part) == count.sources(part).measure() == len(sources)
    assert count.axons(part, source_part) == len(sources & members(source_part, projection.source_shape))
    fans = Counter(Counter(s for s, _ in pairs).values())
    assert dict(count.fan_outs(part)) == dict(fans)
    assert count.longest_fan_out(part) == max(fans, default=0)


@settings(max_examples=examples(50), deadline=None)
@given(st.data())
def test_synapses_of_all_pairs_count_as_a_dense_layer(data: st.DataObject) -> None:
    inputs, outputs = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6))
    every = [(s, t) for s in range(inputs) for t in range(outputs)]
    one = Sparse.of("n", [s for s, _ in every], [t for _, t in every], 1.0, inputs, outputs)
    ends = ("p", "a", "b", (inputs,), (outputs,))
    some, dense = counter(Projection(*ends, (one,))), counter(Projection(*ends, (Dense("n", matrix_of(one)),)))
    part = data.draw(slices((outputs,)))
    for ask in ("axons", "connections", "synapses", "stored_weights", "fan_outs", "longest_fan_out"):
        assert getattr(some, ask)(part) == getattr(dense, ask)(part)
    assert some.fan_ins().tolist() == dense.fan_ins().tolist()
    assert (some.all_synapses, some.all_stored_weights) == (dense.all_synapses, dense.all_stored_weights)


@given(sparse(), st.randoms(use_true_random=False))
def test_the_order_of_synapses_changes_nothing(operator: Sparse, random: object) -> None:
    order = np.arange(operator.indices.size)
    random.shuffle(order)  # type: ignore[attr-defined]
    shapes = operator.input_shape, operator.output_shape
    other = Sparse.of("sparse", operator.indices[order], operator.rows[order], operator.weights[order], *shapes)
    for field in ("indptr", "indices", "weights"):
        assert np.array_equal(getattr(operator, field), getattr(other, field))


@given(sparse(), st.integers(1, 5))
def test_synapses_do_to_a_signal_what_their_matrix_does(operator: Sparse, samples: int) -> None:
    signal = np.random.default_rng(0).integers(0, 5, (samples, *operator.input_shape)).astype(float)
    expected = signal.reshape(samples, -1) @ matrix_of(operator).T
    assert np.array_equal(applied(operator, signal), expected.reshape(samples, *operator.output_shape))


def test_synapses_of_one_pair_are_added_up() -> None:
    operator = Sparse.of("n", [2, 0, 2], [1, 1, 1], [1.0, 2.0, 3.0], 3, 2)
    assert (operator.indptr.tolist(), operator.indices.tolist()) == ([0, 0, 2], [0, 2])
    assert operator.weights.tolist() == [2.0, 4.0]


def test_one_weight_for_all_is_held_once() -> None:
    assert Sparse.of("n", range(1000), range(1000), 0.5, 1000, 1000).weights.strides == (0,)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"indices": np.array([2, 0, 1])}, "do not ascend"),
        ({"indices": np.array([0, 3, 1])}, "outside"),
        ({"indptr": np.array([0, 3])}, "has rows of"),
        ({"indptr": np.array([0, 4, 3])}, "follow each other"),
    ],
)
def test_rows_that_are_no_rows_are_told(change: dict[str, object], wrong: str) -> None:
    operator = replace(Sparse.of("n", [0, 2, 1], [0, 0, 1], 1.0, 3, 2), **change)  # type: ignore[arg-type]
    (found,) = irregular_faults(Projection("p", "a", "b", (3,), (2,), (operator,)))
    assert wrong in found


def probable(sources: int, targets: int, p: float) -> Projection:
    operator = FixedProbability("n", p, np.asarray(1.0), (sources,), (targets,))
    return Projection("p", "a", "b", (sources,), (targets,), (operator,))


@pytest.mark.parametrize(("sources", "targets", "p"), [(300, 40, 0.1), (50, 200, 0.01), (20, 8, 0.5)])
def test_expected_counts_are_the_mean_of_many_draws(sources: int, targets: int, p: float) -> None:
    draws = np.random.default_rng(1).random((400, sources, targets)) < p
    part, count = Run(3, targets - 2), counter(probable(sources, targets, p))
    mine = draws[:, :, 3 : targets - 2]
    for counted, found in (
        (count.axons(part), mine.any(axis=2).sum(axis=1)),
        (count.connections(part), mine.sum(axis=(1, 2))),
    ):
        assert abs(counted - found.mean()) < 1 + 5 * found.std() / math.sqrt(len(found))
    assert np.median(mine.sum(axis=2).max(axis=1)) == pytest.approx(count.longest_fan_out(part), abs=1)
    lengths = dict(count.fan_outs(part))
    assert sum(lengths.values()) == count.axons(part)
    assert sum(n * often for n, often in lengths.items()) == count.connections(part)


@given(st.integers(1, 9), st.integers(1, 9), st.data())
def test_a_probability_of_one_counts_as_a_dense_layer(sources: int, targets: int, data: st.DataObject) -> None:
    part = data.draw(slices((targets,)))
    dense = counter(Projection("p", "a", "b", (sources,), (targets,), (Dense("n", np.ones((targets, sources))),)))
    count = counter(probable(sources, targets, 1.0))
    for ask in ("axons", "connections", "synapses", "stored_weights", "fan_outs", "longest_fan_out"):
        assert getattr(count, ask)(part) == getattr(dense, ask)(part)


@given(st.integers(1, 500), st.integers(1, 300), st.floats(0.001, 0.999))
def test_the_longest_row_is_the_least_that_half_a_source_exceeds(sources: int, neurons: int, p: float) -> None:
    def exceeding(length: int) -> float:
        terms = (math.comb(neurons, k) * p**k * (1 - p) ** (neurons - k) for k in range(length + 1, neurons + 1))
        return sources * math.fsum(terms)

    found = longest_of(sources, neurons, p)
    assert exceeding(found) < 0.5 + 1e-6
    assert found == 0 or exceeding(found - 1) >= 0.5 - 1e-6


TIES = [(2, 2, 0.5), (16, 5, 0.5), (128, 8, 0.5), (2048, 12, 0.5), (8, 2, 0.25), (32, 3, 0.25), (5, 1, 0.1)]


@pytest.mark.parametrize(("sources", "neurons", "p"), [*TIES, (500, 3, 0.1), (1, 4095, 0.5), (1 << 30, 31, 0.5)])
def test_a_tie_of_half_a_row_is_none_too_many_for_mapper_and_checker(sources: int, neurons: int, p: float) -> None:
    chance = Fraction(p).limit_denominator(1000)
    terms = [math.comb(neurons, k) * chance**k * (1 - chance) ** (neurons - k) for k in range(neurons + 1)]
    longer = accumulate(reversed(terms[1:]), initial=Fraction(0))
    exact = neurons - sum(sources * beyond <= Fraction(1, 2) for beyond in longer) + 1
    assert (longest_of(sources, neurons, p), _longest(sources, neurons, p)) == (exact, exact)


@pytest.mark.parametrize(("sources", "neurons", "p"), TIES)
def test_a_plan_with_a_tie_is_sound(sources: int, neurons: int, p: float) -> None:
    given, layer = source("i", sources), lif("a", neurons)
    network = build("n", [layer], [join(given, layer, fixed_probability(p, 0.1))], [given], dt=1.0)
    assert compile_network(network, real("spinnaker1")).mapping.cores_used


def test_a_million_neurons_cost_a_few_multiplications() -> None:
    count = counter(probable(10**6, 10**6, 1e-4))
    assert count.all_synapses == 10**8
    assert count.axons(whole((10**6,))) == 10**6
    assert count.axons(Run(0, 256)) == math.ceil(10**6 * (1 - (1 - 1e-4) ** 256))
    assert not any(counter(probable(10**6, 10**6, 1e-4)).fan_ins().strides)
    assert most_sources([probable(10, 10, 0.25)]) == (0, 3)


def test_blocks_of_a_sheet_are_counted_row_by_row() -> None:
    near = [(s, t) for s in range(36) for t in range(36) if abs(s // 6 - t // 6) + abs(s % 6 - t % 6) == 1]
    operator = Sparse.of("n", [s for s, _ in near], [t for _, t in near], 1.0, (6, 6), (6, 6))
    count = counter(Projection("p", "a", "b", (6, 6), (6, 6), (operator,)))
    assert count.axons(Block(((0, 3), (0, 3)))) == 9 - 0 + 6
    assert count.connections(Block(((2, 4), (2, 4)))) == 16
