"""The six chip files: every number sourced, and the same as in the collected hardware facts."""

from __future__ import annotations

import functools
import json
import tomllib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from neuedge_nir.chip.load import from_dict, lint, to_dict
from neuedge_nir.chip.model import (
    AxonWeights,
    Chip,
    Confidence,
    CostProfile,
    EnergyKind,
    LimitKind,
    LimitScope,
    Quantity,
)
from neuedge_nir.plugin import Target

ROOT = Path(__file__).parents[1]
FACTS = ROOT.parent / "shared" / "facts" / "hardware.json"
FILES = {path.stem: path for path in sorted((ROOT / "targets").glob("*/*.toml"))}
NAMES = ("isaac", "loihi1", "loihi2", "spinnaker1", "spinnaker2", "truenorth")


@functools.cache
def chip(name: str) -> Chip:
    module, _, attribute = project()["entry-points"]["neuedge_nir.targets"][name].partition(":")
    target = getattr(import_module(module), attribute)
    assert isinstance(target, Target)
    assert target.name == name
    return target.chip()


@functools.cache
def project() -> dict[str, Any]:
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"])


@pytest.fixture(autouse=True)
def _source_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "targets"))


def numbers(value: object, at: str = "") -> Iterator[tuple[str, Quantity]]:
    """Every number of a chip with its dotted name."""
    if isinstance(value, Quantity):
        yield at, value
    elif is_dataclass(value):
        for f in fields(value):
            yield from numbers(getattr(value, f.name), f"{at}.{f.name}")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from numbers(item, f"{at}.{key}")
    elif isinstance(value, tuple):
        for item in value:
            yield from numbers(item, f"{at}.{getattr(item, 'name', '')}")


def limit(name: str, limit: str) -> float:
    found = chip(name).limit(limit)
    assert found is not None
    return found.limit.typical


def profile(name: str, index: int = 0) -> CostProfile:
    return chip(name).costs.profiles[index]


def test_these_are_the_files() -> None:
    assert tuple(sorted(FILES)) == NAMES
    assert tuple(sorted(project()["entry-points"]["neuedge_nir.targets"])) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_file_has_no_fault_and_survives_json(name: str) -> None:
    assert lint(FILES[name].read_bytes(), name) == ()
    loaded = chip(name)
    assert loaded.name == name
    assert from_dict(json.loads(json.dumps(to_dict(loaded)))) == loaded


@pytest.mark.parametrize("name", NAMES)
def test_every_number_has_unit_source_and_confidence(name: str) -> None:
    for key, number in numbers(chip(name)):
        assert number.unit, key
        assert number.confidence in Confidence, key
        assert len(number.source) > 8 or number.source == "sPyNNaker", key
        assert not number.source.isupper(), f"{key}: a key of [sources] was not spelled out"
        assert number.note or number.confidence is not Confidence.ASSUMED, f"{key}: an assumption says why"
        assert number.note or number.low == number.high, f"{key}: a range says what its ends are"


@pytest.mark.parametrize("name", NAMES)
def test_every_source_is_used(name: str) -> None:
    text = FILES[name].read_text(encoding="utf-8")
    unused = [key for key in tomllib.loads(text)["sources"] if f'"{key}"' not in text]
    assert unused == []


@pytest.mark.parametrize("name", NAMES)
def test_every_capability_that_is_no_number_has_a_source(name: str) -> None:
    capabilities = chip(name).capabilities
    stated = {"neuron_models", "reset_modes", "exponential_leak", "weights"}
    stated |= {flag for flag in ("one_destination", "graded_spikes") if getattr(capabilities, flag)}
    assert stated <= set(capabilities.sources)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_incomplete_says_what_is_missing(name: str) -> None:
    loaded = chip(name)
    assert loaded.limits_complete == (not loaded.not_checked)
    assert all(left.name and left.why and left.source for left in loaded.not_checked)
    assert all(system.note or system.confidence is not Confidence.ASSUMED for system in loaded.topology.systems)


