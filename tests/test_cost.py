"""Costs by hand: the formula of every chip, intervals, and what nobody published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuedge_nir.chip.model import BarrierPoint, Boards, Chip, Confidence, CostProfile, Costs, EnergyKind, Quantity
from neuedge_nir.cost.model import Events, dynamic_energy, idle_energy, static_power
from neuedge_nir.cost.time import barrier_of, pace_of, step_time
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
    for p in (p for p in on.costs.profiles if p.energy_kind is EnergyKind.MARGINAL):
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


def _is_256(point: BarrierPoint) -> bool:
    return point.chips == 256


@pytest.mark.parametrize("name", REAL_CHIPS)
def test_the_step_of_each_chip_is_its_tick_or_its_formula_by_hand(name: str) -> None:
    on = real(name)
    if on.costs.timestep_s is not None:
        assert bounds(step_time(on, STEP)) == by_hand((on.costs.timestep_s, 1))
        return
    found = []
    for p in (each for each in on.costs.profiles if each.synaptic_event_s is not None):
        busy = by_hand((p.synaptic_event_s, 1000), (p.neuron_step_s, 64), (p.message_s, 30), (p.spike_s, 8))
        full, far = (next(b.time_s for b in p.barrier if key(b)) for key in (lambda b: b.tiles in (29, 32), _is_256))
        rest = by_hand((p.hop_s, 7), (full, 253 / 255), (far, 2 / 255))
        if any((p.synaptic_event_s, p.neuron_step_s, p.message_s, p.spike_s)):
            found.append((busy[0] + rest[0], busy[1] + rest[1], busy[2] + rest[2]))
    assert bounds(step_time(on, STEP)) == pytest.approx(spanned(found))


# --- links, the barrier, the host: what a step waits for

LINKS = (((0, 0), (1, 0)), ((7, 0), (8, 0)))


def rates(link: Quantity | None = None, between: Quantity | None = None, host: Quantity | None = None) -> Chip:
    """A chip whose cores take a second an event."""
    profile = CostProfile("p", synaptic_event_s=known(1.0))
    return chip(neurons=9, costs=Costs((profile,), link_rate=link, chip_link_rate=between, host_rate=host))


def waiting(events: float = 0.0, link: float = 0.0, between: float = 0.0, host: float = 0.0) -> Events:
    links = [(wire, load) if load else None for wire, load in zip(LINKS, (link, between), strict=True)]
    return Events((CoreEvents(events, 0, 0, 0),), 0, 0, 0, 0, 0, 1, host=host, link=links[0], chip_link=links[1])


def test_a_step_waits_for_its_slowest_resource_and_names_it() -> None:
    on = rates(between(2, 4, 8), known(0.5), known(0.25))
    for events, due, words in (
        (waiting(events=5, link=16), (5, 5, 8), "core 0, synaptic operations"),
        (waiting(events=3, link=16), (3, 4, 8), "link (0,0)-(1,0)"),
        (waiting(events=3, link=16, between=10), (20, 20, 20), "link (7,0)-(8,0) between chips"),
        (waiting(events=3, link=16, between=10, host=6), (24, 24, 24), "host messages"),
    ):
        assert bounds(step_time(on, events)) == due
        assert pace_of(on, events).binding.words == words


def test_boards_share_the_messages_of_the_host() -> None:
    on = rates(host=known(0.25))
    assert bounds(step_time(on, replace(waiting(host=6), boards=3))) == (8, 8, 8)


def test_the_rate_of_links_is_that_between_chips_too_where_no_other_is_known() -> None:
    assert bounds(step_time(rates(known(2)), waiting(between=10))) == (5, 5, 5)
    assert bounds(step_time(rates(), waiting(events=3, link=16, between=10, host=6))) == (3, 3, 3)


TABLE = CostProfile(
    "p",
    spike_s=known(1.0),
    barrier=(BarrierPoint(known(1), tiles=1), BarrierPoint(known(3), tiles=5), BarrierPoint(known(13), chips=11)),
)


def test_a_barrier_is_on_the_line_between_published_points() -> None:
    found = {(tiles, chips): barrier_of(TABLE, tiles, chips)[1] for tiles, chips in
             ((1, 1), (2, 1), (5, 1), (9, 1), (1, 2), (40, 6), (40, 11), (40, 21))}  # fmt: skip
    assert found == {
        (1, 1): 1, (2, 1): 1.5, (5, 1): 3, (9, 1): 3, (1, 2): 4, (40, 6): 8, (40, 11): 13, (40, 21): 23,
    }  # fmt: skip


def test_the_barriers_of_loihi_1_are_as_published() -> None:
    davies, sanafe = real("loihi1").costs.profiles[:2]
    known_points = {1: 0.113e-6, 32: 0.465e-6}, {1: 0.6e-6, 2: 1.0e-6, 4: 1.4e-6, 29: 1.8e-6, 32: 1.8e-6}
    for profile, points in zip((davies, sanafe), known_points, strict=True):
        assert {tiles: barrier_of(profile, tiles, 1)[1] for tiles in points} == pytest.approx(points)
        assert barrier_of(profile, 32, 256)[1] == pytest.approx(14.3e-6)
        assert barrier_of(profile, 32, 768)[1] == pytest.approx(16.2e-6)


def test_a_barrier_that_outlasts_all_else_is_what_a_step_waits_for() -> None:
    on = chip(neurons=9, costs=Costs((TABLE,)))
    assert pace_of(on, replace(waiting(), tiles=5)).binding.words == "barrier"


def test_a_tick_is_as_full_as_its_busiest_resource_and_no_longer_for_it() -> None:
    profile = CostProfile("p", synaptic_event_s=between(1, 2, 4))
    costs = Costs((profile,), timestep_s=known(10.0), link_rate=known(1), overload="spikes are lost")
    on = chip(neurons=9, costs=costs)
    pace = pace_of(on, waiting(events=4, link=5))
    assert bounds(step_time(on, waiting(events=4, link=5))) == (10, 10, 10)
    assert (pace.binding.words, pace.busiest and pace.busiest.words) == ("tick", "core 0, synaptic operations")
    assert pace.load is not None
    assert bounds(pace.load) == (0.5, 0.8, 1.6)
    assert "spikes are lost" in pace.load.basis


def test_an_average_at_an_operating_point_is_part_of_no_sum() -> None:
    average = CostProfile("a", synaptic_event_j=known(100.0), energy_kind=EnergyKind.AVERAGE, conditions="20 Hz")
    assert bounds(energy(costing(CostProfile("p", spike_j=known(3)), average))) == (30, 30, 30)
    assert bounds(energy(costing(average))) is None


def test_a_profile_of_events_alone_says_nothing_of_an_idle_step_where_another_does() -> None:
    """Else an idle step would begin at 0; where none prices it, it is within the static power."""
    events = CostProfile("events", synaptic_event_j=known(8), spike_j=known(3))
    whole = CostProfile("whole", synaptic_event_j=known(1), neuron_step_j=known(2))
    idle = [
        idle_energy(costing(*profiles), STEP, step_time(costing(*profiles), STEP))
        for profiles in ((events, whole), (events,))
    ]
    assert [bounds(found) for found in idle] == [(160, 160, 160), (0, 0, 0)]


def test_loihi_1_has_all_figures_as_published() -> None:
    """What the board of Frady et al. 2020 leaves for a synaptic event is the lowest, SANA-FE's fit the highest."""
    board = 1010 * 18.9e-12 + 80 * 52e-12
    fitted_high = 1010 * 35.5e-12 + 80 * 72.8e-12 + 10 * 69.3e-12 + 40 * 111e-12 + 90 * 4.2e-12
    found = energy(real("loihi1"))
    assert (found.low, found.high) == (pytest.approx(board), pytest.approx(fitted_high))  # type: ignore[comparison-overlap]


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
