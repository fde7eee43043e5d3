"""The memristive chip: the collected facts, and plans for it that the checker believes."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import neuedge_nir
from neuedge_nir import Options
from tests.sampling import examples
from tests.test_chip_files import chip, fact, limit
from tests.worlds import chain

FACTS = "isaac_memristive"


def test_its_limits_are_those_of_the_crossbars() -> None:
    crossbars = fact(FACTS, "topology.imas_per_tile") * fact(FACTS, "topology.crossbars_per_ima")
    rows, columns = fact(FACTS, "limits.crossbar")
    cells = fact(FACTS, "limits.weight_bits") // fact(FACTS, "limits.bits_per_cell")
    assert limit("isaac", "neurons") == crossbars * columns // cells
    assert limit("isaac", "crossbar_cells") == crossbars * rows * columns * fact(FACTS, "limits.bits_per_cell")
    assert chip("isaac").topology.cores_per_chip.count == fact(FACTS, "topology.tiles")


def test_its_power_is_that_of_all_tiles_and_the_links() -> None:
    costs = chip("isaac").costs
    assert costs.static_per_chip_w is not None
    assert costs.timestep_s is not None
    tile = costs.profiles[0].core_active_w
    assert tile is not None
    assert tile.typical == fact(FACTS, "energy.tile")
    whole = fact(FACTS, "topology.tiles") * tile.typical + costs.static_per_chip_w.typical
    assert whole == pytest.approx(fact(FACTS, "energy.chip"), rel=2e-3)
    assert costs.timestep_s.typical == fact(FACTS, "time.read_cycle")


def test_it_says_that_it_was_only_simulated() -> None:
    found = chip("isaac")
    assert "simulated" in found.title
    assert "Simulated only" in found.notes[0]
    assert not found.limits_complete


@settings(max_examples=examples(12), deadline=None, phases=[Phase.generate])
@given(inputs=st.integers(1, 400), hidden=st.integers(1, 3000), last=st.integers(1, 40), effort=st.just("none"))
def test_its_cores_hold_rows_of_sixteen_weights(inputs: int, hidden: int, last: int, effort: str) -> None:
    """A source takes a row for every 16 neurons of a slice that it reaches; the plan is recounted by the checker."""
    plan = neuedge_nir.compile(chain(inputs=inputs, a=hidden, b=last), chip("isaac"), Options(effort=effort))
    sources, used = {"a": inputs, "b": hidden}, Counter[str]()
    for core in plan.cores:
        rows = 0
        for piece in core.slices:
            neurons = piece.run[1] - piece.run[0] if piece.run else math.prod(b - a for a, b in piece.block or ())
            used[piece.population] += neurons
            rows += sources[piece.population] * math.ceil(neurons / 16)
        assert core.used["crossbar_cells"] == 256 * rows <= 256 * 12288
    assert used == {"a": hidden, "b": last}
