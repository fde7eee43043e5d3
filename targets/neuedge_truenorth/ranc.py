"""Plans as files of the RANC simulator (UA-RCL/RANC): cores, packets and an output bus in one JSON file.

What the simulator does is told in docs/emit.md. Of what matters here: a packet or spike of tick n with the field
`destination_tick` d is heard in tick n + 1 + d; the k-th list of packets is sent in tick k; row r of the output holds
what reached the bus in tick r. So a spike that the model has in step t stands in row t + lag.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuedge_nir.emission.crossbar import HOST, Cell, CrossbarCore, Crossbars, Leaking, crossbars
from neuedge_nir.emission.door import Files, Shown
from neuedge_nir.errors import UsageError
from neuedge_nir.network.model import Network
from neuedge_nir.plan.model import Plan

NEVER = -(1 << 31)
"""A negative threshold that no potential is below: RANC would reset there, where the chip saturates."""
UNREACHED = (1 << 31) - 1
ABSOLUTE, LINEAR = 0, 1
"""Ways to reset, as RANC counts them."""


@dataclass(frozen=True, slots=True)
class Grid:
    """RANC's grid of cores: that of the plan from its first column and row on, and one column more for the bus."""

    origin: tuple[int, int]
    columns: int
    rows: int

    @property
    def bus(self) -> tuple[int, int]:
        return self.columns - 1, 0

    def at(self, core: CrossbarCore) -> tuple[int, int]:
        return core.router[0] - self.origin[0], core.router[1] - self.origin[1]


def ranc(plan: Plan, network: Network, shown: Shown | None) -> Files:
    """The files: network.json without packets, config.json, addresses.json, README.md; and two for each sample.

    Raises `UsageError` where RANC has no such leak (USE075), where the bus is out of a core's reach, or where a neuron
    would fire by its leak alone before the first input reaches it (OUT203); and what `crossbars` raises.
    """
    made = crossbars(plan, network)
    grid = _grid(plan, made)
    lags = {population.name: population.lag for population in plan.populations}
    cores = [_core(plan, core, made, grid, lags) for core in made.cores]
    bus = {"coordinates": list(grid.bus), "num_outputs": len(made.readouts)}
    files = {
        "addresses.json": _json(_addresses(plan, made, grid, lags)),
        "config.json": _json(_config(plan, grid)),
        "network.json": _json({"packets": [[]], "output_bus": bus, "cores": cores}),
        "README.md": _readme(plan, shown).encode(),
    }
    for sample in range(shown.samples if shown is not None else 0):
        assert shown is not None
        packets = _packets(shown, sample, made, grid)
        files[f"sample_{sample:03}.json"] = _json({"packets": packets, "output_bus": bus, "cores": cores})
        files[f"sample_{sample:03}.expected.txt"] = _expected(shown, sample, made, lags)
    return files


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode() + b"\n"


def _grid(plan: Plan, made: Crossbars) -> Grid:
    columns, rows = zip(*(core.router for core in made.cores), strict=True)
    grid = Grid((min(columns), min(rows)), max(columns) - min(columns) + 2, max(rows) - min(rows) + 1)
    reach = plan.chip.topology.max_offset
    for core in made.cores:
        far = max(abs(a - b) for a, b in zip(grid.bus, grid.at(core), strict=True))
        if reach is not None and far > reach.count and any(cell.destination.core == HOST for cell in core.cells):
            message = f"the output bus is {far} routers away from a core that is read, which reaches {reach.count}"
            raise UsageError("OUT203", message, where=f"router {core.router}", hint="compile for fewer chips")
    return grid


def _limit(plan: Plan, formulas: Sequence[str]) -> int:
    return next(limit.limit.count for limit in plan.chip.limits if limit.formula in formulas)


def _config(plan: Plan, grid: Grid) -> dict[str, int]:
    types, longest = plan.chip.capabilities.axon_types, plan.chip.capabilities.max_delay
    return {
        "core_controller_trace_verbosity": 0,
        "max_tick_offset": (longest.count if longest else 1) + 1,
        "neuron_block_trace_verbosity": 0,
        "neuron_reset_type": 0,
        "num_axons": _limit(plan, ("input_axons",)),
        "num_cores_x": grid.columns,
        "num_cores_y": grid.rows,
        "num_neurons": _limit(plan, ("neuron_copies", "neurons")),
        "num_weights": types.count if types else 1,
        "scheduler_trace_verbosity": 0,
    }


