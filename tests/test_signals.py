"""What a chip makes of each kind of signal, tried on all chips; docs/signals.md is written by `--update-golden`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from neuedge_nir import emulate, simulate
from neuedge_nir.chip.model import Chip
from neuedge_nir.errors import CapacityError, NoPlanError, UsageError, VerificationError
from neuedge_nir.network.connect import Conv, Delay, Dense, PoolKind
from neuedge_nir.network.equal import difference
from neuedge_nir.network.model import IF, LI, LIF, CubaLIF, Network, Neuron, Population, ResetMode, Signal, Threshold
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.verify import verify
from neuedge_nir.rewrite.call import PassCall
from neuedge_nir.rewrite.door import Context
from neuedge_nir.rewrite.manager import rewritten
from tests.conftest import Golden
from tests.test_emit_ranc import noise
from tests.worlds import REAL_CHIPS, Wire, network, pool, real, wire

ROOT = Path(__file__).parents[1]
DT = 1.0


def planned(net: Network, chip: str | Chip) -> Plan:
    plan = compile_network(net, real(chip) if isinstance(chip, str) else chip, Options(effort="none"))
    context = Context(plan.chip, dt=plan.options.dt, reset=ResetMode(plan.options.reset))
    verify(plan, rewritten(net, [PassCall.parse(text) for text in plan.options.passes], context))
    return plan


def signed(outputs: int, inputs: int, seed: int = 0) -> Dense:
    """Weights of 1 and -1: exact on every chip."""
    rng = np.random.default_rng([outputs, inputs, seed])
    return Dense(f"d{outputs}x{inputs}.{seed}", rng.choice([-1.0, 1.0], (outputs, inputs)))


def neuron(model: str, tau: float = 4.0) -> Neuron:
    """A neuron that an input of 1 moves by 1 in a step, with a threshold between sums."""
    zero, gain, theta = np.zeros(()), np.asarray(tau), np.asarray(1.3125)
    match model:
        case "IF":
            return IF(np.ones(()), theta, zero)
        case "LIF":
            return LIF(gain, gain, zero, theta, zero)
        case "LI":
            return LI(gain, gain, zero)
        case "LI with a leak potential":
            return LI(gain, gain, np.asarray(0.25))
        case _:
            return Threshold(theta)


def of(net: Network, **models: str) -> Network:
    """Its populations with these neurons, and the signals that those send."""
    populations = tuple(replace(p, neuron=neuron(models[p.name])) for p in net.populations)
    spiking = {p.name: p.spiking for p in populations}
    signals = (
        replace(p, signal=Signal.SPIKE if spiking.get(p.source, True) else Signal.ANALOG) for p in net.projections
    )
    return replace(net, populations=populations, projections=tuple(signals))


def row(**models: str) -> Network:
    """in -> populations one behind the other, all to all; the last is read."""
    sizes = dict.fromkeys(models, 8)
    names = ["in", *models]
    wires = [wire(a, b, signed(8, 8, k)) for k, (a, b) in enumerate(pairwise(names))]
    return of(network(sizes, *wires, inputs={"in": 8}, dt=DT), **models)


def spiking_model(chip: str) -> str:
    return "IF" if chip == "truenorth" else "LIF"


IMAGE = (1, 8, 8)


def kernel(shape: tuple[int, ...], seed: int = 1) -> Conv:
    rng = np.random.default_rng(seed)
    space = tuple(size - 2 for size in shape[1:])
    weight = rng.choice([0.0, 1.0], (4, shape[0], 3, 3))
    return Conv("conv", weight, shape, (4, *space), (1, 1), ((0, 0), (0, 0)), (1, 1), 1)


def pooled(chip: str, *, behind_pool: bool) -> Network:
    """A convolution of an image of 4 x 4, or of one of 8 x 8 that is pooled to that."""
    summed = pool(IMAGE, 2, PoolKind.SUM)
    last = kernel(summed.output_shape)
    chain = (summed, last) if behind_pool else (last,)
    model = spiking_model(chip)
    source = IMAGE if behind_pool else summed.output_shape
    net = network({"a": last.output_shape}, wire("in", "a", *chain), inputs={"in": source}, dt=DT)
    return of(net, a=model)


AXONS = ("input_axons", "merged_input_axons", "lava_input_axons")
MEMORY = ("packed_row_words", "entry_row_words", "row_and_record_bytes", "weight_bytes")


def used(plan: Plan, formulas: tuple[str, ...]) -> tuple[int, str] | None:
    """What all cores use of the first limit that counts by one of these formulas, and its unit."""
    limit = next((limit for limit in plan.chip.limits if limit.formula in formulas), None)
    return None if limit is None else (sum(core.used[limit.name] for core in plan.cores), limit.limit.unit)


def told(plan: Plan) -> str:
    """The models one behind the other with what travels between."""
    found = {p.target: p for p in plan.projections}
    inner = [p for p in plan.populations if p.model not in ("Input", "Output")]
    return " ".join(f"{found[p.name].signal} -> {p.model}" for p in inner)


def attempted(net: Network, chip: str, say: Callable[[Plan], str] = told) -> str:
    try:
        return say(planned(net, chip))
    except (CapacityError, NoPlanError) as refused:
        return f"refused, {refused.code}"


# --- the table --------------------------------------------------------------------------------------------------------


def spikes(chip: str) -> str:
    model = spiking_model(chip)
    return attempted(row(a=model, b=model), chip)


def pools(chip: str) -> str:
    with_pool, without = (planned(pooled(chip, behind_pool=on), chip) for on in (True, False))
    found = []
    for what, formulas in (("axons", AXONS), ("memory", MEMORY)):
        one, other = used(without, formulas), used(with_pool, formulas)
        if one is not None and other is not None:
            unit = "" if what == "axons" else f" {one[1]}"
            found.append(f"{what} {one[0]:,} -> {other[0]:,}{unit}")
    return "; ".join(found)


def overlapping(chip: str) -> str:
    image = pool((1, 5, 5), 3, PoolKind.SUM, stride=1)
    net = network({"a": 3}, wire("in", "a", image, signed(3, 9)), inputs={"in": (1, 5, 5)}, dt=DT)
    return attempted(of(net, a=spiking_model(chip)), chip, lambda _: "as any pool")


def filtering(chip: str) -> str:
    model = spiking_model(chip)
    return attempted(row(a=model, s="LI", b=model), chip)


def other_filters(chip: str) -> str:
    model = spiking_model(chip)
    return attempted(row(a=model, s="LI with a leak potential", b=model), chip)


def readout(chip: str) -> str:
    return attempted(row(a=spiking_model(chip), s="LI"), chip)


def threshold(chip: str) -> str:
    model = spiking_model(chip)
    return attempted(
        row(a=model, t="Threshold"), chip, lambda plan: f"{told(plan)}; its own neurons, lag {plan.populations[2].lag}"
    )


def threshold_of_potential(chip: str) -> str:
    return attempted(row(a=spiking_model(chip), s="LI", t="Threshold"), chip)


def with_gains(chip: str, *, per_channel: bool) -> Network:
    """The pooled convolution with gains of their own for channels or neurons, and a bias."""
    net = pooled(chip, behind_pool=False)
    (only,) = net.populations
    form = (4, 1, 1) if per_channel else only.shape
    gain = np.random.default_rng(3).choice([0.5, 1.0, 2.0], form)
    made = replace(only.neuron, r=np.asarray(only.parameters["r"] * gain))  # type: ignore[arg-type]
    return replace(net, populations=(replace(only, neuron=made, bias=np.full(only.shape, 0.25)),))


def gains(chip: str) -> str:
    plain = planned(pooled(chip, behind_pool=False), chip)
    found = []
    for what, per_channel in (("by channel", True), ("by neuron", False)):
        plan = planned(with_gains(chip, per_channel=per_channel), chip)
        same = all(used(plan, formulas) == used(plain, formulas) for formulas in (AXONS, MEMORY))
        found.append(f"{what} {'no' if same else 'more'} memory")
    return ", ".join(found)


def delayed(chip: str) -> Network:
    """Two ways from a to b, one of them three steps later."""
    wires: list[Wire] = [
        wire("in", "a", signed(8, 8)),
        wire("a", "b", signed(8, 8, 1)),
        wire("a", "b", Delay("late", np.asarray(3 * DT), (8,)), signed(8, 8, 2)),
    ]
    model = spiking_model(chip)
    return of(network({"a": 8, "b": 8}, *wires, inputs={"in": 8}, dt=DT), a=model, b=model)


def delays(chip: str) -> str:
    def say(plan: Plan) -> str:
        held = sorted(p.delay for p in plan.projections if p.target == "b" or p.target.startswith("a.relay"))
        relays = sum(p.relay is not None for p in plan.populations)
        more = f", {relays} relays" if relays else ""
        more += f", {plan.mapping.copies} copies" if plan.mapping.copies else ""
        return f"delays of {', '.join(map(str, held))}{more}"

    return attempted(delayed(chip), chip, say)


ROWS: Mapping[str, Callable[[str], str]] = {
    "spikes": spikes,
    "a sum pool of 2 x 2 in front of a convolution": pools,
    "a pool that overlaps": overlapping,
    "LI, layer, LIF (TrueNorth: IF), one tau": filtering,
    "the same, where the LI has a leak potential": other_filters,
    "an LI that outputs read": readout,
    "a Threshold": threshold,
    "a Threshold behind an LI": threshold_of_potential,
    "`r` of their own, and a bias": gains,
    "two ways with different delays": delays,
}


def test_the_table_in_the_docs_is_what_comes_of_it(golden: Golden) -> None:
    lines = [f"| | {' | '.join(REAL_CHIPS)} |", "|---" * (1 + len(REAL_CHIPS)) + "|"]
    lines += [f"| {what} | {' | '.join(say(chip) for chip in REAL_CHIPS)} |" for what, say in ROWS.items()]
    golden("signals.md", DOCUMENT.format(table="\n".join(lines)), ROOT / "docs")


DOCUMENT = """# Signals on a chip

