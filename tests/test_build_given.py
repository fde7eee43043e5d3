"""What may be given to `network.build`: a network or an error with a code, soon and in little memory."""

from __future__ import annotations

import math
import tracemalloc
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from neuedge_nir.api import check, compile  # noqa: A004
from neuedge_nir.errors import CapacityError, NoPlanError, UsageError
from neuedge_nir.network.build import all_to_all, build, fixed_probability, join, lif, readout, source, synapses
from neuedge_nir.network.connect import Conv, Dense
from neuedge_nir.network.connect_sparse import Sparse
from neuedge_nir.network.model import IF, LIF, Network, Population, Projection
from neuedge_nir.pipeline import Options
from tests.conftest import CHIPS

A, B = lif("a", 3), lif("b", 2)
NO_NUMBERS: tuple[Any, ...] = ("x", None, math.nan, math.inf, -math.inf, True, [1], 10**400, b"3", 1j)
NO_SHAPES: tuple[Any, ...] = (2.5, "x", 0, -1, None, True, (), (2, 0), (2.0,), (True,), 10**12, 10**18, (2**31, 2**31))
NO_NAMES: tuple[Any, ...] = (None, 3, "", " ", "a/b", b"a", "\ud800", "a\0b", ["a"])
NO_NUMBERS_OF_NEURONS: tuple[Any, ...] = (
    *([0.5], [0.0], [True], ["a"], "a", None, [None], [-1], [9], [0, 1], 3, [1e30], [2**70], [math.nan], {0}, [1j]),
    *([[0]], np.array([2**63], np.uint64), [[0], [1, 2]]),
)


def code(made: Callable[..., object], *given: Any, **named: Any) -> str:
    with pytest.raises(UsageError) as refused:
        made(*given, **named)
    assert refused.value.hint
    return refused.value.code


@pytest.mark.parametrize("given", NO_NUMBERS)
def test_a_number_is_finite(given: Any) -> None:
    for name in ("tau", "r", "v_leak", "v_threshold"):
        assert code(lif, "a", 3, **{name: given}) == "USE097"
    assert code(lambda: all_to_all(given)) == code(lambda: fixed_probability(given)) == "USE097"
    assert code(lambda: fixed_probability(0.5, given)) == "USE097"
    if given != [1]:
        assert code(lambda: synapses([0], [0], given)) == "USE097"
    if given not in ([1], True):
        assert code(lambda: synapses([0, 1], [0, 0], [0.5, given])) in ("USE097", "USE034")


def test_a_number_is_within_its_bounds() -> None:
    for values in ({"tau": 0}, {"tau": -1}, {"v_threshold": -1}):
        assert code(lif, "a", 3, **values) == "USE097"
    assert code(lambda: fixed_probability(2)) == code(lambda: fixed_probability(-1)) == "USE097"


@pytest.mark.parametrize("given", NO_SHAPES)
def test_a_shape_is_whole_numbers_from_one(given: Any) -> None:
    assert code(lambda: lif("a", given)) == code(lambda: source("a", given)) == "USE096"


def test_a_length_may_be_any_whole_number() -> None:
    assert lif("a", np.int64(3)).shape == (3,)  # type: ignore[arg-type]
    assert source("a", [3, 4]).shape == (3, 4)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", NO_NAMES)
def test_a_name_is_text_that_can_be_kept(given: Any) -> None:
    assert code(lambda: lif(given, 3)) == code(lambda: source(given, 3)) == code(lambda: readout(given, A)) == "USE095"
    assert code(lambda: build(given, [A], [])) == "USE095"
    assert given is None or code(lambda: join(A, B, name=given)) == "USE095"


@pytest.mark.parametrize("given", NO_NUMBERS_OF_NEURONS)
def test_synapses_are_numbered_pairs(given: Any) -> None:
    assert code(lambda: join(A, B, synapses(given, [0]))) in ("USE098", "USE034")
    assert code(lambda: join(B, A, synapses([0], given))) in ("USE098", "USE034")