CAPACITY = [
    ("loihi1", "neurons", "limits.compartments_per_core"),
    ("loihi1", "input_axons", "limits.in_axons_per_core"),
    ("loihi1", "output_axons", "limits.out_axons_per_core"),
    ("loihi1", "compartment_profiles", "limits.compartment_cfgs"),
    ("loihi1", "thresholds", "limits.vth_cfgs"),
    ("loihi2", "neurons", "limits.lava_compiler_neuron_limit"),
    ("loihi2", "synapse_words", "limits.synmem_words"),
    ("loihi2", "neuron_groups", "limits.neuron_groups_per_core"),
    ("loihi2", "input_axons", "limits.in_out_axons"),
    ("loihi2", "axon_map", "limits.in_out_axons"),
    ("truenorth", "neurons", "limits.neurons_per_core"),
    ("truenorth", "input_axons", "limits.fan_in_wall"),
    ("spinnaker1", "neurons", "limits.neurons_per_core"),
    ("spinnaker1", "sdram", "limits.sdram_per_chip"),
    ("spinnaker2", "neurons", "limits.neurons_per_pe_default"),
]
TOPOLOGY = [
    ("loihi1", "cores_per_chip", "topology.neurocores_per_chip"),
    ("loihi2", "cores_per_chip", "topology.neurocores_per_chip.papers_usable"),
    ("loihi2", "cores_per_router", "topology.cores_per_router"),
    ("truenorth", "cores_per_chip", "topology.cores_per_chip"),
    ("truenorth", "columns", "topology.mesh.0"),
    ("spinnaker1", "cores_per_router", "topology.cores_per_chip"),
    ("spinnaker1", "table_entries", "topology.router_entries"),
    ("spinnaker2", "cores_per_router", "topology.pes"),
]
CAPABILITY = [
    ("truenorth", "weight_bits", "limits.weight_bits"),
    ("truenorth", "axon_types", "limits.axon_types"),
    ("truenorth", "max_delay", "limits.delay.1"),
    ("spinnaker2", "weight_bits", "limits.weight_bits"),
]
STATIC = [
    ("loihi1", "energy.static_per_chip", "energy.static_per_chip"),
    ("loihi2", "energy.static_chip_A", "energy.static_chip_B"),
    ("truenorth", "energy.static_at_0.8V", "energy.static_at_0.8V"),
    ("spinnaker1", "energy.idle_chip", "energy.idle_chip"),
    ("spinnaker2", "energy.sleep_0.5V", "energy.sleep_0.8V"),
]
COST = [
    ("loihi1", 0, "synaptic_event_j", "energy.synop_min", "energy.synop_min"),
    ("loihi1", 0, "neuron_step_j", "energy.neuron_inactive", "energy.neuron_active"),
    ("loihi1", 0, "message_j", "energy.spike_within_tile", "energy.spike_within_tile"),
    ("loihi1", 0, "hop_j", "energy.hop_EW", "energy.hop_NS"),
    ("loihi1", 0, "synaptic_event_s", "time.time_synop_max", "time.time_synop_max"),
    ("loihi1", 0, "neuron_step_s", "time.time_neuron_inactive", "time.time_neuron_active"),
    ("loihi1", 0, "hop_s", "time.hop_latency_EW", "time.hop_latency_NS"),
    ("truenorth", 0, "synaptic_event_j", "energy.synop_marginal", "energy.synop_marginal"),
    ("truenorth", 0, "chip_crossing_j", "energy.chip_to_chip", "energy.chip_to_chip"),
    (
        "spinnaker1",
        0,
        "synaptic_event_j",
        "energy.synaptic_event_incremental",
        "energy.synaptic_event_incremental_4chip",
    ),
    ("spinnaker1", 1, "core_active_w", "energy.core_active_overhead", "energy.core_active_overhead"),
    ("spinnaker1", 1, "hop_s", "topology.router_latency", "topology.router_latency"),
    ("spinnaker2", 0, "core_active_w", "energy.active_pe_0.5V", "energy.active_pe_0.8V"),
]
SANAFE = [
    ("synaptic_event_j", 1e-12, ("synapse_conv_pJ",), ("synapse_dense_pJ",)),
    ("neuron_step_j", 1e-12, ("soma_access_pJ",), ("soma_access_pJ", "soma_update_pJ")),
    ("spike_j", 1e-12, ("spike_out_pJ",), ("spike_out_pJ",)),
    ("message_j", 1e-12, ("axon_out_pJ",), ("axon_out_pJ",)),
    ("synaptic_event_s", 1e-9, ("syn_conv_ns",), ("syn_sparse_ns",)),
    ("neuron_step_s", 1e-9, ("soma_access_ns",), ("soma_access_ns", "soma_update_ns")),
    ("spike_s", 1e-9, ("spike_out_ns",), ("spike_out_ns",)),
    ("message_s", 1e-9, ("axon_out_ns",), ("axon_out_ns", "axon_in_ns")),
]


