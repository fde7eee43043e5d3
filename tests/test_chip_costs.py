"""What a chip file may say of costs: averages stand alone, barriers are a table, overload is of a tick."""

from __future__ import annotations

from dataclasses import fields

import pytest

from neuedge_nir.chip.load import from_dict, lint, parse, to_dict
from neuedge_nir.chip.model import EnergyKind, Quantity
from neuedge_nir.cost.model import ENERGY
from neuedge_nir.cost.time import TIME
from tests.test_chip_load import TINY
from tests.worlds import real

HEAD, _, HOP = TINY.partition('name = "data sheet"\n')
NUMBER = 'unit = "{}", source = "DATASHEET", confidence = "A1" }}'


def quantity(key: str, value: float, unit: str) -> str:
    return f"{key} = {{ value = {value}, " + NUMBER.format(unit) + "\n"


AVERAGE = 'energy_kind = "operating_point_average"\n'
AT = 'conditions = "1 V, 20 Hz"\n'
EVENT = quantity("synaptic_event_j", 1e-11, "J")


def profile(*lines: str) -> str:
    return HEAD + 'name = "data sheet"\n' + "".join(lines)


def barrier(**at: int) -> str:
    where = "".join(f"{key} = {value}\n" for key, value in at.items())
    return f"[[costs.profiles.barrier]]\n{where}" + quantity("time_s", 1e-6, "s")


def codes(text: str) -> list[tuple[str, str]]:
    return [(finding.code, finding.key) for finding in lint(text.encode(), "tiny.toml")]


def test_an_average_alone_with_its_conditions_is_taken_and_kept() -> None:
    chip = parse(profile(AVERAGE, AT, EVENT).encode(), "tiny.toml")
    assert chip.costs.profiles[0].energy_kind is EnergyKind.AVERAGE
    assert from_dict(to_dict(chip)) == chip


@pytest.mark.parametrize("key", ["hop_j", "message_j", "chip_crossing_j", "neuron_step_j", "spike_j", "host_message_j"])
def test_nothing_stands_beside_an_average(key: str) -> None:
    beside = profile(AVERAGE, AT, EVENT, quantity(key, 1e-12, "J"))
    assert codes(beside) == [("CHIP014", f"costs.profiles[data sheet].{key}")]


def test_no_power_of_cores_stands_beside_an_average_but_times_may() -> None:
    assert codes(profile(AVERAGE, AT, EVENT, quantity("core_active_w", 1.0, "W")))[0][0] == "CHIP014"
    assert codes(profile(AVERAGE, AT, EVENT, quantity("synaptic_event_s", 1e-9, "s"))) == []


def test_an_average_says_its_conditions_and_nothing_else_has_any() -> None:
    assert codes(profile(AVERAGE, EVENT)) == [("CHIP015", "costs.profiles[data sheet].conditions")]
    assert codes(profile(AT, EVENT)) == [("CHIP015", "costs.profiles[data sheet].conditions")]


def test_barriers_are_a_table_of_tiles_and_then_chips() -> None:
    assert codes(profile(EVENT, barrier(tiles=1), barrier(tiles=4), barrier(chips=2), barrier(chips=9))) == []
    for points in (
        (barrier(tiles=4), barrier(tiles=1)),
        (barrier(tiles=4), barrier(tiles=4)),
        (barrier(chips=2), barrier(tiles=1)),
        (barrier(chips=2),),
        (barrier(tiles=1, chips=2),),
        (barrier(),),
    ):
        found = codes(profile(EVENT, *points))
        assert {code for code, _ in found} == {"CHIP016"}, points


def test_a_barrier_is_one_number_or_a_table() -> None:
    both = profile(EVENT, quantity("barrier_s", 1e-6, "s"), barrier(tiles=1))
    assert codes(both) == [("CHIP016", "costs.profiles[data sheet].barrier_s")]


def costs(*lines: str) -> str:
    return TINY.replace("[costs]\n", "[costs]\n" + "".join(lines))


