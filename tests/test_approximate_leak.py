"""A constant leak in place of an exponential one: the pass, the neuron by its definition, and TrueNorth's registers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from neuedge_nir import emit, emulate, write
from neuedge_nir.emulation.run import quantised, run_integers
from neuedge_nir.errors import CapacityError, InputError, NoPlanError, UsageError, VerificationError
from neuedge_nir.interpreter.run import simulate
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.network.connect import Dense
from neuedge_nir.network.equal import difference
from neuedge_nir.network.model import IF, LIF, ConstantLeak, Network, ResetMode
from neuedge_nir.network.valid import fault
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.verify import verify
from neuedge_nir.rewrite.call import PassCall
from neuedge_nir.rewrite.door import Context, configured
from neuedge_nir.rewrite.manager import rewritten
from tests import brute_fixed
from tests.sampling import examples
from tests.test_emit_ranc import assert_same, noise
from tests.worlds import dense, network, networks, real, wire

FORMS = ("reversal", "floor")


def leaky(*, signs: bool = True, tau: float = 8.0, subtract: bool = False) -> Network:
    """in -> a -> b of LIF neurons, each with its threshold; weights of both signs, or of one."""
    rng = np.random.default_rng(3)
    low = -1.0 if signs else 0.0
    first, second = (
        Dense(f"d{n}", rng.choice([low, 0.0, 0.5, 1.0], (n, m))) for n, m in ((20, 16), (10, 20))
    )  # fmt: skip
    net = network(
        {"a": 20, "b": 10}, wire("in", "a", first), wire("a", "b", second), inputs={"in": 16}, dt=1.0,
        reset=ResetMode.SUBTRACT if subtract else ResetMode.ZERO,
    )  # fmt: skip
    neurons = [
        LIF(np.asarray(tau), np.asarray(tau), np.zeros(()), rng.uniform(0.8, 2.0, p.shape), np.zeros(()))
        for p in net.populations
    ]
    return replace(net, populations=tuple(replace(p, neuron=n) for p, n in zip(net.populations, neurons, strict=True)))


def samples_of(net: Network, seed: int, count: int = 12) -> Samples:
    return Samples(noise(net, seed, samples=count, steps=20, rate=0.3))


def after(net: Network, options: str = "", **context: object) -> Network:
    call = PassCall.parse("approximate-leak" + (f":{options}" if options else ""))
    return rewritten(net, [call], Context(**context))  # type: ignore[arg-type]


def biased(net: Network, seed: int) -> Network:
    rng = np.random.default_rng(seed)
    return replace(net, populations=tuple(replace(p, bias=rng.uniform(-0.1, 0.1, p.shape)) for p in net.populations))


def of_python(net: Network, spikes: dict[str, np.ndarray], reset: ResetMode) -> dict[str, list[list[bool]]]:
    """A row of populations, neuron by neuron in Python's floats, from the docstring of `ConstantLeak`."""
    sent: dict[str, list[list[bool]]] = {name: values[0].tolist() for name, values in spikes.items()}
    for p in net.populations:
        (line,) = net.into(p.name)
        weights = np.asarray(line.chain[0].weight).tolist()  # type: ignore[union-attr]
        leak, neuron = p.leak, p.neuron
        assert isinstance(neuron, IF)
        assert leak is not None
        gain, lost = float(neuron.r), np.broadcast_to(leak.amount, p.shape).tolist()
        threshold = np.broadcast_to(neuron.v_threshold, p.shape).tolist()
        bias = np.zeros(p.shape).tolist() if p.bias is None else np.broadcast_to(p.bias, p.shape).tolist()
        v, rows = [0.0] * p.neurons, []
        for arriving in sent[line.source]:
            row = []
            for n in range(p.neurons):
                v[n] += gain * (sum(w for w, spike in zip(weights[n], arriving, strict=True) if spike) + bias[n])
                if not leak.reverses:
                    v[n] -= lost[n]
                elif abs(v[n]) <= lost[n]:
                    v[n] = 0.0
                else:
                    v[n] -= lost[n] if v[n] > 0 else -lost[n]
                row.append(v[n] > threshold[n])
                if row[-1]:
                    v[n] = v[n] - threshold[n] if reset is ResetMode.SUBTRACT else 0.0
                elif not leak.reverses:
                    v[n] = max(v[n], 0.0)
            rows.append(row)
        sent[p.name] = rows
    return sent


