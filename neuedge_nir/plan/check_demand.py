"""What every core uses and every slice sends, recounted connection by connection."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neuedge_nir.chip.model import Capabilities, Limit
from neuedge_nir.network.connect import Conv, Dense, Operator, Pool
from neuedge_nir.network.model import Network, Projection
from neuedge_nir.plan.check_fan import Fan, Ints, Mask, Stage, fan, pulled, stage, stages, used_weights
from neuedge_nir.plan.model import Plan, PlanProjection, PlanSlice

HOST = -1
"""In place of a core: an input port that nobody gave cores."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Neurons of one population or port (row-major indices, ascending) that lie on one core."""

    core: int
    population: str
    neurons: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Wire:
    """A projection with its relation. `plan` is how the chip holds it; None where it leads to an Output port."""

    projection: Projection
    plan: PlanProjection | None
    stages: tuple[Stage, ...]

    @property
    def kind(self) -> str:
        return kind_of(self.projection.chain)

    @property
    def axons(self) -> int:
        return self.plan.axons_per_input if self.plan else 1

    @property
    def bits(self) -> int:
        return self.plan.weight_bits if self.plan else 0


@dataclass(frozen=True, slots=True, eq=False)
class Input:
    """What one projection brings to one part: the part as a mask of its population, and who reaches it."""

    wire: Wire
    mask: Mask
    fan: Fan


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """What the counts depend on besides the connections."""

    limits: tuple[Limit, ...]
    capabilities: Capabilities
    compartments: int
    rates: Mapping[str, float]
    sizes: Mapping[str, int]
    wires: tuple[Wire, ...]

    @property
    def reading(self) -> set[str]:
        """The populations that an Output port reads."""
        return {wire.projection.source for wire in self.wires if wire.plan is None}


@dataclass(frozen=True, slots=True, eq=False)
class Recount:
    """`used` per part and limit; `events` arriving and `messages` leaving (core -> messages) per part."""

    used: list[dict[str, int | float]]
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
    sizes = {p.name: p.neurons for p in (*network.inputs, *network.populations)}
    wires = tuple(Wire(p, held.get(p.name), stages(p.chain)) for p in network.projections)
    return Rules(plan.chip.limits, plan.chip.capabilities, compartments(plan), plan.activity.rates, sizes, wires)


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
    result = Recount([{} for _ in parts], [0.0 for _ in parts], [{} for _ in parts])
    owner = {name: np.full(size, -1) for name, size in rules.sizes.items()}
    for number, part in enumerate(parts):
        owner[part.population][part.neurons] = number
    axons = {name: np.zeros(size, dtype=np.int64) for name, size in rules.sizes.items()}
    cores = {name: np.zeros(size, dtype=np.int64) for name, size in rules.sizes.items()}
    for core, numbers in _by_core(parts).items():
        arriving: dict[str, list[Ints]] = defaultdict(list)  # source -> per projection, who reaches this core
        for wire in rules.wires:
            reached = [result_of(number, parts, wire, rules, result) for number in numbers]
            sources = _united(reached)
            name = wire.projection.source
            if wire.plan is None or not len(sources):
                continue
            axons[name][sources] += wire.axons
            cores[name][sources] += 1
            arriving[name] += [sources] * (wire.axons if rules.capabilities.one_destination else 1)
        for name, several in arriving.items():
            sent = np.concatenate(several) if rules.capabilities.one_destination else _united(several)
            senders, count = np.unique(owner[name][sent], return_counts=True)
            for number, messages in zip(senders.tolist(), count.tolist(), strict=True):
                result.messages[number][core] = messages
    for number, part in enumerate(parts):
        for limit in rules.limits:
            outwards = _outgoing(limit, part, rules, axons[part.population], cores[part.population])
            if outwards is not None:
                result.used[number][limit.name] = outwards
    return result


def _by_core(parts: Sequence[Part]) -> dict[int, list[int]]:
    numbers: dict[int, list[int]] = defaultdict(list)
    for number, part in enumerate(parts):
        if part.core != HOST:
            numbers[part.core].append(number)
    return numbers


def _united(several: Sequence[Ints]) -> Ints:
    return np.unique(np.concatenate(several)) if len(several) > 1 else several[0] if several else np.zeros(0, np.int64)


