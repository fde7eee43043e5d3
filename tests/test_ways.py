"""Ways between neurons, told by the mapper, by the checker, and by matrices of ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from neuedge_nir import emit
from neuedge_nir.errors import NoPlanError, VerificationError
from neuedge_nir.mapping import legalise
from neuedge_nir.mapping.ways import several_ways
from neuedge_nir.network.connect import Conv, Dense, Operator, Pool, PoolKind, Scale
from neuedge_nir.network.model import Network, Projection
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.check_fan import stages
from neuedge_nir.plan.check_ways import _several
from neuedge_nir.plan.verify import verify
from tests.brute import matrix
from tests.sampling import examples
from tests.test_emit_ranc import assert_same, noise
from tests.worlds import conv, dense, network, networks, pool, random_array, real, wire


def ways(projection: Projection) -> np.ndarray:
    """How many there are, (targets, sources): the product of the operators with ones for weights."""
    found = np.eye(int(np.prod(projection.source_shape)))
    for operator in projection.chain:
        found = matrix(counting(operator)) @ found
    return found


def counting(operator: Operator) -> Operator:
    match operator:
        case Dense(weight=weight) | Conv(weight=weight):
            return replace(operator, weight=np.ones_like(weight))
        case Pool():
            return replace(operator, kind=PoolKind.SUM)
        case Scale():
            return replace(operator, factor=np.ones(operator.shape))
        case _:
            return operator


@settings(max_examples=examples(300), deadline=None)
@given(networks())
def test_mapper_and_checker_find_the_ways_there_are(net: Network) -> None:
    for projection in net.projections:
        several = bool((ways(projection) > 1).any())
        assert several_ways(projection) == several
        assert _several(stages(projection.chain)) == several


OVERLAPPING = pool((1, 6, 6), 3, stride=2)
BATCH = Dense("batch", random_array(2, 3, 4))
UPRIGHT = Pool("pool", PoolKind.SUM, (1, 6, 6), (1, 3, 6), (2, 1), (2, 1), (0, 0))
CASES = [
    ((OVERLAPPING, dense(5, 4)), True),
    ((pool((1, 6, 6), 2), dense(5, 9)), False),
    ((pool((1, 6, 6), 2), conv((1, 3, 3), 2)), False),
    ((conv((1, 6, 6), 1), pool((1, 6, 6), 2)), True),
    ((conv((1, 6, 6), 1, 1, padding=0), pool((1, 6, 6), 2)), False),
    ((Dense("d", random_array(1, 6, 6, 6)), pool((1, 6, 6), 2)), True),
    (
        (Dense("d", random_array(1, 6, 6, 6)), Pool("p", PoolKind.SUM, (1, 6, 6), (1, 3, 6), (2, 1), (2, 1), (0, 0))),
        False,
    ),
    ((OVERLAPPING,), False),
    ((BATCH,), False),
]


@pytest.mark.parametrize(("chain", "several"), CASES)
def test_ways_by_hand(chain: tuple[Operator, ...], several: bool) -> None:
    projection = Projection("p", "i", "a", chain[0].input_shape, chain[-1].output_shape, chain)
    assert several_ways(projection) == bool((ways(projection) > 1).any()) == several
    assert _several(stages(chain)) == several


def overlapping() -> Network:
    return network({"a": 5}, wire("in", "a", OVERLAPPING, dense(5, 4)), inputs={"in": (1, 6, 6)}, model="IF", dt=1.0)


def test_several_ways_are_refused_where_axons_have_types() -> None:
    with pytest.raises(NoPlanError) as refused:
        compile_network(overlapping(), real("truenorth"))
    assert refused.value.code == "FIT022"
    assert refused.value.where == "node 'dense5x4'"
    compile_network(overlapping(), real("spinnaker1"), Options(effort="none"))


def test_the_checker_refuses_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legalise, "several_ways", lambda _: False)
    with pytest.raises(VerificationError) as refused:
        compile_network(overlapping(), real("truenorth"))
    assert refused.value.code == "PLAN137"


def test_the_remedy_that_the_error_names_helps() -> None:
    net = overlapping()
    plan = compile_network(net, real("truenorth"), Options(passes=("fold-pool",)))  # type: ignore[arg-type]
    assert emit(plan, net)


def test_a_core_without_a_choice_of_axon_types_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What neither mapper nor checker sees is seen when it is written."""
    monkeypatch.setattr(legalise, "several_ways", lambda _: False)
    monkeypatch.setattr("neuedge_nir.plan.verify.check_ways", lambda *_: None)
    net = overlapping()
    plan = compile_network(net, real("truenorth"))
    with pytest.raises(VerificationError) as refused:
        emit(plan, net)
    assert refused.value.code == "OUT201"
    assert refused.value.where == "core 0"
    verify(plan, net)


@pytest.mark.parametrize("inputs", [4, 60, 200])
def test_layers_with_a_batch_axis_are_held_as_they_compute(inputs: int) -> None:
    net = network(
        {"a": (2, 3)}, wire("in", "a", Dense("batch", random_array(2, 3, inputs))), inputs={"in": (2, inputs)},
        model="IF", dt=1.0,
    )  # fmt: skip
    plan = compile_network(net, real("truenorth"), Options(effort="none"))
    assert_same(plan, net, emit(plan, net), noise(net, 1))