# --- the neuron and the pass ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reset", ResetMode)
@pytest.mark.parametrize("form", FORMS)
def test_neurons_leak_as_they_are_defined(form: str, reset: ResetMode) -> None:
    net = after(biased(leaky(tau=4.0), 1), f"form={form},share=0.37")
    spikes = noise(net, 2, samples=1, steps=60)
    found = simulate(net, spikes, reset=reset, record=["a", "b"]).recorded
    due = of_python(net, spikes, reset)
    assert found["b"].any()
    for name in ("a", "b"):
        np.testing.assert_array_equal(found[name][0], due[name])


def test_an_integrator_that_loses_nothing_is_an_integrator() -> None:
    plain = network({"a": 4}, wire("in", "a", dense(4, 6)), inputs={"in": 6}, model="IF", dt=1.0)
    lossless = tuple(replace(p, leak=ConstantLeak(np.zeros(()))) for p in plain.populations)
    one, other = (
        simulate(net, noise(plain, 3), record=["a"]).recorded["a"]
        for net in (plain, replace(plain, populations=lossless))
    )
    np.testing.assert_array_equal(one, other)
    assert difference(plain, replace(plain, populations=lossless)) is not None


def test_what_has_no_such_leak_stays_as_it_is() -> None:
    plain = network({"a": 4}, wire("in", "a", dense(4, 6)), inputs={"in": 6}, model="IF", dt=1.0)
    assert after(plain) is plain
    once = after(leaky())
    assert after(once) is once
    cuba = network({"a": 4}, wire("in", "a", dense(4, 6)), inputs={"in": 6}, model="CubaLIF", dt=1.0)
    assert after(cuba) is cuba


def test_half_of_the_threshold_leaks_where_no_samples_say_better() -> None:
    net, found = leaky(tau=8.0), after(leaky(tau=8.0))
    for before, p in zip(net.populations, found.populations, strict=True):
        assert isinstance(p.neuron, IF)
        assert p.leak is not None
        np.testing.assert_allclose(p.leak.amount, 0.5 * before.parameters["v_threshold"] / 8.0)
        np.testing.assert_allclose(p.neuron.r, 1.0)
        assert p.leak.reverses
    assert fault(found) is None


@given(st.sampled_from([0.1, 0.3, 0.5, 0.95]), st.sampled_from([2.0, 10.0]))
def test_the_error_told_is_that_of_all_potentials(share: float, tau: float) -> None:
    remark = next(d for d in after(leaky(tau=tau), f"share={share}").diagnostics if d.code == "PASS011")
    v = (np.arange(200_000) + 0.5) / 200_000
    assert f"wrong by {np.sqrt(((v - share) ** 2).mean()) / tau:.2%} of" in remark.message


def test_half_of_the_threshold_is_the_least_square() -> None:
    v = (np.arange(10_000) + 0.5) / 10_000
    errors = {share: ((v - share) ** 2).mean() for share in np.linspace(0, 1, 101)}
    assert min(errors, key=lambda share: errors[share]) == pytest.approx(0.5)


def test_a_search_finds_the_share_with_the_most_equal_spikes() -> None:
    net = leaky()
    searched, shown = samples_of(net, 4), samples_of(net, 5)
    made = configured(PassCall.parse("approximate-leak"))
    found = made.settled(net, Context(samples=shown, calibration=searched))  # type: ignore[attr-defined]
    assert 0 < found.share <= 1

    def equal(share: float) -> float:
        names = [p.name for p in net.populations]
        one, other = (
            simulate(each, searched.of(each), record=names).recorded for each in (net, after(net, f"share={share}"))
        )
        return float(np.mean([(one[n] & other[n]).sum() / (one[n] | other[n]).sum() for n in names]))

    assert all(equal(found.share) >= equal(share) for share in (0.05, 0.2, 0.5, 0.8, 1.0))
    remark = next(d for d in after(net, samples=shown, calibration=searched).diagnostics if d.code == "PASS012")
    assert "on 12 samples: the same class in" in remark.message


