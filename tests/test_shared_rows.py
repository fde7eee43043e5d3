"""Rows that columns of a convolution's sources share on Loihi 1, against neurons numbered one by one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_nir.chip.model import Limit
from neuedge_nir.errors import VerificationError
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.entries import entry_row_words, words_of
from neuedge_nir.mapping.partition import Piece
from neuedge_nir.network.connect import Conv
from neuedge_nir.network.model import Network, ResetMode
from neuedge_nir.network.slices import Block, Box, boxes
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.verify import verify
from tests.sampling import examples
from tests.worlds import Shape, chip, conv, demands_of, dense, limit, network, real, wire

LOIHI = real("loihi1")
QUICK = Options(effort="none")

Row = dict[int, tuple[int, int]]
"""By a neuron of one channel, column by column, the tap by which a source reaches it."""


@dataclass(frozen=True)
class Rows:
    """`columns` are those of one input channel: for each column of sources its base and the rows of its sources."""

    groups: int
    numbers: int
    words: int
    place: list[int]
    columns: dict[int, tuple[int, list[Row]]]


def reached(kernel: Conv, box: Box) -> dict[int, dict[int, Row]]:
    """By column and row of the sources of one channel, the neurons of one channel of a box."""
    _, (top, bottom), (left, right) = box
    found: dict[int, dict[int, Row]] = defaultdict(lambda: defaultdict(dict))
    _, height, width = kernel.input_shape
    for column in range(left, right):
        for row in range(top, bottom):
            for down in range(kernel.kernel[0]):
                for across in range(kernel.kernel[1]):
                    y = row * kernel.stride[0] - kernel.padding[0][0] + down
                    x = column * kernel.stride[1] - kernel.padding[1][0] + across
                    if 0 <= y < height and 0 <= x < width:
                        found[x][y][(column - left) * (bottom - top) + row - top] = (down, across)
    return found


def numbered(kernel: Conv, box: Box) -> tuple[list[int], list[int], dict[int, tuple[int, list[Row]]]] | None:
    """Sizes of the groups, the number of each neuron of a channel, and the columns, as NxTF interleaves them."""
    sources = reached(kernel, box)
    sizes: list[int] = []
    bases: dict[int, int] = {}
    for x in sorted(sources):
        neurons = {neuron for row in sources[x].values() for neuron in row}
        starts = min(neurons) == sum(sizes)
        if starts:
            sizes.append(max(neurons) + 1 - sum(sizes))
        bases[x] = len(sizes) - 1
        if not starts and x == kernel.input_shape[2] - 1 and max(neurons) >= sum(sizes):
            sizes.append(max(neurons) + 1 - sum(sizes))
    if sum(sizes) < (box[1][1] - box[1][0]) * (box[2][1] - box[2][0]):
        return None
    group = [g for g, size in enumerate(sizes) for _ in range(size)]
    place = [g + len(sizes) * at for g, size in enumerate(sizes) for at in range(size)]
    if any(group[n] - bases[x] not in (0, 1) for x, rows in sources.items() for row in rows.values() for n in row):
        return None
    columns = {
        x: (bases[x], [{place[n]: tap for n, tap in sources[x][y].items()} for y in sorted(sources[x])])
        for x in sorted(sources)
    }
    return sizes, place, columns


def kinds(columns: dict[int, tuple[int, list[Row]]]) -> dict[object, list[Row]]:
    """The different columns, each as seen from its base."""
    found: dict[object, list[Row]] = {}
    for base, rows in columns.values():
        seen = [{number - base: tap for number, tap in row.items()} for row in rows]
        found.setdefault(tuple(tuple(sorted(row.items())) for row in seen), seen)
    return found


def rows_together(demands: Demands, piece: Piece, rule: Limit) -> Rows | None:
    """What a slice takes where its sources share rows; None where they do not."""
    incoming = demands.legal.into(piece.population)
    (box, *more), chain = (
        boxes(piece.part, demands.shapes[piece.population]) or ((),),
        [p.projection.chain for p in incoming],
    )
    if demands.legal.reset is ResetMode.SUBTRACT or len(incoming) != 1 or more or len(chain[0]) != 1:
        return None
    (one,), kernel = incoming, chain[0][0]
    if not isinstance(kernel, Conv) or len(kernel.kernel) != 2 or kernel.groups > 1 or max(kernel.dilation) > 1:
        return None
    ends = one.projection.source_shape, one.projection.target_shape
    if ends != (kernel.input_shape, kernel.output_shape) or one.stored.axons_per_input != 1:
        return None
    found = numbered(kernel, box)
    if found is None or len(found[0]) > rule.parameters["groups"].count:
        return None
    sizes, place, columns = found
    deep = box[0][1] - box[0][0]
    words = sum(
        len(rows) * words_of(deep * max(map(len, rows)), rule, one) for rows in kinds(columns).values()
    ) * kernel.input_shape[0]  # fmt: skip
    rows = Rows(len(sizes), max(sizes) * len(sizes) * deep, words, place, columns)
    fits = rows.numbers <= rule.parameters["numbers"].count
    return rows if fits and words < entry_row_words(piece.part, rule, one) else None


def rule(formula: str = "entry_row_words") -> Limit:
    return next(one for one in LOIHI.limits if one.formula == formula)


def image(kernel: Conv) -> Network:
    return network({"b": kernel.output_shape}, wire("a", "b", kernel), inputs={"a": kernel.input_shape})


@st.composite
def slices(draw: st.DrawFn) -> tuple[Conv, Block]:
    shape: Shape = (draw(st.integers(1, 2)), draw(st.integers(3, 6)), draw(st.integers(3, 24)))
    size = draw(st.sampled_from([1, 2, 3, 5]))
    kernel = conv(shape, 3, size, stride=draw(st.integers(1, 2)), padding=max(size // 2, draw(st.integers(0, 1))))
    spans = []
    for extent in kernel.output_shape:
        start = draw(st.integers(0, extent - 1))
        spans.append((start, draw(st.integers(start + 1, extent))))
    return kernel, Block(tuple(spans))


@settings(max_examples=examples(200), deadline=None)
@given(slices())
def test_slices_are_counted_as_neurons_numbered_one_by_one(found: tuple[Conv, Block]) -> None:
    kernel, part = found
    demands = demands_of(image(kernel), LOIHI)
    piece, due = Piece("b", part), rows_together(demands_of(image(kernel), LOIHI), Piece("b", part), rule())
    used = dict(zip([one.formula for one in demands.limits], demands.of(piece, demands.uncut()), strict=True))
    if due is None:
        assert (used["destination_groups"], used["interleaved_neurons"]) == (1, part.neurons)
    else:
        assert used["destination_groups"] == due.groups
        assert used["interleaved_neurons"] == due.numbers
        assert used["entry_row_words"] == due.words


@settings(max_examples=examples(100), deadline=None)
@given(slices())
def test_a_base_and_the_rows_kept_reach_the_very_neurons_by_the_very_taps(found: tuple[Conv, Block]) -> None:
    """What the chip does with them: it adds the base of an axon to the numbers in the row of its source."""
    kernel, part = found
    if (of := numbered(kernel, part.spans)) is None:
        return
    sizes, place, columns = of
    kept, back = kinds(columns), {number: neuron for neuron, number in enumerate(place)}
    assert len(back) == len(place), "every neuron has a number of its own"
    assert max(back) < max(sizes) * len(sizes)
    for x, by_row in reached(kernel, part.spans).items():
        base, rows = columns[x]
        stored = kept[tuple(tuple(sorted((n - base, tap) for n, tap in row.items())) for row in rows)]
        assert 0 <= base < len(sizes)
        for y, row in zip(sorted(by_row), stored, strict=True):
            assert {back[number + base]: tap for number, tap in row.items()} == by_row[y]


# --- plans ------------------------------------------------------------------------------------------------------------


def wide(**changes: int) -> Network:
    """An image of 32 columns and its convolution, between populations."""
    kernel = conv((2, 4, 32), 4, seed=1, **changes)
    return network(
        {"a": kernel.input_shape, "b": kernel.output_shape},
        wire("in", "a", dense(256, 2)),
        wire("a", "b", kernel),
        inputs={"in": 2},
    )


def planned(net: Network, **options: object) -> Plan:
    plan = compile_network(net, LOIHI, replace(QUICK, **options))  # type: ignore[arg-type]
    verify(plan, net)
    return plan


def test_a_wide_slice_keeps_the_rows_of_few_columns() -> None:
    """Groups of 2 columns, nine of 3 and a rest of 3: 11. Different: 3 at the left, 3 inside, at the right no more."""
    (core,) = planned(wide()).cores
    rows = rows_together(demands_of(wide(), LOIHI), Piece("b", Block(((0, 4), (0, 4), (0, 32)))), rule())
    assert rows is not None
    assert core.used["destination_groups"] == rows.groups == 11
    assert core.used["interleaved_neurons"] == 256 + 11 * 3 * 4 * 4 == 256 + rows.numbers
    assert len(kinds(rows.columns)) < 8


def test_under_subtract_reset_every_column_has_rows_of_its_own() -> None:
    plan = planned(wide(), reset=ResetMode.SUBTRACT)
    assert {core.used["destination_groups"] for core in plan.cores} == {1}


def test_two_convolutions_into_one_population_share_no_rows() -> None:
    kernel, other = conv((2, 4, 32), 4), conv((2, 4, 32), 4, seed=3)
    ports = {"a": kernel.input_shape, "c": other.input_shape}
    net = network({"b": kernel.output_shape}, wire("a", "b", kernel), wire("c", "b", other), inputs=ports)
    (core,) = planned(net).cores
    assert core.used["destination_groups"] == 1


@pytest.mark.parametrize("name", ["destination_groups", "interleaved_neurons", "synapse_memory"])
@pytest.mark.parametrize("by", [-1, 1])
def test_a_plan_that_tells_other_groups_numbers_or_words_is_refused(name: str, by: int) -> None:
    plan = planned(wide())
    (core,) = plan.cores
    wrong = replace(plan, cores=(replace(core, used={**core.used, name: core.used[name] + by}),))
    with pytest.raises(VerificationError) as refusal:
        verify(wrong, wide())
    assert refusal.value.code == "PLAN112"


def test_more_groups_than_a_core_has_bases_for_are_not_interleaved() -> None:
    """17 columns of a convolution without overlap are 17 groups."""
    for columns, groups in ((16, 16), (17, 1)):
        kernel = conv((2, 4, 2 * columns), 4, 2, stride=2, padding=0)
        (core,) = planned(image(kernel)).cores
        assert core.used["destination_groups"] == groups


def test_a_chip_without_groups_keeps_rows_for_every_column() -> None:
    on = chip(rules=[limit("entry_row_words", 1 << 20)])
    demands, piece = demands_of(wide(), on), Piece("b", Block(((0, 4), (0, 4), (0, 32))))
    assert demands.of(piece, demands.uncut())[0] == entry_row_words(
        piece.part, on.limits[0], demands.legal.into("b")[0]
    )
