"""Splitters: copies on cores of their own where that takes fewer cores; the same spikes; a checker that misses none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from neuedge_nir import emit
from neuedge_nir.chip.model import AxonWeights
from neuedge_nir.errors import CapacityError, NoPlanError, UsageError, VerificationError
from neuedge_nir.interpreter.retimed import simulate_late
from neuedge_nir.interpreter.run import simulate
from neuedge_nir.mapping.splitters import cheapest, dealt, movable
from neuedge_nir.network.connect import Delay, Dense
from neuedge_nir.network.model import Network, ResetMode
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.check_relays import relayed
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.store import decode, encode
from neuedge_nir.plan.verify import verify
from tests.sampling import examples
from tests.test_emit_ranc import assert_same, biased, noise
from tests.worlds import Wire, chip, network, networks, real, wire


def ternary(outputs: int, inputs: int, *, signs: bool = False) -> Dense:
    """Weights of 0 and 1, which take one axon an input; with -1, two."""
    rng = np.random.default_rng([outputs, inputs])
    return Dense(f"dense{outputs}x{inputs}", rng.choice([-1.0, 0.0, 1.0] if signs else [0.0, 1.0], (outputs, inputs)))


def row(*sizes: int, signs: bool = False, inputs: int = 100) -> Network:
    """Populations one behind the other, all to all."""
    names = ["in", *(f"p{k}" for k in range(len(sizes)))]
    widths = (inputs, *sizes)
    wires = [wire(names[k], names[k + 1], ternary(widths[k + 1], widths[k], signs=signs)) for k in range(len(sizes))]
    return network(dict(zip(names[1:], sizes, strict=True)), *wires, inputs={"in": inputs}, model="IF", dt=1.0)


def star(targets: int, size: int = 4, width: int = 200) -> Network:
    """in -> a -> so many populations, each of which fills a core nearly."""
    names = [f"b{k}" for k in range(targets)]
    wires: list[Wire] = [wire("a", name, ternary(width, size)) for name in names]
    return network(
        {"a": size, **dict.fromkeys(names, width)}, wire("in", "a", ternary(size, 8)), *wires,
        inputs={"in": 8}, model="IF", dt=1.0,
    )  # fmt: skip


def looped() -> Network:
    """A population with a loop and a read-out that drives six cores, some of them much later than the others."""
    late = Delay("late", np.asarray(25.0), (40,))
    return network(
        {"a": 40, "b": 600, "c": 300, "d": 10},
        wire("in", "a", ternary(40, 20)),
        wire("a", "a", ternary(40, 40), steps=1),
        wire("a", "b", ternary(600, 40)),
        wire("a", "c", late, ternary(300, 40)),
        wire("a", "d", ternary(10, 40)),
        inputs={"in": 20},
        outputs={"out": "d", "peek": "a"},
        model="IF",
        dt=1.0,
    )


def planned(net: Network, splitters: str = "auto", **options: object) -> Plan:
    wanted = Options(effort="none", splitters=splitters, **options)  # type: ignore[arg-type]
    return compile_network(net, real("truenorth"), wanted)


def splitters_of(plan: Plan) -> dict[str, str]:
    return {p.name: p.relay.of for p in plan.populations if p.relay is not None and p.relay.splits}


@cache
def compiled(splitters: str = "auto") -> tuple[Plan, Network]:
    net = row(256, 256, 1024)
    return planned(net, splitters), net


def test_copies_that_cascade_go_into_splitters() -> None:
    """1024 neurons take 4 cores, so 256 take 4 with copies of theirs, and so do the 256 before them."""
    never, _ = compiled("never")
    plan, net = compiled()
    assert (never.mapping.cores_neurons, never.mapping.copies, never.mapping.cores_relay_or_copy) == (12, 1536, 0)
    assert splitters_of(plan) == {"p1.splitter1": "p1"}
    assert (plan.mapping.cores_neurons, plan.mapping.cores_relay_or_copy) == (6, 4)  # ceil(256 * 4 / 256) splitters
    assert (plan.mapping.copies, plan.mapping.relay_neurons) == (256 * 3, 256)
    assert {p.name: p.lag for p in plan.populations} == {
        "in": 0, "p0": 1, "p1": 2, "p1.splitter1": 3, "p2": 4, "out": 4,
    }  # fmt: skip
    assert [(d.code, d.node) for d in plan.diagnostics if d.code == "WARN040"] == [("WARN040", "p1")]
    verify(plan, net)


def test_splitters_can_be_forbidden_and_forced() -> None:
    plan, _ = compiled("always")
    assert splitters_of(plan) == {"p0.splitter1": "p0", "p1.splitter1": "p1"}
    assert plan.options.splitters == "always"
    assert decode(encode(plan), "plan.json") == plan
    assert not splitters_of(compiled("never")[0])
    with pytest.raises(UsageError, match="splitters cannot be 'some'"):
        Options(splitters="some")


def test_copies_stay_where_splitters_save_no_core() -> None:
    plan = planned(row(100, 500))
    assert plan.mapping.copies
    assert not splitters_of(plan)


def test_other_chips_have_none() -> None:
    plan = compile_network(row(20, 300), real("loihi2"), Options(effort="none", splitters="always"))
    assert not splitters_of(plan)


def test_a_neuron_with_more_copies_than_a_core_has_slots_takes_splitters() -> None:
    small = chip(
        weights=AxonWeights.AXON_TYPES, one_destination=True, neuron_copies=32, input_axons=64, max_delay=15,
        models=("IF",), leaks=False,
    )  # fmt: skip
    net = star(40, width=20)
    with pytest.raises(NoPlanError) as caught:
        compile_network(net, small, Options(effort="none", splitters="never"))
    found = caught.value
    assert (found.code, found.resource, found.needed, found.available) == ("FIT050", "neuron_copies", 40, 32)
    plan = compile_network(net, small, Options(effort="none"))
    assert set(splitters_of(plan).values()) == {"a"}
    assert len(splitters_of(plan)) == 2  # one would need as many slots as its source
    verify(plan, net)


@pytest.mark.parametrize("reset", ResetMode)
@pytest.mark.parametrize("made", [looped, lambda: row(60, 90, 700, signs=True), lambda: star(9)])
def test_the_chips_files_spike_as_emulated(made: Callable[[], Network], reset: ResetMode) -> None:
    net = biased(made(), 3)
    plan = planned(net, "always", reset=reset)
    assert splitters_of(plan)
    assert plan.mapping.copies
    assert assert_same(plan, net, emit(plan, net), noise(net, 5)) > 500


def test_what_closes_a_cycle_is_not_moved_and_what_waits_long_takes_relays_too() -> None:
    net = looped()
    plan = planned(net, "always")
    assert [p.target for p in movable("a", net)] == ["b", "c", "d"]
    sources = {p.target: p.source for p in plan.projections if p.target != "a"}
    assert sources["a.splitter1"] == "a"
    assert (sources["b"], sources["d"]) == ("a.splitter1", "a.splitter1")
    assert sources["c"] == "a.splitter1.relay1"
    assert {p.source for p in plan.projections if p.target == "a"} == {"in", "a"}


REFUSED = ("FIT010", "FIT012", "FIT013", "FIT014", "FIT019", "FIT022", "FIT050", "OUT201", "OUT203")


@settings(max_examples=examples(30), deadline=None)
@given(networks(), st.sampled_from(ResetMode), st.integers(0, 99))
def test_random_networks_with_splitters_spike_as_emulated(net: Network, reset: ResetMode, seed: int) -> None:
    net = biased(replace(net, dt=1.0), seed)
    try:
        plan = planned(net, "always", reset=reset)
        event(f"{len(splitters_of(plan))} splitters")
        files = emit(plan, net)
    except (CapacityError, NoPlanError, UsageError, VerificationError) as refused:
        assert refused.code in REFUSED
        assume(False)
    assert_same(plan, net, files, noise(net, seed, samples=2, steps=12))


def test_of_equally_many_cores_the_fewest_splitters_are_taken() -> None:
    def cores(levels: dict[str, int]) -> int | None:
        return {(): 9, ("b",): 7, ("a", "b"): 7}.get(tuple(sorted(levels)), 8)

    assert cheapest("ab", "auto", cores, 1) == {"b": 1}  # type: ignore[arg-type]
    assert cheapest("ab", "auto", cores, 9) == {}  # type: ignore[arg-type]
    assert cheapest("ab", "never", cores, 1) == {}  # type: ignore[arg-type]


def test_what_fits_with_all_splitters_alone_is_found() -> None:
    def cores(levels: dict[str, int]) -> int | None:
        return 5 if levels.get("a", 0) >= 4 and "b" in levels else None

    assert cheapest("ab", "auto", cores, 1) == {"a": 4, "b": 1}  # type: ignore[arg-type]


def test_targets_are_dealt_in_order_and_evenly() -> None:
    net = star(5)
    names = [p.name for p in movable("a", net)]
    assert dealt(net, {"a": 2}) == {"a": (tuple(names[:3]), tuple(names[3:]))}
    assert dealt(net, {"a": 16}) == {"a": tuple((name,) for name in names)}


Damage = Callable[[Plan], Plan]


def changed_relay(**values: Any) -> Damage:
    def damage(plan: Plan) -> Plan:
        return replace(
            plan,
            populations=tuple(
                replace(p, relay=replace(p.relay, **values)) if p.relay is not None else p for p in plan.populations
            ),
        )

    return damage


def changed(target: str, **values: Any) -> Damage:
    """The projection into a population changed."""
    return lambda plan: replace(
        plan, projections=tuple(replace(p, **values) if p.target == target else p for p in plan.projections)
    )


def later(*names: str) -> Damage:
    return lambda plan: replace(
        plan, populations=tuple(replace(p, lag=p.lag + 1) if p.name in names else p for p in plan.populations)
    )


def without_a_copy(plan: Plan) -> Plan:
    """One slot less is used where the splitters are."""
    names = [any(s.population == "p1.splitter1" for s in core.slices) for core in plan.cores]
    cores = list(plan.cores)
    at = names.index(True)
    cores[at] = replace(cores[at], used={**cores[at].used, "neurons": cores[at].used["neurons"] - 1})
    return replace(plan, cores=tuple(cores), mapping=replace(plan.mapping, copies=plan.mapping.copies - 1))


def past_a_target(plan: Plan) -> Plan:
    """The splitters no longer send to one of their cores."""
    index = next(i for i, core in enumerate(plan.cores) if core.slices[0].population == "p1.splitter1")
    routes = tuple(replace(r, targets=r.targets[1:]) if r.core == index else r for r in plan.routes)
    return replace(plan, routes=routes)


DAMAGES: dict[str, tuple[Damage, str]] = {
    "a missing copy": (without_a_copy, "PLAN112"),
    "a missing destination": (past_a_target, "PLAN119"),
    "a wrong delay behind it": (changed("p2", delay=2), "PLAN114"),
    "a wrong delay into it": (changed("p1.splitter1", delay=2), "PLAN201"),
    "a splitter that runs late": (later("p1.splitter1"), "PLAN201"),
    "a target past its splitter": (changed("p2", source="p1"), "PLAN150"),
    "splitters that nobody wanted": (
        lambda plan: replace(plan, options=replace(plan.options, splitters="never")), "PLAN200",
    ),
    "an unknown way": (lambda plan: replace(plan, options=replace(plan.options, splitters="most")), "PLAN200"),
    "one left out where all were asked for": (
        lambda plan: replace(plan, options=replace(plan.options, splitters="always")), "PLAN202",
    ),
    "a splitter called a relay": (changed_relay(splits=False), "PLAN203"),
    "weights of two": (changed_relay(parameters={"r": 0.2, "v_threshold": 0.5, "v_reset": 0.0}), "PLAN150"),
    "a core of splitters counted as neurons": (
        lambda plan: replace(
            plan,
            mapping=replace(plan.mapping, cores_neurons=plan.mapping.cores_neurons + 1, cores_relay_or_copy=3),
        ),
        "PLAN126",
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_plan_is_refused(damage: str) -> None:
    plan, net = compiled()
    broken, code = DAMAGES[damage]
    with pytest.raises(VerificationError) as caught:
        verify(broken(plan), net)
    assert caught.value.code == code


def test_some_targets_past_the_splitter_are_seen() -> None:
    net = star(3)
    plan = planned(net, "always")
    held = next(p for p in plan.projections if p.target == "b0")
    moved = replace(plan, projections=tuple(replace(p, source="a") if p is held else p for p in plan.projections))
    with pytest.raises(VerificationError) as caught:
        verify(moved, net)
    assert caught.value.code == "PLAN202"


def test_splitters_where_neurons_have_many_destinations_are_refused() -> None:
    plan, net = compiled()
    able = replace(plan.chip.capabilities, one_destination=False)
    with pytest.raises(VerificationError) as caught:
        verify(replace(plan, chip=replace(plan.chip, capabilities=able)), net)
    assert caught.value.code == "PLAN200"


def test_the_network_that_the_chip_runs_has_the_splitters() -> None:
    plan, net = compiled()
    whole = relayed(plan, net)
    assert [p.name for p in whole.populations] == ["p0", "p1", "p1.splitter1", "p2"]


@pytest.mark.parametrize("reset", ResetMode)
def test_in_the_plans_own_time_every_spike_is_the_models(reset: ResetMode) -> None:
    """The network that the checker puts together of plan and model, run at the plan's lags and delays."""
    net = biased(looped(), 3)
    plan = planned(net, "always", reset=reset)
    lags, delays = {p.name: p.lag for p in plan.populations}, {p.name: p.delay for p in plan.projections}
    whole = relayed(plan, net)
    names = [p.name for p in whole.populations]
    found = simulate_late(whole, lags, delays, noise(net, 7), 1.0, reset, record=names).recorded
    due = simulate(net, noise(net, 7), 1.0, reset, record=[p.name for p in net.populations]).recorded
    for name, values in due.items():
        assert values.any()
        np.testing.assert_array_equal(found[name], values)
    for name, source in splitters_of(plan).items():
        np.testing.assert_array_equal(found[name], found[source])


def test_the_same_plan_is_found_again() -> None:
    assert encode(planned(row(256, 256, 1024))) == encode(compiled()[0])