def test_a_leak_potential_becomes_a_bias() -> None:
    net = leaky()
    moved = tuple(
        replace(p, neuron=replace(p.neuron, v_leak=np.asarray(0.4)), bias=np.full(p.shape, 0.1))  # type: ignore[arg-type]
        for p in net.populations
    )
    found = after(replace(net, populations=moved)).populations[0]
    np.testing.assert_allclose(found.bias, np.full(20, 0.1 + 0.4 / 8.0))  # type: ignore[arg-type]


def test_neurons_that_are_cut_out_take_their_leaks_along() -> None:
    net = after(leaky())
    weight = np.array(net.projections[1].chain[0].weight)  # type: ignore[union-attr]
    weight[:, 4] = 0
    wires = (net.projections[0], replace(net.projections[1], chain=(Dense("d", weight),)), net.projections[2])
    cut = rewritten(replace(net, projections=wires), [PassCall.parse("prune-zero")], Context()).population("a")
    assert cut.neurons == 19
    assert cut.leak is not None
    np.testing.assert_array_equal(cut.leak.amount, np.delete(net.population("a").leak.amount, 4))  # type: ignore[union-attr]


def test_impossible_leaks_are_named() -> None:
    net = after(leaky())
    first, *others = net.populations
    for leak, neuron, word in (
        (ConstantLeak(np.asarray(-1.0)), first.neuron, "below 0"),
        (ConstantLeak(np.asarray(np.nan)), first.neuron, "NaN"),
        (ConstantLeak(np.zeros(7)), first.neuron, "does not fit"),
        (ConstantLeak(np.zeros(())), leaky().populations[0].neuron, "LIF has no constant leak"),
    ):
        bad = replace(net, populations=(replace(first, leak=leak, neuron=neuron), *others))
        assert word in str(fault(bad))


def test_leaks_tell_networks_apart_and_are_in_no_file(tmp_path: Path) -> None:
    net = after(leaky())
    assert difference(net, after(leaky())) is None
    assert "leak" in str(difference(net, after(leaky(), "form=floor,share=0.5")))
    assert "leak" in str(difference(net, after(leaky(), "share=0.4")))
    with pytest.raises(InputError) as caught:
        write(net, tmp_path / "x.nir")
    assert caught.value.code == "USE076"


# --- TrueNorth --------------------------------------------------------------------------------------------------------


@st.composite
def worlds(draw: st.DrawFn) -> Network:
    """Networks of IF neurons that lose a constant, some of them with a bias where the leak does not reverse."""
    net = draw(networks())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    found = []
    for p in net.populations:
        reverses = draw(st.booleans())
        leak = ConstantLeak(rng.uniform(0, 0.6, p.shape), reverses)
        neuron = IF(np.asarray(0.7), rng.uniform(0.5, 3.0, p.shape), np.zeros(()))
        found.append(replace(p, neuron=neuron, leak=leak, bias=None if reverses else rng.uniform(-0.3, 0.3, p.shape)))
    return replace(net, populations=tuple(found), dt=0.5)


@settings(max_examples=examples(60), deadline=None)
@given(worlds(), st.sampled_from(ResetMode), st.integers(0, 99))
def test_an_emulation_is_truenorths_arithmetic(net: Network, reset: ResetMode, seed: int) -> None:
    try:
        integers = quantised(net, real("truenorth"), reset=reset)
    except (CapacityError, NoPlanError) as refused:
        assert refused.code in ("FIT010", "FIT012", "FIT019", "FIT022")
        assume(False)
    spikes = noise(net, seed, samples=1, steps=20)
    names = [p.name for p in net.populations]
    found = run_integers(integers, spikes, record=names).run.recorded
    due, _ = brute_fixed.outputs(integers, {name: values[0] for name, values in spikes.items()})
    for p in net.populations:
        np.testing.assert_array_equal(found[p.name][0].reshape(20, -1), due[p.name])


