"""Boards with dead parts: as few chips as without, near each other, and none too many where a limit can be kept."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import combinations
from random import Random

import pytest

from neuedge_nir.chip.model import Chip
from neuedge_nir.constraints.dead import with_dead
from neuedge_nir.constraints.model import NONE
from neuedge_nir.mapping.chips.patches import adjacent, areas, parts, patches
from neuedge_nir.mapping.fabric import HEX_STEPS, Router, fabric_for
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from tests.test_verify import named
from tests.worlds import chain, chip, fed_by_host, hexagonal, real, system

SPANS = [(0, 4), (0, 5), (0, 6), (0, 7), (1, 7), (2, 7), (3, 7), (4, 7)]
BOARD = tuple(f"chip:{x},{y}" for y, (first, last) in enumerate(SPANS) for x in range(first, last + 1))
CORNER = ("chip:0,0", "chip:1,0", "chip:0,1", "chip:1,1")
POOR = tuple(f"core:{x},{y}:{slot}" for x, y in [(0, 0), (1, 0), (0, 1), (1, 1)] for slot in range(15))
LINKS = ("link:2,0-2,1", "link:2,0-3,1", "link:2,1-3,1", "link:2,1-3,2", "link:2,0-3,0")


@cache
def mapped(what: Sequence[str] = (), chips: int | None = None) -> Plan:
    """40 cores and their sources on SpiNNaker 1."""
    options = Options(effort="quick", chips=chips, tiles={"a": "8", "b": "8"}, constraints=with_dead(NONE, what))
    return compile_network(named(chain(a=160, b=160)), real("spinnaker1"), options)


@pytest.mark.parametrize("what", [CORNER, BOARD, POOR, (*CORNER, *LINKS), ("chip:0,0", "link:1,0-1,1")])
def test_what_is_dead_costs_no_chips_where_enough_are_left(what: tuple[str, ...]) -> None:
    plain, plan = mapped(), mapped(what)
    assert plan.mapping.chips_used == len(plan.machine.chips) == plain.mapping.chips_used == 3
    assert plan.mapping.boards_used == 1
    assert plan.cost.traffic.tree_hops_per_step <= plain.cost.traffic.tree_hops_per_step + 1e-9
    assert mapped(what, chips=3).machine == plan.machine


@pytest.mark.parametrize("seed", [0, 5, 12])
def test_random_parts_of_a_board_are_dead(seed: int) -> None:
    rng = Random(seed)
    chips = [(x, y) for y, (first, last) in enumerate(SPANS) for x in range(first, last + 1)]
    what = [f"chip:{x},{y}" for x, y in rng.sample(chips, rng.choice([3, 10, 25, 40, 46]))]
    for _ in range(rng.choice([0, 10, 40])):
        (x, y), (dx, dy) = rng.choice(chips), rng.choice([(1, 0), (1, 1), (0, 1)])
        what.append(f"link:{x},{y}-{x + dx},{y + dy}")
    what += [f"core:{x},{y}:{rng.randrange(18)}" for x, y in rng.sample(chips, rng.choice([0, 20, 48]))]
    plan = mapped(tuple(dict.fromkeys(what)))
    assert (plan.mapping.chips_used, plan.mapping.boards_used) == (3, 1)
    assert mapped(tuple(dict.fromkeys(what)), chips=3).mapping.chips_used == 3


def test_a_limit_is_kept_where_only_the_corners_of_boards_have_too_few_cores() -> None:
    on = fed_by_host(real("spinnaker1"))
    options = Options(effort="none", chips=4, tiles={"a": "8", "b": "8"})
    plan = compile_network(named(chain(a=256, b=256)), on, options)
    assert (len(plan.cores), plan.mapping.chips_used, plan.machine.system) == (64, 4, "SpiNN-5")


def test_boards_are_chosen_for_the_living_chips_they_hold() -> None:
    broken = fabric_for(real("spinnaker1"), 40, gone=frozenset({(x, 0) for x in range(5)} | {(x, 1) for x in range(6)}))
    for area in areas(broken, 40):
        assert len(area) >= 47, "the first board has 37 chips left, the next one all"
        assert len({broken.board_of(position) for position in area}) == 1


def test_patches_hang_together_whatever_is_dead() -> None:
    rng = Random(4)
    for _ in range(20):
        gone = frozenset((rng.randrange(8), rng.randrange(8)) for _ in range(12))
        fabric = fabric_for(real("spinnaker1"), 9, gone=gone)
        for area in areas(fabric, 9):
            for patch in patches(fabric, area, 9):
                assert len(patch) == 9
                assert not gone & {*patch}
                assert len(parts(patch, adjacent(fabric))) == 1


# --- Brute force over all sets of chips -------------------------------------------------------------------------------


def fewest(room: dict[Router, int], links: set[frozenset[Router]], cores: int) -> int | None:
    """The smallest number of chips with so many cores that hang together."""
    for count in range(1, len(room) + 1):
        for chips in combinations(sorted(room), count):
            seen = [chips[0]]
            for chip_ in seen:
                seen += [other for other in chips if other not in seen and frozenset((chip_, other)) in links]
            if len(seen) == count and sum(room[each] for each in chips) >= cores:
                return count
    return None


def broken_board(rng: Random) -> tuple[Chip, list[str], dict[Router, int], set[frozenset[Router]]]:
    """Nine chips of two or three cores, what of them is dead, what cores are left and what links."""
    per_chip, wraps = rng.choice([2, 3]), rng.random() < 0.3
    on = chip(on=hexagonal(per_chip, systems=(system(3, 3, wraps=wraps),)), neurons=10)
    chips = [(x, y) for x in range(3) for y in range(3)]
    ends = [(a, (a[0] + dx, a[1] + dy)) for a in chips for dx, dy in HEX_STEPS]
    ends = [(a, (u % 3, v % 3) if wraps else (u, v)) for a, (u, v) in ends]
    links = sorted({tuple(sorted((a, b))) for a, b in ends if b in chips})
    gone = rng.sample(chips, rng.choice([0, 1, 2, 3, 4]))
    cut = rng.sample(links, rng.choice([0, 0, 2, 5]))
    lost = [(c, slot) for c in chips for slot in range(per_chip) if rng.random() < rng.choice([0, 0.3])]
    what = [f"chip:{x},{y}" for x, y in gone] + [f"core:{x},{y}:{slot}" for (x, y), slot in lost]
    what += [f"link:{a[0]},{a[1]}-{b[0]},{b[1]}" for a, b in cut]
    room = {c: per_chip - sum(c == at for at, _ in lost) for c in chips if c not in gone}
    return on, what, room, {frozenset(link) for link in links if link not in cut and not {*gone} & {*link}}


@pytest.mark.parametrize("seed", [*range(12), 46, 124, 130, 151])
def test_no_set_of_living_chips_is_smaller(seed: int) -> None:
    rng = Random(seed)
    on, what, room, links = broken_board(rng)
    cores = rng.randint(2, 8)
    best = fewest(room, links, cores)
    net = named(chain(inputs=3, a=10, b=10 * cores - 10))
    if best is not None:
        for limit in (None, best):
            options = Options(effort="none", chips=limit, constraints=with_dead(NONE, what))
            assert compile_network(net, on, options).mapping.chips_used == best
