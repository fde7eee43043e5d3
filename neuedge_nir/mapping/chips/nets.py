"""Who sends to whom, as nets: units that the same messages reach, and the units that send them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from neuedge_nir.chip.model import Chip, RoutingKind
from neuedge_nir.mapping.chips.room import Units
from neuedge_nir.mapping.traffic import Flow

SCALE = 1 << 20
"""The heaviest net in whole numbers: all sums of messages are exact, and the same on every machine."""

Entry = tuple[int, int, int]
"""A net, 1 if the unit is reached by it, and how many of its messages the unit sends."""


@dataclass(frozen=True, eq=False)
class Nets:
    """Net g reaches the units `reached[g]`; `sent[g]` says by unit how many messages a step they send there.

    With multicast a net is a set of targets, and each chip that holds some of them takes every message of those sent
    from other chips once. Without, a net is one target. `messages` is what one of these whole numbers stands for.
    """

    count: int
    reached: tuple[tuple[int, ...], ...]
    sent: tuple[tuple[tuple[int, int], ...], ...]
    messages: float

    def __len__(self) -> int:
        return len(self.reached)

    @cached_property
    def weights(self) -> list[int]:
        """All messages of each net."""
        return [sum(load for _, load in sent) for sent in self.sent]

    @cached_property
    def entries(self) -> list[list[Entry]]:
        """By unit, its part in every net."""
        parts: list[dict[int, list[int]]] = [defaultdict(lambda: [0, 0]) for _ in range(self.count)]
        for net, (reached, sent) in enumerate(zip(self.reached, self.sent, strict=True)):
            for unit in reached:
                parts[unit][net][0] = 1
            for unit, load in sent:
                parts[unit][net][1] += load
        return [[(net, *part[net]) for net in sorted(part)] for part in parts]  # type: ignore[misc]

    @cached_property
    def pins(self) -> int:
        return sum(map(len, self.entries))

    def crossing(self, chip_of: Sequence[int]) -> int:
        """Messages that reach another chip than that they are sent from, each once for every such chip."""
        return sum(cost for net in range(len(self)) for cost in self._arriving(net, chip_of))

    def _arriving(self, net: int, chip_of: Sequence[int]) -> Iterator[int]:
        own: dict[int, int] = defaultdict(int)
        for unit, load in self.sent[net]:
            own[chip_of[unit]] += load
        for chip in {chip_of[unit] for unit in self.reached[net]}:
            yield self.weights[net] - own.get(chip, 0)

    def of_chips(self, chip_of: Sequence[int], chips: int) -> Nets:
        """The same between chips, without nets that stay on one; nets that reach the same chips are one."""
        found: dict[tuple[int, ...], dict[int, int]] = {}
        for reached, sent in zip(self.reached, self.sent, strict=True):
            there = tuple(sorted({chip_of[unit] for unit in reached}))
            loads = found.setdefault(there, defaultdict(int))
            for unit, load in sent:
                loads[chip_of[unit]] += load
        kept = {there: loads for there, loads in found.items() if len(there) > 1 or set(loads) != set(there)}
        sent_by = tuple(tuple(sorted(loads.items())) for loads in kept.values())
        return Nets(chips, tuple(kept), sent_by, self.messages)


class Pull:
    """What draws units to chips, while one after the other settles: the messages that stay on the chip then."""

    def __init__(self, nets: Nets, chip_of: Sequence[int]) -> None:
        self._entries = nets.entries
        self._held: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
        for unit, chip in enumerate(chip_of):
            if chip >= 0:
                self.settle(unit, chip)

    def settle(self, unit: int, chip: int) -> None:
        for net, member, load in self._entries[unit]:
            held = self._held[net][chip]
            held[0], held[1] = held[0] + member, held[1] + load

    def of(self, unit: int) -> dict[int, int]:
        """By chip, the messages that a unit exchanges with those who are there."""
        found: dict[int, int] = defaultdict(int)
        for net, member, load in self._entries[unit]:
            for chip, (members, loads) in self._held[net].items():
                found[chip] += load * (members > 0) + member * loads
        return found


def nets_of(flows: Sequence[Flow], units: Units, chip: Chip) -> Nets:
    """The nets of all flows: by set of targets where messages are multicast, else by target."""
    found: dict[tuple[int, ...], dict[int, float]] = {}
    of = units.of_cluster
    multicast = chip.topology.routing is RoutingKind.MULTICAST
    for flow in flows:
        for there, messages in _sent(flow, of, multicast):
            if there and there != (of[flow.cluster],) and messages:
                loads = found.setdefault(there, defaultdict(float))
                loads[of[flow.cluster]] += messages
    most = max((sum(loads.values()) for loads in found.values()), default=1.0)
    sent = tuple(
        tuple((unit, max(1, round(load * SCALE / most))) for unit, load in sorted(loads.items()))
        for loads in found.values()
    )
    return Nets(len(units), tuple(found), sent, most / SCALE)


def _sent(flow: Flow, of: Sequence[int], multicast: bool) -> Iterator[tuple[tuple[int, ...], float]]:
    if multicast:
        yield tuple(sorted({of[target] for target, _ in flow.targets})), flow.neurons * flow.rate
    else:
        for target, messages in flow.targets:
            yield (of[target],), messages * flow.rate
