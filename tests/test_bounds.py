"""What is known before any mapping: bounds that no mapping beats, and how large a plan is tried."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from neuedge_nir.chip.model import Chip
from neuedge_nir.errors import CapacityError, NoPlanError
from neuedge_nir.mapping.bounds import check_room, input_cores_bound, lower_bound, neurons_bound
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.pack import partition
from neuedge_nir.mapping.partition import Partition, Piece, Role
from neuedge_nir.mapping.split import check_single_neurons
from neuedge_nir.network.model import Network
from neuedge_nir.pipeline import Options, compile_network
from tests.sampling import examples
from tests.strategies import slices
from tests.worlds import chain, chip, chips, conv, demands_of, dense, network, networks, real, wire

GIANT = conv((1, 4000, 4000), 10)
"""160 million outputs, of which nothing is held."""


def legal(net: Network, on: Chip, *, mapped_inputs: bool = False) -> Demands:
    try:
        demands = demands_of(net, on, mapped_inputs=mapped_inputs)
        check_single_neurons(demands)
    except (CapacityError, NoPlanError):
        assume(False)
    return demands


def partitioned(demands: Demands) -> Partition:
    try:
        return partition(demands, "none")
    except NoPlanError:
        assume(False)
        raise


def giant(model: str = "IF") -> Network:
    return network({"a": GIANT.output_shape}, wire("i", "a", GIANT), inputs={"i": GIANT.input_shape}, model=model)


@settings(max_examples=examples(60), deadline=None)
@given(networks(), chips(), st.booleans())
def test_the_bounds_by_numbers_alone_are_never_more_than_a_mapping_takes(
    net: Network, on: Chip, mapped_inputs: bool
) -> None:
    demands = legal(net, on, mapped_inputs=mapped_inputs)
    found = partitioned(demands)
    roles = [cluster.role for cluster in found.clusters]
    assert neurons_bound(demands).cores <= lower_bound(demands).cores <= roles.count(Role.NEURONS)
    assert input_cores_bound(demands) + demands.legal.outputs.gatherer <= roles.count(Role.INPUT) + roles.count(Role.IO)


@settings(max_examples=examples(60), deadline=None)
@given(networks(), chips(), st.integers(1, 40), st.booleans())
def test_no_plan_has_more_cores_than_are_tried(net: Network, on: Chip, most: int, mapped_inputs: bool) -> None:
    demands = legal(net, on, mapped_inputs=mapped_inputs)
    cores = len(partitioned(demands).clusters)
    try:
        assert len(partition(demands, "none", max_cores=most).clusters) <= most
    except NoPlanError as error:
        assert most < cores or error.code != "FIT021" or any(p.neurons > most for p in net.populations)
    try:
        check_room(demands, 1 << 40, most)
    except NoPlanError as error:
        assert (error.code, most < cores) == ("FIT021", True)


@settings(max_examples=examples(60), deadline=None)
@given(networks(most=5), chips(), st.data())
def test_populations_of_one_family_use_the_same(net: Network, on: Chip, data: st.DataObject) -> None:
    """Each counted by itself, by demands that know no other."""
    demands = legal(net, on)
    names = [population.name for population in net.populations]
    one, other = (data.draw(st.sampled_from(names)) for _ in range(2))
    assume(demands.family(one) == demands.family(other))
    assert demands.shapes[one] == demands.shapes[other]
    part = data.draw(slices(demands.shapes[one]))
    uncut = demands.uncut()
    assert legal(net, on).of(Piece(one, part), uncut) == legal(net, on).of(Piece(other, part), uncut)


def test_layers_that_are_alike_are_one_family() -> None:
    layer = dense(4, 4)
    net = network(
        {"a": 4, "b": 4, "c": 4, "d": 3},
        *(wire("i", name, layer) for name in "abc"),
        wire("i", "d", dense(3, 4)),
        inputs={"i": 4},
    )
    demands = demands_of(net, chip(neurons=100))
    assert len({demands.family(name) for name in "abc"}) == 1
    assert demands.family("d") != demands.family("a")


@pytest.mark.parametrize(
    ("target", "error", "code", "most"),
    [
        ("loihi1", CapacityError, "FIT015", None),
        ("spinnaker2", CapacityError, "FIT015", None),
        ("loihi2", NoPlanError, "FIT021", None),
        ("loihi2", NoPlanError, "FIT021", 1 << 15),
        ("truenorth", CapacityError, "FIT015", None),
    ],
)
def test_a_giant_is_answered_before_it_is_cut(
    monkeypatch: pytest.MonkeyPatch, target: str, error: type[Exception], code: str, most: int | None
) -> None:
    monkeypatch.setattr("neuedge_nir.pipeline.stages.partition", None)
    monkeypatch.setattr("neuedge_nir.pipeline.ready.partition", None)
    with pytest.raises(error) as caught:
        compile_network(giant(), real(target), Options(effort="none", max_cores=most))
    assert getattr(caught.value, "code", "") == code


def test_a_plan_of_as_many_cores_as_are_tried_is_found() -> None:
    net, on = chain(a=1000), chip(neurons=100)
    assert compile_network(net, on, Options(effort="none", max_cores=10)).mapping.cores_used == 10
    with pytest.raises(NoPlanError) as caught:
        compile_network(net, on, Options(effort="none", max_cores=9))
    assert (caught.value.code, caught.value.needed, caught.value.available) == ("FIT021", 10, 9)
    assert "at least 10 cores, by neurons" in str(caught.value)


def test_what_a_bound_does_not_see_is_refused_when_it_is_cut() -> None:
    """Each core sees 16 axons, a square of 2 x 2 pixels: 256 cores, where all of the axons are those of 64."""
    image = conv((1, 32, 32), 16)
    net = network({"a": image.output_shape}, wire("i", "a", image), inputs={"i": (1, 32, 32)})
    demands = demands_of(net, chip(neurons=1024, input_axons=16))
    assert lower_bound(demands).cores == 64
    check_room(demands, 1000, 255)
    with pytest.raises(NoPlanError, match="256 slices") as caught:
        partition(demands, "none", max_cores=255)
    assert caught.value.code == "FIT021"


def test_cores_with_inputs_count() -> None:
    net, on = chain(inputs=1000, a=10), chip(neurons=100)
    options = Options(effort="none", map_inputs=True, max_cores=11)
    assert compile_network(net, on, options).mapping.cores_used == 11
    demands = demands_of(net, on, mapped_inputs=True)
    assert (neurons_bound(demands).cores, input_cores_bound(demands)) == (1, 10)
    for asked in (lambda: check_room(demands, 1000, 10), lambda: partition(demands, "none", max_cores=10)):
        with pytest.raises(NoPlanError) as caught:
            asked()
        assert caught.value.code == "FIT021"


def test_a_chip_without_a_limit_of_a_core_takes_one_core() -> None:
    on = replace(chip(neurons=9), limits=())
    plan = compile_network(chain(a=5, b=3), on, Options(effort="none"))
    assert (plan.mapping.cores_neurons, plan.mapping.cores_lower_bound, plan.outcome) == (1, 1, "optimal")