@pytest.mark.filterwarnings("error")
def test_synapses_are_lists_of_numbers_none_of_them_masked() -> None:
    numbers, masked = np.array([0, 1]), np.ma.array([0, 1], mask=[False, True])
    for sources, targets, weights in ((masked, numbers, 1.0), (numbers, masked, 1.0), (numbers, numbers, masked)):
        assert code(synapses, sources, targets, weights) == "USE034"
    assert code(synapses, [[0, 1]], [[0, 1]]) == code(synapses, 0, 1) == "USE098"
    assert code(synapses, [0, 1], [0, 1], [[0.5, 1.0]]) == "USE098"
    assert join(A, B, synapses(np.ma.array([0, 1]), numbers)).chain


def test_weights_of_one_pair_add_up_to_a_number() -> None:
    assert code(lambda: join(A, B, synapses([0, 0], [0, 0], 1.7e308))) == "USE097"
    assert code(lambda: synapses([0, 1], [0, 0], [1.0, 2.0, 3.0])) == "USE098"


def test_numbers_of_neurons_may_exceed_what_two_make_together() -> None:
    operator = Sparse.of("n", [2**27, 1], [5, 5], 1.0, 2**28, 10)
    assert operator.indices.tolist() == [1, 2**27]


@pytest.mark.parametrize("given", [None, "x", 3, [A], int])
def test_ends_and_what_joins_them_are_of_the_right_type(given: Any) -> None:
    assert code(lambda: join(given, A)) == code(lambda: join(A, given)) == code(lambda: readout("o", given)) == "USE034"
    if given not in (None, int):
        assert code(lambda: join(A, A, given)) == "USE034"
    assert code(lambda: join(A, A, lambda *_: given)) == "USE034"


@pytest.mark.parametrize("given", [None, "x", 3, [None], ["x"], A, join(A, A), {"a": A}])
def test_a_network_is_made_of_lists(given: Any) -> None:
    assert code(lambda: build("n", given, [])) == code(lambda: build("n", [A], given)) == "USE034"
    assert code(lambda: build("n", [A], [], given)) == code(lambda: build("n", [A], [], [], given)) == "USE034"


def test_timestep_and_reset_are_what_they_are_elsewhere() -> None:
    for dt in ("x", 0, -1, math.nan, math.inf, True, 10**400, [1]):
        assert code(build, "n", [A], [], dt=dt) == "USE017"
    for reset in ("x", 1, True):
        assert code(build, "n", [A], [], reset=reset) == "USE019"
    assert build("n", [A], [], reset="zero").reset == "zero"


def test_of_two_with_one_name_none_is_lost() -> None:
    assert code(lambda: build("n", [A, lif("a", 4)], [])) == "USE089"
    assert code(lambda: build("n", [A], [], [source("a", 3)])) == "USE089"
    assert code(lambda: build("n", [A], [join(A, A), join(A, A)])) == "USE089"


def test_what_is_of_another_network_is_not_joined() -> None:
    assert code(lambda: build("n", [A], [join(A, lif("c", 3))])) == "USE089"
    assert code(lambda: build("n", [A], [join(source("i", 3), A)])) == "USE089"
    assert code(lambda: build("n", [A], [join(A, lif("a", 4))])) == "USE089"


changed: Any = replace
"""Also to what no type allows."""


def by_hand(**changed: Any) -> Population:
    values = {"tau": 10.0, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0}
    arrays = {name: np.asarray(value) for name, value in values.items()}
    return Population("p", LIF(**{**arrays, **changed}), (3,))


def test_populations_that_are_made_by_hand_are_held_to_the_same() -> None:
    for wrong, due in (
        (by_hand(tau=np.asarray(-1.0)), "USE097"),
        (by_hand(tau=np.array([1.0, 0.0, 1.0])), "USE097"),
        (by_hand(v_reset=np.asarray(2.0)), "USE097"),
        (by_hand(r=np.asarray("x")), "USE097"),
        (by_hand(r=1.0), "USE034"),
        (by_hand(r=np.ones(4)), "USE089"),
        (by_hand(r=np.asarray(math.nan)), "USE089"),
        (changed(by_hand(), name=3), "USE095"),
        (changed(by_hand(), shape=3), "USE034"),
        (changed(by_hand(), neuron=None), "USE034"),
        (changed(by_hand(), bias=[1.0]), "USE034"),
    ):
        assert code(build, "n", [wrong], []) == due