def _core(plan: Plan, core: CrossbarCore, made: Crossbars, grid: Grid, lags: dict[str, int]) -> dict[str, object]:
    """A core with all its axons and neurons; those that the plan does not use have no connection and never fire."""
    axons, neurons = _limit(plan, ("input_axons",)), _limit(plan, ("neuron_copies", "neurons"))
    types = plan.chip.capabilities.axon_types
    idle = neurons - len(core.cells)
    return {
        "axons": [*core.axon_types, *[0] * (axons - len(core.axon_types))],
        "connections": [
            *([*cell.connected.astype(int).tolist(), *[0] * (axons - len(cell.connected))] for cell in core.cells),
            *[[0] * axons] * idle,
        ],
        "coordinates": list(grid.at(core)),
        "neurons": [
            *(_neuron(cell, core, made, grid, lags[cell.population]) for cell in core.cells),
            *[_idle(types.count if types else 1)] * idle,
        ],
    }


def _neuron(cell: Cell, core: CrossbarCore, made: Crossbars, grid: Grid, lag: int) -> dict[str, object]:
    goal = cell.destination
    _check_leak(cell, core)
    there, here = grid.bus if goal.core == HOST else grid.at(made.cores[goal.core]), grid.at(core)
    return {
        "current_potential": _at_rest(cell, lag),
        "destination_axon": goal.axon,
        "destination_core_offset": [there[0] - here[0], there[1] - here[1]],
        "destination_tick": goal.delay - 1,
        "leak": cell.leak,
        "negative_threshold": NEVER if cell.leaking is Leaking.FREELY else 0,
        "positive_threshold": cell.threshold,
        "reset_mode": LINEAR if cell.subtracts else ABSOLUTE,
        "reset_potential": 0,
        "weights": list(cell.weights),
    }


def _check_leak(cell: Cell, core: CrossbarCore) -> None:
    """A leak down to 0 is a negative threshold of 0, at which RANC resets to 0 where a spike does.

    One that reverses is the same where no potential can be below 0. Raises `UsageError` (USE075) for all else.
    """
    where = f"neuron {cell.neuron} of {cell.population!r}"
    if cell.leaking is not Leaking.FREELY and cell.subtracts:
        message = "its leak ends at 0, and RANC has no such end where a spike subtracts the threshold"
        raise UsageError("USE075", message, where=where, hint="compile with --reset zero, or emit --format json")
    kinds = {core.axon_types[axon] for axon in np.flatnonzero(cell.connected)}
    if cell.leaking is Leaking.REVERSING and min((cell.weights[kind] for kind in kinds), default=0) < 0:
        message = (
            "its leak changes its sign with the potential, which RANC's does not, and its potential can be below 0"
        )
        hint = "--pass approximate-leak:form=floor, or emit --format json"
        raise UsageError("USE075", message, where=where, hint=hint)


def _idle(types: int) -> dict[str, object]:
    return {
        "current_potential": 0,
        "destination_axon": 0,
        "destination_core_offset": [0, 0],
        "destination_tick": 0,
        "leak": 0,
        "negative_threshold": NEVER,
        "positive_threshold": UNREACHED,
        "reset_mode": ABSOLUTE,
        "reset_potential": 0,
        "weights": [0] * types,
    }


def _at_rest(cell: Cell, lag: int) -> int:
    """The potential before the first tick: the leak works from there on, and `lag` - 1 steps later it must be 0."""
    early = lag - 1 if cell.leaking is Leaking.FREELY or cell.leak > 0 else 0  # what ends at 0 is there already
    if early and cell.leaking is not Leaking.FREELY:
        message = f"it rises by {cell.leak} in every step, and its potential ends at 0: nothing makes up for the first"
        raise UsageError(
            "USE075", message, where=f"neuron {cell.neuron} of {cell.population!r}", hint="make its bias smaller"
        )
    if early > 0 and (early - 1) * -cell.leak >= cell.threshold:
        message = f"its leak of {cell.leak} in the {early} steps before the first input cannot be made up for"
        hint = "make its bias smaller: a neuron that starts so high would fire"
        raise UsageError("OUT203", message, where=f"neuron {cell.neuron} of {cell.population!r}", hint=hint)
    return -early * cell.leak


