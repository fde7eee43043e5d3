"""Axons that sources of a convolution share on Loihi 1, against groups written out source by source."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from neuedge_nir.chip.model import Chip
from neuedge_nir.errors import CapacityError, NoPlanError, VerificationError
from neuedge_nir.mapping.entries import row_words
from neuedge_nir.network.model import Network, Projection, ResetMode
from neuedge_nir.network.slices import Block, Run
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan, PlanAxons
from neuedge_nir.plan.verify import verify
from tests.sampling import examples
from tests.test_count import members, unrolled
from tests.worlds import Shape, chip, conv, dense, limit, network, networks, real, system, topology, wire

QUICK = Options(effort="none")
LOIHI = real("loihi1")


def two(image: Shape = (2, 8, 8), channels: int = 4, *, outputs: dict[str, str] | None = None) -> Network:
    """A convolution between two populations."""
    return network(
        {"a": image, "b": (channels, *image[1:])},
        wire("in", "a", dense(128, 3)),
        wire("a", "b", conv(image, channels)),
        inputs={"in": 3},
        outputs={"out": "b"} if outputs is None else outputs,
    )


def planned(net: Network, on: Chip = LOIHI, **options: Any) -> Plan:
    plan = compile_network(net, on, replace(QUICK, **options))
    verify(plan, net)
    return plan


def axons(plan: Plan) -> PlanAxons:
    """Of the projection from a."""
    told = next(p.axons for p in plan.projections if p.source == "a")
    assert told is not None
    return told


def used(plan: Plan, name: str) -> int:
    return sum(core.used[name] for core in plan.cores)


# --- counts -----------------------------------------------------------------------------------------------------------


def test_on_one_core_every_column_of_every_channel_has_one_axon() -> None:
    plan = planned(two())
    assert axons(plan) == PlanAxons("shared", 2 * 8, 2 * 2 * 8, 0)
    assert used(plan, "input_axons") == 3 + 16
    assert used(plan, "output_axons") == 32


def test_the_rows_of_a_column_are_as_long_as_its_longest() -> None:
    """Sources in the corner reach 4 pixels, at a border 6, else 9; columns at the border have at most 6."""
    memory, on = limit("entry_row_words", 1), toy(neurons=384)
    bits = next(p.weight_bits for p in planned(two(), on).projections if p.source == "a")
    corner, border, inner = (row_words(4 * n, bits, memory, dense=False) for n in (4, 6, 9))
    shared, apart = (used(planned(net, on), "entry_row_words") for net in (two(), two(outputs={"out": "a"})))
    assert corner < border < inner
    assert shared - apart == 2 * (2 * 2 * (border - corner) + 6 * 2 * (inner - border))


def test_sources_that_two_cores_hear_keep_axons_of_their_own() -> None:
    """Halves by rows: each hears 5 rows of 8, of which 2 are heard by both."""
    plan = planned(two(), toy(neurons=128), tiles={"b": "4x4x8"})
    assert (axons(plan).kind, len(plan.cores), columns := 2 * 8) == ("shared", 3, 16)
    assert axons(plan).inputs == 2 * columns * (2 + 1)
    assert axons(plan).outputs == 2 * columns * (2 + 2)


def test_a_source_that_all_cores_hear_has_an_entry_for_each() -> None:
    """Halves by channels: nothing to share."""
    plan = planned(two(channels=8), toy(neurons=256), tiles={"b": "4x8x8"})
    assert axons(plan) == PlanAxons("discrete", 2 * 128, 2 * 128, 0)


def toy(neurons: int = 256, per_chip: int = 16, most: int = 9999, **others: int) -> Chip:
    on = topology(columns=per_chip, rows=1, per_router=1, per_chip=per_chip, systems=(system(1, 1), system(8, 8)))
    limits = {"merged_input_axons": 9999, "entry_row_words": 99999, **others}
    rules = [limit("shared_output_axons", most), *(limit(name, size) for name, size in limits.items())]
    return chip(on=on, neurons=neurons, rules=rules)


def test_an_axon_to_another_chip_takes_an_entry_more_whoever_shares_it() -> None:
    plan = planned(two(), toy(neurons=256, per_chip=1))
    assert [core.chip for core in plan.cores] == [0, 1]
    assert axons(plan) == PlanAxons("shared", 16, 2 * 16, 16)
    assert used(plan, "shared_output_axons") == 3 * 16


def test_a_column_of_one_source_takes_less_alone() -> None:
    """An image of one row: a shared axon takes two entries, a discrete one."""
    net = network(
        {"a": (2, 1, 8), "b": (4, 1, 8)},
        wire("in", "a", dense(16, 3)),
        wire("a", "b", conv((2, 1, 8), 4)),
        inputs={"in": 3},
    )
    assert axons(planned(net)) == PlanAxons("discrete", 16, 16, 0)


# --- who may not ------------------------------------------------------------------------------------------------------


def with_another() -> Network:
    """And a projection from a to another population."""
    return network(
        {"a": (2, 8, 8), "b": (4, 8, 8), "c": 3},
        wire("in", "a", dense(128, 3)),
        wire("a", "b", conv((2, 8, 8), 4)),
        wire("a", "c", dense(3, 128)),
        inputs={"in": 3},
    )


def strided(**shape: int) -> Network:
    kernel = conv((2, 8, 8), 4, **shape)
    return network(
        {"a": (2, 8, 8), "b": kernel.output_shape},
        wire("in", "a", dense(128, 3)),
        wire("a", "b", kernel),
        inputs={"in": 3},
    )


FORBIDDEN = {
    "an output reads the source": two(outputs={"out": "a"}),
    "its source projects elsewhere": with_another(),
    "groups": strided(groups=2),
}


@pytest.mark.parametrize("net", FORBIDDEN.values(), ids=FORBIDDEN)
def test_what_may_not_share_does_not_and_a_plan_that_says_so_is_refused(net: Network) -> None:
    plan = planned(net)
    assert axons(plan).kind == "discrete"
    assert refused(told(plan, kind="shared"), net) == "PLAN172"


def test_a_shared_axon_under_subtract_reset_is_refused() -> None:
    plan = planned(two(), reset=ResetMode.SUBTRACT)
    assert axons(plan).kind == "discrete"
    assert refused(told(plan, kind="shared"), two()) == "PLAN172"


def test_the_host_shares_no_axons() -> None:
    net = network({"b": (4, 8, 8)}, wire("a", "b", conv((2, 8, 8), 4)), inputs={"a": (2, 8, 8)})
    plan = planned(net)
    assert axons(plan) == PlanAxons("discrete", 128, 0, 0)
    assert refused(told(plan, kind="shared"), net) == "PLAN172"


def test_slices_of_the_target_on_one_core_share_no_axons() -> None:
    net = two()
    plan = planned(net, tiles={"b": "4x4x8"})
    assert (len(plan.cores), axons(plan).kind) == (1, "discrete")
    assert refused(told(plan, kind="shared"), net) == "PLAN172"


def test_strides_share_too() -> None:
    plan = planned(strided(stride=2))
    assert axons(plan) == PlanAxons("shared", 16, 32, 0)


# --- the checker ------------------------------------------------------------------------------------------------------


def refused(plan: Plan, net: Network) -> str:
    with pytest.raises(VerificationError) as refusal:
        verify(plan, net)
    return refusal.value.code


def told(plan: Plan, **changes: Any) -> Plan:
    """The plan with other axons of the projection from a."""
    projections = (
        replace(p, axons=replace(axons(plan), **changes)) if p.source == "a" and p.target == "b" else p
        for p in plan.projections
    )
    return replace(plan, projections=tuple(projections))


@pytest.mark.parametrize("field", ["inputs", "outputs", "crossing"])
@pytest.mark.parametrize("by", [-1, 1])
def test_an_entry_that_is_not_counted_is_refused(field: str, by: int) -> None:
    net = two()
    plan = planned(net, toy(neurons=256, per_chip=1))
    assert refused(told(plan, **{field: getattr(axons(plan), field) + by}), net) == "PLAN170"


@pytest.mark.parametrize("name", ["merged_input_axons", "shared_output_axons", "entry_row_words"])
@pytest.mark.parametrize("core", [0, 1])
def test_what_a_core_uses_of_shared_axons_is_recounted(name: str, core: int) -> None:
    net = two()
    plan = planned(net, toy(neurons=256, per_chip=1))
    cores = list(plan.cores)
    cores[core] = replace(cores[core], used={**cores[core].used, name: cores[core].used[name] + 1})
    assert refused(replace(plan, cores=tuple(cores)), net) == "PLAN112"


def test_discrete_counts_of_shared_axons_are_refused() -> None:
    """A plan that says shared, and counts an axon for every source."""
    net = two()
    assert refused(told(planned(net), kind="discrete"), net) == "PLAN112"


def test_more_shared_entries_than_a_core_has_are_refused() -> None:
    net = two()
    plan = planned(net)
    limits = (
        replace(rule, limit=replace(rule.limit, low=31, typical=31, high=31)) if rule.name == "output_axons" else rule
        for rule in plan.chip.limits
    )
    assert refused(replace(plan, chip=replace(plan.chip, limits=tuple(limits))), net) == "PLAN113"


def test_shared_entries_are_what_a_bound_may_rest_on() -> None:
    """128 sources drive 256 neurons by 32 entries: bounds count no more, whatever is found."""
    plan = planned(two(), toy(neurons=999, most=64, merged_input_axons=40))
    assert plan.mapping.cores_lower_bound == 1


# --- the law ----------------------------------------------------------------------------------------------------------


def written_out(projection: Projection, plan: Plan) -> tuple[int, int, int]:
    """Axons into cores, entries out of them, and of those axons the ones that lead to other chips."""
    place = {
        neuron: number
        for number, core in enumerate(plan.cores)
        for piece in core.slices
        if piece.population == projection.source
        for neuron in members(part_of(piece), projection.source_shape)
    }
    reach: dict[int, set[int]] = {
        number: {s for piece in core.slices if piece.population == projection.target
                 for s, _ in unrolled(projection, part_of(piece))[0]}
        for number, core in enumerate(plan.cores)
    }  # fmt: skip
    hears = Counter(source for sources in reach.values() for source in sources)
    _, height, width = projection.source_shape
    into = out = away = 0
    for target, sources in reach.items():
        groups: dict[tuple[int, int], list[int]] = defaultdict(list)
        for source in sources:
            groups[source // (height * width), source % width].append(source)
        for group in groups.values():
            single = [s for s in group if hears[s] == 1]
            into += len(group) - len(single) + bool(single)
            ends = [(place[s], 1) for s in group if hears[s] > 1] + [(p, 2) for p in {place[s] for s in single}]
            out += sum(entries for _, entries in ends)
            away += sum(plan.cores[p].chip != plan.cores[target].chip for p, _ in ends)
    return into, out, away


def part_of(piece: Any) -> Block | Run:
    return Block(piece.block) if piece.block is not None else Run(*piece.run)


@settings(max_examples=examples(80), deadline=None)
@given(
    st.sampled_from([(1, 4, 4), (2, 4, 3), (2, 6, 5)]),
    st.integers(1, 3),
    st.sampled_from([1, 2, 3]),
    st.sampled_from([1, 2]),
    st.integers(6, 40),
    st.integers(1, 4),
)
def test_shared_axons_are_counted_as_groups_written_out(
    image: Shape, channels: int, kernel: int, stride: int, neurons: int, per_chip: int
) -> None:
    operator = conv(image, channels, kernel, stride=stride, padding=kernel // 2)
    net = network(
        {"a": image, "b": operator.output_shape},
        wire("a", "b", operator),
        inputs={},
    )
    try:
        plan = planned(net, toy(neurons=neurons, per_chip=per_chip))
    except (CapacityError, NoPlanError):
        assume(False)
        return
    assume(axons(plan).kind == "shared")
    own = axons(plan)
    assert (own.inputs, own.outputs, own.crossing) == written_out(net.projections[0], plan)
    assert used(plan, "merged_input_axons") == own.inputs
    assert used(plan, "shared_output_axons") == own.outputs + own.crossing


@settings(max_examples=examples(60), deadline=None)
@given(networks(), st.integers(2, 12), st.booleans())
def test_the_entries_of_projections_are_those_of_the_cores(net: Network, neurons: int, mapped: bool) -> None:
    try:
        plan = planned(net, toy(neurons=neurons, per_chip=2), map_inputs=mapped)
    except (CapacityError, NoPlanError):
        assume(False)
        return
    found = [p.axons for p in plan.projections if p.axons is not None]
    assert sum(a.outputs + a.crossing for a in found) == used(plan, "shared_output_axons")
    assert sum(a.inputs for a in found) == used(plan, "merged_input_axons")