@functools.cache
def facts() -> dict[str, Any]:
    if not FACTS.exists():
        pytest.skip("the collected hardware facts are not beside this checkout")
    return dict(json.loads(FACTS.read_text(encoding="utf-8"))["chips"])


def fact(name: str, key: str) -> Any:
    """The value of a fact, such as time.barrier_1_to_32_tiles.0"""
    chips = facts()
    group, rest = key.split(".", 1)
    entry = max((k for k in chips[name][group] if rest == k or rest.startswith(f"{k}.")), key=len)
    value = chips[name][group][entry]["value"]
    for part in rest.removeprefix(entry).split(".")[1:]:
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


@pytest.mark.parametrize(("name", "key", "known"), CAPACITY)
def test_a_limit_is_the_collected_fact(name: str, key: str, known: str) -> None:
    assert limit(name, key) == fact(name, known)


def test_words_of_loihi_1_are_as_many_bits_as_the_fact() -> None:
    """Its synaptic memory is counted in words of 64 bits."""
    assert limit("loihi1", "synapse_memory") * 64 == fact("loihi1", "limits.synapse_memory")


@pytest.mark.parametrize(("name", "key", "known"), TOPOLOGY)
def test_a_topology_is_the_collected_fact(name: str, key: str, known: str) -> None:
    assert getattr(chip(name).topology, key).typical == fact(name, known)


@pytest.mark.parametrize(("name", "key", "known"), CAPABILITY)
def test_a_capability_is_the_collected_fact(name: str, key: str, known: str) -> None:
    assert getattr(chip(name).capabilities, key).typical == fact(name, known)


@pytest.mark.parametrize(("name", "low", "high"), STATIC)
def test_static_power_is_the_collected_fact(name: str, low: str, high: str) -> None:
    static = chip(name).costs.static_per_chip_w
    assert static is not None
    assert (static.low, static.high) == (fact(name, low), fact(name, high))


@pytest.mark.parametrize(("name", "index", "key", "low", "high"), COST)
def test_a_cost_is_the_collected_fact(name: str, index: int, key: str, low: str, high: str) -> None:
    cost = getattr(profile(name, index), key)
    assert (cost.low, cost.high) == pytest.approx((fact(name, low), fact(name, high)), rel=3e-4)


@pytest.mark.parametrize(("key", "scale", "low", "high"), SANAFE)
def test_the_sanafe_profile_is_the_collected_fit(key: str, scale: float, low: tuple[str], high: tuple[str]) -> None:
    fit = fact("loihi1", "energy.sanafe_fit")
    cost = getattr(profile("loihi1", 1), key)
    ends = tuple(scale * sum(fit[part] for part in end) for end in (low, high))
    assert (cost.low, cost.high) == pytest.approx(ends)


def test_the_barriers_are_the_collected_facts() -> None:
    davies, sanafe = (profile("loihi1", index).barrier for index in (0, 1))
    far = {256: fact("loihi1", "time.barrier_256_chips"), 768: fact("loihi1", "time.barrier_768_chips")}
    ends, fit = fact("loihi1", "time.barrier_1_to_32_tiles"), fact("loihi1", "time.barrier_sanafe_fit")
    for points, known in ((davies, dict(zip((1, 32), ends, strict=True))), (sanafe, fit)):
        assert {point.tiles: point.time_s.typical for point in points if point.tiles} == pytest.approx(
            {int(tiles): seconds for tiles, seconds in known.items()}
        )
        assert {point.chips: point.time_s.typical for point in points if point.chips} == pytest.approx(far)


def test_the_rates_of_links_and_hosts_follow_from_the_collected_facts() -> None:
    loihi, truenorth, spinnaker = (chip(name).costs for name in ("loihi1", "truenorth", "spinnaker1"))
    assert loihi.link_rate is not None
    assert loihi.chip_link_rate is not None
    assert truenorth.host_rate is not None
    assert spinnaker.link_rate is not None
    tile = fact("loihi1", "topology.xsection_bw_per_tile") * 1e9
    assert (loihi.link_rate.low, loihi.link_rate.high) == pytest.approx((tile / 2, tile))
    share = fact("loihi1", "topology.interchip_vs_onchip_bw")
    assert loihi.chip_link_rate.low == pytest.approx(share * loihi.link_rate.low, rel=1e-3)
    assert truenorth.host_rate.typical == fact("truenorth", "topology.offchip_bw")
    assert spinnaker.link_rate.typical == pytest.approx(fact("spinnaker1", "topology.link_bw") / 40)


