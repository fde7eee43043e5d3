"""A reader of RANC files, written from the description of the format in docs/emit.md. It imports nothing of ours.

It is stricter than it must be: what would be lost or ignored without a word is an error here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Place = tuple[int, int]
CONFIG = (
    *("num_neurons", "num_axons", "num_cores_x", "num_cores_y", "num_weights", "max_tick_offset"),
    *("neuron_reset_type", "neuron_block_trace_verbosity", "core_controller_trace_verbosity"),
    "scheduler_trace_verbosity",
)
NEURON = (
    *("reset_potential", "weights", "leak", "positive_threshold", "negative_threshold", "destination_core_offset"),
    *("destination_axon", "destination_tick", "current_potential", "reset_mode"),
)
ABSOLUTE, LINEAR = 0, 1


class BadFileError(ValueError):
    """The file is not of the format, or asks for what gets lost."""


@dataclass
class Core:
    """A core at rest: [neuron, axon] what an axon adds, and a value for each neuron."""

    synapses: NDArray[np.int64]
    leak: NDArray[np.int64]
    positive: NDArray[np.int64]
    negative: NDArray[np.int64]
    to_rest: NDArray[np.int64]
    linear: NDArray[np.bool_]
    v: NDArray[np.int64]
    goals: list[tuple[Place, int, int]]
    waiting: NDArray[np.bool_]

    def tick(self, now: int) -> NDArray[np.bool_]:
        """One tick: synapses, leak, threshold, reset. Returns who fired."""
        heard = self.waiting[now % len(self.waiting)]
        self.v = self.v + self.synapses @ heard + self.leak
        heard[:] = False
        fired = self.v >= self.positive
        low = ~fired & (self.v < self.negative)
        after = np.where(self.linear, self.v - self.positive, self.to_rest)
        under = np.where(self.linear, self.v - self.negative, -self.to_rest)
        self.v = np.where(fired, after, np.where(low, under, self.v))
        return np.asarray(fired)


@dataclass
class Machine:
    """A configuration and an input file, ready to run."""

    config: Mapping[str, int]
    cores: dict[Place, Core]
    bus: Place
    outputs: int
    packets: Sequence[Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Ran:
    """`output` (ticks, outputs) as the file has it; `fired` by core, (ticks + 1, neurons), by tick."""

    output: NDArray[np.bool_]
    fired: Mapping[Place, NDArray[np.bool_]]


def read(config: bytes, content: bytes) -> Machine:
    """The machine that two files describe. Raises `BadFileError`."""
    settings, found = json.loads(config), json.loads(content)
    _require(set(CONFIG) == set(settings), "keys of the configuration")
    _require(set(found) == {"packets", "output_bus", "cores"}, "keys of the input")
    _require(settings["neuron_reset_type"] == 0, "a reset that is not described")
    bus = _place(found["output_bus"]["coordinates"], settings)
    cores: dict[Place, Core] = {}
    for told in found["cores"]:
        place = _place(told["coordinates"], settings)
        _require(place not in cores and place != bus, "two at one place")
        cores[place] = _core(told, place, settings)
    return Machine(settings, cores, bus, found["output_bus"]["num_outputs"], found["packets"])


def _require(true: object, what: str) -> None:
    if not true:
        raise BadFileError(what)


def _whole(value: object, low: int, high: int, what: str) -> int:
    _require(type(value) is int and low <= value <= high, f"{what}: {value}")
    assert isinstance(value, int)
    return value


def _place(value: Sequence[int], settings: Mapping[str, int]) -> Place:
    x, y = value
    return (
        _whole(x, 0, settings["num_cores_x"] - 1, "column"),
        _whole(y, 0, settings["num_cores_y"] - 1, "row"),
    )


def _core(told: Mapping[str, Any], place: Place, settings: Mapping[str, int]) -> Core:
    axons, neurons, types = settings["num_axons"], settings["num_neurons"], settings["num_weights"]
    _require(set(told) == {"axons", "neurons", "connections", "coordinates"}, "keys of a core")
    kinds = [_whole(kind, 0, types - 1, "axon type") for kind in told["axons"]]
    _require((len(kinds), len(told["neurons"]), len(told["connections"])) == (axons, neurons, neurons), "sizes")
    connected = np.array(told["connections"])
    _require(connected.shape == (neurons, axons) and set(np.unique(connected)) <= {0, 1}, "connections")
    cells = told["neurons"]
    _require(all(set(cell) == set(NEURON) and len(cell["weights"]) == types for cell in cells), "keys of a neuron")
    weights = np.array([[_whole(w, -256, 255, "weight") for w in cell["weights"]] for cell in cells])
    goals = [_goal(cell, place, settings) for cell in cells]

    def each(name: str, low: int = -(2**31), high: int = 2**31 - 1) -> NDArray[np.int64]:
        return np.array([_whole(cell[name], low, high, name) for cell in cells])

    return Core(
        np.asarray(connected * weights[:, kinds]),
        each("leak", -256, 255),
        each("positive_threshold"),
        each("negative_threshold"),
        each("reset_potential"),
        each("reset_mode", ABSOLUTE, LINEAR) == LINEAR,
        each("current_potential"),
        goals,
        np.zeros((settings["max_tick_offset"], axons), dtype=bool),
    )


def _goal(cell: Mapping[str, Any], place: Place, settings: Mapping[str, int]) -> tuple[Place, int, int]:
    dx, dy = (_whole(d, -255, 255, "offset") for d in cell["destination_core_offset"])
    goal = _place((place[0] + dx, place[1] + dy), settings)
    tick = _whole(cell["destination_tick"], 0, settings["max_tick_offset"] - 2, "destination_tick")
    return goal, _whole(cell["destination_axon"], 0, 2**31 - 1, "destination_axon"), tick


def run(machine: Machine, ticks: int) -> Ran:
    """So many ticks of a machine that is at rest; it is not at rest afterwards."""
    seen = np.zeros((ticks + 1, machine.outputs), dtype=bool)
    fired = {place: np.zeros((ticks + 1, machine.config["num_neurons"]), dtype=bool) for place in machine.cores}
    for now in range(ticks + 1):
        for packet in machine.packets[now] if now < len(machine.packets) else ():
            _require(set(packet) == {"destination_core", "destination_axon", "destination_tick"}, "keys of a packet")
            place = _place(packet["destination_core"], machine.config)
            tick = _whole(packet["destination_tick"], 0, machine.config["max_tick_offset"] - 2, "destination_tick")
            _deliver(machine, seen, now, (place, packet["destination_axon"], tick))
        if now:  # packets of list 0 are sent before the first tick
            fires = {place: core.tick(now) for place, core in machine.cores.items()}
            for place, who in fires.items():
                fired[place][now] = who
                for neuron in np.flatnonzero(who).tolist():
                    _deliver(machine, seen, now, machine.cores[place].goals[neuron])
    return Ran(seen[:ticks], fired)


def _deliver(machine: Machine, seen: NDArray[np.bool_], now: int, goal: tuple[Place, int, int]) -> None:
    place, axon, tick = goal
    if place == machine.bus:
        _whole(axon, 0, machine.outputs - 1, "column of the bus")
        _require(not seen[now, axon], "two spikes at once on one column of the bus")
        seen[now, axon] = True
        return
    _require(place in machine.cores, f"no core at {place}")
    _whole(axon, 0, machine.config["num_axons"] - 1, "axon")
    waiting = machine.cores[place].waiting
    slot = (now + 1 + tick) % len(waiting)
    _require(not waiting[slot, axon], "two spikes at once on one axon")
    waiting[slot, axon] = True
