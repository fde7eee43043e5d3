"""What every core uses and what every slice sends, recounted connection by connection."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neuedge_nir.chip.model import Limit
from neuedge_nir.network.connect import Conv, Dense, Operator, Pool
from neuedge_nir.network.model import Network, Projection
from neuedge_nir.plan.check_fan import Ints, Mask, Stage, fan, pulled, stages, used_weights
from neuedge_nir.plan.model import Plan, PlanProjection, PlanSlice

HOST = -1
"""In place of a core: the host, for an input port that nobody gave cores."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Neurons of one population or port (row-major indices, ascending) that lie on one core."""

    core: int
    population: str
    neurons: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Wire:
    """A projection and its relation; `held` is how the chip holds it, None where it leads to an Output port.

    `rows` is the relation without leading pools: where every message is processed, the sources under one window may
    share an axon and its row.
    """

    projection: Projection
    held: PlanProjection | None
    stages: tuple[Stage, ...]
    rows: tuple[Stage, ...]

    @property
    def kind(self) -> str:
        return kind_of(self.projection.chain)


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """The plan, the wires of its network, and the size of every population and input port."""

    plan: Plan
    wires: tuple[Wire, ...]
    sizes: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Recount:
    """Per part: `used` by limit, synaptic `events` arriving in a step, and `messages` leaving, by core."""

    used: list[dict[str, float]]
    events: list[float]
    messages: list[dict[int, int]]


def kind_of(chain: Sequence[Operator]) -> str:
    """The plan's word for a chain."""
    for kind, operator in (("dense", Dense), ("conv", Conv), ("pool", Pool)):
        if any(isinstance(one, operator) for one in chain):
            return kind
    return "one-to-one"


def rules_of(plan: Plan, network: Network) -> Rules:
    held = {projection.name: projection for projection in plan.projections}
    wires = tuple(
        Wire(p, held.get(p.name), stages(p.chain), stages(_behind_pools(p.chain))) for p in network.projections
    )
    sizes = {port.name: port.neurons for port in network.inputs} | {p.name: p.neurons for p in network.populations}
    return Rules(plan, wires, sizes)


def _behind_pools(chain: Sequence[Operator]) -> Sequence[Operator]:
    first = next((at for at, operator in enumerate(chain) if not isinstance(operator, Pool)), len(chain) - 1)
    return chain[max(0, first) :]


def compartments(plan: Plan) -> int:
    """Compartments that a neuron takes."""
    several = plan.chip.capabilities.compartments_subtract
    return several.count if several and plan.options.reset == "subtract" else 1


def members(part: PlanSlice, shape: tuple[int, ...]) -> Ints:
    """The row-major indices of a slice of an array of `shape`."""
    if part.run is not None:
        return np.arange(*part.run)
    found = np.zeros(1, dtype=np.int64)
    for (start, stop), size in zip(part.block or (), shape, strict=True):
        found = (found[:, None] * size + np.arange(start, stop)).ravel()
    return found


def recount(parts: Sequence[Part], rules: Rules) -> Recount:
    """The demand of every part, and what it sends where."""
    result = Recount([defaultdict(float) for _ in parts], [0.0 for _ in parts], [{} for _ in parts])
    owner, axons, cores = ({name: np.full(n, 0) for name, n in rules.sizes.items()} for _ in range(3))
    by_core: dict[int, list[int]] = defaultdict(list)
    for number, part in enumerate(parts):
        owner[part.population][part.neurons] = number
        by_core[part.core].append(number)
    copied = rules.plan.chip.capabilities.one_destination
    for core in sorted(set(by_core) - {HOST}):
        arriving: dict[str, list[Ints]] = defaultdict(list)
        for wire in rules.wires:
            if wire.held is not None and len(sources := _arrive(by_core[core], parts, wire, rules, result)):
                source = wire.projection.source
                axons[source][sources] += wire.held.axons_per_input
                cores[source][sources] += 1
                arriving[source] += [sources] * (wire.held.axons_per_input if copied else 1)
        for source, several in arriving.items():
            # A neuron of one destination sends by copies of itself, one per axon; any other sends once to a core.
            senders = np.concatenate(several) if copied else _union(several, rules.sizes[source])
            counts = np.bincount(owner[source][senders])
            for number in np.flatnonzero(counts).tolist():
                result.messages[number][core] = int(counts[number])
    for number, part in enumerate(parts):
        for limit in rules.plan.chip.limits:
            outwards = _outwards(limit, part, rules, axons[part.population], cores[part.population])
            result.used[number][limit.name] += outwards
    return result


