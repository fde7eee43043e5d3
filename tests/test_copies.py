"""Copies of a network fill a chip: as many as are asked for or found, within a bound that the checker recounts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuedge_nir.across.answers import measures_of
from neuedge_nir.api import emit
from neuedge_nir.chip.model import Chip
from neuedge_nir.constraints.load import parse
from neuedge_nir.errors import CapacityError, NoPlanError, UsageError, VerificationError
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.mapping.copies import largest
from neuedge_nir.network.copies import copied
from neuedge_nir.network.model import IF, Network
from neuedge_nir.pipeline import Options, compile_copies, compile_network
from neuedge_nir.plan.figures import Copies
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.store import decode, encode
from neuedge_nir.plan.verify import verify
from neuedge_nir.report.contract import report_of
from neuedge_nir.report.figures import figures_of
from neuedge_nir.report.headline import headline_of
from neuedge_nir.report.share import share_of
from tests.conftest import CHIPS, Golden, Neuedge, Refused
from tests.worlds import chain, chip, convnet, limit, network, real, recurrent, system, topology, wire

FOUR = topology(columns=2, rows=2, systems=(system(1, 1), system(2, 2)))


def toy(**most: int) -> Chip:
    return chip(on=FOUR, **(most or {"neurons": 10}))  # type: ignore[arg-type]


def filled(net: Network, on: Chip, copies: int | str = "max", **options: object) -> Plan:
    return compile_network(net, on, Options(copies=copies, **{"effort": "none", **options}))  # type: ignore[arg-type]


# --- what copies are


def test_copies_are_networks_beside_each_other() -> None:
    one = recurrent(4)
    three = copied(one, 3)
    assert [p.name for p in three.populations] == ["a", "b", "a@2", "b@2", "a@3", "b@3"]
    assert [p.name for p in three.inputs] == ["i", "i@2", "i@3"]
    assert len(three.projections) == 3 * len(one.projections)
    ends = {name.partition("@")[2] for p in three.projections for name in (p.source, p.target) if "@2" in p.name}
    assert ends == {"2"}
    assert all(
        p.chain is q.chain for p, q in zip(three.projections[len(one.projections) :], one.projections, strict=False)
    )
    assert copied(one, 1) is one


def test_a_name_of_a_copy_may_not_be_taken() -> None:
    with pytest.raises(UsageError) as refusal:
        compile_network(network({"a": 3, "a@2": 3}, wire("a", "a@2")), toy(), Options(copies=2))
    assert refusal.value.code == "USE083"
    assert copied(network({"a": 3, "a@2": 3}, wire("a", "a@2")), 1).neurons == 6


@pytest.mark.parametrize("wrong", [0, -1, 1 << 17, "many", 1.5, True])
def test_a_number_of_copies_is_a_number_or_max(wrong: object) -> None:
    with pytest.raises(UsageError) as refusal:
        Options(copies=wrong)  # type: ignore[arg-type]
    assert refusal.value.code == "USE019"


# --- how many there are


@given(st.integers(1, 300), st.integers(0, 400), st.integers(1, 300))
def test_the_search_finds_where_it_ends(true: int, guess: int, more: int) -> None:
    asked: list[int] = []

    def fits(count: int) -> bool:
        asked.append(count)
        return count <= true

    assert largest(fits, guess, true + more - 1) == true
    assert 1 not in asked
    assert max(asked, default=1) <= true + more - 1


WORLDS: Mapping[str, tuple[Callable[[], Network], Chip, int, int]] = {
    "two to a core": (lambda: chain(a=5), toy(), 8, 8),
    "cut where that helps": (lambda: chain(a=6), toy(), 6, 6),
    "one core each": (lambda: chain(a=6), toy(neurons=10, slices=1), 4, 4),
    "a little more than half": (lambda: chain(a=3, b=3), toy(neurons=5, slices=1), 2, 2),
    "by what a chip's cores share": (lambda: chain(a=1), chip(
        on=FOUR, neurons=50, rules=[limit("row_table_bytes", 160, shared=True)]), 2, 2),
}  # fmt: skip


@pytest.mark.parametrize("name", WORLDS)
def test_max_is_the_most_that_a_chip_is_found_to_hold(name: str) -> None:
    build, on, count, at_most = WORLDS[name]
    plan = filled(build(), on)
    assert plan.copies is not None
    assert (plan.copies.count, plan.copies.at_most, plan.copies.chips) == (count, at_most, 1)
    with pytest.raises((CapacityError, NoPlanError)):
        filled(build(), on, count + 1, chips=1)


def test_more_chips_hold_more_copies() -> None:
    plan = filled(chain(a=5), toy(), chips=4)
    assert plan.copies == Copies(32, 4, 32, "neurons")
    assert plan.mapping.chips_used == 4


def test_where_one_copy_fits_no_chip_that_is_what_is_said() -> None:
    with pytest.raises(CapacityError) as refusal:
        filled(chain(a=50), toy())
    assert refusal.value.code == "FIT015"


def test_the_bound_is_open_where_fewer_were_found() -> None:
    plan = filled(chain(a=6, b=6), toy(neurons=10, input_axons=7))
    assert plan.copies is not None
    assert plan.copies.count <= plan.copies.at_most


@pytest.mark.parametrize("target", CHIPS)
@pytest.mark.parametrize("effort", ["none", "quick"])
def test_every_chip_holds_copies_that_verify(target: str, effort: str) -> None:
    net = chain(a=40, b=10, model="IF")
    plan = filled(net, real(target), 3, effort=effort)
    verify(plan, net)
    verify(plan, None)
    assert decode(encode(plan), "plan") == plan
    assert encode(filled(net, real(target), 3, effort=effort)) == encode(plan)
    assert plan.counts.neurons == 3 * 50
    stated = plan.copies
    assert stated is not None
    assert stated.count == 3 <= stated.at_most


@pytest.mark.parametrize("build", [lambda: recurrent(30, "IF"), lambda: convnet(8, 4, "IF")])
@pytest.mark.parametrize("target", ["loihi1", "loihi2", "spinnaker1", "spinnaker2"])
def test_recurrent_and_convolutional_networks_are_copied_too(target: str, build: Callable[[], Network]) -> None:
    verify(filled(build(), real(target), 4), build())


def test_copies_cost_what_one_costs_and_share_what_is_static() -> None:
    alone, full = compile_copies(
        chain(a=40, b=10), real("loihi2"), Options(copies=8, steps_per_sample=16, effort="none")
    )
    one, each = share_of(alone), share_of(full)
    assert full.copies is not None
    assert alone.copies is None
    assert one.per == each.per == "inference"
    assert full.cost.inference is not None
    assert each.dynamic_j.typical == pytest.approx(one.dynamic_j.typical)
    found, cost = full.cost.inference, full.cost
    for name in ("low", "typical", "high"):
        every = getattr(cost.static_w, name) * getattr(cost.step_s, name) * found.period
        assert 8 * getattr(found.static_j, name) == pytest.approx(every)
    assert (each.static_j.typical or 0) < (one.static_j.typical or 0)
    assert (each.rate.typical or 0) * (cost.step_s.typical or 0) * found.interval == pytest.approx(8)
    assert (each.rate.low or 0) <= (each.rate.typical or 0) <= (each.rate.high or 0)


def test_energy_is_of_one_inference_and_the_rate_of_all_copies_wherever_it_is_told() -> None:
    plan = filled(chain(a=40, b=10), real("loihi2"), 3, steps_per_sample=16)
    known, measured = figures_of(plan), measures_of(plan, None)
    told = report_of(plan)["inference"]
    assert isinstance(told, dict)
    rates = {known["inference.rate"].typical, known["copies.rate"].typical, measured.throughput.typical}
    assert rates == {told["rate_hz"]["typical"]}
    energies = {known["inference.energy"].typical, known["copies.energy"].typical, measured.energy.typical}
    assert energies == {told["energy_j"]["typical"]}
    assert "of all 3 copies" in dict(headline_of(plan, known).lines)["inference"]


@pytest.mark.parametrize("figure", ["dynamic_j", "static_j", "rate_hz", "pipelined_dynamic_j", "pipelined_static_j"])
def test_the_checker_counts_what_copies_share(figure: str) -> None:
    plan = filled(chain(a=40, b=10), real("loihi2"), 3, steps_per_sample=16)
    found = plan.cost.inference
    assert found is not None
    of_all = getattr(found, figure)
    thrice = replace(of_all, low=3 * of_all.low, typical=3 * of_all.typical, high=3 * of_all.high)
    wrong = replace(plan, cost=replace(plan.cost, inference=replace(found, **{figure: thrice})))
    with pytest.raises(VerificationError) as refusal:
        verify(wrong, None)
    assert refusal.value.code in ("PLAN135", "PLAN274")


def test_a_chip_that_states_no_times_says_so() -> None:
    plan = filled(chain(a=5), toy(), 2)
    lines = dict(headline_of(plan, figures_of(plan)).lines)
    assert lines["time"] == "not published: the chip file states no times"


def test_where_chips_cannot_be_raised_nobody_is_told_to() -> None:
    for chips, due in ((1, "raise --chips"), (4, "has 4 chips, so --chips cannot be raised: take another chip")):
        with pytest.raises(CapacityError) as refusal:
            filled(chain(a=5), toy(), 40, chips=chips)
        assert refusal.value.code == "FIT015"
        assert due in (refusal.value.hint or "")


def test_each_copy_has_the_rates_of_the_network() -> None:
    plan = filled(chain(a=4, b=3), toy(), 2, activity={"in": 0.5, "a": 0.25, "b": 0.125})
    assert plan.activity.rates == {"in": 0.5, "a": 0.25, "b": 0.125, "in@2": 0.5, "a@2": 0.25, "b@2": 0.125}


def test_samples_are_simulated_once_and_hold_for_each_copy() -> None:
    samples = Samples({"in": np.ones((2, 4, 5))})
    net = chain(a=4, b=3, model="IF")
    plan = filled(net, toy(), 2, activity=samples, dt=1)
    assert plan.activity.rates["a"] == plan.activity.rates["a@2"]
    assert plan.cost.inference is not None
    verify(plan, net)


def test_remarks_are_those_of_one_copy() -> None:
    net = chain(a=40, b=10, model="IF")
    uneven = IF(np.linspace(1, 2, 40), np.ones(()), np.zeros(()))
    net = replace(net, populations=(replace(net.populations[0], neuron=uneven), net.populations[1]))
    one = filled(net, real("spinnaker1"), 1)
    assert [d.node for d in one.diagnostics if d.node] == ["a"]
    assert [d for d in filled(net, real("spinnaker1"), 5).diagnostics if d.node] == [
        d for d in one.diagnostics if d.node
    ]


# --- tiles and constraints


def test_tiles_and_groups_hold_in_each_copy_and_a_pin_where_it_says() -> None:
    text = """schema = 1
