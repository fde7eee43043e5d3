"""Who sends to whom, as nets: units that the same messages reach, and the units that send them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.chip.model import Chip, RoutingKind
from neuedge_nir.mapping.chips.room import Units
from neuedge_nir.mapping.traffic import Flow, pairs_of

SCALE = 1 << 20
"""The heaviest net in whole numbers: all sums of messages are exact, and the same on every machine."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """The parts that units have in nets, by unit and net: those of unit u are `first[u]` to `first[u + 1]`.

    Of each the `net`, `member`, 1 if the unit is reached by it, and how many of its messages the unit sends: `load`.
    """

    first: Ints
    net: Ints
    member: Ints
    load: Ints

    def of(self, unit: int) -> Iterator[tuple[int, int, int]]:
        """(net, member, load) of each part of a unit."""
        own = slice(self.first[unit], self.first[unit + 1])
        return zip(self.net[own].tolist(), self.member[own].tolist(), self.load[own].tolist(), strict=True)


@dataclass(frozen=True, eq=False)
class Nets:
    """Net g reaches the units `reached[start[g]:start[g + 1]]`, in rising order.

    Its messages are sent by the units `sender[first[g]:first[g + 1]]`, in rising order, so many a step by each as
    `load` says beside it. With multicast a net is a set of targets, and each chip that holds some of them takes every
    message of those sent from other chips once. Without, a net is one target. `messages` is what one of these whole
    numbers stands for.
    """

    count: int
    start: Ints
    reached: Ints
    first: Ints
    sender: Ints
    load: Ints
    messages: float

    @classmethod
    def of(
        cls,
        count: int,
        reached: Sequence[Sequence[int]],
        sent: Sequence[Sequence[tuple[int, int]]],
        messages: float,
    ) -> Nets:
        """From the units that each net reaches, and (unit, messages) of those that send to it."""
        ends = _array(each for units in reached for each in units)
        sender, load = _array(number for loads in sent for pair in loads for number in pair).reshape(-1, 2).T
        return cls(count, starts_of(map(len, reached)), ends, starts_of(map(len, sent)), sender, load, messages)

    def __len__(self) -> int:
        return len(self.start) - 1

    @cached_property
    def weights(self) -> list[int]:
        """All messages of each net."""
        ends = np.append(0, np.cumsum(self.load))[self.first]
        return [int(weight) for weight in np.diff(ends)]

    def targets(self, net: int) -> Ints:
        return self.reached[self.start[net] : self.start[net + 1]]

    def senders(self, net: int) -> list[tuple[int, int]]:
        """(unit, messages) of all that send to a net."""
        own = slice(self.first[net], self.first[net + 1])
        return list(zip(self.sender[own].tolist(), self.load[own].tolist(), strict=True))

    @cached_property
    def net_of_reached(self) -> Ints:
        return np.repeat(np.arange(len(self)), np.diff(self.start))

    @cached_property
    def net_of_sender(self) -> Ints:
        return np.repeat(np.arange(len(self)), np.diff(self.first))

    @cached_property
    def entries(self) -> Entries:
        nets = max(1, len(self))
        arriving, leaving = self.reached * nets + self.net_of_reached, self.sender * nets + self.net_of_sender
        both = np.sort(np.concatenate([arriving, leaving]))
        parts = both[np.diff(both, prepend=-1) > 0]
        member, load = np.zeros((2, len(parts)), dtype=np.int64)
        member[np.searchsorted(parts, arriving)] = 1
        np.add.at(load, np.searchsorted(parts, leaving), self.load)
        unit, net = np.divmod(parts, nets)
        return Entries(starts_of(np.bincount(unit, minlength=self.count)), net, member, load)

    @property
    def pins(self) -> int:
        return len(self.entries.net)

    def crossing(self, chip_of: Sequence[int]) -> int:
        """Messages that reach another chip than that they are sent from, each once for every such chip."""
        return sum(self._arriving(net, chip_of) for net in range(len(self)))

    def _arriving(self, net: int, chip_of: Sequence[int]) -> int:
        own: dict[int, int] = defaultdict(int)
        for unit, load in self.senders(net):
            own[chip_of[unit]] += load
        return sum(self.weights[net] - own.get(chip, 0) for chip in {chip_of[u] for u in self.targets(net).tolist()})

    def of_chips(self, chip_of: Sequence[int], chips: int) -> Nets:
        """The same between chips, without nets that stay on one; nets that reach the same chips are one."""
        chip = np.array(chip_of, dtype=np.int64)
        net, reached = np.divmod(np.unique(self.net_of_reached * chips + chip[self.reached]), chips)
        ends = np.searchsorted(net, np.arange(len(self) + 1))
        number: dict[tuple[int, ...], int] = {}
        among = _array(
            number.setdefault(tuple(reached[a:b].tolist()), len(number))
            for a, b in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)
        )
        key, place = np.unique(among[self.net_of_sender] * chips + chip[self.sender], return_inverse=True)
        loads = np.zeros(len(key), dtype=np.int64)
        np.add.at(loads, place.ravel(), self.load)
        return _leaving(chips, list(number), key, loads, self.messages)


def _leaving(chips: int, reached: Sequence[tuple[int, ...]], key: Ints, loads: Ints, messages: float) -> Nets:
    """The nets of these chips that do not stay on one; `key` is a net's number times `chips`, and a chip that sends."""
    first = np.searchsorted(key, np.arange(len(reached) + 1) * chips)
    kept, sent = [], []
    for net, there in enumerate(reached):
        own = slice(first[net], first[net + 1])
        senders = (key[own] - net * chips).tolist()
        if len(there) > 1 or senders != [*there]:
            kept.append(there)
            sent.append(list(zip(senders, loads[own].tolist(), strict=True)))
    return Nets.of(chips, kept, sent, messages)


