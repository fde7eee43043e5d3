"""Thresholds that follow an activity: the passes that set and lower them, files, chips."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_nir.errors import CapacityError, NeuedgeError, UsageError, VerificationError
from neuedge_nir.frontend import read
from neuedge_nir.frontend.writer import write
from neuedge_nir.interpreter.run import Run, simulate
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.mapping.legalise import legalise
from neuedge_nir.network.connect import Dense
from neuedge_nir.network.equal import difference
from neuedge_nir.network.model import IF, LIF, Adaptation, CubaLIF, HybridEncoder, Listening, Network, ResetMode
from neuedge_nir.network.valid import fault
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.store import decode, encode
from neuedge_nir.plan.verify import verify
from neuedge_nir.report.contract import inspection_of
from neuedge_nir.report.outline import outline_of
from neuedge_nir.report.tree import Style, tree_lines
from neuedge_nir.rewrite.call import PassCall
from neuedge_nir.rewrite.door import Context, configured
from neuedge_nir.rewrite.manager import apply_passes, rewritten
from tests.sampling import examples
from tests.worlds import conv, dense, network, pool, random_array, real, recurrent, wire

DT, TAU = 1e-3, 10e-3


def lif(outputs: int, seed: int = 0, tau: float = TAU) -> LIF:
    """Leaky neurons that fire now and then, thresholds of their own."""
    threshold = np.random.default_rng(seed).uniform(0.5, 1.5, outputs)
    return LIF(np.asarray(tau), np.asarray(tau / DT), np.zeros(()), threshold, np.zeros(()))


def layered(seed: int = 0, inputs: int = 12, hidden: int = 9, outputs: int = 4) -> Network:
    """in -> hidden -> out, and a way past the hidden layer."""
    made = network(
        {"hidden": hidden, "last": outputs},
        wire("in", "hidden", dense(hidden, inputs, seed)),
        wire("hidden", "last", dense(outputs, hidden, seed + 1)),
        wire("in", "last", dense(outputs, inputs, seed + 2)),
        inputs={"in": inputs},
    )
    sizes = {"hidden": hidden, "last": outputs}
    neurons = tuple(replace(p, neuron=lif(sizes[p.name], seed)) for p in made.populations)
    return replace(made, populations=neurons, dt=DT, reset=ResetMode.SUBTRACT)


def spikes(seed: int, net: Network, samples: int = 3, steps: int = 60) -> dict[str, np.ndarray]:
    """Busy and idle by turns."""
    rng = np.random.default_rng(seed)
    busy = np.where(np.arange(steps) // 15 % 2, 0.5, 0.1)
    return {port.name: rng.random((samples, steps, *port.shape)) < busy.reshape(1, -1, 1) for port in net.inputs}


def after(call: str, net: Network, **context: object) -> Network:
    return rewritten(net, [PassCall.parse(one) for one in call.split(" ")], Context(**context))  # type: ignore[arg-type]


def run_of(net: Network, seed: int = 0) -> Run:
    return simulate(net, spikes(seed, net), record=[p.name for p in net.populations])


def differing(one: Network, other: Network, seed: int = 0) -> tuple[int, int]:
    """Spikes that are in one run alone, of all in the first, over the populations of `one`."""
    a, b = run_of(one, seed), run_of(other, seed)
    names = [p.name for p in one.populations if p.spiking]
    return sum(int((a.recorded[n] != b.recorded[n]).sum()) for n in names), sum(int(a.recorded[n].sum()) for n in names)


def population(net: Network, name: str, rule: Adaptation | None) -> Network:
    changed = tuple(replace(p, adaptation=rule) if p.name == name else p for p in net.populations)
    return replace(net, populations=changed)


SOURCES = st.sampled_from(["input", "self", "neuron"])


@settings(max_examples=examples(60), deadline=None)
@given(seed=st.integers(0, 2**32 - 1), gamma=st.integers(0, 30), source=SOURCES, homeostatic=st.booleans())
def test_a_folded_threshold_spikes_as_the_adaptive_one(seed: int, gamma: int, source: str, homeostatic: bool) -> None:
    target = 0.3 if not homeostatic else min(0.3, 0.9 / max(gamma, 1))
    form = "homeostatic" if homeostatic else "literal"
    call = f"adaptive-threshold:gamma={gamma},source={source},form={form},target={target},low=0,high=0,drop=raised"
    before = after(call if source == "input" else f"{call},slope=0", layered(seed % 1000))
    folded = after("lower-adaptive:loop=true", before)
    assert all(p.adaptation is None for p in folded.populations)
    assert fault(folded) is None
    assert differing(before, folded, seed) == (0, differing(before, folded, seed)[1])
    if gamma:
        assert difference(before, folded) is not None


def test_a_fold_of_several_sources_adds_to_the_weights_from_each() -> None:
    before = population(layered(), "last", Adaptation(8.0, 0.2, TAU, raised=True))
    folded = after("lower-adaptive", before)
    assert differing(before, folded)[0] == 0
    layers = {p.name: p.chain[0] for p in folded.into("last")}
    for p in before.into("last"):
        layer, was = layers[p.name], p.chain[0]
        assert isinstance(layer, Dense)
        assert isinstance(was, Dense)
        neuron = before.population("last").neuron
        assert isinstance(neuron, LIF)
        due = neuron.v_threshold * 8.0 / (neuron.r * (12 + 9))
        np.testing.assert_allclose(layer.weight - was.weight, np.repeat(due[:, None], layer.weight.shape[1], 1))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"tau": 2 * TAU}, "tau is not"),
        ({"low": 0.5}, "bounds"),
        ({"high": 1.5}, "bounds"),
        ({"raised": False}, "drop=raised"),
        ({"late": 2}, "late"),
    ],
)
def test_a_fold_that_is_not_exact_is_refused_unless_wanted(change: dict[str, object], why: str) -> None:
    rule = replace(Adaptation(8.0, 0.2, TAU, raised=True), **change)  # type: ignore[arg-type]
    before = population(layered(), "hidden", rule)
    with pytest.raises(UsageError, match=why) as error:
        after("lower-adaptive", before)
    assert error.value.code == "USE033"
    assert "'hidden'" in str(error.value.where)
    folded = after("lower-adaptive:approximate=true", before)
    assert [d.node for d in folded.diagnostics if d.code == "PASS006"] == ["hidden"]
    assert differing(before, folded)[0] > 0  # so the refusal was right


def test_a_fold_needs_the_reset_that_subtracts() -> None:
    before = population(layered(), "hidden", Adaptation(8.0, 0.2, TAU, raised=True))
    with pytest.raises(UsageError, match="reset is to zero"):
        after("lower-adaptive", before, reset=ResetMode.ZERO)


def test_what_no_fold_can_say_is_refused() -> None:
    rule = Adaptation(2.0, 0.2, TAU, raised=True)
    net = population(layered(), "hidden", rule)
    integrator = IF(np.ones(()), np.ones(()), np.zeros(()))
    one = np.ones(())
    cuba = CubaLIF(one * 2 * DT, one * TAU, one, one * 0, one, one, one * 0)
    for neuron, why in ((integrator, "sums for good"), (cuba, "filter")):
        changed = tuple(replace(p, neuron=neuron) if p.name == "hidden" else p for p in net.populations)
        with pytest.raises(UsageError, match=why):
            after("lower-adaptive:approximate=true", replace(net, populations=changed))
    negative = population(layered(), "hidden", replace(rule, homeostatic=True, gamma=9.0, raised=False))
    with pytest.raises(UsageError, match="above 0"):
        after("lower-adaptive:approximate=true", negative)


def convolved(rule: Adaptation | None = None) -> Network:
    layer = conv((2, 6, 6), 3)
    net = network(
        {"hidden": layer.output_shape},
        wire("in", "hidden", layer),
        inputs={"in": (2, 6, 6)},
    )
    neuron = LIF(np.asarray(TAU), np.asarray(TAU / DT), np.zeros(()), np.ones(()), np.zeros(()))
    hidden = replace(net.population("hidden"), neuron=neuron, adaptation=rule)
    return replace(net, populations=(hidden,), dt=DT, reset=ResetMode.SUBTRACT)


def test_a_convolution_is_not_folded_but_may_go_through_an_li() -> None:
    net = convolved(Adaptation(3.0, 0.3, TAU, raised=True))
    with pytest.raises(UsageError, match="no dense layer") as error:
        after("lower-adaptive", net)
    assert "to=li" in str(error.value.hint)
    lowered = after("lower-adaptive:to=li", net)
    assert fault(lowered) is None
    assert {p.model for p in lowered.populations} == {"LI", "LIF"}


@pytest.mark.parametrize("source", Listening)
def test_an_li_keeps_the_activity_that_the_threshold_follows(source: Listening) -> None:
    gamma, target = 3.0, 0.3
    before = population(layered(), "hidden", Adaptation(gamma, target, 4e-3, source, raised=True))
    lowered = after("lower-adaptive:to=li,loop=true", before)
    one, other = run_of(before), run_of(lowered)
    kept = other.recorded["hidden_adaptation"].mean(axis=2)
    if source is Listening.INPUT:  # else the few other spikes are fed back
        np.testing.assert_allclose(1 + gamma * (target - kept), one.factors["hidden"], atol=1e-12)
    wrong, total = differing(before, lowered)
    assert 0 < wrong < 0.5 * total
    assert {d.code for d in lowered.diagnostics} >= {"PASS006"}


@pytest.mark.parametrize("to", ["fold", "li"])
@pytest.mark.parametrize("source", Listening)
def test_lowered_thresholds_are_written_and_read_again_as_they_were(source: Listening, to: str, tmp_path: Path) -> None:
    """Loops too: a file has no delay for them, so they are closed where its reader closes them."""
    before = population(layered(), "hidden", Adaptation(3.0, 0.3, TAU, source, raised=True))
    lowered = after(f"lower-adaptive:to={to},loop=true", before)
    assert fault(lowered) is None
    write(lowered, tmp_path / "low.nir")
    again = read(tmp_path / "low.nir")
    assert difference(lowered, again) is None
    assert differing(lowered, again)[0] == 0


def imaged(rule: Adaptation, pooled: bool) -> Network:
    """A convolution into neurons whose threshold adapts, and behind them a pool or another convolution."""
    first, behind = conv((2, 6, 6), 3), pool((3, 6, 6)) if pooled else conv((3, 6, 6), 2)
    layer = Dense("fc", random_array(4, int(np.prod(behind.output_shape))))
    net = network(
        {"hidden": first.output_shape, "last": 4},
        wire("in", "hidden", replace(first, node="first")),
        wire("hidden", "last", behind, layer),
        inputs={"in": (2, 6, 6)},
    )
    hidden, last = (replace(p, neuron=lif(1)) for p in net.populations)
    return replace(net, populations=(replace(hidden, adaptation=rule), last), dt=DT, reset=ResetMode.SUBTRACT)


@pytest.mark.parametrize("pooled", [True, False])
@pytest.mark.parametrize("source", Listening)
def test_images_whose_thresholds_go_through_an_li_stay_images_in_files(
    source: Listening, pooled: bool, tmp_path: Path
) -> None:
    before = imaged(Adaptation(3.0, 0.3, 4e-3, source, raised=True), pooled)
    lowered = after("lower-adaptive:to=li,loop=true", before)
    assert fault(lowered) is None
    write(lowered, tmp_path / "low.nir")
    assert difference(lowered, read(tmp_path / "low.nir")) is None
    assert nir.read(tmp_path / "low.nir").nodes["hidden"].v_threshold.shape == (3, 6, 6)
    x = {"in": np.random.default_rng(1).random((2, 40, 2, 6, 6)) < 0.3}
    one, other = (simulate(net, x, record=["hidden"]) for net in (before, lowered))
    wrong = int((one.recorded["hidden"] != other.recorded["hidden"]).sum())
    assert wrong < 0.5 * one.recorded["hidden"].sum()
    kept = simulate(lowered, x, record=["hidden_adaptation"]).recorded["hidden_adaptation"].reshape(2, 40, -1)
    if source is Listening.INPUT:
        np.testing.assert_allclose(1 + 3.0 * (0.3 - kept[..., 0]), one.factors["hidden"], atol=1e-12)


def test_a_loop_through_an_li_is_in_files_but_on_no_chip() -> None:
    """It goes through two populations in one timestep, and a chip takes one for each."""
    before = population(layered(), "hidden", Adaptation(3.0, 0.3, TAU, Listening.SELF, raised=True))
    with pytest.raises(CapacityError) as error:
        legalise(after("lower-adaptive:to=li,loop=true", before), real("loihi2"))
    assert error.value.code == "FIT007"
    legalise(after("lower-adaptive:loop=true", before), real("loihi2"))


def test_loops_are_only_made_when_asked_for() -> None:
    for source in (Listening.SELF, Listening.NEURON):
        before = population(layered(), "hidden", Adaptation(1.0, 0.2, TAU, source, raised=True))
        for to in ("fold", "li"):
            with pytest.raises(UsageError, match="loop"):
                after(f"lower-adaptive:to={to}", before)


def test_a_rule_that_is_only_noted_does_nothing_and_stays_in_files(tmp_path: Path) -> None:
    plain = layered()
    noted = after("lower-adaptive:to=none", population(plain, "hidden", Adaptation(5.0, 0.2, TAU)))
    assert differing(plain, noted)[0] == 0
    write(noted, tmp_path / "noted.nir")
    again = read(tmp_path / "noted.nir")
    assert again.population("hidden").adaptation == noted.population("hidden").adaptation
    legalise(noted, real("loihi1"))


def test_rules_in_files_outlive_other_tools(tmp_path: Path) -> None:
    before = population(layered(), "hidden", Adaptation(5.0, 0.2, TAU, low=0.5, high=4.0))
    done = write(before, tmp_path / "one.nir")
    assert "OUT105" in {d.code for d in done}
    stock = nir.read(tmp_path / "one.nir")
    nir.write(tmp_path / "two.nir", stock)
    again = read(tmp_path / "two.nir")
    assert difference(before, again) is None
    assert differing(before, again)[0] == 0


def test_rules_that_do_not_fit_the_graph_are_told(tmp_path: Path) -> None:
    write(population(layered(), "hidden", Adaptation(5.0, 0.2, TAU)), tmp_path / "one.nir")
    graph = nir.read(tmp_path / "one.nir")
    old = graph.nodes["hidden"]
    graph.nodes["hidden"] = nir.Threshold(old.v_threshold)
    nir.write(tmp_path / "two.nir", graph)
    again = read(tmp_path / "two.nir")
    assert again.population("hidden").adaptation is None
    assert [d.node for d in again.diagnostics if d.code == "NET058"] == ["hidden"]


@pytest.mark.parametrize(
    "change", [{"gamma": -1.0}, {"tau": 0.0}, {"low": 3.0, "high": 2.0}, {"source": "ear"}, {"late": -1}, {"tau": "x"}]
)
def test_impossible_rules_in_files_are_refused(tmp_path: Path, change: dict[str, object]) -> None:
    write(population(layered(), "hidden", Adaptation(5.0, 0.2, TAU)), tmp_path / "one.nir")
    graph = nir.read(tmp_path / "one.nir")
    content = json.loads(graph.metadata["neuedge"])
    content["adaptations"]["hidden"] |= change
    graph.metadata["neuedge"] = json.dumps(content)
    nir.write(tmp_path / "two.nir", graph)
    with pytest.raises(NeuedgeError) as error:
        read(tmp_path / "two.nir")
    assert error.value.code == "NET020"


# The pass that sets them.


def drawn(net: Network, samples: int = 40, seed: int = 5) -> Samples:
    rng = np.random.default_rng(seed)
    return Samples(spikes(seed, net, samples), rng.integers(0, 4, samples))


def test_the_target_is_the_mean_activity_of_the_calibration_data() -> None:
    net = layered()
    data = drawn(net)
    made = after("adaptive-threshold", net, calibration=data)
    rule = made.population("hidden").adaptation
    assert rule is not None
    assert rule.target == pytest.approx(float(data.inputs["in"].mean()), rel=1e-5)
    assert rule.tau == TAU
    assert made.population("last").adaptation is None  # only the output reads it
    named = after("adaptive-threshold:population=last", net, calibration=data)
    run = simulate(net, data.inputs)
    neurons = 12 + 9
    spikes_in = run.counts["in"].sum() + run.counts["hidden"].sum()
    rule = named.population("last").adaptation
    assert rule is not None
    assert rule.target == pytest.approx(float(spikes_in) / (neurons * run.samples * run.steps), rel=1e-5)


def test_what_was_found_needs_no_data_again() -> None:
    net = layered()
    call = PassCall.parse("adaptive-threshold:source=self,gamma=2,search=true,max_loss=60")
    (done,) = apply_passes(net, [call], Context(calibration=drawn(net)))
    assert difference(rewritten(net, [done.call], Context()), done.network) is None


def test_a_loop_that_latches_or_swings_is_refused_with_its_limit() -> None:
    net = layered()
    with pytest.raises(UsageError, match=r"latches.*less than 5") as error:
        after("adaptive-threshold:source=self,gamma=6,target=0.1,slope=-0.2", net)
    assert error.value.code == "USE032"
    after("adaptive-threshold:source=self,gamma=4.9,target=0.1,slope=-0.2", net)
    after("adaptive-threshold:source=input,gamma=40,target=0.1", net)
    with pytest.raises(UsageError, match="swings"):
        after("adaptive-threshold:source=self,form=homeostatic,gamma=6,target=0.1,slope=-0.2,tau=0.001", net)
    after("adaptive-threshold:source=self,form=homeostatic,gamma=6,target=0.1,slope=-0.2", net)


def test_a_loop_beyond_its_estimated_limit_does_latch() -> None:
    """The estimate against a run: below the limit thresholds come back, far above it they stay at their bound."""
    net = layered(3, inputs=40, hidden=40)
    weak = [dense(40, 40, 3), dense(4, 40, 4), dense(4, 40, 5)]
    calm = [replace(layer, weight=layer.weight * 0.12) for layer in weak]
    chains = [*((layer,) for layer in calm), ()]
    net = replace(
        net, projections=tuple(replace(p, chain=chain) for p, chain in zip(net.projections, chains, strict=True))
    )
    call = PassCall.parse("adaptive-threshold:source=self,population=hidden,gamma=1")
    made = configured(call).settled(net, Context(calibration=drawn(net)))  # type: ignore[attr-defined]
    limit, target = 1 / abs(float(made.slope)), float(made.target)
    busy = {"in": np.random.default_rng(1).random((1, 400, 40)) < 0.3}

    def last(gamma: float) -> float:
        rule = Adaptation(gamma, target, TAU, Listening.SELF, low=0.5, high=4.0)
        return float(simulate(population(net, "hidden", rule), busy).factors["hidden"][0, -100:].mean())

    assert last(0.3 * limit) < 1.5
    assert last(4 * limit) == 4.0


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ("gamma=-1", "USE025"),
        ("gamma=nan", "USE025"),
        ("low=3,high=2,target=0.1", "USE025"),
        ("gamma=1e308,target=1e300", "USE025"),
        ("target=x", "USE025"),
        ("target=0.1/0.2", "USE025"),
        ("tau=0.0001,target=0.1", "USE025"),
        ("population=none,target=0.1", "USE031"),
        ("source=ear", "USE025"),
        ("gama=1", "USE014"),
        ("", "USE026"),
        ("source=self,target=0.1", "USE026"),
        ("form=homeostatic,gamma=20,target=0.1,drop=raised", "USE025"),
    ],
)
def test_what_makes_no_rule_is_refused(options: str, code: str) -> None:
    with pytest.raises(UsageError) as error:
        after(f"adaptive-threshold:{options}" if options else "adaptive-threshold", layered())
    assert error.value.code == code


def test_gamma_zero_changes_nothing() -> None:
    net = layered()
    assert after("adaptive-threshold:gamma=0,target=0.1", net) is net


def test_the_report_shows_controls_and_thresholds() -> None:
    net = layered()
    data = drawn(net)
    call = [PassCall.parse("adaptive-threshold:gamma=3,max_loss=100")]
    context = Context(samples=data, calibration=drawn(net, seed=6))
    (done,) = apply_passes(net, call, context, measured=True)
    spent, thresholds = done.report
    assert [str(row[0]) for row in spent.rows] == ["original", "thresholds x 4, static", "adaptive"]
    assert done.effect is not None
    assert spent.rows[-1][3] == pytest.approx(done.effect.spikes)
    assert [row[0] for row in thresholds.rows] == ["hidden"]
    assert thresholds.rows[0][4] < 1 < thresholds.rows[0][5]  # type: ignore[operator]


# Chips.

RULES = [(source, homeostatic) for source in Listening for homeostatic in (False, True)]
ABLE = {
    "loihi1": {(Listening.NEURON, True)},
    "loihi2": {*RULES},
    "truenorth": set(),
    "spinnaker1": {*RULES},
    "spinnaker2": {*RULES},
}


@pytest.mark.parametrize("chip", sorted(ABLE))
@pytest.mark.parametrize(("source", "homeostatic"), RULES)
def test_a_chip_adapts_by_itself_or_says_what_to_do(chip: str, source: Listening, homeostatic: bool) -> None:
    net = population(layered(), "hidden", Adaptation(1.0, 0.2, TAU, source, homeostatic))
    if chip == "truenorth":
        integrator = IF(np.ones(()), np.ones(()), np.zeros(()))
        net = replace(net, populations=tuple(replace(p, neuron=integrator) for p in net.populations))
    if (source, homeostatic) in ABLE[chip]:
        legal = legalise(net, real(chip), reset=ResetMode.ZERO)
        (warning,) = (d for d in legal.diagnostics if d.code == "WARN007")
        assert warning.node == "hidden"
        means = source is not Listening.NEURON
        assert ("mean activity" in warning.message) == ("steps later" in warning.message) == means
        assert ("A mean takes" in warning.message) == means
        return
    with pytest.raises(CapacityError, match=str(source)) as error:
        legalise(net, real(chip), reset=ResetMode.ZERO)
    assert error.value.code == "FIT020"
    assert "'hidden'" in str(error.value.where)
    assert "lower-adaptive" in str(error.value.hint)


@pytest.mark.parametrize(("source", "late"), [(Listening.INPUT, 2), (Listening.NEURON, 0)])
def test_a_plan_lists_rules_and_encoders_and_the_checker_knows_them(source: Listening, late: int) -> None:
    rule, encoder = Adaptation(1.0, 0.2, TAU, source), HybridEncoder(4.0, 0.5, 2)
    net = population(layered(), "hidden", rule)
    net = replace(net, inputs=(replace(net.inputs[0], encoder=encoder),))
    plan = compile_network(net, real("loihi2"), Options(effort="none"))
    told = {p.name: (p.encoder, p.adaptation) for p in plan.populations if p.model != "Output"}
    assert told == {"in": (encoder, None), "hidden": (None, replace(rule, late=late)), "last": (None, None)}
    assert decode(encode(plan), "plan") == plan
    for at, change in ((0, {"encoder": None}), (1, {"adaptation": None}), (1, {"adaptation": replace(rule, late=5)})):
        changed = tuple(replace(p, **change) if n == at else p for n, p in enumerate(plan.populations))
        with pytest.raises(VerificationError) as refusal:
            verify(replace(plan, populations=changed), net)
        assert refusal.value.code == "PLAN136"
    stiff = replace(plan.chip, capabilities=replace(plan.chip.capabilities, adaptation=None))
    with pytest.raises(VerificationError, match="follows an activity") as refusal:
        verify(replace(plan, chip=stiff), None)
    assert refusal.value.code == "PLAN118"


def test_a_loop_in_the_network_is_no_input_to_listen_to() -> None:
    net = recurrent(6)
    adapting = replace(population(net, "a", Adaptation(1.0, 0.2, 1.0)), dt=1.0)
    assert adapting.heard_by(adapting.populations[0]) == ("i",)
    alone = replace(adapting, projections=tuple(p for p in adapting.projections if p.source != "i"))
    assert "no source" in str(fault(alone))


def test_inspect_shows_rules_and_encoders() -> None:
    net = population(layered(), "hidden", Adaptation(5.0, 0.25, TAU, low=0.5, homeostatic=True))
    net = replace(net, inputs=(replace(net.inputs[0], encoder=HybridEncoder(4.0, 0.5, 2)),))
    outline = outline_of(net)
    shown = "\n".join(tree_lines(outline, Style(300)))
    assert "threshold follows source=input: gamma 5, target 0.25, tau 0.01, 0.5 .. no bound, homeostatic" in shown
    assert "codes values: v_base 4, alpha 0.5, at most 2 spikes" in shown
    found = json.loads(json.dumps(inspection_of(outline)))
    assert found["inputs"][0]["encoder"]["cap"] == 2
    by_name = {each["name"]: each["adaptation"] for each in found["populations"]}
    assert by_name["last"] is None
    assert by_name["hidden"]["gamma"] == 5.0