def test_projections_that_are_made_by_hand_are_held_to_the_same() -> None:
    plain = Projection("p", "a", "a", (3,), (3,))
    rows: Any = [[1.0] * 3] * 3
    for wrong, due in (
        (changed(plain, chain=(None,)), "USE034"),
        (changed(plain, chain=(Dense("d", rows),)), "USE034"),
        (changed(plain, chain=(Dense("d", np.full((3, 3), "x")),)), "USE097"),
        (changed(plain, source=["a"]), "USE034"),
        (changed(plain, source_shape=3), "USE034"),
        (changed(plain, steps="x"), "USE034"),
    ):
        assert code(build, "n", [A], [wrong]) == due


def test_what_is_odd_is_remarked_on() -> None:
    found = build("n", [lif("a", 3, tau=0.01), lif("b", 3, r=0), lif("c", 3, r=-1, v_threshold=0)], [], dt=1.0)
    assert [(d.code, d.node) for d in found.diagnostics] == [
        ("NET060", "a"),
        ("NET061", "b"),
        ("NET061", "c"),
        ("NET061", "c"),
    ]
    assert not build("n", [lif("a", 3)], [], dt=1.0).diagnostics
    assert not build("n", [lif("a", 3, tau=0.01)], []).diagnostics, "nobody knows the timestep"
    compiled = compile(build("n", [lif("a", 3, tau=0.01)], [join(source("i", 3), A)], [source("i", 3)], dt=1), "loihi2")
    assert "NET060" in {remark.code for remark in compiled.diagnostics}


# How large.


def conv(neurons: int) -> Network:
    side = math.isqrt(neurons // 8)
    one, other = lif("a", (8, side, side)), lif("b", (8, side, side))
    weight = np.broadcast_to(np.float64(0.5), (8, 8, 3, 3))
    operator = Conv("c", weight, one.shape, other.shape, (1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    return build("n", [one, other], [join(one, other, lambda *_: operator)])


def pair(by: Any) -> Callable[[int], Network]:
    return lambda n: build("n", [lif("a", n), lif("b", n)], [join(lif("a", n), lif("b", n), by)])


def fed(n: int) -> Network:
    return build("n", [B], [join(source("i", n), B, all_to_all(0.5))], [source("i", n)])


HUGE: dict[str, Callable[[int], Network]] = {
    "alone": lambda n: build("n", [lif("a", n)], []),
    "all to all": pair(all_to_all(0.5)),
    "by chance": pair(fixed_probability(0.1, 0.5)),
    "one to one": pair(None),
    "single synapses": lambda n: pair(synapses([0, n - 1], [n - 1, 0]))(n),
    "inputs": fed,
    "conv": conv,
}


@pytest.mark.parametrize("kind", HUGE)
@pytest.mark.parametrize("neurons", [10**9, 10**12, 10**18])
def test_what_is_too_large_for_any_chip_costs_neither_time_nor_memory(kind: str, neurons: int) -> None:
    tracemalloc.start()
    try:
        network = HUGE[kind](neurons)
    except UsageError as refused:
        assert refused.code in ("USE096", "USE098")
        return
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 1 << 24
    for chip in CHIPS:
        tracemalloc.start()
        with pytest.raises((CapacityError, NoPlanError)):
            check(network, chip)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 1 << 24, chip


@pytest.mark.parametrize("weight", [1e308, -1.7e308, 1e200, 1e-200, 5e-324])
@pytest.mark.parametrize("chip", CHIPS)
def test_weights_of_any_size_are_stored_with_the_error_of_others(chip: str, weight: float) -> None:
    """The scale is the population's own: only what weights are to each other counts. No warning of numpy's."""

    def error(scale: float) -> float:
        weights = np.multiply([[1.0, -0.5, 0.3], [0.0, 1.0, 0.7]], scale)
        target = replace(B, neuron=IF(*(np.asarray(value) for value in (1.0, 1.0, 0.0))))
        network = build("n", [target], [join(A_IN, target, lambda *_: Dense("d", weights))], [A_IN], dt=1.0)
        (projection,) = compile(network, chip, Options(effort="quick")).projections
        return projection.weight_error

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = error(weight)
    assert found == pytest.approx(error(1.0), rel=1e-6) if abs(weight) > 1e-300 else 0 <= found < 1


A_IN = source("i", 3)


def test_a_network_without_neurons_is_refused_by_whoever_maps_it() -> None:
    with pytest.raises(CapacityError) as refused:
        compile(build("n", [], []), "loihi2")
    assert refused.value.code == "FIT018"
