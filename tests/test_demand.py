"""What slices use of every limit, against connections written out one by one; and what the bounds rest on."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from neuedge_nir.chip.model import AxonWeights, Chip, Limit
from neuedge_nir.errors import CapacityError, NoPlanError, UsageError
from neuedge_nir.mapping.bounds import lower_bound
from neuedge_nir.mapping.demand import DOWNSTREAM, Demands
from neuedge_nir.mapping.legalise import Kind, LegalProjection
from neuedge_nir.mapping.memory import LEAST
from neuedge_nir.mapping.needs import FORMULAS, LARGEST
from neuedge_nir.mapping.partition import Destinations, Piece
from neuedge_nir.network.connect import Conv, Delay, Dense, Pool, Scale
from neuedge_nir.network.model import Network, Projection, ResetMode
from neuedge_nir.network.slices import Block, Run, Slice
from neuedge_nir.plan.check_weights import effective
from tests.sampling import examples
from tests.strategies import slices
from tests.test_count import members, unrolled
from tests.test_shared_rows import rows_together
from tests.worlds import (
    PARAMETERS,
    chain,
    chip,
    computed,
    conv,
    core_memory,
    demands_of,
    dense,
    hops,
    limit,
    network,
    networks,
    pool,
    real,
    wire,
)

RATE = 0.25
INWARDS = sorted({"neurons", "slices", *FORMULAS} - DOWNSTREAM - {"lava_axon_map"})
ROOM = 1 << 40


def everything(**capabilities: object) -> Chip:
    """A chip with a limit for every formula that does not look at the targets, all out of reach."""
    rules = [limit(name, ROOM) for name in (*INWARDS, "lava_axon_map")]
    rules.append(core_memory(ROOM))
    return chip(rules=rules, max_delay=9, compartments_subtract=2, **capabilities)  # type: ignore[arg-type]


def used(demands: Demands, piece: Piece, targets: Destinations | None = None) -> dict[str, int]:
    found = demands.of(piece, targets if targets is not None else demands.uncut())
    return {rule.name: need for rule, need in zip(demands.limits, found, strict=True)}


def fed_by(projection: Projection) -> Network:
    """A population behind an input port, joined by the projection's chain."""
    return network(
        {"b": projection.target_shape}, wire("a", "b", *projection.chain), inputs={"a": projection.source_shape}
    )


# --- The formulas, by their definitions, from lists of connected pairs ---------------------------------------------


def merged(projection: Projection) -> Projection:
    """A projection behind its leading pools, whose sources share an axon where every message is processed."""
    operators = list(projection.chain)
    while len(operators) > 1 and isinstance(operators[0], Pool):
        operators.pop(0)
    shape = operators[0].input_shape if operators else projection.source_shape
    return replace(projection, source_shape=shape, chain=tuple(operators))


def summed_at_axon(projection: Projection) -> Projection:
    """A projection behind its leading pools, as long as no source is in two windows of one."""
    while projection.chain and isinstance(first := projection.chain[0], Pool) and not overlaps(first):
        projection = replace(projection, source_shape=first.output_shape, chain=projection.chain[1:])
    return projection


def overlaps(pool: Pool) -> bool:
    """Whether windows share sources."""
    return any(step < size for step, size in zip(pool.stride, pool.kernel, strict=True))


def rows_of(projection: Projection, part: Slice) -> list[int]:
    """For every source that reaches the slice, how many of its neurons it reaches."""
    pairs, _, _ = unrolled(projection, part)
    return list(Counter(source for source, _ in pairs).values())


