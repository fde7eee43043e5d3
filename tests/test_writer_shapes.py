"""Shapes that NIR has no way to bring about: a matrix or a vector in the file, and read back what it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuedge_nir.errors import NeuedgeError
from neuedge_nir.frontend import read, write
from neuedge_nir.frontend.unrolled import geometry_of, matrix_of
from neuedge_nir.interpreter.run import simulate
from neuedge_nir.network.connect import Conv, Dense, Operator, Pool, PoolKind, Scale
from neuedge_nir.network.equal import difference
from neuedge_nir.network.model import IF, LIF, Network, Population
from tests.strategies import convs
from tests.worlds import computed, dense, network, random_array, wire
from tests.written import again, biased, codes, kinds, refused


def grouped(inputs: int, outputs: int, groups: int) -> Conv:
    """A layer in groups over a vector, as a convolution over one place."""
    weight = random_array(outputs, inputs // groups, 1, seed=4)
    return Conv("layer", weight, (inputs, 1), (outputs, 1), (1,), ((0, 0),), (1,), groups)


def flat(shape: tuple[int, ...], *chain: Operator, source: int = 12) -> Network:
    """A vector of inputs, a population of some shape that the chain feeds, and three neurons behind it."""
    size = int(np.prod(shape))
    behind = wire("a", "b", Dense("behind", random_array(3, size)))
    return network({"a": shape, "b": 3}, wire("i", "a", *chain), behind, inputs={"i": source}, model="LIF", dt=1.0)


@given(st.data())
def test_the_matrix_of_a_convolution_does_what_it_does(data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from([(2, 5), (3, 4), (2, 4, 5), (4, 3, 3)]))
    conv = data.draw(convs(shape))
    conv = replace(conv, weight=random_array(*conv.weight.shape, seed=1))
    geometry = geometry_of(conv)
    assert (geometry is None) == any(map(any, conv.padding))
    if geometry is not None:
        signal = random_array(*shape, seed=2)
        due = computed((conv,), signal).reshape(-1)
        np.testing.assert_allclose(matrix_of(geometry, conv.weight) @ signal.reshape(-1), due)


@pytest.mark.parametrize("groups", [1, 2, 3])
@pytest.mark.parametrize("shape", [(6,), (6, 1), (2, 3), (3, 1, 2)])
def test_a_layer_in_groups_over_a_vector_is_an_affine_in_the_file(
    groups: int, shape: tuple[int, ...], tmp_path: Path
) -> None:
    net = biased(flat(shape, grouped(12, 6, groups)), a=random_array(*shape, seed=5))
    assert difference(net, again(net, tmp_path)) is None
    assert kinds(net)["layer"] == "Affine"
    assert nir.read(tmp_path / "net.nir").nodes["layer"].weight.shape == (6, 12)


def test_scales_around_a_matrix_and_parameters_of_each_neuron_come_back(tmp_path: Path) -> None:
    before, behind = Scale("s", random_array(12, seed=6), (12,)), Scale("t", random_array(6, seed=7), (6,))
    net = flat((2, 3), before, grouped(12, 6, 2), behind)
    first, *rest = net.populations
    assert isinstance(first.neuron, LIF)
    neuron = replace(first.neuron, v_threshold=1 + random_array(2, 3, seed=8) ** 2)
    net = replace(net, populations=(replace(first, neuron=neuron), *rest))
    found = again(net, tmp_path)
    assert difference(net, found) is None
    signal = np.random.default_rng(0).random((3, 9, 12)) < 0.5
    np.testing.assert_array_equal(simulate(net, signal).outputs["out"], simulate(found, signal).outputs["out"])


def test_neurons_behind_neurons_whose_shape_is_out_of_reach_are_a_vector_too(tmp_path: Path) -> None:
    """One to one, all of them, up to a layer that takes a vector."""
    wires = wire("i", "a", dense(6, 12)), wire("a", "b"), wire("b", "c", Dense("last", random_array(2, 6)))
    net = network({"a": (2, 3), "b": (2, 3), "c": 2}, *wires, inputs={"i": 12}, model="IF", dt=1.0)
    assert difference(net, again(net, tmp_path)) is None
    stored = nir.read(tmp_path / "net.nir").nodes
    assert [stored[name].v_threshold.shape for name in ("a", "b", "c")] == [(6,), (6,), (2,)]


def test_a_pool_on_what_no_flatten_gives_is_refused() -> None:
    pool = Pool("p", PoolKind.SUM, (1, 4, 3), (1, 2, 3), (2, 1), (2, 1), (0, 0))
    assert refused(flat((2, 3), pool)).code == "OUT001"


def changed(net: Network, folder: Path, **changes: Any) -> Network:
    """The network after somebody changed its metadata in the file."""
    write(net, folder / "one.nir")
    graph = nir.read(folder / "one.nir")
    graph.metadata["neuedge"] = json.dumps(json.loads(graph.metadata["neuedge"]) | changes)
    nir.write(folder / "two.nir", graph)
    return read(folder / "two.nir")


SAID = {"weight": [6, 6, 1], "space": [1], "stride": [1], "dilation": [1], "groups": 2}


@pytest.mark.parametrize(
    "change",
    [
        {"groups": 3, "weight": [6, 4, 1]},
        {"weight": [6, 6]},
        {"weight": [6, 6, 0]},
        {"groups": 0},
        {"groups": -2, "weight": [6, -6, 1]},
        {"weight": [6, 6, 2], "dilation": [2**62]},
        {"stride": [2**80]},
        {"space": [12], "weight": [1, 1, 7], "groups": 1, "dilation": [2]},
    ],
)
def test_a_convolution_that_the_weights_are_not_is_told_and_not_read(change: dict[str, Any], tmp_path: Path) -> None:
    net = flat((6,), grouped(12, 6, 2))
    found = changed(net, tmp_path, convs={"layer": SAID | change, "nobody": SAID})
    told = [d.node for d in found.diagnostics if d.code == "NET059"]
    assert told == ["layer", "nobody"]
    (layer,) = next(p for p in found.projections if p.target == "a").chain
    assert isinstance(layer, Dense)
    signal = np.random.default_rng(0).random((2, 5, 12)) < 0.5
    np.testing.assert_array_equal(simulate(net, signal).outputs["out"], simulate(found, signal).outputs["out"])


@pytest.mark.parametrize("shape", [[2, 2], [], [-2, -3], [0, 6], [6, 1, 2]])
def test_a_shape_that_neurons_do_not_fill_is_told_and_not_read(shape: list[int], tmp_path: Path) -> None:
    found = changed(flat((2, 3), dense(6, 12)), tmp_path, shapes={"a": shape})
    assert [d.node for d in found.diagnostics if d.code == "NET059"] == ["a"]
    assert found.population("a").shape == (6,)


@pytest.mark.parametrize("change", [{"convs": {"layer": {"weight": "x"}}}, {"shapes": {"a": "x"}}, {"shapes": [1]}])
def test_metadata_of_other_types_are_refused(change: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(NeuedgeError) as error:
        changed(flat((2, 3), grouped(12, 6, 2)), tmp_path, **change)
    assert error.value.code == "NET020"


def test_parameters_that_fit_no_population_are_refused() -> None:
    odd = Population("a", IF(np.ones(5), np.ones(()), np.zeros(())), (2, 3))
    net = network({"a": (2, 3)}, wire("i", "a"), inputs={"i": 6}, model="IF", dt=1.0)
    assert refused(replace(net, populations=(odd,))).code == "OUT006"


def test_files_that_need_none_of_it_have_none_of_it() -> None:
    assert codes(flat((6,), dense(6, 12))) == []
