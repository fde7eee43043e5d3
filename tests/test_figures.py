"""Every number traces: a figure is what its formula makes of its inputs, and every printed number has a figure."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache

import pytest

from neuedge_nir.plan.model import Plan
from neuedge_nir.report.amounts import number, percent, quantity
from neuedge_nir.report.contract import report_of
from neuedge_nir.report.core_use import core_uses
from neuedge_nir.report.figure import WEAKEST, Figure
from neuedge_nir.report.figures import figures_of
from neuedge_nir.report.figures_core import core_figures, link_figures, link_loads
from neuedge_nir.report.figures_time import time_figures
from neuedge_nir.report.grid import Grid
from neuedge_nir.report.share import share_of
from neuedge_nir.report.text import plan_tables
from neuedge_nir.report.use import first_layers
from tests.formulas import evaluate
from tests.plan_zoo import plan_of

PLANS = (
    "loihi1 relays",
    "loihi1 copies",
    "loihi2 onchip",
    "loihi2 two chips",
    "loihi2 samples",
    "truenorth splitters",
    "spinnaker1 slow",
    "spinnaker1 late",
    "spinnaker2 copies",
    "toy torus",
)
ENDS = ("low", "typical", "high")


@cache
def figures(name: str) -> Mapping[str, Figure]:
    return figures_of(plan_of(name)[0])


def test_a_step_that_waits_for_a_core_says_which_price_of_its_work_is_how_uncertain() -> None:
    """Not that the time of the core is: on Loihi 2 the vendor's claim of speed disagrees with none of it by 5."""
    plan = plan_of("loihi2 two chips")[0]
    busy = tuple(replace(core, synaptic_events=1e6) for core in plan.cost.cores)
    known = {f.path: f for f in time_figures(plan.chip, replace(plan, cost=replace(plan.cost, cores=busy)))}
    why = known["time.step.prior-from-loihi1"].why
    assert re.search(r"slowest_core spans most: .*; synaptic_event_s spans most: .* a factor 5; .* a factor 1\.5", why)


def dealt(known: Mapping[str, Figure], under: str = "") -> Iterator[Figure]:
    """The energies of layers, of other copies and of what no layer has: of all profiles, or by one."""
    for path in known:
        if re.fullmatch(r"populations\..+\.energy|energy\.(copies|shared)", path):
            yield known[f"{path}{under}"]


@pytest.mark.parametrize("name", PLANS)
def test_the_energies_of_layers_and_of_what_none_has_make_that_of_a_step(name: str) -> None:
    """By every profile at each end, and in all the typical one; lows of layers may be of different profiles."""
    known = figures(name)
    for profile in plan_of(name)[0].chip.costs.profiles:
        whole = known.get(f"energy.dynamic.{profile.name}")
        for end in ENDS if whole is not None else ():
            found = sum(getattr(part, end) for part in dealt(known, f".{profile.name}"))
            assert found == pytest.approx(getattr(whole, end), rel=1e-12, abs=0), (profile.name, end)
    typical, of_all = [part.typical for part in dealt(known)], known["energy.dynamic"].typical
    assert sum(each for each in typical if each is not None) == pytest.approx(of_all, rel=1e-12, abs=0)
    assert ("energy.copies" in known) == ("copies" in name)


def parts(plan: Plan) -> Iterator[Figure]:
    for index in range(len(plan.cores)):
        yield from core_figures(plan, index)
    for link, load in link_loads(plan).items():
        yield from link_figures(plan, link, load)


@pytest.mark.parametrize("name", ["loihi1 relays", "loihi2 two chips", "truenorth splitters", "spinnaker1 slow"])
def test_the_energy_of_a_step_is_that_of_all_cores_and_links(name: str) -> None:
    """But for the messages of the host."""
    plan = plan_of(name)[0]
    known, own = figures(name), {figure.path: figure for figure in parts(plan)}
    for profile in plan.chip.costs.profiles:
        whole = known.get(f"energy.dynamic.{profile.name}")
        if whole is None:
            continue
        host = known.get(f"energy.dynamic.{profile.name}.host_messages")
        for end in ENDS:
            found = [getattr(f, end) for path, f in own.items() if path.endswith(f".energy.{profile.name}")]
            rest = getattr(host, end) if host is not None else 0.0
            assert sum(found) + rest == pytest.approx(getattr(whole, end), rel=1e-9)


@pytest.mark.parametrize("name", PLANS)
def test_every_figure_is_what_its_formula_makes_of_its_inputs(name: str) -> None:
    for path, figure in [*figures(name).items(), *((f.path, f) for f in parts(plan_of(name)[0]))]:
        if figure.typical is None:
            assert figure.low is figure.high is None
            assert (figure.formula, figure.inputs) == ("", ())
            assert figure.why
            continue
        values = {end: {given.name: getattr(given, end) for given in figure.inputs} for end in ENDS}
        assert len(values["low"]) == len(figure.inputs), path
        found = [evaluate(figure.formula, values[end], end) for end in ENDS]
        assert [figure.low, figure.typical, figure.high] == pytest.approx(sorted(found), rel=1e-9), path


