"""What every core uses and what every slice sends, recounted connection by connection."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.chip.model import Limit
from neuedge_nir.network.blocks import BLOCK_ELEMENTS
from neuedge_nir.network.connect import Conv, Delay, Dense, Operator, Pool, Scale
from neuedge_nir.network.model import Projection
from neuedge_nir.plan.check_entries import packed_rows, self_rows
from neuedge_nir.plan.check_fan import channels_of, fan, pulled, stages, used_weights
from neuedge_nir.plan.check_irregular import Expected, everyone, longest_row
from neuedge_nir.plan.check_parts import Ints, Patch, Shape, distinct
from neuedge_nir.plan.check_record import record_bytes
from neuedge_nir.plan.check_ring import ring_buffer_bits
from neuedge_nir.plan.check_weights import Floats, effective
from neuedge_nir.plan.check_wires import Part, Rules, Wire, behind_pools
from neuedge_nir.plan.model import Plan, PlanProjection

DRIVEN = {"neuron_copies", "output_axons", "placed_output_axons", "shared_output_axons"}
"""Formulas that ask how many cores or axons a neuron drives."""

LARGEST = {"longest_row_words", "longest_entry_row", "ring_buffer_bits", "destination_groups"}
"""Formulas of which a core has the largest value of its slices, not the sum."""


Sent = tuple[tuple[int, int], ...]

Heard = tuple[Ints, Ints]
"""Numbers of parts, rising, and how many messages each sends."""


@dataclass(frozen=True, slots=True, eq=False)
class Recount:
    """Per part: `used` by limit, synaptic `events` arriving in a step, and what leaves: (core, `messages`) in order."""

    used: list[dict[str, float]]
    events: list[float]
    messages: list[Sent]


def compartments(plan: Plan, neurons: int) -> int:
    """Compartments that so many neurons of a slice take: several each, in groups, where a spike subtracts."""
    able, subtracts = plan.chip.capabilities, plan.options.reset == "subtract"
    each = able.compartments_subtract.count if able.compartments_subtract and subtracts else 1
    group = able.compartments_group_subtract.count if able.compartments_group_subtract and subtracts else 1
    return math.ceil(neurons * each / group) * group


def _self_axons(part: Part, rules: Rules) -> int:
    """Axons of neurons to themselves, where a spike subtracts; the sources of an input have none."""
    each = rules.plan.chip.capabilities.self_axons_subtract
    if each is None or rules.plan.options.reset != "subtract":
        return 0
    models = {population.name: population.model for population in rules.plan.populations}
    return part.size * each.count if models[part.population] != "Input" else 0


def recount(parts: Sequence[Part], rules: Rules, *, messages: bool = True) -> Recount:
    """The demand of every part, and what it sends where. One source after the other: only its neurons are held."""
    result = Recount([defaultdict(float) for _ in parts], [0.0 for _ in parts], [() for _ in parts])
    held: dict[str, list[int]] = defaultdict(list)
    for number, part in enumerate(parts):
        held[part.population].append(number)
    for source in rules.shapes:
        drives = _follow(source, held, parts, rules, result, messages=messages)
        for number in held[source]:
            for limit in rules.plan.chip.limits:
                result.used[number][limit.name] += _outwards(limit, parts[number], rules, drives)
    return result


@dataclass(frozen=True, slots=True, eq=False)
class Drives:
    """For each neuron of a source the axons and the cores that it drives; None where no limit of the chip asks."""

    axons: Ints
    cores: Ints

    def add(self, axons: int, reaching: Ints) -> None:
        """One core, and so many axons, to each of these."""
        self.axons[reaching] += axons
        self.cores[reaching] += 1


def _follow(
    source: str,
    held: Mapping[str, Sequence[int]],
    parts: Sequence[Part],
    rules: Rules,
    result: Recount,
    *,
    messages: bool,
) -> Drives | None:
    """Adds what a source sends to each core to the demand of its parts, and to the messages of the source's own."""
    asked = DRIVEN & {limit.formula for limit in rules.plan.chip.limits}
    drives = Drives(*np.zeros((2, math.prod(rules.shapes[source])), dtype=np.int64)) if asked else None
    arriving: dict[int, list[tuple[Wire, int]]] = defaultdict(list)
    for wire in rules.out_of[source]:
        for number in held[wire.projection.target] if wire.held is not None else ():
            arriving[parts[number].core].append((wire, number))
    owner = _owner(rules.shapes[source], held[source], parts) if arriving and messages else None
    sizes = None if owner is None else _sizes(owner)
    heard: dict[int, Heard] = {}
    for core, pairs in arriving.items():
        reached = _arrive(pairs, parts, rules, result)
        if drives is not None or owner is not None:
            known = [(wire.axons, elements(s)) for wire, s in reached.items() if not isinstance(s[0], Expected)]
            chances = {wire: _share(s) for wire, s in reached.items() if isinstance(s[0], Expected)}
            if drives is not None:
                for axons, reaching in known + [(wire.axons, everyone(reached[wire][0])) for wire in chances]:
                    drives.add(axons, reaching)
            heard[core] = _with_chances(_senders(known, owner, rules), chances, sizes, rules)
    for number, sent in _by_part(heard):
        result.messages[number] = sent
    return drives