def _arrive(numbers: Sequence[int], parts: Sequence[Part], wire: Wire, rules: Rules, result: Recount) -> Ints:
    """Adds what one projection brings to a core to the demand of its parts, and returns who reaches the core."""
    found = []
    for number in numbers:
        if wire.held is not None and parts[number].population == wire.projection.target:
            mask = np.zeros(rules.sizes[wire.projection.target], dtype=bool)
            mask[parts[number].neurons] = True
            sources, reached = fan(wire.stages, mask)
            events = float(reached.sum() * rules.plan.activity.rates[wire.projection.source])
            result.events[number] += events * wire.held.axons_per_input
            for limit in rules.plan.chip.limits:
                result.used[number][limit.name] += _incoming(limit, wire, wire.held, mask, reached, events)
            found.append(sources)
    return _union(found, rules.sizes[wire.projection.source])


def _union(several: Sequence[Ints], size: int) -> Ints:
    """Every index below `size` that any of them has, once."""
    mask = np.zeros(size, dtype=bool)
    for indices in several:
        mask[indices] = True
    return np.flatnonzero(mask) if len(several) != 1 else several[0]


def _incoming(limit: Limit, wire: Wire, held: PlanProjection, mask: Mask, row: Ints, events: float) -> float:
    """What a projection adds to a limit of the masked part; `row`: how many of its neurons each source reaches."""
    number = {name: quantity.count for name, quantity in limit.parameters.items()}
    match limit.formula:
        case "input_axons":
            return len(row) * held.axons_per_input
        case "lava_input_axons":
            return number["conv_axons"] if wire.kind in ("conv", "pool") else len(fan(wire.rows, mask)[1])
        case "packed_row_words" if wire.kind == "conv":
            rows, channels = _kernel(wire.projection.chain, mask)
            return rows * int(_packed(channels, held.weight_bits, number).sum())
        case "packed_row_words":
            merged = fan(wire.rows, mask)[1]
            return int(_packed(merged, held.weight_bits + number["index_bits"], number).sum())
        case "blocked_row_bits":
            index = 0 if wire.kind == "dense" else number["index_bits"]
            return int(_blocked(row, held.weight_bits + index, number).sum())
        case "row_table_bytes":
            longest = number["row_header_words"] + int(row.max(initial=0))
            return math.prod(wire.projection.source_shape) * number["word_bytes"] * longest
        case "weight_bytes":
            return -(-used_weights(wire.projection.chain, mask) * held.weight_bits // 8)
        case "synaptic_events":
            return events
        case _:
            return 0


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
    total = 0
    for wire in rules.wires:
        if wire.held is not None:
            bits = wire.held.weight_bits + (0 if wire.kind == "dense" else number["index_bits"])
            block = np.arange(1, number["block"] + 1)
            price = number["word_bits"] * -(-(block * bits + number["header_bits"]) // number["word_bits"])
            best = int(np.argmin(price / block))
            synapses = int(fan(wire.stages, np.ones(rules.sizes[wire.projection.target], dtype=bool))[1].sum())
            total += -(-synapses * int(price[best]) // int(block[best]))
    return total


def _kernel(chain: Sequence[Operator], mask: Mask) -> tuple[int, Ints]:
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
    held = pulled(stages(behind), mask).reshape(conv.groups, conv.output_shape[0] // conv.groups, -1)
    channels = held.any(axis=2).sum(axis=1)
    return rows, channels[channels > 0]


def _outwards(limit: Limit, part: Part, rules: Rules, axons: Ints, cores: Ints) -> int:
    """What a part takes by itself and by what it sends; `axons` and `cores`: those that each neuron drives."""
    reading = [wire for wire in rules.wires if wire.projection.source == part.population]
    match limit.formula:
        case "neurons":
            return len(part.neurons) * compartments(rules.plan)
        case "slices":
            return 1
        case "neuron_copies":
            read = any(wire.held is None for wire in reading)
            return int(np.maximum(axons[part.neurons] + read, 1).sum())
        case "output_axons":
            return int(cores[part.neurons].sum())
        case "lava_axon_map":
            return sum(_mapped(wire, part.neurons) for wire in reading)
        case _:
            return 0


def _mapped(wire: Wire, neurons: Ints) -> int:
    pixels = math.prod(wire.projection.source_shape[1:]) if wire.kind in ("conv", "pool") else 0
    return len(np.unique(neurons % pixels)) if pixels else len(neurons)
