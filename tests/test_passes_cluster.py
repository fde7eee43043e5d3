"""Parameters gathered into few values: the best groups in one dimension, told how far they moved."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_nir.chip.model import Chip
from neuedge_nir.errors import CapacityError, NoPlanError, UsageError, VerificationError
from neuedge_nir.frontend.writer import write
from neuedge_nir.mapping.values import DISTINCT
from neuedge_nir.network.model import LIF, CubaLIF, Network, Signal
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.verify import verify
from neuedge_nir.rewrite.call import PassCall
from neuedge_nir.rewrite.door import Context
from neuedge_nir.rewrite.manager import Applied, apply_passes
from neuedge_passes.clustering import Floats, Intervals, gathered
from tests.conftest import Neuedge
from tests.sampling import examples
from tests.test_tables import with_values
from tests.worlds import chain, conv, network, real, wire

QUICK = Options(effort="none")
LOIHI = real("loihi1")


def lost(numbers: Floats, groups: np.ndarray) -> float:
    """The sum of squared distances to the means of the groups."""
    return sum(float(((numbers[groups == g] - numbers[groups == g].mean(axis=0)) ** 2).sum()) for g in set(groups))


def best(numbers: Floats, most: int) -> float:
    """Of all ways to put numbers into groups, neighbours or not."""
    return min(lost(numbers, np.array(each)) for each in product(range(most), repeat=len(numbers)))


def done(net: Network, call: str, chip: Chip | None = LOIHI) -> Applied:
    (applied,) = apply_passes(net, [PassCall.parse(call)], Context(chip))
    return applied


def values(net: Network, name: str, formula: str) -> int:
    """The different values of a population that Loihi 1's mapper counts."""
    limit = next(limit for limit in LOIHI.limits if limit.formula == formula)
    return len(DISTINCT[formula](net.population(name), limit).all)


# --- the best groups --------------------------------------------------------------------------------------------------

few = st.lists(st.floats(-8, 8).map(lambda v: round(v, 2)), min_size=1, max_size=7)


@settings(max_examples=examples(150), deadline=None)
@given(few, st.integers(1, 4))
def test_no_grouping_of_numbers_is_better(numbers: list[float], most: int) -> None:
    rows = np.array(numbers)
    groups = gathered(rows[:, None], most)
    assert len(set(groups.tolist())) <= most
    assert lost(rows, groups) == pytest.approx(best(rows, most), abs=1e-9)


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.integers(0, 999), min_size=1, max_size=60, unique=True), st.integers(1, 12))
def test_halving_finds_what_trying_every_beginning_finds(numbers: list[int], most: int) -> None:
    """The recurrence itself, in whole numbers of squares, without its shortcut."""
    rows = np.sort(np.array(numbers, dtype=float))
    table = [0.0] + [float("inf")] * len(rows)
    expected = []
    for _ in range(min(most, len(rows))):
        table = [0.0] + [
            min(table[a] + len(rows[a:b]) * float(rows[a:b].var()) for a in range(b)) for b in range(1, len(rows) + 1)
        ]
        expected.append(table[-1])
    assert Intervals(rows, np.ones(len(rows)), most).losses == pytest.approx(expected, abs=1e-6)


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(st.tuples(st.integers(-8, 8), st.integers(1, 3)), min_size=1, max_size=4), st.integers(1, 3))
def test_a_number_that_many_have_weighs_as_many(numbers: list[tuple[int, int]], most: int) -> None:
    rows = np.repeat(np.array([n for n, _ in numbers], dtype=float), [often for _, often in numbers])
    apart = product(range(most), repeat=len(numbers))
    least = min(lost(rows, np.repeat(np.array(each), [often for _, often in numbers])) for each in apart)
    assert lost(rows, gathered(rows[:, None], most)) == pytest.approx(least, abs=1e-9)


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=40), st.integers(1, 9))
def test_pairs_are_gathered_no_worse_than_along_one_axis(pairs: list[tuple[int, int]], most: int) -> None:
    rows = np.array(pairs, dtype=float)
    groups = gathered(rows, most)
    assert len(set(groups.tolist())) <= most
    for this, other in ((0, 1), (1, 0)):
        alone = lost(rows[:, this], gathered(rows[:, [this]], most)) + len(rows) * float(rows[:, other].var())
        assert lost(rows, groups) <= alone + 1e-9
    assert (gathered(rows, most) == groups).all()


def test_pairs_on_a_line_are_gathered_along_it() -> None:
    """A product of groups on both axes would leave two for each."""
    steps = np.repeat(np.arange(5.0), 3)
    assert lost(np.stack([steps, 2 * steps], axis=1), gathered(np.stack([steps, 2 * steps], axis=1), 5)) == 0


