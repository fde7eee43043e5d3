"""Costs by hand: the formula of every chip, intervals, and what nobody published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuedge_nir.chip.model import Boards, Chip, Confidence, CostProfile, Costs, Quantity
from neuedge_nir.cost.model import Events, dynamic_energy, static_power, step_time
from neuedge_nir.plan.figures import CoreEvents, Interval
from tests.worlds import REAL_CHIPS, between, chip, known, real, system

BUSY = CoreEvents(synaptic_events=1000, neuron_updates=64, messages_out=30, spikes=8)
IDLE = CoreEvents(synaptic_events=10, neuron_updates=16, messages_out=0, spikes=2)
STEP = Events((BUSY, IDLE), spikes=10, messages=40, hops=90, crossings=5, longest_way=7, chips=3)

Bounds = tuple[float, float, float]


def costing(*profiles: CostProfile, tick: Quantity | None = None, static: Quantity | None = None) -> Chip:
    return chip(neurons=9, costs=Costs(profiles, static_per_chip_w=static, timestep_s=tick))


def bounds(interval: Interval) -> Bounds | None:
    if interval.low is None or interval.typical is None or interval.high is None:
        assert interval.low is interval.typical is interval.high is None
        return None
    return interval.low, interval.typical, interval.high


def by_hand(*terms: tuple[Quantity | None, float]) -> Bounds:
    priced = [(price, amount) for price, amount in terms if price is not None]
    return (
        sum(price.low * amount for price, amount in priced),
        sum(price.typical * amount for price, amount in priced),
        sum(price.high * amount for price, amount in priced),
    )


def spanned(found: Sequence[Bounds]) -> Bounds:
    return min(b[0] for b in found), sum(b[1] for b in found) / len(found), max(b[2] for b in found)


def energy(on: Chip, events: Events = STEP) -> Interval:
    return dynamic_energy(on, events, step_time(on, events))


def test_every_event_has_its_price() -> None:
    profile = CostProfile(
        "p", known(1), known(10), known(100), known(1e3), known(1e4), known(1e5), core_active_w=known(1e7)
    )
    on = costing(profile, tick=known(0.5))
    due = 1010 * 1 + 80 * 10 + 10 * 100 + 40 * 1e3 + 90 * 1e4 + 5 * 1e5 + 2 * 0.5 * 1e7
    assert bounds(energy(on)) == pytest.approx((due, due, due))


def test_a_step_takes_as_long_as_the_slowest_core_the_longest_way_and_the_barrier() -> None:
    profile = CostProfile(
        "p", synaptic_event_s=known(1), neuron_step_s=known(2), message_s=known(3), spike_s=known(4), hop_s=known(5),
        barrier_s=known(6),
    )  # fmt: skip
    due = 1000 * 1 + 64 * 2 + 30 * 3 + 8 * 4 + 7 * 5 + 6
    assert bounds(step_time(costing(profile), STEP)) == (due, due, due)


def test_the_slowest_core_is_sought_among_whole_cores_not_by_kind_of_event() -> None:
    cores = (CoreEvents(100, 0, 0, 0), CoreEvents(0, 100, 0, 0))
    profile = CostProfile("p", synaptic_event_s=known(1), neuron_step_s=known(1))
    found = step_time(costing(profile), Events(cores, 0, 0, 0, 0, 0, 1))
    assert bounds(found) == (100, 100, 100)


def test_a_fixed_tick_lasts_whatever_the_load() -> None:
    slow = CostProfile("p", synaptic_event_s=known(1.0))
    found = step_time(costing(slow, tick=between(1e-4, 1e-3, 2e-3)), STEP)
    assert bounds(found) == (1e-4, 1e-3, 2e-3)
    assert "tick" in found.basis


def test_what_nobody_published_costs_nothing_and_is_said_so() -> None:
    for found in (energy(costing(CostProfile("p"))), step_time(costing(CostProfile("p")), STEP)):
        assert bounds(found) is None
        assert "published" in found.basis
    assert bounds(static_power(costing(CostProfile("p")), system(2, 2), STEP)) is None


def test_absent_prices_are_left_out_of_the_sum() -> None:
    assert bounds(energy(costing(CostProfile("p", spike_j=known(3))))) == (30, 30, 30)
    only_hops = CostProfile("p", synaptic_event_s=known(1), hop_s=known(2))
    assert bounds(step_time(costing(only_hops), STEP)) == (1014, 1014, 1014)


def test_a_barrier_alone_is_no_step_time() -> None:
    assert bounds(step_time(costing(CostProfile("p", barrier_s=known(1))), STEP)) is None


def test_a_profile_that_prices_nothing_does_not_widen_the_interval() -> None:
    on = costing(CostProfile("p", spike_j=known(3)), CostProfile("q", spike_s=known(1)))
    assert bounds(energy(on)) == (30, 30, 30)
    assert bounds(step_time(on, STEP)) == (8, 8, 8)


def test_profiles_that_disagree_span_the_interval_and_their_mean_is_typical() -> None:
    on = costing(CostProfile("p", spike_j=between(1, 2, 3)), CostProfile("q", spike_j=between(2, 6, 7)))
    assert bounds(energy(on)) == (10, 40, 70)


def test_static_power_is_that_of_all_chips_that_are_on() -> None:
    found = static_power(costing(CostProfile("p"), static=between(0.1, 0.2, 0.4)), system(2, 2), STEP)
    assert bounds(found) == pytest.approx((0.3, 0.6, 1.2))


def test_static_power_is_that_of_whole_boards_where_chips_stand_on_boards() -> None:
    boards = Boards(((0, 1), (0, 1)), ((0, 0),), 2, between(1, 2, 4), "made up", Confidence.ASSUMED)
    on = costing(CostProfile("p"), static=known(0.1))
    found = static_power(on, replace(system(4, 2), boards=boards), replace(STEP, boards=2))
    assert bounds(found) == (2, 4, 8)
    assert "board" in found.basis


@pytest.mark.parametrize("name", REAL_CHIPS)
def test_the_energy_of_each_chip_is_its_formula_by_hand(name: str) -> None:
    on, step = real(name), step_time(real(name), STEP)
    found = []
    for p in on.costs.profiles:
        active = 2 * step.typical if step.typical is not None else 0.0
        terms = (
            (p.synaptic_event_j, 1010), (p.neuron_step_j, 80), (p.spike_j, 10), (p.message_j, 40), (p.hop_j, 90),
            (p.chip_crossing_j, 5), (p.core_active_w, active),
        )  # fmt: skip
        if any(price is not None for price, _ in terms):
            found.append(by_hand(*terms))
    assert bounds(energy(on)) == (pytest.approx(spanned(found)) if found else None)
    power = on.costs.static_per_chip_w
    alone = replace(on.topology.systems[-1], boards=None)
    assert bounds(static_power(on, alone, STEP)) == (pytest.approx(by_hand((power, 3))) if power else None)


@pytest.mark.parametrize("name", REAL_CHIPS)
def test_the_step_of_each_chip_is_its_tick_or_its_formula_by_hand(name: str) -> None:
    on = real(name)
    if on.costs.timestep_s is not None:
        assert bounds(step_time(on, STEP)) == by_hand((on.costs.timestep_s, 1))
        return
    found = []
    for p in on.costs.profiles:
        busy = by_hand((p.synaptic_event_s, 1000), (p.neuron_step_s, 64), (p.message_s, 30), (p.spike_s, 8))
        rest = by_hand((p.hop_s, 7), (p.barrier_s, 1))
        if any((p.synaptic_event_s, p.neuron_step_s, p.message_s, p.spike_s)):
            found.append((busy[0] + rest[0], busy[1] + rest[1], busy[2] + rest[2]))
    assert bounds(step_time(on, STEP)) == pytest.approx(spanned(found))


def test_loihi_1_has_both_figures_as_published() -> None:
    davies = 1010 * 23.6e-12 + 80 * 52e-12 + 40 * 1.7e-12 + 90 * 3.0e-12
    fitted_high = 1010 * 35.5e-12 + 80 * 72.8e-12 + 10 * 69.3e-12 + 40 * 111e-12 + 90 * 4.2e-12
    found = energy(real("loihi1"))
    assert (found.low, found.high) == (pytest.approx(davies), pytest.approx(fitted_high))  # type: ignore[comparison-overlap]


PRICES = st.tuples(*[st.floats(0, 1e6) for _ in range(3)]).map(lambda drawn: between(*sorted(drawn)))
PROFILES = st.builds(
    CostProfile,
    st.just("p"),
    *[st.none() | PRICES for _ in range(6)],
    **{key: st.none() | PRICES for key in ("synaptic_event_s", "neuron_step_s", "hop_s", "barrier_s", "core_active_w")},
)


@given(st.lists(PROFILES, min_size=1, max_size=3), st.none() | PRICES)
def test_the_typical_figure_lies_within_the_interval(profiles: list[CostProfile], tick: Quantity | None) -> None:
    on = costing(*profiles, tick=tick)
    for found in (bounds(energy(on)), bounds(step_time(on, STEP))):
        if found is not None:
            low, typical, high = found
            assert low <= typical * (1 + 1e-12)
            assert typical <= high * (1 + 1e-12)
