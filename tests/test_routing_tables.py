"""Routing tables: small ones do what large ones did, key by key, and the checker's walk finds whatever is amiss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_nir.constraints.model import Constraints, Reserve
from neuedge_nir.errors import NoPlanError, VerificationError
from neuedge_nir.mapping.fabric import Fabric, Router
from neuedge_nir.mapping.keys import KeySpace
from neuedge_nir.mapping.place import Placement
from neuedge_nir.mapping.route import route
from neuedge_nir.mapping.routing.minimise import Entry, Row, minimised
from neuedge_nir.mapping.traffic import Flow
from neuedge_nir.network.model import Network
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan, PlanTable
from neuedge_nir.plan.verify import verify
from tests.sampling import examples
from tests.test_route import fabric_of, standing
from tests.test_verify import changed, drop, named, put, twice
from tests.worlds import chain, fed_by_host, hexagonal, real

# --- Smaller tables ---------------------------------------------------------------------------------------------------


@st.composite
def tables(draw: st.DrawFn) -> list[Row]:
    """Slices of some populations at a router, each with four keys, sent by a few routes or straight on."""
    numbers = sorted(draw(st.sets(st.integers(0, 63), min_size=1, max_size=40)))
    ways = [draw(st.sampled_from([1, 2, 4, 9])) for _ in numbers]
    return [Row(n << 2, 0xFC, way, draw(st.booleans()), n >> 3) for n, way in zip(numbers, ways, strict=True)]


def taken(key: int, entries: Sequence[Entry]) -> int | None:
    """The route of the first entry that fits."""
    return next((route for wanted, mask, route in entries if key & mask == wanted), None)


@settings(max_examples=examples(150))
@given(tables(), st.integers(0, 40))
def test_a_minimised_table_does_with_every_key_what_the_rows_do(rows: list[Row], most: int) -> None:
    found = minimised(rows, most)
    for row in rows:
        for key in range(row.key, row.key + 4):
            assert taken(key, found) in ((None, row.route) if row.default else (row.route,))
    first = [next((e for e in found if row.key & e[1] == e[0]), None) for row in rows if not row.default]
    assert set(first) == set(found), "every entry is the first for somebody"


@given(tables(), st.integers(0, 40))
def test_more_room_never_costs_entries_and_less_never_gains_any(rows: list[Row], most: int) -> None:
    told = sum(not row.default for row in rows)
    assert len(minimised(rows, 0)) <= len(minimised(rows, most)) <= max(most, len(minimised(rows, 0))) or told <= most
    assert len(minimised(rows, most)) <= told


def rows_of(*ways: str) -> list[Row]:
    """A population of slices numbered on, for each word; a letter for each route, . for the default to the first."""
    return [
        Row(family << 8 | n << 4, 0xFF0, 1 if way == "." else 1 << "abcdef".index(way), way == ".", family)
        for family, word in enumerate(ways)
        for n, way in enumerate(word)
    ]


@pytest.mark.parametrize(
    ("ways", "most", "entries"),
    [
        (["aaaaaaaa"], 9, 1),
        (["aaaaa"], 9, 1),  # numbers that no slice has are nobody's
        (["bbbaaaaa"], 9, 4),  # 0x and 2; 3 and 1xx
        (["aaaa....", "...."], 9, 1),  # going straight on by the same link, they may be taken too
        (["bbbb....", "...."], 9, 1),
        (["b.b.b.b."], 9, 1),
        (["aaaa", "aaaa"], 9, 2),  # populations apart as long as that fits
        (["aaaa", "aaaa"], 1, 1),
        (["aaaaabaa"], 4, 4),
        (["aaaaabaa"], 3, 2),
        (["aaaaabaa"], 2, 2),  # b first, then all
        (["bbbbb.bb"], 2, 2),  # the default told first, then all
    ],
)
def test_entries_are_merged_as_far_as_is_asked(ways: list[str], most: int, entries: int) -> None:
    assert len(minimised(rows_of(*ways), most)) == entries


# --- From routes to tables --------------------------------------------------------------------------------------------


def from_one_router(fabric: Fabric, targets: Sequence[Sequence[Router]]) -> tuple[list[Flow], Placement, KeySpace]:
    """A slice of ten neurons for each list of targets, all of one population, on the router (0, 0)."""
    routers = sorted({router for those in targets for router in those})
    number = {router: n + 1 for n, router in enumerate(routers)}
    flows = [Flow(0, n, 10, 1.0, tuple((number[r], 10) for r in sorted(those))) for n, those in enumerate(targets)]
    keys = KeySpace(1, 12, {"a": 8}, {"a": 4}, tuple((0, n, n << 4, 0xFFF0) for n in range(len(targets))))
    return flows, standing(fabric, (0, 0), *routers), keys


def test_slices_of_a_population_with_one_route_share_an_entry() -> None:
    found = route(*from_one_router(fabric_of(hexagonal()), [[(2, 2)]] * 8))
    assert found.entries == {0: 1, found_chip((2, 2)): 1}, "in between they go straight on"
    assert found.tables is not None
    assert [(t.router, t.routes, t.entries) for t in found.tables] == [
        ((0, 0), ((0b10, ()),), ((0, 0xFF80, 0),)),
        ((2, 2), ((0, (0,)),), ((0, 0xFF80, 0),)),
    ]


def found_chip(router: Router) -> int:
    return fabric_of(hexagonal()).chip_of(router)


def test_where_tables_overflow_slices_of_a_router_share_their_ways() -> None:
    """Eight slices spread over the ways to (2, 1); with one entry a router they all take the same."""
    ends = [[(2, 1)]] * 8
    spread = route(*from_one_router(fabric_of(hexagonal()), ends))
    assert len({tree.links for tree in spread.trees}) > 1
    together = route(*from_one_router(fabric_of(hexagonal(table_entries=1)), ends))
    assert len({tree.links for tree in together.trees}) == 1
    assert max(together.entries.values()) == 1 < max(spread.entries.values())


def test_tables_that_nothing_makes_fit_are_refused_with_the_figures() -> None:
    ends = [[(1, 0)], [(1, 1)], [(0, 1)]]
    assert max(route(*from_one_router(fabric_of(hexagonal(table_entries=3)), ends)).entries.values()) == 3
    with pytest.raises(NoPlanError, match="needs 3 routing table entries, Toy has 2") as caught:
        route(*from_one_router(fabric_of(hexagonal(table_entries=2)), ends))
    assert (caught.value.code, caught.value.needed, caught.value.available) == ("FIT017", 3, 2)


# --- The checker ------------------------------------------------------------------------------------------------------


@cache
def world() -> tuple[Plan, Network]:
    """Three populations on some chips of SpiNNaker 1, whose tables merge slices and leave some keys to the default."""
    net = named(chain(a=440, b=200, c=140))
    on = fed_by_host(real("spinnaker1"))
    return compile_network(net, on, Options(effort="none", tiles={"a": "4", "b": "4", "c": "4"})), net


def tables_of(plan: Plan) -> tuple[PlanTable, ...]:
    assert plan.tables is not None
    return plan.tables


def test_tables_are_smaller_than_a_row_for_each_slice_and_router() -> None:
    plan, _ = world()
    passed = sum(len(route.links) + 1 for route in plan.routes)
    entries = [len(table.entries) for table in tables_of(plan)]
    assert len(entries) >= 10
    assert sum(entries) < passed / 2
    assert plan.cost.traffic.table_entries_max == max(entries)


def test_spinnaker2_has_tables_too() -> None:
    spare = Constraints(reserve=(Reserve(146),))  # two cores of each chip
    plan = compile_network(named(chain(a=320, b=300)), real("spinnaker2"), Options(effort="none", constraints=spare))
    assert plan.mapping.chips_used > 1
    assert len(tables_of(plan)) == plan.mapping.chips_used
    assert 0 < plan.cost.traffic.table_entries_max < sum(len(route.links) + 1 for route in plan.routes)


def test_a_chip_whose_messages_carry_no_keys_has_no_tables() -> None:
    assert compile_network(named(chain(a=3)), real("loihi2"), Options(effort="none")).tables is None


def first(what: Callable[[PlanTable], bool]) -> int:
    """The number of the first table of which something holds."""
    return next(number for number, table in enumerate(tables_of(world()[0])) if what(table))


def moved(amount: int) -> Callable[[Any], Any]:
    return lambda value: value + amount


def both(table: PlanTable) -> bool:
    """Whether a table has several entries, and its last route leads along links and to cores."""
    return len(table.entries) > 2 and table.routes[-1][0] > 0 and len(table.routes[-1][1]) > 1


Damage = tuple[str, Callable[[], tuple[Any, ...]], Callable[[Any], Any]]


def at(*path: Any) -> Callable[[], tuple[Any, ...]]:
    return lambda: (first(both), *path)


DAMAGES: Mapping[str, Damage] = {
    "no tables": ("PLAN233", tuple, put(None)),
    "a table twice": ("PLAN233", tuple, twice),
    "tables in another order": ("PLAN233", tuple, lambda those: those[::-1]),
    "a table of a router that is not there": ("PLAN234", at("router"), put((7, 7))),
    "a table of another router": ("PLAN233", lambda: (1, "router"), lambda _: tables_of(world()[0])[0].router),
    "a key with ones beside its mask": ("PLAN234", at("entries", 0), lambda e: (e[0] | (~e[1] & 1), e[1], e[2])),
    "a mask beyond the key": ("PLAN234", at("entries", 0, 1), moved(1 << 32)),
    "a route that is not there": ("PLAN234", at("entries", 0, 2), put(99)),
    "a route that nothing takes": ("PLAN234", at("routes"), twice),
    "a link that no router has": ("PLAN234", at("routes", -1, 0), moved(64)),
    "a route to nowhere": ("PLAN234", at("routes", -1), put((0, ()))),
    "a core twice": ("PLAN234", at("routes", -1, 1), twice),
    "a mask that parts a slice": ("PLAN234", at("entries", 0), lambda e: (e[0], e[1] | 1, e[2])),
    "a core left out": ("PLAN236", at("routes", -1, 1), drop(0)),
    "a core too many": ("PLAN236", at("routes", -1, 1), lambda slots: (*slots, 17)),
    "an entry that nothing comes to": ("PLAN234", at("entries"), lambda those: (*those, those[-1])),
    "keys of nobody": ("PLAN234", at("entries"), lambda those: (*those, (0xFFFFFFF0, 0xFFFFFFF0, 0))),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_tables_that_are_amiss_are_refused(name: str) -> None:
    plan, net = world()
    code, path, make = DAMAGES[name]
    with pytest.raises(VerificationError) as refusal:
        verify(changed(plan, ("tables", *path()), make), net)
    assert refusal.value.code == code


def every_entry(plan: Plan) -> list[tuple[int, int]]:
    return [(t, e) for t, table in enumerate(tables_of(plan)) for e in range(len(table.entries))]


@settings(max_examples=examples(30), deadline=None)
@given(st.data())
def test_no_entry_can_be_dropped_and_no_bit_of_one_turned_round_unseen(data: st.DataObject) -> None:
    """A bit of a mask that is cleared may do nothing but widen the entry over keys that never come there."""
    plan, _ = world()
    t, e = data.draw(st.sampled_from(every_entry(plan)))
    key, mask, way = tables_of(plan)[t].entries[e]
    bit = 1 << data.draw(st.integers(8, 31))
    made = {
        "dropped": drop(e),
        "of another route": lambda those: (*those[:e], (key, mask, way - 1 if way else way + 1), *those[e + 1 :]),
        "a key's bit turned round": lambda those: (*those[:e], (key ^ (bit & mask), mask, way), *those[e + 1 :]),
    }
    what = data.draw(st.sampled_from(sorted(made)))
    damaged = changed(plan, ("tables", t, "entries"), made[what])
    if damaged == plan:
        return
    with pytest.raises(VerificationError) as refusal:
        verify(damaged, None)
    assert refusal.value.code in {"PLAN124", *(f"PLAN{n}" for n in range(233, 239))}


def test_links_of_a_route_that_change_are_seen() -> None:
    plan, _ = world()
    for number, table in enumerate(tables_of(plan)[:5]):
        for way, (links, slots) in enumerate(table.routes):
            for bit in range(6):
                if links ^ 1 << bit or slots:
                    damaged = changed(plan, ("tables", number, "routes", way, 0), put(links ^ 1 << bit))
                    with pytest.raises(VerificationError):
                        verify_tables(damaged)


def verify_tables(plan: Plan) -> None:
    """Only the part of the checker that walks the tables: there are hundreds of damages."""
    from neuedge_nir.plan.check_links import check_sites
    from neuedge_nir.plan.check_routers import check_routers

    check_routers(plan, check_sites(plan))


def test_a_plan_with_tables_and_no_keys_is_refused() -> None:
    plan, net = world()
    slim = replace(plan, chip=changed(plan.chip, ("topology", "keys"), put(None)), keys=None)
    with pytest.raises(VerificationError) as refusal:
        verify(slim, net)
    assert refusal.value.code == "PLAN233"