def _by_part(heard: Mapping[int, Heard]) -> Iterator[tuple[int, Sent]]:
    """What each part sends, from what each core hears; one list for all that send the same."""
    if not heard:
        return
    numbers, counts = (np.concatenate([own[k] for own in heard.values()]) for k in (0, 1))
    cores = np.repeat(np.array([*heard]), [len(own[0]) for own in heard.values()])
    order = np.lexsort((cores, numbers))
    parts, first = np.unique(numbers[order], return_index=True)
    known: dict[bytes, Sent] = {}
    for part, rows in zip(parts.tolist(), np.split(order, first[1:]), strict=False):
        own = np.stack([cores[rows], counts[rows]])
        if (named := own.tobytes()) not in known:
            known[named] = tuple(zip(*own.tolist(), strict=True))
        yield part, known[named]


def elements(several: Sequence[Patch]) -> Ints:
    """Every element of any of these, once; all that may be among them, where that is a matter of chance."""
    if any(isinstance(patch, Expected) for patch in several):
        return distinct(np.concatenate([everyone(patch) for patch in several]))
    shape = several[0].shape
    return Patch(shape, tuple(product for patch in several for product in patch.products)).where()


def _owner(shape: Shape, numbers: Sequence[int], parts: Sequence[Part]) -> NDArray[np.int32]:
    """For each neuron of a population the number of its part; kept once if there is one part: inputs may be huge."""
    if len(numbers) == 1:
        return np.broadcast_to(np.int32(numbers[0]), math.prod(shape))
    owner: NDArray[np.int32] = np.zeros(shape, dtype=np.int32)
    for number in numbers:
        for box in parts[number].boxes:
            owner[tuple(slice(*span) for span in box)] = number
    return owner.ravel()


def _senders(sources: Sequence[tuple[int, Ints]], owner: NDArray[np.int32] | None, rules: Rules) -> Heard:
    """The parts that send to a core, and how many messages when each of their neurons spikes once."""
    if owner is None or not sources:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    copied = rules.plan.chip.capabilities.one_destination
    # A neuron of one destination sends by copies of itself, one per axon; any other sends once to a core.
    several = [reaching for axons, reaching in sources for _ in range(axons if copied else 1)]
    senders = several[0] if len(several) == 1 else np.concatenate(several)
    once = copied or len(several) == 1
    return np.unique(owner[senders if once else np.unique(senders)], return_counts=True)


def _share(several: Sequence[Patch]) -> float:
    """The share of sources that reach any of the parts, each of which they reach by chance alone."""
    return 1.0 - math.prod(1.0 - patch.share for patch in several if isinstance(patch, Expected))


def _with_chances(known: Heard, chances: Mapping[Wire, float], sizes: tuple[Ints, Ints] | None, rules: Rules) -> Heard:
    """The messages with those that are expected: of neurons that are not known to send, or beside what they send."""
    if sizes is None or not chances:
        return known
    numbers, neurons = sizes
    sure = np.zeros(len(numbers), dtype=np.int64)
    sure[np.searchsorted(numbers, known[0])] = known[1]
    if rules.plan.chip.capabilities.one_destination:
        more = sum(wire.axons * np.ceil(np.round(neurons * share, 6)) for wire, share in chances.items())
    else:
        share = 1.0 - math.prod(1.0 - share for share in chances.values())
        more = np.ceil(np.round((neurons - sure) * share, 6))
    total = sure + np.asarray(more).astype(np.int64)
    return numbers[total > 0], total[total > 0]


def _sizes(owner: NDArray[np.int32]) -> tuple[Ints, Ints]:
    """The parts of a population, and how many neurons each has; an array that repeats one number has one part."""
    if owner.size and not any(owner.strides):
        return owner[:1].astype(np.int64), np.array([owner.size], dtype=np.int64)
    numbers, neurons = np.unique(owner, return_counts=True)
    return numbers.astype(np.int64), neurons