def kernel_offsets(chain: Sequence[object]) -> set[tuple[int, ...]]:
    """Where a source may lie as seen from an output: every tap of the convolution with every tap of pools behind."""
    at = next(k for k, op in enumerate(chain) if isinstance(op, Conv))
    kernel = chain[at]
    assert isinstance(kernel, Conv)
    steps = kernel.stride
    offsets = {
        tuple(t * d for t, d in zip(tap, kernel.dilation, strict=True))
        for tap in itertools.product(*map(range, kernel.kernel))
    }
    for op in chain[at + 1 :]:
        if isinstance(op, Pool):
            moves = list(itertools.product(*map(range, op.kernel)))
            offsets = {
                tuple(o + s * m for o, s, m in zip(offset, steps, move, strict=True))
                for offset in offsets
                for move in moves
            }
            steps = tuple(s * p for s, p in zip(steps, op.stride, strict=True))
    return offsets


def words(neurons: int, bits: int) -> int:
    number = PARAMETERS["packed_row_words"]
    headers = number["header_bits"] * math.ceil(neurons / number["header_every"])
    return math.ceil((neurons * bits + headers) / number["word_bits"])


def stored(legal: LegalProjection, source: int, target: int) -> bool:
    """Whether the synapse of a dense layer alone has another weight than 0, as the chip stores it; others always."""
    behind = merged(legal.projection)
    if len([op for op in behind.chain if not isinstance(op, (Scale, Delay))]) > 1 or legal.kind is not Kind.DENSE:
        return True
    one = np.zeros(math.prod(behind.source_shape))
    one[source] = math.prod(op.factor for op in legal.projection.chain[: -len(behind.chain)] if isinstance(op, Pool))
    weight = computed(behind.chain, one.reshape(behind.source_shape)).ravel()[target]
    return legal.stored.step == 0 or round(float(weight) / legal.stored.step) != 0