def _sent(step: int, delay: int, longest: int) -> tuple[int, int]:
    """The tick in which a packet is sent, and its field: late where it waits longer than the field can say."""
    late = max(0, delay - longest)
    return step + late, delay - late - 1


def _packets(shown: Shown, sample: int, made: Crossbars, grid: Grid) -> list[list[dict[str, object]]]:
    found: list[list[dict[str, object]]] = [[] for _ in range(shown.steps)]
    chip = made.integers.legal.chip
    longest = chip.capabilities.max_delay.count if chip.capabilities.max_delay else 1
    for injection in made.injections:
        train = shown.spikes[injection.port][sample].reshape(shown.steps, -1)[:, injection.element]
        for step in np.flatnonzero(train).tolist():
            tick, field = _sent(step, injection.delay, longest)
            found += [[] for _ in range(tick + 1 - len(found))]
            core = list(grid.at(made.cores[injection.core]))
            found[tick].append(
                {"destination_axon": injection.axon, "destination_core": core, "destination_tick": field}
            )
    return found


def _expected(shown: Shown, sample: int, made: Crossbars, lags: dict[str, int]) -> bytes:
    """The output that `simulate --as` foretells, as RANC writes it: a row for each tick, a column for each read-out."""
    depth = max(lags.values())
    table = np.zeros((shown.steps + depth, len(made.readouts)), dtype=int)
    for column, readout in enumerate(made.readouts):
        lag = lags[readout.population]
        train = shown.sent[readout.population][sample].reshape(shown.steps + depth, -1)[:, readout.neuron]
        table[lag:, column] = train[: len(table) - lag]
    return "".join("".join(f"{spike} " for spike in row) + "\n" for row in table).encode()


def _addresses(plan: Plan, made: Crossbars, grid: Grid, lags: dict[str, int]) -> dict[str, object]:
    """What to inject for every spike of an input, and what every column of the output is."""
    longest = plan.chip.capabilities.max_delay
    inject = []
    for one in made.injections:
        later, field = _sent(0, one.delay, longest.count if longest else 1)
        core = list(grid.at(made.cores[one.core]))
        inject.append(
            {
                "input": one.port,
                "element": one.element,
                "ticks_later": later,
                "packet": {"destination_axon": one.axon, "destination_core": core, "destination_tick": field},
            }
        )
    columns = [
        {"population": one.population, "neuron": one.neuron, "lag": lags[one.population], "read": one.read}
        for one in made.readouts
    ]
    rows = [
        {"coordinates": list(grid.at(core)), "neurons": [[cell.population, cell.neuron] for cell in core.cells]}
        for core in made.cores
    ]
    return {"inject": inject, "columns": columns, "cores": rows, "router_of_core_0_0": list(grid.origin)}


def _readme(plan: Plan, shown: Shown | None) -> str:
    depth = max(population.lag for population in plan.populations)
    name = "sample_000" if shown is not None else "network"
    ticks = shown.steps + depth if shown is not None else f"T+{depth}"
    compare = (
        "Each `sample_NNN.json` holds the packets of one sample; its output must be `sample_NNN.expected.txt`, but\n"
        "for the mark of UTF-8 (three bytes) that the simulator writes in front:\n\n"
        "    tail -c +4 output.txt | diff -b - sample_000.expected.txt\n\n"
        if shown is not None
        else "`network.json` holds no packets: fill its list `packets` by `addresses.json`, or emit with --data.\n\n"
    )
    return README.format(title=plan.chip.title, name=name, ticks=ticks, depth=depth, compare=compare)


README = """# Run it on RANC

For {title}. RANC (UA-RCL/RANC, folder `simulator`) is an open simulator of this circuit. Build it, then

    ranc_sim {name}.json output.txt config.json {ticks}

{compare}The last number is that of ticks: those of the sample, and {depth} more, until its last spikes are out. A spike
that the model has in step t stands in row t + lag of the output; what the columns are, and their lags, is in
`addresses.json`.

* Every sample starts at rest: one run of the simulator for each.
* Neurons with a leak start at what makes up for the steps before their first input arrives.
* The chip keeps a potential from falling below its negative threshold; RANC resets there, so the threshold is put out
  of reach. A run in which a potential falls so low differs; `simulate --as` counts such numbers ("saturated").
* RANC delivers every packet within its tick, however far: links and their loads are not simulated.
"""