def test_many_numbers_take_no_longer_than_one_waits() -> None:
    numbers = np.random.default_rng(0).normal(size=20_000)
    assert len(set(gathered(numbers[:, None], 32).tolist())) == 32


# --- what it does to a network ----------------------------------------------------------------------------------------


def varied(model: str = "LIF", seed: int = 0) -> Network:
    net, rng = chain(inputs=20, a=90, model=model), np.random.default_rng(seed)
    for name in net.population("a").parameters:
        if name not in ("v_leak", "v_reset"):
            net = with_values(net, "a", **{name: rng.uniform(1, 3, 90)})
    if not net.population("a").spiking:
        analog = tuple(replace(p, signal=Signal.ANALOG) if p.source == "a" else p for p in net.projections)
        net = replace(net, projections=analog)
    return net


@pytest.mark.parametrize("model", ["IF", "LIF", "CubaLIF", "LI", "CubaLI", "Threshold"])
@pytest.mark.parametrize("seed", range(4))
def test_a_population_has_no_more_values_than_were_asked_for(model: str, seed: int) -> None:
    net = varied(model, seed)
    applied = done(net, "cluster-parameters:decays=5,thresholds=3")
    assert values(applied.network, "a", "decay_profiles") <= 5
    assert values(applied.network, "a", "threshold_values") <= 3
    assert done(applied.network, "cluster-parameters:decays=5,thresholds=3").network is applied.network
    assert applied.changed


def test_a_network_with_few_values_is_the_very_same() -> None:
    for net in (chain(a=3, b=4), with_values(chain(a=30), "a", v_threshold=1 + np.arange(30) % 8)):
        assert done(net, "cluster-parameters").network is net


def test_on_loihi_1_the_tables_of_a_core_say_how_many_and_the_plan_takes_one_core() -> None:
    net = with_values(chain(inputs=20, a=90), "a", tau=np.linspace(5, 50, 90), v_threshold=np.linspace(1, 2, 90))
    plan = compile_network(net, LOIHI, replace(QUICK, passes=(PassCall("cluster-parameters"),)))
    assert plan.options.passes == ("cluster-parameters:decays=32,thresholds=8",)
    (core,) = plan.cores
    assert (core.used["compartment_profiles"], core.used["thresholds"]) == (32, 8)
    assert [d.code for d in plan.diagnostics].count("PASS007") == 2
    assert not any(d.code == "WARN033" for d in plan.diagnostics)


def test_without_the_pass_they_are_spread_and_the_remark_names_it() -> None:
    net = with_values(chain(inputs=20, a=90), "a", v_threshold=np.linspace(1, 2, 90))
    plan = compile_network(net, LOIHI, QUICK)
    (remark,) = [d for d in plan.diagnostics if d.code == "WARN033"]
    assert "90 different thresholds" in remark.message
    assert "holds 8" in remark.message
    assert remark.hint is not None
    assert "--pass cluster-parameters:thresholds=8" in remark.hint
    assert (plan.mapping.cores_neurons, plan.mapping.cores_lower_bound, plan.mapping.bound_resource) == (
        12,
        12,
        "thresholds",
    )
    assert plan.outcome == "optimal"
    verify(plan, net)


def test_too_many_values_for_the_chips_there_are_is_a_proof_and_names_the_pass() -> None:
    net = with_values(chain(inputs=2, a=1100), "a", v_threshold=np.linspace(1, 2, 1100))
    with pytest.raises(CapacityError) as refusal:
        compile_network(net, LOIHI, replace(QUICK, chips=1))
    assert (refusal.value.code, refusal.value.needed) == ("FIT015", 2)
    assert "--pass cluster-parameters:thresholds=8" in (refusal.value.hint or "")


def test_a_tile_with_too_many_values_is_refused_and_names_the_pass() -> None:
    net = with_values(chain(inputs=20, a=90), "a", tau=np.linspace(5, 50, 90), r=np.linspace(5, 50, 90))
    with pytest.raises(NoPlanError) as refusal:
        compile_network(net, LOIHI, replace(QUICK, tiles={"a": "45"}))
    assert refusal.value.code == "FIT023"
    assert "--pass cluster-parameters:decays=32" in (refusal.value.hint or "")