What travels between neurons, and what each chip makes of it. Every cell is what `compile` answers for a small network,
written by `tests/test_signals.py`; a code is explained by `neuedge-nir explain CODE`.

{table}

* A projection carries `spike`s, or the potential of neurons that do not spike: a value in every step (activity 1).
  A chip with graded spikes sends these as `graded`, all others refuse them. Several spikes of an input in one step
  (counts) are simulated, and refused by `simulate --as` and `emit --data` (DATA007): no chip here takes more than
  one.
* **LI, layer, LIF** is a CubaLIF exactly where all LIs in front of a population are alike (one tau, no bias, no
  leak potential) and feed nothing else. `compile`, `check` and `simulate --as` then fold it by themselves on chips
  that send spikes only: the plan names the passes, a remark (`WARN041`) the LI. On a chip with graded spikes it
  stays.
* **Pools.** The cell compares the convolution of a 4 x 4 image with that of an 8 x 8 image pooled to it. Nowhere
  does a pool make the kernel larger or repeat its weights. On Loihi 2 the sources of a window share an axon and its
  row, as the compiler tables show; on Loihi 1 they do where windows do not overlap, for every message is processed,
  and each source still sends its own. SpiNNaker 2 counts weights, which a pool leaves alone. On SpiNNaker 1 each
  source has a row of its own, as sPyNNaker stores them: a row is found by the number of the neuron in its key, so
  that two could share one only under a mask that its tables do not make. TrueNorth needs an axon for each source, or
  a sum would be an OR, and refuses a pool by which a source reaches a neuron on several ways.