def result_of(number: int, parts: Sequence[Part], wire: Wire, rules: Rules, result: Recount) -> Ints:
    """Adds what one projection brings to one part to its demand, and returns who reaches it."""
    part = parts[number]
    if wire.plan is None or wire.projection.target != part.population:
        return np.zeros(0, dtype=np.int64)
    mask = np.zeros(rules.sizes[part.population], dtype=bool)
    mask[part.neurons] = True
    arrived = Input(wire, mask, fan(wire.stages, mask))
    rate = rules.rates[wire.projection.source]
    result.events[number] += arrived.fan.connections * rate * wire.axons
    for limit in rules.limits:
        need = _incoming(limit, arrived, rate)
        result.used[number][limit.name] = result.used[number].get(limit.name, 0) + need
    return arrived.fan.sources


def _incoming(limit: Limit, arrived: Input, rate: float) -> int | float:
    """What one projection into a part adds to a limit."""
    wire, reached = arrived.wire, arrived.fan.reached
    numbers = {name: quantity.count for name, quantity in limit.parameters.items()}
    match limit.formula:
        case "input_axons":
            return len(reached) * wire.axons
        case "lava_input_axons":
            return numbers["conv_axons"] if wire.kind in ("conv", "pool") else len(reached)
        case "packed_row_words" if wire.kind == "conv":
            return _kernel_words(arrived, numbers)
        case "packed_row_words":
            return int(_packed(reached, wire.bits + numbers["index_bits"], numbers).sum())
        case "blocked_row_bits":
            return _blocked(reached, wire.bits + (0 if wire.kind == "dense" else numbers["index_bits"]), numbers)
        case "row_table_bytes":
            longest = int(reached.max(initial=0))
            rows = math.prod(wire.projection.source_shape)
            return rows * numbers["word_bytes"] * (numbers["row_header_words"] + longest)
        case "weight_bytes":
            return -(-used_weights(wire.projection.chain, arrived.mask) * wire.bits // 8)
        case "synaptic_events":
            return arrived.fan.connections * rate
        case _:
            return 0


def _packed(row: Ints, bits: int, numbers: Mapping[str, int]) -> Ints:
    headers = -(-row // numbers["header_every"]) * numbers["header_bits"]
    return -(-(row * bits + headers) // numbers["word_bits"])


def _blocked(row: Ints, bits: int, numbers: Mapping[str, int]) -> int:
    word, header, block = numbers["word_bits"], numbers["header_bits"], numbers["block"]
    full = -(-(block * bits + header) // word)
    rest = row % block
    last = np.where(rest > 0, -(-(rest * bits + header) // word), 0)
    return word * int((row // block * full + last).sum())


def _kernel_words(arrived: Input, numbers: Mapping[str, int]) -> int:
    """A shared kernel: one row per distinct offset and input channel, as wide as the channels that the part holds."""
    chain = arrived.wire.projection.chain
    at = max(index for index, operator in enumerate(chain) if isinstance(operator, Conv))
    conv = chain[at]
    assert isinstance(conv, Conv)
    held = pulled([stage(one) for one in chain[at + 1 :]], arrived.mask).reshape(conv.output_shape)
    channels = held.reshape(conv.groups, -1, math.prod(conv.output_shape[1:])).any(axis=2).sum(axis=1)
    return (
        _offsets(conv, chain[at + 1 :])
        * conv.weight.shape[1]
        * int(_packed(channels[channels > 0], arrived.wire.bits, numbers).sum())
    )


def _offsets(conv: Conv, behind: Sequence[Operator]) -> int:
    total = 1
    for axis, taps in enumerate(conv.kernel):
        offsets, step = {tap * conv.dilation[axis] for tap in range(taps)}, conv.stride[axis]
        for pool in behind:
            if isinstance(pool, Pool):
                offsets = {offset + step * tap for offset in offsets for tap in range(pool.kernel[axis])}
                step *= pool.stride[axis]
        total *= len(offsets)
    return total


def _outgoing(limit: Limit, part: Part, rules: Rules, axons: Ints, cores: Ints) -> int | None:
    """What a part takes by itself and by what it sends; None where the limit counts what arrives."""
    match limit.formula:
        case "neurons":
            return len(part.neurons) * rules.compartments
        case "slices":
            return 1
        case "neuron_copies":
            driven = axons[part.neurons] + (part.population in rules.reading)
            return int(np.maximum(driven, 1).sum())
        case "output_axons":
            return int(cores[part.neurons].sum())
        case "lava_axon_map":
            return sum(_mapped(wire, part) for wire in rules.wires if wire.projection.source == part.population)
        case _:
            return None


def _mapped(wire: Wire, part: Part) -> int:
    if wire.kind not in ("conv", "pool"):
        return len(part.neurons)
    return len(np.unique(part.neurons % math.prod(wire.projection.source_shape[1:])))