@pytest.mark.parametrize("name", PLANS)
def test_no_number_is_without_a_source_and_what_is_a_figure_itself_is_that_figure(name: str) -> None:
    known = figures(name)
    for path, figure in known.items():
        assert path == figure.path
        assert figure.title
        assert figure.why
        for given in figure.inputs:
            assert given.source.strip(), path
            assert given.confidence in WEAKEST, path
            assert given.low <= given.typical * (1 + 1e-12), path
            assert given.typical <= given.high * (1 + 1e-12), path
            if given.path is not None:
                held = known[given.path]
                assert given.typical == pytest.approx(held.typical), path
                assert given.unit in ("", held.unit), path


def test_an_assumption_marks_all_that_rests_on_it_and_nothing_else() -> None:
    assumed, simulated = figures("loihi1 relays"), figures("loihi2 samples")
    assert assumed["traffic.spikes"].assumed
    assert assumed["energy.dynamic"].assumed
    assert not assumed["mapping.cores"].assumed
    assert not assumed["energy.static"].assumed
    assert not simulated["traffic.spikes"].assumed
    assert simulated["energy.dynamic"].assumed  # a prior from another chip
    assert figures("spinnaker1 slow")["time.step"].assumed is False


def test_the_reason_of_a_width_names_what_disagrees() -> None:
    found = figures("loihi1 relays")
    assert "frady2020" in found["energy.dynamic"].why
    assert "sanafe" in found["energy.dynamic"].why
    assert "one value" in figures("spinnaker1 slow")["time.step"].why


@pytest.mark.parametrize("name", ["loihi1 copies", "spinnaker2 copies"])
def test_what_each_copy_costs_is_a_figure_too(name: str) -> None:
    plan, known = plan_of(name)[0], figures(name)
    share = share_of(plan)
    for path, value in (("energy", share.energy_j), ("static", share.static_j), ("rate", share.rate)):
        for end in ENDS:
            assert getattr(known[f"copies.{path}"], end) == getattr(value, end)


# --- what is printed

JSON = {
    "model": "model",
    "target.cores_per_chip": "target.cores_per_chip",
    "target.chips_available": "target.chips_available",
    "mapping.cores_used": "mapping.cores",
    "mapping.chips_used": "mapping.chips",
    "mapping.boards_used": "mapping.boards",
    "mapping.utilisation": "utilisation",
    "traffic.spikes_per_step": "traffic.spikes",
    "traffic.host_spikes_per_step": "traffic.host_spikes",
    "traffic.host_reads_per_step": "traffic.host_reads",
    "traffic.deliveries_per_step": "traffic.deliveries",
    "traffic.unicast_hops_per_step": "traffic.unicast_hops",
    "traffic.tree_hops_per_step": "traffic.tree_hops",
    "traffic.placed_hops_per_step": "traffic.placed_hops",
    "traffic.bisection_load.columns": "traffic.bisection_columns",
    "traffic.bisection_load.rows": "traffic.bisection_rows",
    "traffic.interchip_spikes_per_step": "traffic.interchip",
    "traffic.table_entries_max": "traffic.table_entries",
    "energy.dynamic_j_per_step": "energy.dynamic",
    "energy.idle_j_per_step": "energy.idle",
    "energy.static_w": "energy.static",
    "energy.synaptic_events_per_step": "energy.synaptic_events",
    "energy.neuron_updates_per_step": "energy.neuron_updates",
    "latency.step_s": "time.step",
    "latency.time_scale": "time.scale",
    "latency.tiles_used": "time.tiles",
    "latency.longest_way": "time.longest_way",
    "latency.load_of_tick": "time.load",
    "inference.energy_j": "inference.energy",
    "inference.latency_s": "inference.latency",
    "inference.interval_steps": "inference.interval",
    "inference.rate_hz": "inference.rate",
    "inference.pipelined.dynamic_j": "inference.pipelined.dynamic",
    "inference.pipelined.static_j": "inference.pipelined.static",
    "inference.pipelined.energy_j": "inference.pipelined.energy",
    "inference.pipeline_steps": "inference.depth",
    "inference.period_steps": "inference.period",
    "inference.dynamic_j": "inference.dynamic",
    "inference.static_j": "inference.static",
    "inference.time_s": "inference.time",
    "activity.spikes_per_neuron_per_step": "activity.mean",
    "schedule.steps_per_sample": "inference.steps_shown",
    "schedule.pipeline_steps": "schedule.depth",
    "schedule.period_steps": "inference.period",
    "energy.of_no_layer_j_per_step": "energy.shared",
    "energy.other_copies_j_per_step": "energy.copies",
}
"""Keys of the JSON report, and the figures they hold; other keys are paths themselves."""