def packed(legal: LegalProjection, part: Slice) -> int:
    p = legal.projection
    if legal.kind is not Kind.CONV:
        pairs = [(source, target) for source, target in unrolled(merged(p), part)[0] if stored(legal, source, target)]
        return sum(words(n, legal.stored.bits + 12) for n in Counter(source for source, _ in pairs).values())
    kernel = next(op for op in p.chain if isinstance(op, Conv))
    pixels = math.prod(p.chain[-1].output_shape[1:])
    channels = {index // pixels for index in members(part, p.target_shape)}
    groups = Counter(c * kernel.groups // kernel.output_shape[0] for c in channels)
    rows = len(kernel_offsets(p.chain)) * kernel.input_shape[0] // kernel.groups
    return sum(rows * words(n, legal.stored.bits) for n in groups.values())


def blocked(row: int, bits: int, number: dict[str, int]) -> int:
    blocks = [min(number["block"], row - start) for start in range(0, row, number["block"])]
    word = number["word_bits"]
    return sum(word * math.ceil((n * bits + number["header_bits"]) / word) for n in blocks)


def entries(row: int, legal: LegalProjection, number: dict[str, int]) -> int:
    """Words of a row: its bits, entry by entry; NxTF asks for one more where the last has 0 or more than 58 in use."""
    most, dense = number["entry_synapses"], legal.kind is Kind.DENSE
    bits = 0
    for start in range(0, row, most):
        synapses = min(most, row - start)
        each = legal.stored.bits + (number["delay_bits"] if legal.delay > 1 else 0)
        bits += number["header_bits"] + synapses * each + number["index_bits"] * (1 if dense else synapses)
    word = number["word_bits"]
    return 0 if not row else math.ceil(bits / word) + (bits % word == 0 or bits % word >= word - 5)


def format_of(legal: LegalProjection, coarsest: float) -> tuple[object, ...]:
    weights = np.asarray(effective(legal.projection), dtype=float)
    signs = bool((weights > 0).any() or not weights.any()), bool((weights < 0).any())
    halvings = -round(math.log2(legal.stored.step / coarsest)) if legal.stored.step else 0
    return halvings, signs, legal.stored.bits, legal.delay > 1, legal.kind is Kind.DENSE


def written_out(rule: Limit, demands: Demands, piece: Piece) -> int:
    """A formula's count for a slice, by its text."""
    name, part = rule.formula, piece.part
    incoming = demands.legal.into(piece.population)
    number = {key: value.count for key, value in rule.parameters.items()}
    shape = demands.shapes[piece.population]
    match name:
        case "neurons":
            return len(members(part, shape)) * (2 if demands.legal.reset is ResetMode.SUBTRACT else 1)
        case "slices":
            return 1
        case "input_axons":
            return sum(len(rows_of(p.projection, part)) * p.stored.axons_per_input for p in incoming)
        case "merged_input_axons":
            return sum(len(rows_of(summed_at_axon(p.projection), part)) * p.stored.axons_per_input for p in incoming)
        case "lava_input_axons":
            windows = (Kind.CONV, Kind.POOL)
            return sum(2 if p.kind in windows else len(rows_of(merged(p.projection), part)) for p in incoming)
        case "packed_row_words":
            return sum(packed(p, part) for p in incoming)
        case "blocked_row_bits":
            return sum(
                blocked(row, p.stored.bits + (0 if p.kind is Kind.DENSE else number["index_bits"]), number)
                for p in incoming
                for row in rows_of(p.projection, part)
            )
        case "longest_row_words":
            return max(
                (
                    blocked(row, p.stored.bits + (0 if p.kind is Kind.DENSE else number["index_bits"]), number)
                    // number["word_bits"]
                    for p in incoming
                    for row in rows_of(p.projection, part)
                ),
                default=0,
            )
        case "entry_row_words":
            return sum(entries(row, p, number) for p in incoming for row in rows_of(summed_at_axon(p.projection), part))
        case "interleaved_neurons" | "destination_groups":
            together = rows_together(demands, piece, rule)
            if name == "destination_groups":
                return together.groups if together else 1
            return together.numbers if together else written_out(replace(rule, formula="neurons"), demands, piece)
        case "longest_entry_row":
            lengths = [(row, p) for p in incoming for row in rows_of(summed_at_axon(p.projection), part)]
            return max((entries(row, p, number) for row, p in lengths), default=0)
        case "synapse_formats":
            coarsest = max((p.stored.step for p in incoming), default=1.0)
            return len({format_of(p, coarsest) for p in incoming})
        case "row_table_bytes":
            rows = [[row for row in rows_of(p.projection, part) if row] for p in incoming]
            return sum(len(found) * 4 * (3 + max(found, default=0)) for found in rows)
        case "row_and_record_bytes":  # nobody said how long a sample is: no record
            rows = [[row for row in rows_of(p.projection, part) if row] for p in incoming]
            return sum(len(found) * 4 * (3 + max(found, default=0)) for found in rows)
        case "weight_bytes":
            weights = sum(math.ceil(unrolled(p.projection, part)[2] * p.stored.bits / 8) for p in incoming)
            axons = sum(len(rows_of(p.projection, part)) * p.stored.axons_per_input for p in incoming)
            own = len(members(part, shape))
            return weights + number.get("axon_bytes", 0) * axons + number.get("neuron_bytes", 0) * own
        case "synaptic_events":
            return math.ceil(sum(sum(rows_of(p.projection, part)) for p in incoming) * RATE)
        case "ring_buffer_bits":
            slots = max((1 if p.projection.source == "in" else p.delay for p in incoming), default=0)
            return sum(math.ceil(math.log2(n)) for n in (part.neurons, 2, slots)) if slots else 0
        case "decay_profiles" | "threshold_values":
            return min(1, part.neurons)
    raise AssertionError(f"no definition of {name!r} here")


# --- Each formula against its definition ------------------------------------------------------------------------------


@settings(max_examples=examples(120), deadline=None)
@given(st.data(), st.sampled_from(AxonWeights), st.sampled_from(ResetMode))
def test_every_formula_counts_what_it_says(data: st.DataObject, weights: AxonWeights, reset: ResetMode) -> None:
    net = data.draw(networks(most=2))
    try:
        demands = demands_of(net, everything(weights=weights), RATE, reset)
    except (CapacityError, NoPlanError) as error:
        assert error.code in ("FIT008", "FIT011", "FIT012", "FIT022")
        assume(False)
    population = data.draw(st.sampled_from(net.populations))
    piece = Piece(population.name, data.draw(slices(population.shape)))
    found = used(demands, piece)
    for rule in demands.limits:
        if rule.formula != "lava_axon_map":
            assert found[rule.name] == written_out(rule, demands, piece), rule.formula


def test_the_definitions_here_cover_every_formula() -> None:
    assert {*INWARDS, *DOWNSTREAM, "lava_axon_map"} == set(FORMULAS)


def test_a_formula_that_nobody_counts_is_refused() -> None:
    odd = replace(limit("neurons", 3), formula="magic")
    with pytest.raises(UsageError, match="'magic'") as caught:
        demands_of(chain(a=2), chip(rules=[odd])).limits  # noqa: B018
    assert caught.value.code == "USE013"


@st.composite
def cuts(draw: st.DrawFn, size: int) -> tuple[tuple[Slice, ...], ...]:
    """A population in runs, each on one of a few cores."""
    edges = sorted({0, size, *draw(st.lists(st.integers(0, size), max_size=4))})
    cores: dict[int, list[Slice]] = {}
    for start, stop in itertools.pairwise(edges):
        cores.setdefault(draw(st.integers(0, 2)), []).append(Run(start, stop))
    return tuple(tuple(parts) for parts in cores.values())


@settings(max_examples=examples(120), deadline=None)
@given(st.data(), st.booleans())
def test_what_a_neuron_drives_is_counted_core_by_core(data: st.DataObject, one_destination: bool) -> None:
    weights = AxonWeights.AXON_TYPES if one_destination else AxonWeights.MANTISSA
    formula = "neuron_copies" if one_destination else "output_axons"
    on = chip(rules=[limit(formula, ROOM)], weights=weights, max_delay=9, one_destination=one_destination)
    net = data.draw(networks(most=3))
    try:
        demands = demands_of(net, on, RATE)
    except (CapacityError, NoPlanError):
        assume(False)
    targets = {p.name: data.draw(cuts(p.neurons)) for p in net.populations}
    population = data.draw(st.sampled_from(net.populations))
    part = data.draw(slices(population.shape))
    axons = Counter[int]()
    for legal in demands.legal.out_of(population.name):
        for core in targets[legal.projection.target]:
            reaching = {s for slice_ in core for s, _ in unrolled(legal.projection, slice_)[0]}
            axons.update(dict.fromkeys(reaching, legal.stored.axons_per_input))
    neurons = members(part, population.shape)
    read = any(p.target in {port.name for port in net.outputs} for p in net.out_of(population.name))
    slots = sum(max(1, axons[n] + read) if one_destination else axons[n] for n in neurons)
    assert used(demands, Piece(population.name, part), targets) == {formula: slots}


def test_a_neuron_that_drives_nothing_and_is_read_by_nobody_takes_one_slot() -> None:
    on = chip(neuron_copies=9, one_destination=True)
    dead_end = network({"a": 3, "b": 2}, wire("i", "a", dense(3, 2)), wire("i", "b", dense(2, 2)), inputs={"i": 2})
    assert used(demands_of(dead_end, on), Piece("a", Run(0, 3))) == {"neuron_copies": 3}


def test_a_readout_takes_a_copy_beside_the_axons() -> None:
    net = network(
        {"a": 3, "b": 2}, wire("i", "a", dense(3, 2)), wire("a", "b", dense(2, 3)), inputs={"i": 2},
        outputs={"out": "b", "peek": "a"},
    )  # fmt: skip
    demands = demands_of(net, chip(neuron_copies=99, one_destination=True))
    assert used(demands, Piece("a", Run(0, 3))) == {"neuron_copies": 6}
    apart = {"a": ((Run(0, 3),),), "b": ((Run(0, 1),), (Run(1, 2),))}
    assert used(demands, Piece("a", Run(0, 3)), apart) == {"neuron_copies": 9}


@settings(max_examples=examples(60), deadline=None)
@given(st.data())
def test_the_axon_map_has_pixels_for_windows_and_neurons_for_lists(data: st.DataObject) -> None:
    source = data.draw(st.sampled_from([(2, 5), (2, 4, 3), (1, 4, 4), (7,)]))
    chains = data.draw(st.lists(hops(source), min_size=1, max_size=3))
    sizes = {f"t{k}": (c[-1].output_shape if c else source) for k, c in enumerate(chains)}
    wires = [wire("a", name, *c) for name, c in zip(sizes, chains, strict=True)]
    demands = demands_of(network({"a": source, **sizes}, *wires, outputs={}), everything(), RATE)
    part = data.draw(slices(source))
    neurons, pixels = members(part, source), math.prod(source[1:])
    due = 0
    for c in chains:
        window = any(isinstance(op, (Conv, Pool)) for op in c) and not any(isinstance(op, Dense) for op in c)
        due += len({n % pixels for n in neurons} if window else neurons)
    assert used(demands, Piece("a", part))["lava_axon_map"] == due


@pytest.mark.parametrize(("inputs", "outputs", "figure"), [(784, 128, 0.0490), (128, 64, 0.0080), (64, 10, 0.0040)])
def test_the_layers_of_lavas_mnist_table_take_the_printed_share_of_the_axons(
    inputs: int, outputs: int, figure: float
) -> None:
    demands = demands_of(chain(inputs=inputs, a=outputs), real("loihi2"))
    assert used(demands, Piece("a", Run(0, 1)))["input_axons"] / 16000 == pytest.approx(figure, abs=5e-5)


def test_zeros_of_a_dense_layer_take_no_room() -> None:
    weight = np.array([[1, 0, 0, -3], [0, 0, 2, 1], [5, 0, 0.001, 0]], dtype=float)
    net = network({"b": 3}, wire("a", "b", Dense("fc", weight)), inputs={"a": 4})
    demands = demands_of(net, real("loihi2"))
    (legal,) = demands.legal.into("b")
    assert (legal.stored.bits, stored(legal, 2, 2)) == (8, False), "0.001 of 5 is no step of 8 bits"
    rows = {(0, 3): [2, 0, 1, 2], (0, 2): [1, 0, 1, 2], (2, 3): [1, 0, 0, 0]}
    for (start, stop), lengths in rows.items():
        for part in (Run(start, stop), Block(((start, stop),))):
            assert used(demands, Piece("b", part))["synapse_words"] == sum(words(n, 20) for n in lengths if n)


def test_slices_of_a_layer_with_zeros_are_not_alike() -> None:
    weight = np.ones((4, 300))
    weight[:2] = 0
    demands = demands_of(network({"b": 4}, wire("a", "b", Dense("fc", weight)), inputs={"a": 300}), real("loihi2"))
    assert [used(demands, Piece("b", Run(k, k + 1)))["synapse_words"] for k in range(4)] == [0, 0, 300, 300]
    assert lower_bound(demands).cores == 1


# --- What searches and bounds rest on ---------------------------------------------------------------------------------


def parts_in_two(data: st.DataObject, shape: tuple[int, ...]) -> tuple[Slice, Slice, Slice]:
    """A slice and the two it is cut into."""
    part = data.draw(slices(shape))
    if isinstance(part, Run):
        middle = data.draw(st.integers(part.start, part.stop))
        return part, Run(part.start, middle), Run(middle, part.stop)
    axis = data.draw(st.integers(0, len(shape) - 1))
    start, stop = part.spans[axis]
    middle = data.draw(st.integers(start, stop))
    halves = [(start, middle), (middle, stop)]
    first, second = (Block((*part.spans[:axis], half, *part.spans[axis + 1 :])) for half in halves)
    return part, first, second


def legal_demands(net: Network, on: Chip) -> Demands:
    try:
        return demands_of(net, on, RATE)
    except (CapacityError, NoPlanError):
        assume(False)
        raise


@settings(max_examples=examples(80), deadline=None)
@given(st.data(), st.sampled_from(AxonWeights))
def test_cutting_a_slice_in_two_never_lowers_what_it_uses(data: st.DataObject, weights: AxonWeights) -> None:
    net = data.draw(networks(most=2))
    demands = legal_demands(net, everything(weights=weights))
    population = data.draw(st.sampled_from(net.populations))
    both, first, second = (Piece(population.name, part) for part in parts_in_two(data, population.shape))
    assume(first.part.neurons and second.part.neurons)
    whole, one, other = used(demands, both), used(demands, first), used(demands, second)
    for name in whole:
        if name not in {*LEAST, *LARGEST}:  # a block has a rest to lose, a table its longest row; see below
            assert whole[name] <= one[name] + other[name], name
        assert max(one[name], other[name]) <= whole[name], f"{name} is larger for a part than for the whole"


def test_cutting_a_target_never_lowers_what_its_sources_drive() -> None:
    net = network({"a": 4, "b": 6}, wire("i", "a", dense(4, 2)), wire("a", "b", dense(6, 4)), inputs={"i": 2})
    demands = demands_of(net, chip(output_axons=99))
    driven = [
        used(
            demands,
            Piece("a", Run(0, 4)),
            {**demands.uncut(), "b": tuple((Run(k, k + 6 // n),) for k in range(0, 6, 6 // n))},
        )
        for n in (1, 2, 3, 6)
    ]
    assert [d["output_axons"] for d in driven] == [4, 8, 12, 24]


def test_a_row_cut_within_a_block_may_take_fewer_words_than_a_whole_one() -> None:
    """62 synapses of 8 bits fill 8 words but for 6 bits, 64 take 9: whole populations are no bound of this formula."""
    demands = demands_of(chain(inputs=1, a=124), chip(blocked_row_bits=ROOM))
    whole, half = (used(demands, Piece("a", Run(0, n)))["blocked_row_bits"] // 64 for n in (124, 62))
    assert (whole, half) == (17, 8)


@pytest.mark.parametrize("formula", sorted(FORMULAS))
@settings(max_examples=examples(30), deadline=None)
@given(data=st.data())
def test_no_cut_needs_less_than_the_lower_bound(formula: str, data: st.DataObject) -> None:
    """With a limit of one, the bound on cores is the sum that no cut may fall below."""
    net = data.draw(networks(most=2))
    small = {"word_bits": 16, "header_bits": 5, "block": 4, "index_bits": 3} if formula == "blocked_row_bits" else {}
    demands = legal_demands(net, chip(rules=[limit(formula, 1, **small)], max_delay=9))  # type: ignore[arg-type]
    cut = {p.name: data.draw(cuts(p.neurons)) for p in net.populations}
    pieces = [Piece(name, part) for name, cores in cut.items() for core in cores for part in core]
    assert lower_bound(demands).cores <= max(1, sum(demands.of(piece, cut)[0] for piece in pieces))


def test_the_lower_bound_holds_where_slices_fill_their_words() -> None:
    """16 slices of 62 neurons: 4 rows of 8 words each fill the memory of 16 cores exactly."""
    demands = demands_of(chain(inputs=4, a=16 * 62), chip(blocked_row_bits=4 * 8 * 64))
    assert used(demands, Piece("a", Run(0, 62))) == {"blocked_row_bits": 4 * 8 * 64}
    assert lower_bound(demands).cores <= 16


def all_slices(shape: tuple[int, ...]) -> Iterator[Slice]:
    size = math.prod(shape)
    yield from (Run(a, b) for a in range(size) for b in range(a + 1, size + 1))
    spans = [[(a, b) for a in range(n) for b in range(a + 1, n + 1)] for n in shape]
    yield from (Block(box) for box in itertools.product(*spans))


def assert_alike_means_equal(net: Network, on: Chip, most: int = 80) -> None:
    """Every two slices that are said to be alike use the same, counted afresh for each."""
    demands = demands_of(net, on, RATE)
    for population in net.populations:
        every = list(all_slices(population.shape))
        first: dict[object, tuple[Slice, dict[str, int]]] = {}
        for part in every[:: max(1, len(every) // most)]:
            piece = Piece(population.name, part)
            afresh = {
                rule.name: FORMULAS[rule.formula](demands, piece, rule, demands.uncut()) for rule in demands.limits
            }
            other, due = first.setdefault(demands.likeness(piece), (part, afresh))
            assert afresh == due, f"{part} and {other} of {population.name} are said to be alike"


@settings(max_examples=examples(40), deadline=None)
@given(networks(most=2))
def test_slices_that_are_alike_use_the_same(net: Network) -> None:
    legal_demands(net, everything())
    assert_alike_means_equal(net, everything())


def test_slices_in_the_middle_of_an_image_are_alike_and_those_at_its_border_are_not() -> None:
    image = (2, 9, 9)
    kernel = conv(image, 4)
    demands = demands_of(network({"a": (4, 9, 9)}, wire("i", "a", kernel), inputs={"i": image}), everything())
    corner, edge, middle, shifted = (
        demands.likeness(Piece("a", Block(((0, 2), rows, columns))))
        for rows, columns in (((0, 3), (0, 3)), ((0, 3), (3, 6)), ((3, 6), (3, 6)), ((4, 7), (3, 6)))
    )
    assert middle == shifted
    assert len({corner, edge, middle}) == 3


def test_a_pool_behind_a_padded_convolution_hides_which_outputs_it_took() -> None:
    """All outputs see the one pixel there is, through one output of the convolution or through two."""
    kernel = conv((1, 1, 1), 1, 3, padding=2)
    behind = replace(pool(kernel.output_shape, 2, stride=1), padding=(1, 1), output_shape=(1, 4, 4))
    net = network({"a": (1, 4, 4)}, wire("i", "a", kernel, behind), inputs={"i": (1, 1, 1)})
    assert_alike_means_equal(net, everything())


@settings(max_examples=examples(60), deadline=None)
@given(st.data(), networks())
def test_no_cut_takes_less_than_the_least(data: st.DataObject, net: Network) -> None:
    """Formulas that padding makes larger than their parts have a bound of their own."""
    demands = demands_of(net, chip(rules=[limit("row_table_bytes", 2**40, shared=True)]))
    for population in net.populations:
        cuts = sorted(data.draw(st.sets(st.integers(1, max(1, population.neurons - 1)), max_size=4)))
        ends = [0, *(cut for cut in cuts if cut < population.neurons), population.neurons]
        pieces = [Piece(population.name, Run(a, b)) for a, b in itertools.pairwise(ends)]
        for index, rule in enumerate(demands.limits):
            if rule.formula == "row_table_bytes":
                parts = sum(demands.of(piece, demands.uncut())[index] for piece in pieces)
                assert demands.least(population.name, index, demands.uncut()) <= parts


def test_a_convolution_is_charged_for_the_pixels_that_it_sees() -> None:
    """On SpiNNaker the rows of a slice were once those of the whole picture: a proof that was none."""
    layer = conv((1, 40, 40), 1)
    net = network({"a": layer.output_shape}, wire("i", "a", layer), inputs={"i": (1, 40, 40)})
    demands = demands_of(net, real("spinnaker1"))
    index = next(i for i, rule in enumerate(demands.limits) if rule.name == "sdram")
    one = demands.of(Piece("a", Run(820, 821)), demands.uncut())[index]
    assert one == 9 * 4 * (3 + 1)