def test_derived_numbers_follow_from_their_inputs() -> None:
    rate = fact("spinnaker2", "time.syn_events_pe")
    tick = fact("spinnaker2", "time.timestep")
    events = profile("spinnaker2").synaptic_event_s
    hop = profile("spinnaker1", 1).hop_j
    assert events is not None
    assert hop is not None
    assert limit("spinnaker2", "synaptic_events") == rate * tick
    assert events.typical == pytest.approx(1 / rate)
    assert hop.typical == pytest.approx(40 * fact("spinnaker1", "energy.router_bit"))
    assert limit("spinnaker2", "weight_memory") == fact("spinnaker2", "limits.sram_per_pe") - 32 * 1024


def test_the_systems_are_the_published_ones() -> None:
    sizes = {name: {s.name: s.chips for s in chip(name).topology.systems} for name in NAMES}
    assert sizes == {
        "isaac": {"single chip": 1},
        "loihi1": {"Kapoho Bay": 2, "Nahuku": 32, "Pohoiki Springs": 768},
        "loihi2": {"Oheo Gulch": 1, "Kapoho Point": 8, "Alia Point": 128, "Hala Point": 1152},
        "truenorth": {"NS1e": 1, "NS16e": 16},
        "spinnaker1": {"SpiNN-3": 4, "SpiNN-5": 48, "million-core machine": 57600},
        "spinnaker2": {"single chip": 1, "48-node board": 48},
    }


def test_loihi2_costs_span_both_profiles_of_loihi1() -> None:
    davies, sanafe, prior = profile("loihi1"), profile("loihi1", 1), profile("loihi2")
    assert not chip("loihi2").costs.measured
    for f in fields(CostProfile):
        number = getattr(prior, f.name)
        if isinstance(number, Quantity):
            known = [n for n in (getattr(davies, f.name), getattr(sanafe, f.name)) if n is not None]
            assert number.confidence is Confidence.ASSUMED
            assert number.low <= min(n.low for n in known), f.name
            assert number.high == pytest.approx(max(n.high for n in known)), f.name


def test_truenorth_is_walled_and_marginal() -> None:
    loaded = chip("truenorth")
    assert {found.kind for found in loaded.limits} == {LimitKind.WALL}
    assert loaded.capabilities.weights is AxonWeights.AXON_TYPES
    assert loaded.capabilities.one_destination
    assert loaded.costs.profiles[0].hop_j is None
    sums = [p for p in loaded.costs.profiles if p.energy_kind is EnergyKind.MARGINAL]
    assert all(p.synaptic_event_j is None or p.synaptic_event_j.typical < 26e-12 for p in sums)
    average = loaded.costs.profiles[1]
    assert (average.energy_kind, average.synaptic_event_j and average.synaptic_event_j.typical) == (
        EnergyKind.AVERAGE,
        fact("truenorth", "energy.synop_all_in"),
    )


def test_memory_of_a_spinnaker1_is_shared_by_its_chip() -> None:
    scopes = {found.name: found.scope for found in chip("spinnaker1").limits}
    of_a_core = ("neurons", "populations", "synaptic_events", "ring_buffer_index")
    assert scopes == {**dict.fromkeys(of_a_core, LimitScope.CORE), "sdram": LimitScope.CHIP}


def test_spinnaker1_delays_as_long_as_the_ring_buffers_of_a_full_core_have_slots() -> None:
    """sPyNNaker 7 reckons so, and the facts too; its older versions delayed 16 steps."""
    loaded = chip("spinnaker1")
    rule, full = loaded.limit("ring_buffer_index"), loaded.limit("neurons")
    assert rule is not None
    assert full is not None
    assert loaded.capabilities.max_delay is not None
    slots = 2**rule.limit.count // (full.limit.count * rule.parameters["synapse_types"].count)
    assert loaded.capabilities.max_delay.count == slots