@pytest.mark.parametrize("form", FORMS)
def test_a_fine_leak_is_emulated_as_it_is_simulated(form: str) -> None:
    """Weights of 1 are 255 and a leak of 1/17 is 15 there: no rounding, and no sum of these is at the threshold."""
    net = leaky(signs=True)
    weights = [np.where(np.asarray(p.chain[0].weight) > 0, 1.0, -1.0) for p in net.projections[:2]]  # type: ignore[union-attr]
    wires = [replace(p, chain=(Dense(p.name, w),)) for p, w in zip(net.projections, weights, strict=False)]
    neuron = LIF(np.asarray(16.0), np.asarray(16.0), np.zeros(()), np.asarray(1.97), np.zeros(()))
    plain = replace(
        net,
        projections=(*wires, *net.projections[2:]),
        populations=tuple(replace(p, neuron=neuron) for p in net.populations),
    )
    changed = after(plain, f"form={form},share={16 / 1.97 / 17}")
    spikes = noise(changed, 6, samples=8, steps=40, rate=0.3)
    one = simulate(changed, spikes, record=["a", "b"]).recorded
    other = emulate(changed, spikes, real("truenorth"), record=["a", "b"]).run.recorded
    for name in ("a", "b"):
        assert one[name].sum() > 100
        np.testing.assert_array_equal(one[name], other[name])
    assert (one["b"] != simulate(plain, spikes, record=["b"]).recorded["b"]).any()


def planned(net: Network, **options: object) -> Plan:
    return compile_network(net, real("truenorth"), Options(effort="none", **options))  # type: ignore[arg-type]


@pytest.mark.parametrize(("form", "signs"), [("floor", True), ("floor", False), ("reversal", False)])
def test_rancs_files_spike_as_emulated(form: str, signs: bool) -> None:
    net = after(leaky(signs=signs), f"form={form}")
    plan = planned(net)
    assert assert_same(plan, net, emit(plan, net), noise(net, 5)) > 300


def test_a_bias_falls_with_the_leak() -> None:
    net = after(biased(leaky(), 2), "form=floor,share=1")
    plan = planned(net)
    assert assert_same(plan, net, emit(plan, net), noise(net, 5)) > 200


@pytest.mark.parametrize(("form", "subtract"), [("reversal", False), ("floor", True), ("reversal", True)])
def test_leaks_that_ranc_has_not_are_refused(form: str, subtract: bool) -> None:
    net = after(leaky(subtract=subtract), f"form={form}")
    plan = planned(net)
    with pytest.raises(UsageError) as caught:
        emit(plan, net)
    assert caught.value.code == "USE075"
    assert b'"leaking"' in emit(plan, net, "json")["network.json"]


def test_a_rise_before_the_first_input_is_refused() -> None:
    net = after(leaky(), "form=floor,share=0.1")
    net = replace(net, populations=tuple(replace(p, bias=np.full(p.shape, 0.3)) for p in net.populations))
    plan = planned(net)
    with pytest.raises(UsageError) as caught:
        emit(plan, net)
    assert caught.value.code == "USE075"


def test_the_plan_says_how_neurons_leak_and_is_held_to_it() -> None:
    net, samples = leaky(), samples_of(leaky(), 5)
    plan = planned(net, passes=(PassCall.parse("approximate-leak"),), activity=samples)
    (call,) = plan.options.passes
    assert call.startswith("approximate-leak:share=")
    assert {p.name: p.leak for p in plan.populations} == {"in": None, "a": "reversing", "b": "reversing", "out": None}
    assert {"PASS011", "PASS012"} <= {d.code for d in plan.diagnostics}
    changed = rewritten(net, [PassCall.parse(call)], Context(plan.chip))  # the share is in the plan: no samples needed
    verify(plan, changed)
    for leak in (None, "falling"):
        told = tuple(replace(p, leak=leak) if p.name == "a" else p for p in plan.populations)
        with pytest.raises(VerificationError) as caught:
            verify(replace(plan, populations=told), changed)
        assert caught.value.code == "PLAN204"
    able = replace(plan.chip.capabilities, constant_leak=False)
    with pytest.raises(VerificationError) as caught:
        verify(replace(plan, chip=replace(plan.chip, capabilities=able)), changed)
    assert caught.value.code == "PLAN204"


def test_what_truenorth_and_others_refuse() -> None:
    with pytest.raises(CapacityError, match="at a loss: --pass approximate-leak") as caught:
        planned(leaky())
    assert caught.value.code == "FIT002"
    for chip in ("loihi1", "loihi2", "spinnaker1", "spinnaker2"):
        with pytest.raises(CapacityError) as caught:
            compile_network(after(leaky()), real(chip), Options(effort="none"))
        assert caught.value.code == "FIT051"
    with pytest.raises(CapacityError) as caught:
        emulate(after(biased(leaky(), 1)), noise(leaky(), 1), real("truenorth"))
    assert caught.value.code == "FIT052"
