"""Weights by axon type, counted twice: what the mapper stores with one, two or four axons an input, and the checker."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_nir.emission.files import emitted
from neuedge_nir.errors import CapacityError, VerificationError
from neuedge_nir.mapping.legalise import legalise
from neuedge_nir.network.connect import Conv, Dense, Operator
from neuedge_nir.network.model import Network
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.check_types import error_of
from neuedge_nir.plan.verify import verify
from tests.irregular import irregular_networks
from tests.sampling import examples
from tests.test_emit_ranc import assert_same, noise
from tests.test_verify import changed, put
from tests.worlds import network, networks, real, wire

TRUENORTH = real("truenorth")


def layer(*rows: list[float]) -> Network:
    weight = np.array(rows, dtype=float)
    wires = wire("in", "a", Dense("d", weight))
    return network({"a": len(rows)}, wires, inputs={"in": weight.shape[1]}, model="IF", dt=1.0)


@pytest.mark.parametrize(
    ("rows", "axons"),
    [
        ([[1, -1], [1, -1]], 1),  # one axon an input, of two types: a neuron has a weight for each
        ([[1, -1], [2, -2]], 1),
        ([[3, -3, 0, 3], [-5, 5, 5, 0]], 1),
        ([[1, -1, 0, 1, -1, 0], [1, 1, -1, -1, 0, 0], [-1, 1, 1, 0, 0, 1]], 2),
    ],
)
def test_a_neuron_has_a_weight_for_each_type_of_axon(rows: list[list[float]], axons: int) -> None:
    net = layer(*rows)
    plan = compile_network(net, TRUENORTH, Options(effort="none"))
    (held,) = plan.projections
    assert (held.axons_per_input, held.weight_step, round(held.weight_error, 9)) == (axons, 0.0, 0.0)
    verify(plan, net)


def test_weights_of_one_axon_each_run_on_the_chip_as_emulated() -> None:
    net = layer([1.0, -1.0], [1.0, -1.0])
    plan = compile_network(net, TRUENORTH, Options(effort="none"))
    assert assert_same(plan, net, emitted(plan, net, "ranc"), noise(net, 3)) > 0


def coarse(net: Network, seed: int, levels: int) -> Network:
    """Of few different weights, which take one axon or two, or of many."""
    rng = np.random.default_rng(seed)

    def rounded(operator: Operator) -> Operator:
        if isinstance(operator, Dense | Conv):
            return replace(operator, weight=rng.integers(-levels, levels + 1, operator.weight.shape) / 4)
        return operator

    return replace(net, projections=tuple(replace(p, chain=tuple(map(rounded, p.chain))) for p in net.projections))


@settings(max_examples=examples(60), deadline=None)
@given(st.one_of(networks(), irregular_networks(chances=False)), st.integers(0, 9), st.sampled_from([1, 2, 3, 100]))
def test_the_checker_finds_the_error_that_the_mapper_stores(net: Network, seed: int, levels: int) -> None:
    try:
        legal = legalise(coarse(net, seed, levels), TRUENORTH)
    except CapacityError:
        return
    for population in legal.network.populations:
        into = legal.network.into(population.name)
        stored = {(p.stored.axons_per_input, p.stored.error) for p in legal.into(population.name)}
        assert len(stored) == min(1, len(into))
        for axons, error in stored:
            assert math.isclose(error_of(into, axons, 4, 255), error, rel_tol=1e-6, abs_tol=1e-12)


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("weight_error", 0.5, "PLAN117"),
        ("weight_step", 1.0, "PLAN117"),
        ("axons_per_input", 2, "PLAN260"),
    ],
)
def test_what_is_told_of_them_must_be_theirs(name: str, value: float, code: str) -> None:
    two = wire("in", "a", Dense("d", np.ones((3, 4)))), wire("more", "a", Dense("e", np.ones((3, 4))))
    net = network({"a": 3}, *two, inputs={"in": 4, "more": 4}, model="IF", dt=1.0)
    plan = compile_network(net, TRUENORTH, Options(effort="none"))
    verify(plan, net)
    with pytest.raises(VerificationError) as refusal:
        verify(changed(plan, ("projections", 0, name), put(value)), net)
    assert refusal.value.code == code