def test_a_bound_by_tables_that_is_told_wrong_is_refused() -> None:
    net = with_values(chain(inputs=20, a=90), "a", v_threshold=np.linspace(1, 2, 90))
    plan = compile_network(net, LOIHI, QUICK)
    lower = replace(plan, mapping=replace(plan.mapping, cores_lower_bound=11), outcome="feasible")
    with pytest.raises(VerificationError) as refusal:
        verify(lower, net)
    assert refusal.value.code == "PLAN128"


def test_the_largest_change_is_told_for_each_population() -> None:
    net = with_values(chain(inputs=20, a=4), "a", tau=[10.0, 10.4, 30.0, 30.0], r=[10.0, 10.4, 30.0, 30.0])
    new = done(net, "cluster-parameters:decays=2").network
    (remark,) = [d for d in new.diagnostics if d.code == "PASS007"]
    middle = float(np.sqrt(10 * 10.4))
    assert remark.message.startswith("3 different decays become 2: changed by 0.02 at most, 0.0098")
    neuron = new.population("a").neuron
    assert isinstance(neuron, LIF)
    assert neuron.tau == pytest.approx([middle, middle, 30, 30])
    assert neuron.r == pytest.approx(neuron.tau)


def test_what_a_spike_adds_stays_when_time_constants_move() -> None:
    net = varied("CubaLIF")
    old, new = (n.population("a").neuron for n in (net, done(net, "cluster-parameters:decays=4", None).network))
    assert isinstance(old, CubaLIF)
    assert isinstance(new, CubaLIF)
    assert new.r / new.tau_mem == pytest.approx(old.r / old.tau_mem)
    assert new.w_in / new.tau_syn == pytest.approx(old.w_in / old.tau_syn)
    assert new.v_threshold is old.v_threshold


def test_one_value_per_channel_stays_one_per_channel() -> None:
    net = network({"a": (6, 4, 4)}, wire("in", "a", conv((2, 4, 4), 6, 3)), inputs={"in": (2, 4, 4)})
    net = with_values(net, "a", v_threshold=np.linspace(1, 2, 6).reshape(6, 1, 1))
    new = done(net, "cluster-parameters:thresholds=2").network.population("a").neuron
    assert isinstance(new, LIF)
    assert new.v_threshold.shape == (6, 1, 1)


def test_values_that_have_no_logarithm_stay() -> None:
    net = with_values(chain(inputs=20, a=6), "a", v_threshold=[-1.0, 1, 1.1, 2, 2.1, 0])
    new = done(net, "cluster-parameters:thresholds=4").network.population("a").neuron
    assert isinstance(new, LIF)
    assert new.v_threshold[[0, 5]].tolist() == [-1, 0]
    assert len(set(new.v_threshold.tolist())) == 4


@given(st.integers(0, 99))
@settings(max_examples=examples(20), deadline=None)
def test_as_many_values_as_there_are_change_nothing(seed: int) -> None:
    net = varied("LIF", seed)
    assert done(net, "cluster-parameters:decays=90,thresholds=90").network is net


def test_only_the_named_population_changes() -> None:
    net = with_values(with_values(chain(a=5, b=5), "a", tau=np.arange(1, 6)), "b", tau=np.arange(1, 6))
    new = done(net, "cluster-parameters:decays=2,population=b").network
    assert new.population("a") is net.population("a")
    assert new.population("b") is not net.population("b")


@pytest.mark.parametrize(
    ("call", "code"), [("cluster-parameters", "USE065"), ("cluster-parameters:decays=3,population=x", "USE066")]
)
def test_calls_without_sense_are_refused(call: str, code: str) -> None:
    with pytest.raises(UsageError) as refusal:
        done(chain(a=3), call, chip=None)
    assert refusal.value.code == code


def test_a_chip_without_such_tables_has_nothing_to_do() -> None:
    net = varied()
    assert done(net, "cluster-parameters", real("loihi2")).network is net


def test_the_command_line_tells_the_change_and_measures_the_spikes(neuedge: Neuedge, tmp_path: Path) -> None:
    net = varied()
    write(net, tmp_path / "a.nir")
    rng = np.random.default_rng(0)
    noise: dict[str, Any] = {net.inputs[0].name: rng.random((8, 30, 20)) < 0.3}
    np.savez(tmp_path / "noise.npz", **noise)
    call = "cluster-parameters:decays=2,thresholds=2"
    data = ("--data", tmp_path / "noise.npz")
    ran = neuedge("convert", tmp_path / "a.nir", tmp_path / "b.nir", *data, "--dt", "1", "--pass", call)
    assert "values that neurons share" in ran.out + ran.err
    assert "spikes" in ran.out + ran.err
    assert "largest change %" in ran.out + ran.err