class Pull:
    """What draws units to chips, while one after the other settles: the messages that stay on the chip then."""

    def __init__(self, nets: Nets, chip_of: Sequence[int]) -> None:
        self._entries = nets.entries
        self._held: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
        for unit, chip in enumerate(chip_of):
            if chip >= 0:
                self.settle(unit, chip)

    def settle(self, unit: int, chip: int) -> None:
        for net, member, load in self._entries.of(unit):
            held = self._held[net][chip]
            held[0], held[1] = held[0] + member, held[1] + load

    def of(self, unit: int) -> dict[int, int]:
        """By chip, the messages that a unit exchanges with those who are there."""
        found: dict[int, int] = defaultdict(int)
        for net, member, load in self._entries.of(unit):
            for chip, (members, loads) in self._held[net].items():
                found[chip] += load * (members > 0) + member * loads
        return found


def nets_of(flows: Sequence[Flow], units: Units, chip: Chip) -> Nets:
    """The nets of all flows: by set of targets where messages are multicast, else by target. In order of appearance."""
    multicast = chip.topology.routing is RoutingKind.MULTICAST
    reached, net, sender, messages = (_by_set if multicast else _by_target)(flows, units)
    key, first, place = np.unique(net * len(units) + sender, return_index=True, return_inverse=True)
    loads = np.bincount(place.ravel(), messages, len(key))
    net, sender = key // len(units), key % len(units)
    order = np.argsort(first)  # sums of fractions depend on their order
    most = float(np.bincount(net[order], loads[order]).max(initial=0.0)) or 1.0
    whole = np.maximum(1, np.rint(loads * SCALE / most)).astype(np.int64)
    start = starts_of(np.bincount(net, minlength=len(reached)))
    ends = _array(each for those in reached for each in those)
    return Nets(len(units), starts_of(map(len, reached)), ends, start, sender, whole, most / SCALE)


Sent = tuple[Sequence[Sequence[int]], Ints, Ints, NDArray[np.float64]]
"""The units that each net reaches; then of what flows send the net, the unit that sends, and messages a step."""


def _by_set(flows: Sequence[Flow], units: Units) -> Sent:
    """Nets of the sets of units that flows reach."""
    of, seen = np.array(units.of_cluster, dtype=np.int64), dict[int, tuple[int, ...]]()
    number: dict[tuple[int, ...], int] = {}
    sent: list[tuple[int, int]] = []
    loads: list[float] = []
    for flow in flows:
        there = seen.get(id(flow.targets))
        if there is None:
            there = seen[id(flow.targets)] = tuple(sorted({int(of[target]) for target, _ in flow.targets}))
        unit, messages = int(of[flow.cluster]), flow.neurons * flow.rate
        if there and there != (unit,) and messages:
            sent.append((number.setdefault(there, len(number)), unit))
            loads.append(messages)
    net, sender = np.array(sent, dtype=np.int64).reshape(-1, 2).T
    return list(number), net, sender, np.array(loads, dtype=np.float64)


def _by_target(flows: Sequence[Flow], units: Units) -> Sent:
    """Nets of one unit each."""
    of = np.array(units.of_cluster, dtype=np.int64)
    flow, target, counts = pairs_of(flows)
    sender = of[np.array([each.cluster for each in flows], dtype=np.int64)][flow]
    messages = counts * np.array([each.rate for each in flows], dtype=np.float64)[flow]
    target = of[target]
    sent = (target != sender) & (messages != 0)
    reached, first, net = np.unique(target[sent], return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return reached[order, None].tolist(), rank[net.ravel()], sender[sent], messages[sent]


def starts_of(sizes: Iterable[int]) -> Ints:
    """Where each of several parts of such sizes begins, and the end of the last."""
    return np.append(0, np.cumsum(_array(sizes)))


def _array(numbers: Iterable[int]) -> Ints:
    return np.fromiter(numbers, dtype=np.int64)