def _arrive(
    pairs: Sequence[tuple[Wire, int]], parts: Sequence[Part], rules: Rules, result: Recount
) -> Mapping[Wire, list[Patch]]:
    """Adds what projections bring to a core to the demand of its parts; for each of them what reaches the core."""
    found: dict[Wire, list[Patch]] = defaultdict(list)
    for wire, number in pairs:
        assert wire.held is not None
        part = Patch.of(parts[number].boxes, rules.shapes[wire.projection.target])
        reached = fan(wire.stages, part)
        events = float(reached.total() * rules.plan.activity.rates[wire.projection.source])
        result.events[number] += events * wire.held.axons_per_input
        for limit in rules.plan.chip.limits:
            needed, before = _incoming(limit, wire, wire.held, part, reached, events), result.used[number][limit.name]
            result.used[number][limit.name] = max(before, needed) if limit.formula in LARGEST else before + needed
        found[wire].append(reached)
    return found


def _incoming(limit: Limit, wire: Wire, held: PlanProjection, part: Patch, reached: Patch, events: float) -> float:
    """What a projection adds to a limit of the part; `reached`: how many of its neurons each source reaches."""
    number = {name: quantity.count for name, quantity in limit.parameters.items()}
    match limit.formula:
        case "input_axons":
            return reached.count() * held.axons_per_input
        case "merged_input_axons":
            return fan(wire.merged, part).count() * held.axons_per_input
        case "lava_input_axons":
            return number["conv_axons"] if wire.kind in ("conv", "pool") else fan(wire.rows, part).count()
        case "packed_row_words" if wire.kind == "conv":
            rows, channels = _kernel(wire.projection.chain, part)
            return rows * int(_packed(channels, held.weight_bits, number).sum())
        case "packed_row_words":
            merged, often = _rows(wire, held, part)
            return int((often * _packed(merged, held.weight_bits + number["index_bits"], number)).sum())
        case "blocked_row_bits":
            index = 0 if wire.kind == "dense" else number["index_bits"]
            row, often = reached.tally()
            return int((often * _blocked(row, held.weight_bits + index, number)).sum())
        case "longest_row_words":
            index = 0 if wire.kind == "dense" else number["index_bits"]
            most = np.array([longest_row(reached)])
            return int(_blocked(most, held.weight_bits + index, number).max(initial=0)) // number["word_bits"]
        case "entry_row_words":
            lengths, often = fan(wire.merged, part).tally()
            return int((often * packed_rows(lengths, held, number)).sum())
        case "longest_entry_row":
            return int(packed_rows(np.array([longest_row(fan(wire.merged, part))]), held, number).max(initial=0))
        case "row_table_bytes" | "row_and_record_bytes":
            row, often = reached.tally()
            longest = number["row_header_words"] + longest_row(reached)
            return int(often[row > 0].sum()) * number["word_bytes"] * longest
        case "weight_bytes":
            axons = number.get("axon_bytes", 0) * reached.count() * held.axons_per_input
            return axons - (-used_weights(wire.projection.chain, part) * held.weight_bits // 8)
        case "synaptic_events":
            return events
        case _:
            return 0


def _rows(wire: Wire, held: PlanProjection, part: Patch) -> tuple[Ints, Ints]:
    """Lengths of the rows of sources into a part, and how many have each: without the zeros of one dense layer."""
    layers = [one for one in behind_pools(wire.projection.chain) if not isinstance(one, Scale | Delay)]
    layer = layers[0] if len(layers) == 1 else None
    if not isinstance(layer, Dense) or layer.weight.ndim > 2 or held.weight_step == 0:
        return fan(wire.rows, part).tally()
    weights, length = _effective(wire.projection), np.zeros(layer.weight.shape[1], dtype=np.int64)
    if weights.size and not any(weights.strides) and abs(float(weights.flat[0])) > 0.5 * held.weight_step:
        return fan(wire.rows, part).tally()
    mine = part.where()
    if not weights.strides[0]:  # one row for all
        mine, length = mine[:0], mine.size * (np.abs(weights[0] / held.weight_step) > 0.5)
    for some in np.array_split(mine, 1 + mine.size * len(length) // BLOCK_ELEMENTS):
        length += (np.abs(weights[some] / held.weight_step) > 0.5).sum(axis=0)
    return np.unique(length, return_counts=True)


@lru_cache(maxsize=8)
def _effective(projection: Projection) -> Floats:
    return effective(projection)


def _packed(row: Ints, bits: int, number: Mapping[str, int]) -> Ints:
    headers = number["header_bits"] * -(-row // number["header_every"])
    return -(-(row * bits + headers) // number["word_bits"])


def _blocked(row: Ints, bits: int, number: Mapping[str, int]) -> Ints:
    word, header, block = number["word_bits"], number["header_bits"], number["block"]
    rest = row % block
    last = np.where(rest > 0, -(-(rest * bits + header) // word), 0)
    return word * (row // block * -(-(block * bits + header) // word) + last)


def least_blocked(rules: Rules, limit: Limit) -> int:
    """The bits of all rows where every block had the size that wastes least: no split can take fewer."""
    number = {name: quantity.count for name, quantity in limit.parameters.items()}
    total, relays = 0, {p.name for p in rules.plan.populations if p.relay is not None}
    for wire in rules.wires:
        if wire.held is not None and wire.held.target not in relays:
            bits = wire.held.weight_bits + (0 if wire.kind == "dense" else number["index_bits"])
            block = np.arange(1, number["block"] + 1)
            price = number["word_bits"] * -(-(block * bits + number["header_bits"]) // number["word_bits"])
            best = int(np.argmin(price / block))
            synapses = fan(wire.stages, Patch.whole(rules.shapes[wire.projection.target])).total()
            total += -(-synapses * int(price[best]) // int(block[best]))
    return total


def _kernel(chain: Sequence[Operator], part: Patch) -> tuple[int, Ints]:
    """Rows of a shared kernel: its distinct offsets times its input channels; and the output channels per group."""
    at = max(index for index, operator in enumerate(chain) if isinstance(operator, Conv))
    conv, behind = chain[at], chain[at + 1 :]
    assert isinstance(conv, Conv)
    rows = conv.weight.shape[1]
    for axis, taps in enumerate(conv.kernel):
        offsets, step = {tap * conv.dilation[axis] for tap in range(taps)}, conv.stride[axis]
        for pool in behind:
            if isinstance(pool, Pool):
                offsets = {offset + step * tap for offset in offsets for tap in range(pool.kernel[axis])}
                step *= pool.stride[axis]
        rows *= len(offsets)
    held = channels_of(pulled(stages(behind), part).seen_as(conv.output_shape))
    channels = np.bincount(held // (conv.output_shape[0] // conv.groups))
    return rows, channels[channels > 0]


def _outwards(limit: Limit, part: Part, rules: Rules, drives: Drives | None) -> int:
    """What a part takes by itself and by what it sends."""
    leaving = rules.out_of[part.population]
    match limit.formula:
        case "neurons" | "interleaved_neurons":
            return compartments(rules.plan, part.size)
        case "slices" | "destination_groups":
            return 1
        case "row_and_record_bytes" if any(wire.held is None for wire in leaving):
            return record_bytes(rules.plan, part.population, part.size, limit)
        case "neuron_copies" if drives is not None:
            read = any(wire.held is None for wire in leaving)
            return sum(int(np.maximum(each + read, 1).sum()) for each in _held(drives.axons, part, rules))
        case "ring_buffer_bits":
            held = [wire.held for wire in rules.into[part.population] if wire.held is not None]
            return ring_buffer_bits(rules.plan, held, part.size, limit)
        case "input_axons" | "merged_input_axons":
            return _self_axons(part, rules)
        case "entry_row_words":
            return self_rows(_self_axons(part, rules), rules.plan, limit)
        case "weight_bytes" if limit.parameters:
            own = limit.parameters["axon_bytes"].count * _self_axons(part, rules)
            return own + limit.parameters["neuron_bytes"].count * part.size
        case "output_axons" if drives is not None:
            return sum(int(each.sum()) for each in _held(drives.cores, part, rules))
        case "placed_output_axons" | "shared_output_axons" if drives is not None:
            return sum(int(each.sum()) for each in _held(drives.cores, part, rules)) + _self_axons(part, rules)
        case "lava_axon_map":
            return sum(_mapped(wire, part) for wire in leaving)
        case _:
            return 0


def _held(numbers: Ints, part: Part, rules: Rules) -> Iterator[Ints]:
    """The numbers of a part's neurons, of those of its whole population."""
    table = numbers.reshape(rules.shapes[part.population])
    return (table[tuple(slice(*span) for span in box)] for box in part.boxes)


def _mapped(wire: Wire, part: Part) -> int:
    """Neurons, or where a window looks at them their positions in space."""
    shape = wire.projection.source_shape
    if wire.kind not in ("conv", "pool"):
        return part.size
    source = Patch.of(part.boxes, shape)
    return Patch(shape[1:], tuple(product[1:] for product in source.products)).count()