def test_overload_is_of_a_tick_and_a_second_rate_of_links_has_a_first() -> None:
    assert codes(costs('overload = "spikes are lost"\n')) == [("CHIP017", "costs.overload")]
    assert codes(costs('overload = "spikes are lost"\n', quantity("timestep_s", 1e-3, "s"))) == []
    assert codes(costs(quantity("chip_link_rate", 1e6, "messages/s"))) == [("CHIP017", "costs.chip_link_rate")]
    assert codes(costs(quantity("link_rate", 1e6, "bit/s"))) == [("CHIP011", "costs.link_rate.unit")]


SUPPLY = "[[costs.supplies]]\n" + quantity("volts", 0.7, "V") + quantity("static_per_chip_w", 0.042, "W")


def test_other_voltages_are_beside_the_one_of_the_costs() -> None:
    head, mark, tail = TINY.partition("[[costs.profiles]]")
    assert codes(head + SUPPLY + mark + tail) == [("CHIP017", "costs.supplies")]
    assert codes(head + quantity("volts", 0.8, "V") + SUPPLY + mark + tail) == []


def test_the_powers_of_truenorth_at_other_voltages_are_the_published_ones() -> None:
    """Static power and the events of the measured networks, by the square of the voltage, make what was measured."""
    costs = real("truenorth").costs
    assert costs.volts is not None
    event = costs.profiles[0].synaptic_event_j
    assert event is not None
    neurons = 4096 * 256
    measured = {0.7: (0.0, 0.042), 0.75: (20 * 128, 0.065), 0.775: (20 * 128, 0.072), 1.05: (200 * 256, 0.323)}
    for supply in costs.supplies:
        volts = supply.volts.typical
        rate, power = measured[volts]
        dynamic = neurons * rate * event.typical * (volts / costs.volts.typical) ** 2
        assert supply.static_per_chip_w.typical + dynamic == pytest.approx(power, rel=1e-3)


SHIPPED = ("loihi1", "loihi2", "spinnaker1", "spinnaker2", "truenorth")


@pytest.mark.parametrize("name", SHIPPED)
def test_no_price_of_a_profile_is_taken_as_nothing_without_a_reason(name: str) -> None:
    chip = real(name)
    for profile in chip.costs.profiles:
        if profile.energy_kind is EnergyKind.MARGINAL:
            needed = {*ENERGY, "core_active_w"}
            if any(getattr(profile, key) is not None for key in TIME):
                needed |= {*TIME, *(() if chip.costs.timestep_s is not None else ("hop_s",))}
                assert chip.costs.timestep_s is not None or profile.barrier or profile.barrier_s is not None
            elif not any(getattr(profile, key) is not None for key in needed):
                continue
            silent = {key for key in needed if getattr(profile, key) is None and key not in profile.without}
            assert silent == set(), profile.name
            prices = {f.name: getattr(profile, f.name) for f in fields(profile)}
            nought = {key for key, price in prices.items() if isinstance(price, Quantity) and not price.low}
            assert all(prices[key].note for key in nought), (profile.name, nought)


def test_a_price_is_there_or_told_to_be_absent() -> None:
    without = '[costs.profiles.without]\n{} = "within the event"\n'
    assert codes(profile(EVENT, without.format("hop_j"))) == []
    both = profile(EVENT, without.format("synaptic_event_j"))
    assert codes(both) == [("CHIP018", "costs.profiles[data sheet].without.synaptic_event_j")]
    assert codes(profile(EVENT, without.format("hops"))) == [("CHIP007", "costs.profiles[data sheet].without.hops")]


def test_an_idle_core_of_spinnaker1_takes_something_by_every_profile() -> None:
    """20 nJ an event in all less 8 nJ incremental, less idle chips, over the neurons of that measurement."""
    priced = [p for p in real("spinnaker1").costs.profiles if p.neuron_step_j is None and p.core_active_w is None]
    assert priced == []
    step = real("spinnaker1").costs.profiles[0].neuron_step_j
    assert step is not None
    assert step.typical == pytest.approx(((20e-9 - 8e-9) * 1.8e9 - 48 * 0.35) / (250_000 * 1000))