* **`r`, `w_in` and bias** change no weight: in the chip's numbers they are in the neuron's own threshold and bias,
  so that a kernel stays shared. (Loihi 1 counts the different thresholds, TrueNorth scales the weights of a
  neuron.) The pass `fold-gain` puts them into weights instead, where a layer takes them.
* **Different delays** stay projections of their own; on TrueNorth with copies of the source for each, on chips
  whose longest delay is not published with relays.
"""


# --- what the table rests on ------------------------------------------------------------------------------------------


def spikes_of(net: Network, seed: int = 5) -> dict[str, np.ndarray]:
    return noise(net, seed, samples=3, steps=30, rate=0.3)


SPIKING_CHIPS = ("loihi1", "spinnaker1", "spinnaker2")


@pytest.mark.parametrize("chip", SPIKING_CHIPS)
def test_an_li_that_is_a_synapse_is_folded_by_itself(chip: str) -> None:
    net = row(a="LIF", s="LI", b="LIF")
    plan = planned(net, chip)
    assert plan.options.passes == ("fold-li", "merge-linear:force=true")
    assert [p.model for p in plan.populations if p.model not in ("Input", "Output")] == ["LIF", "CubaLIF"]
    assert [(d.code, d.node) for d in plan.diagnostics if d.code == "WARN041"] == [("WARN041", "s")]
    context = Context(plan.chip)
    folded = rewritten(net, [PassCall.parse(text) for text in plan.options.passes], context)
    one, other = (simulate(each, spikes_of(net), record=["a", "b"]).recorded for each in (net, folded))
    for name in ("a", "b"):
        assert one[name].any()
        np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize("chip", SPIKING_CHIPS)
def test_an_emulation_folds_it_too(chip: str) -> None:
    net = row(a="LIF", s="LI", b="LIF")
    folded = rewritten(net, [PassCall.parse("fold-li"), PassCall.parse("merge-linear:force=true")], Context(real(chip)))
    one, other = (emulate(each, spikes_of(net), chip, record=["a", "b"]).run for each in (net, folded))
    for name in ("a", "b"):
        np.testing.assert_array_equal(one.recorded[name], other.recorded[name])


def test_a_network_that_needs_no_folding_is_left_alone() -> None:
    assert planned(row(a="LIF", s="LI", b="LIF"), "loihi2").options.passes == ()
    for chip in SPIKING_CHIPS:
        assert planned(row(a="LIF", b="LIF"), chip).options.passes == ()
        assert planned(row(a="LIF", s="LI"), chip).options.passes == ()  # a readout hands its potential to the host


def test_without_the_pass_the_chip_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> list[object]:
        raise UsageError("USE003", "no such pass")

    monkeypatch.setattr("neuedge_nir.rewrite.legalising.apply_passes", missing)
    with pytest.raises(CapacityError) as caught:
        planned(row(a="LIF", s="LI", b="LIF"), "loihi1")
    assert caught.value.code == "FIT005"


@pytest.mark.parametrize("chip", [name for name in REAL_CHIPS if name not in ("loihi1", "spinnaker1")])
def test_pools_grow_no_kernel(chip: str) -> None:
    """Loihi 1 and SpiNNaker 1 have a row for each source, but none is longer for the pool."""
    with_pool, without = (planned(pooled(chip, behind_pool=on), chip) for on in (True, False))
    assert used(with_pool, MEMORY) == used(without, MEMORY)
    assert with_pool.counts.stored_weights == without.counts.stored_weights


def test_rows_on_spinnaker_1_are_as_many_as_sources_and_as_long_as_behind_the_pool() -> None:
    with_pool, without = (
        used(planned(pooled("spinnaker1", behind_pool=on), "spinnaker1"), MEMORY) for on in (True, False)
    )
    assert with_pool is not None
    assert without is not None
    assert with_pool[0] == 4 * without[0]


@pytest.mark.parametrize("chip", ["loihi1", "loihi2", "spinnaker1", "spinnaker2"])
def test_pools_add_what_arrives_at_once_on_chips_that_hear_every_message(chip: str) -> None:
    net = pooled(chip, behind_pool=True)
    spikes = spikes_of(net)
    one = simulate(net, spikes, record=["a"]).recorded["a"]
    other = emulate(net, spikes, chip, record=["a"]).run.recorded["a"]
    assert one.any()
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("chip", ["loihi1", "loihi2"])
def test_a_threshold_is_a_population_that_costs_neurons_and_a_step(chip: str) -> None:
    plain, more = planned(row(a="LIF"), chip), planned(row(a="LIF", t="Threshold"), chip)
    neurons = next(limit.name for limit in plain.chip.limits if limit.formula == "neurons")
    assert [sum(core.used[neurons] for core in plan.cores) for plan in (plain, more)] == [8, 16]
    assert [max(p.lag for p in plan.populations) for plan in (plain, more)] == [1, 2]


@pytest.mark.parametrize("chip", REAL_CHIPS)
def test_gains_are_in_thresholds_and_change_no_spike(chip: str) -> None:
    """Those of the network with gains in its weights, as far as the chip can hold that."""
    net = with_gains(chip, per_channel=True)
    folded = rewritten(net, [PassCall.parse("fold-gain")], Context(real(chip)))
    assert difference(net, folded) is not None
    spikes = spikes_of(net)
    one, other = (simulate(each, spikes, record=["a"]).recorded["a"] for each in (net, folded))
    np.testing.assert_array_equal(one, other)
    emulated = emulate(net, spikes, chip, record=["a"]).run.recorded["a"]
    assert one.any()
    assert (emulated & one).sum() / (emulated | one).sum() > 0.97


@pytest.mark.parametrize("chip", REAL_CHIPS)
def test_gains_of_neurons_leave_a_kernel_shared(chip: str) -> None:
    plan, plain = planned(with_gains(chip, per_channel=False), chip), planned(pooled(chip, behind_pool=False), chip)
    assert plan.counts.stored_weights == plain.counts.stored_weights
    assert used(plan, MEMORY) == used(plain, MEMORY)


def synapses_with_gains() -> Network:
    """A CubaLIF whose w_in and r differ from neuron to neuron."""
    net = network({"a": 8}, wire("in", "a", signed(8, 8)), inputs={"in": 8}, dt=DT)
    rng = np.random.default_rng(4)
    four, theta, zero = np.asarray(4.0), np.asarray(1.3125), np.zeros(())
    made = CubaLIF(four, four, rng.choice([2.0, 4.0], 8), zero, rng.choice([4.0, 8.0], 8), theta, zero)
    return replace(net, populations=(Population("a", made, (8,)),))


@pytest.mark.parametrize("chip", ["loihi1", "loihi2", "spinnaker1", "spinnaker2"])
def test_w_in_is_folded_like_r(chip: str) -> None:
    net = synapses_with_gains()
    plain = replace(net, populations=(replace(net.populations[0], neuron=CubaLIF(*[
        np.asarray(float(np.max(value))) for value in net.populations[0].parameters.values()
    ])),))  # fmt: skip
    assert used(planned(net, chip), MEMORY) == used(planned(plain, chip), MEMORY)
    spikes = spikes_of(net)
    one, other = (
        simulate(net, spikes, record=["a"]).recorded["a"],
        emulate(net, spikes, chip, record=["a"]).run.recorded["a"],
    )
    assert one.any()
    assert (one & other).sum() / (one | other).sum() > 0.97


@pytest.mark.parametrize("chip", REAL_CHIPS)
def test_different_delays_stay_apart(chip: str) -> None:
    plan = planned(delayed(chip), chip)
    held = [p for p in plan.projections if p.target == "b"]
    assert len(held) == 2
    if chip == "truenorth":
        assert {p.axons_per_input for p in held} == {2}
        assert plan.mapping.copies == 8 * (2 * 2 - 1)  # each neuron of a drives two axons on either way
    spikes = spikes_of(delayed(chip))
    one = simulate(delayed(chip), spikes, record=["b"]).recorded["b"]
    other = emulate(delayed(chip), spikes, chip, record=["b"]).run.recorded["b"]
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("chip", SPIKING_CHIPS)
def test_other_potentials_are_refused_by_the_name_of_their_node(chip: str) -> None:
    with pytest.raises(CapacityError) as caught:
        planned(row(a="LIF", s="LI with a leak potential", b="LIF"), chip)
    assert (caught.value.code, caught.value.where) == ("FIT005", "node 's'")
    assert "fold-li" in str(caught.value.hint)


def test_a_value_is_sent_in_every_step() -> None:
    plan = planned(row(a="LIF", s="LI with a leak potential", b="LIF"), "loihi2")
    assert plan.activity.rates["s"] == 1.0
    assert {p.source: p.signal for p in plan.projections} == {"in": "spike", "a": "spike", "s": "graded"}


def test_a_signal_that_a_plan_misstates_is_refused() -> None:
    net = row(a="LIF", s="LI with a leak potential", b="LIF")
    plan = planned(net, "loihi2")
    for signal in ("spike", "analog", "count"):
        told = tuple(replace(p, signal=signal) if p.source == "s" else p for p in plan.projections)
        with pytest.raises(VerificationError) as caught:
            verify(replace(plan, projections=told), net)
        assert caught.value.code == "PLAN103"
    plain = replace(plan.chip, capabilities=replace(plan.chip.capabilities, graded_spikes=False))
    with pytest.raises(VerificationError) as caught:
        verify(replace(plan, chip=plain), None)
    assert caught.value.code == "PLAN118"