[[pin]]
population = "a@2"
cores = [{ router = [1, 1] }]
[[apart]]
populations = ["a", "b"]
on = "core"
[[cap]]
population = "b"
neurons = 2
"""
    net = chain(a=4, b=3)
    plan = filled(net, chip(neurons=10), 2, constraints=parse(text.encode(), "wish"), tiles={"a": 2})
    verify(plan, net)
    held = {
        p: {c.router for c in plan.cores if any(s.population == p for s in c.slices)} for p in ("a", "a@2", "b", "b@2")
    }
    assert held["a@2"] == {(1, 1)}
    assert not held["a"] & held["b"]
    assert not held["a@2"] & held["b@2"]
    assert len(held["b"]) == len(held["b@2"]) == 2
    assert plan.options.tiles == {"a": "2", "a@2": "2"}
    assert [cap.population for cap in plan.options.constraints.cap] == ["b", "b@2"]


# --- the checker


def stated(plan: Plan, **changes: object) -> Plan:
    assert plan.copies is not None
    return replace(plan, copies=replace(plan.copies, **changes))  # type: ignore[arg-type]


def asked(plan: Plan, copies: int | None) -> Plan:
    return replace(plan, options=replace(plan.options, copies=copies))


BROKEN: Mapping[str, tuple[str, Callable[[Plan], Plan]]] = {
    "more copies than are mapped": ("PLAN220", lambda p: stated(p, count=4)),
    "no word of copies": ("PLAN220", lambda p: replace(p, copies=None)),
    "copies that nobody asked for": ("PLAN102", lambda p: asked(p, None)),
    "fewer copies asked for": ("PLAN102", lambda p: asked(p, 2)),
    "no copy at all": ("PLAN220", lambda p: asked(p, 0)),
    "copies without end": ("PLAN220", lambda p: asked(p, 1 << 40)),
    "a higher bound": ("PLAN221", lambda p: stated(p, at_most=9)),
    "a lower bound": ("PLAN221", lambda p: stated(p, at_most=7)),
    "a bound below what is there": ("PLAN220", lambda p: stated(p, at_most=2)),
    "another limit's bound": ("PLAN221", lambda p: stated(p, resource="input_axons")),
    "fewer chips than are used": ("PLAN220", lambda p: stated(p, chips=0)),
    "more chips than there are": ("PLAN220", lambda p: stated(p, chips=5)),
    "another number of chips": ("PLAN221", lambda p: stated(p, chips=2)),
}


@pytest.mark.parametrize("what", BROKEN)
def test_the_checker_refuses_what_is_said_wrongly_of_copies(what: str) -> None:
    net, (code, change) = chain(a=5), BROKEN[what]
    plan = filled(net, toy(neurons=10, input_axons=1000), 3, chips=4)
    verify(plan, net)
    with pytest.raises(VerificationError) as refusal:
        verify(change(plan), net)
    assert refusal.value.code == code


def test_a_copy_that_is_not_whole_is_refused() -> None:
    net = chain(a=5)
    plan = filled(net, toy(), 3)
    lost = tuple(replace(c, slices=tuple(s for s in c.slices if s.population != "a@3")) for c in plan.cores)
    with pytest.raises(VerificationError) as refusal:
        verify(replace(plan, cores=tuple(c for c in lost if c.slices)), net)
    assert refusal.value.code == "PLAN106"


# --- the command line


def test_compile_fills_a_chip_and_tells_what_one_copy_costs(neuedge: Neuedge, digits: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    words = ("compile", digits, "--target", "loihi2", "--copies", "max", "--steps-per-sample", 20)
    shown = neuedge(*words, "-o", plan)
    assert shown.status == 0
    assert "480 on 1 chip, proved the most, by neuron_groups" in shown.out
    assert "One copy alone, and each of the full plan's copies" in shown.out
    assert "if1@2" not in shown.out
    assert neuedge("verify", plan, "--model", digits).status == 0
    told = neuedge(*words, "--json").json["copies"]
    assert (told["count"], told["at_most"], told["chips"]) == (480, 480, 1)
    assert told["alone"]["per"] == "inference"
    assert told["full"]["energy_j"]["typical"] < told["alone"]["energy_j"]["typical"]
    assert told["full"]["rate"]["typical"] > 20 * told["alone"]["rate"]["typical"]  # the host has to send all of it


def test_the_readme_counts_copies_on_a_spinnaker_chip(neuedge: Neuedge, digits: Path) -> None:
    told = neuedge("compile", digits, "--target", "spinnaker1", "--copies", "max", "--json").json["copies"]
    assert (told["count"], told["at_most"]) == (5, 8)


def test_the_report_of_copies_is_the_golden_one(neuedge: Neuedge, digits: Path, golden: Golden) -> None:
    shown = neuedge("compile", digits, "--target", "loihi2", "--copies", "max", "--steps-per-sample", 20)
    golden("copies_loihi2.txt", "\n".join(line.rstrip() for line in shown.out.splitlines()).rstrip() + "\n")


def test_check_counts_copies_without_a_solver(neuedge: Neuedge, digits: Path) -> None:
    told = neuedge("check", digits, "--target", "spinnaker1", "--copies", "max", "--json").json
    assert told["copies"]["count"] <= told["copies"]["at_most"] == 8
    assert neuedge("check", digits, "--target", "spinnaker1", "--copies", 39, "--chips", 1).status == 4


@pytest.mark.parametrize("target", ["truenorth", "loihi1", "spinnaker1"])
def test_copies_are_emitted_with_the_samples_of_each(digits: Path, target: str) -> None:
    from neuedge_nir.api import network_of

    net = network_of(digits)
    plan = compile_network(net, real(target), Options(copies=2, effort="none"))
    shown = Samples({"input_1": (np.random.default_rng(0).random((1, 4, 64)) < 0.2).astype(float)})
    alone = emit(compile_network(net, real(target), Options(effort="none")), net, samples=shown)
    files = emit(plan, net, samples=shown)
    assert files.keys() == alone.keys()
    book = files["RUNBOOK.md"].decode()
    assert "if2@2" in book
    assert "input_1@2" in book
    assert json.loads(files["manifest.json"])["model"]["sha256"] == net.origin.sha256


def test_words_that_are_no_number_of_copies_are_refused(refused: Refused, digits: Path) -> None:
    for wrong in ("0", "-1", "many", "1.5", "65537"):
        assert refused("compile", digits, "--target", "loihi2", "--copies", wrong) == (2, "USE001")