def numbers(value: object, path: str) -> Iterator[tuple[str, float]]:
    match value:
        case bool() | None | str():
            return
        case int() | float():
            yield path, value
        case dict():
            for key, each in value.items():
                yield from numbers(each, f"{path}.{key}" if path else key)
        case list() | tuple():
            for at, each in enumerate(value):
                yield from numbers(each, f"{path}.{at}")


def figure_path(path: str, plan: Plan) -> tuple[str, str]:
    """The figure of a number of the JSON report, and which of its ends."""
    end = path.rpartition(".")[2] if path.rpartition(".")[2] in ENDS else "typical"
    path = path.removesuffix(f".{end}")
    parts = path.split(".")
    match parts:
        case ["traffic", "link_histogram", tenth]:
            return f"traffic.link_histogram.{int(tenth) + 1}", end
        case ["traffic", "hottest_links", rank, "load"]:
            return f"traffic.hottest.{int(rank) + 1}", end
        case ["schedule", "reset_steps", *name]:
            return f"populations.{'.'.join(name)}.lag", end
        case ["recurrence", "late_steps", *name]:
            return f"projections.{'.'.join(name)}.late", end
        case ["layers", at, "used", limit, "available"]:
            return f"limits.{limit}.available", end
        case ["layers", at, "used", limit, what]:
            return f"populations.{layer(plan, at)}.{what}.{limit}", end
        case ["layers", at, "share"]:
            return f"populations.{layer(plan, at)}.share.{first_layers(plan)[int(at)].binds}", end
        case ["layers", at, what]:
            return f"populations.{layer(plan, at)}.{'energy' if what == 'energy_j' else what}", end
        case ["cores", at, "used", limit, "available"]:
            return f"limits.{limit}.available", end
        case ["cores", at, "used", limit, what]:
            return f"cores.{at}.{what}.{limit}", end
        case ["cores", at, "share"]:
            return f"cores.{at}.share.{core_uses(plan)[int(at)].binds}", end
        case ["cores", at, what]:
            return f"cores.{at}.{'messages' if what == 'messages_out' else what}", end
        case ["energy", "cross_checks", at, _]:
            return next(f"energy.average.{p.name}" for p in plan.chip.costs.profiles if p.conditions), end
        case ["energy", "supplies", at, what]:
            volts = plan.chip.costs.supplies[int(at)].volts.typical
            return f"supply.{volts:g}V.{what.partition('_')[0]}", end
        case ["weights", at, what]:
            told = {"bits": "weight_bits", "relative_error": "weight_error", "axons": "axons"}[what]
            return f"projections.{plan.projections[int(at)].name}.{told}", end
    for key in (path, path.rpartition(".")[0]):
        if key in JSON:
            return JSON[key] + path.removeprefix(key), end
    return path, end


def layer(plan: Plan, at: str) -> str:
    return first_layers(plan)[int(at)].population.name


PLACES = re.compile(
    r"traffic\.hottest_links\.\d+\.(from|to)\.|constraints\.|cores\.\d+\.(core|chip|slot|router)\b"
    r"|layers\.\d+\.cores\.|binding\."
)
"""Coordinates, numbers of cores, and what the user wrote: no figures."""


@pytest.mark.parametrize("name", PLANS)
def test_every_number_of_the_json_report_is_that_of_a_figure(name: str) -> None:
    plan = plan_of(name)[0]
    known = {**figures(name), **{f.path: f for index in range(len(plan.cores)) for f in core_figures(plan, index)}}
    report = report_of(plan)
    for path, value in numbers({key: report[key] for key in report if key != "figures"}, ""):
        if not PLACES.match(path):
            where, end = figure_path(path, plan)
            assert where in known, path
            assert getattr(known[where], end) == pytest.approx(value, rel=1e-12), (path, where)


def shown(figure: Figure) -> Iterator[str]:
    """What a reader may see of a figure."""
    for value in (figure.low, figure.typical, figure.high, *(given.typical for given in figure.inputs)):
        if value is not None:
            yield from (f"{value:,.0f}", f"{value:g}", f"{value:.4g}", number(value), percent(value), f"{value:.2%}")
            yield quantity(value, figure.unit)


NUMBER = re.compile(r"(?<![\w@.,#-])\d+(?:,\d{3})*(?:\.\d+)?(?:e-?\d+)?(?: [fpnµmkM]?[JWs]\b|%)?(?![\w@])")


@pytest.mark.parametrize("name", PLANS)
def test_every_number_of_the_text_report_is_that_of_a_figure(name: str) -> None:
    from rich.console import Console

    plan, known = plan_of(name)[0], figures(name)
    allowed = {text for figure in known.values() for text in shown(figure)}
    stream = io.StringIO()
    for table in plan_tables(plan):
        if isinstance(table, Grid) and table.header[-1] == "rests on":  # words, with the years of papers
            table = replace(table, rows=tuple((*row[:-1], "") for row in table.rows))
        Console(file=stream, width=400, highlight=False).print(table)
    title = re.escape(plan.chip.title)
    text = re.sub(title, "", stream.getvalue())
    untraced = {found for found in NUMBER.findall(text) if found not in allowed}
    assert not untraced, untraced
