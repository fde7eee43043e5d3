"""Plans as PyNN scripts for sPyNNaker: a population for each slice of the plan, lists of connections between them.

One timestep is 1 ms of the machine. Numbers are those of the arithmetic `accum`: 1 mV and 1 nA are 2^15 of its units,
and a time constant is the one whose decay in a step is the register's. What sPyNNaker does with them: see docs/emit.md.
"""

from __future__ import annotations

import importlib.resources
import io
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.emission.door import Files, Shown, require_input, require_output
from neuedge_nir.emission.synapses import Piece, Unrolled, most_on_core, size_of, unrolled
from neuedge_nir.errors import UsageError
from neuedge_nir.network.model import Network
from neuedge_nir.plan.model import Plan

Array = NDArray[np.float64]

INTEGRATOR_LEAK = 2.0**-10
"""What a neuron without a leak loses in a step there: with less, products of 15 fractional bits lose the input."""
INTEGRATOR_SCALE = 2.0**-3
"""Its numbers are made smaller, so that an input over that leak fits 16 bits before the point."""
OUT_OF_REACH = 6e4
"""A threshold, in mV, for what does not spike."""


def pynn(plan: Plan, network: Network, shown: Shown | None) -> Files:
    """The files: run.py, network.json with the names and network.npz with the numbers, README.md, perhaps samples.npz.

    Raises `UsageError`: OUT202 where the inputs come by another way than source cores, OUT204 for a threshold that
    follows an activity, OUT203 for a neuron that would fire by its bias before its first input.
    """
    refuse_unemitted(plan)
    made = unrolled(plan, network)
    made = replace(made, pieces=tuple(piece for piece in made.pieces if piece.population not in _extensions(plan)))
    arrays: dict[str, Array] = {}
    ports = {port.name for port in network.outputs}
    read = {p.source for p in network.projections if p.target in ports}
    populations = [_population(plan, made, number, read, arrays) for number in range(len(made.pieces))]
    projections = [
        row for number, piece in enumerate(made.pieces) for row in _projections(plan, made, number, piece, arrays)
    ]
    inputs = [
        {"name": port.name, "label": port.name, "size": port.neurons, "per_core": most_on_core(plan, port.name)}
        for port in network.inputs
    ]
    told = {
        "model": plan.model.name,
        "time_scale": plan.options.time_scale,
        "depth": max(population.lag for population in plan.populations),
        "inputs": inputs,
        "populations": populations,
        "projections": projections,
    }
    files = {
        "network.json": json.dumps(told, indent=1, sort_keys=True).encode() + b"\n",
        "network.npz": npz(arrays),
        "run.py": importlib.resources.files("neuedge_spinnaker").joinpath("run_pynn.py").read_bytes(),
        "README.md": README.format(title=plan.chip.title).encode(),
    }
    if shown is not None:
        files["samples.npz"] = npz({name: values.astype(np.uint8) for name, values in shown.spikes.items()})
    return files


def refuse_unemitted(plan: Plan) -> None:
    """Raises `UsageError` for what no script says.

    Inputs without sources (OUT202), outputs without a record (USE072), thresholds that move (OUT204).
    """
    require_input(plan, "source-core", "the script has sources")
    require_output(plan, "record", "the script records them")
    for population in plan.populations:
        if population.adaptation is not None:
            hint = "put the rule into weights: --pass lower-adaptive"
            message = "its threshold follows an activity, and the neurons of the script have one that stays"
            raise UsageError("OUT204", message, where=f"node {population.name!r}", hint=hint)


def npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    content = io.BytesIO()
    ordered: dict[str, Any] = {name: arrays[name] for name in sorted(arrays)}
    np.savez(content, **ordered)
    return content.getvalue()


def _label(made: Unrolled, number: int) -> str:
    piece = made.pieces[number]
    return f"{piece.population}[{piece.neurons[0]}..{piece.neurons[-1]}]@{piece.core}"


def _population(plan: Plan, made: Unrolled, number: int, read: set[str], arrays: dict[str, Array]) -> dict[str, object]:
    piece = made.pieces[number]
    lag = next(p.lag for p in plan.populations if p.name == piece.population)
    held = made.registers(piece.population)
    cell, values = _cell(piece, held, lag)
    for name, numbers in values.items():
        arrays[f"population{number}.{name}"] = numbers
    arrays[f"population{number}.neurons"] = piece.neurons.astype(np.float64)
    there = [each.core for each in made.pieces[:number] if each.router == piece.router]
    before, own = sum(1 + _synapse_cores(plan, core) for core in there), _synapse_cores(plan, piece.core)
    room = plan.chip.topology.cores_per_chip.count - 1  # an Ethernet chip has one fewer
    return {
        "label": _label(made, number),
        "population": piece.population,
        "size": len(piece.neurons),
        "cell": cell,
        "parameters": sorted(values),
        "lag": lag,
        "read": piece.population in read,
        "spikes": held["threshold"] is not None,
        "chip": list(piece.router) if before + own < room else None,
        "synapse_cores": own,
    }


def _synapse_cores(plan: Plan, core: int) -> int:
    """Those behind a core."""
    count = 0
    while core + count + 1 < len(plan.cores) and plan.cores[core + count + 1].role == "synapses":
        count += 1
    return count


def _scale(held: Mapping[str, Any]) -> float:
    return INTEGRATOR_SCALE if held["keep"] is None else 1.0


def _cell(piece: Piece, held: Mapping[str, Any], lag: int) -> tuple[str, dict[str, Array]]:
    """The PyNN cell and its parameters, one number for each neuron."""
    n, neurons = held["registers"], piece.neurons
    unit, scale = 2.0**n.fraction_bits, _scale(held)
    keep = np.full(len(neurons), 1 - INTEGRATOR_LEAK) if held["keep"] is None else held["keep"][neurons] / unit
    tau, resistance = _tau(keep), np.where(held["keep"] is None, 1 / INTEGRATOR_LEAK, 1.0)
    offset = scale * held["offset"][neurons] / unit
    threshold = held["threshold"]
    v_thresh = np.full(len(neurons), OUT_OF_REACH) if threshold is None else scale * threshold[neurons] / unit
    found = {
        "tau_m": tau,
        "cm": tau / resistance,
        "i_offset": offset,
        "v_thresh": v_thresh,
        "v": _at_rest(piece, keep, offset * resistance, v_thresh, lag),
    }
    if held["keep_i"] is None:
        return "IF_curr_delta", found
    keep_i = _tau(held["keep_i"][neurons] / 2.0**n.decay_bits)
    return "IF_curr_exp", {**found, "tau_syn_E": keep_i, "tau_syn_I": keep_i}


def _tau(keep: Array) -> Array:
    """The time constant, in steps, of what keeps so much in a step; nothing at all is less than the chip can tell."""
    return np.asarray(-1 / np.log(np.clip(keep, math.exp(-20.0), 1 - 2.0**-20)))


def _at_rest(piece: Piece, keep: Array, pulled: Array, threshold: Array, lag: int) -> Array:
    """The potential from which the bias alone brings a neuron to 0 when its first input is due, `lag` steps later."""
    start = np.where(pulled == 0, 0.0, -pulled * (1 - keep**lag) / keep**lag)
    if (
        wrong := np.flatnonzero((start * keep + pulled * (1 - keep) >= threshold) | (np.abs(start) > OUT_OF_REACH))
    ).size:
        message = f"its bias in the {lag} steps before the first input cannot be made up for"
        hint = "make its bias smaller, or its time constant longer"
        where = f"neuron {piece.neurons[wrong[0]]} of {piece.population!r}"
        raise UsageError("OUT203", message, where=where, hint=hint)
    return start


def _projections(
    plan: Plan, made: Unrolled, number: int, piece: Piece, arrays: dict[str, Array]
) -> list[dict[str, object]]:
    """Those into a piece: for each piece of the source, and each sign, a list of (source, target, weight).

    sPyNNaker makes delay extensions by itself: what one feeds comes from the source that it keeps spikes of.
    """
    extensions = _extensions(plan)
    held = made.registers(piece.population)
    per_unit = _scale(held) * 2.0 ** (held["shift"] - held["registers"].fraction_bits)
    found: list[dict[str, object]] = []
    for synapses in made.into(piece, plan):
        weight = synapses.weights * per_unit
        if held["keep_i"] is not None:
            weight = (
                weight
                / _first_step(held["keep_i"][piece.neurons] / 2.0 ** held["registers"].decay_bits)[synapses.targets]
            )
        source, waited = extensions.get(synapses.source, (synapses.source, 0))
        for label, place in _places(plan, made, source):
            for receptor, chosen in (("excitatory", weight > 0), ("inhibitory", weight < 0)):
                rows = chosen & (place[synapses.sources] >= 0)
                if rows.any():
                    name = f"synapses{len([key for key in arrays if key.startswith('synapses')])}"
                    columns = place[synapses.sources[rows]], synapses.targets[rows], weight[rows]
                    arrays[name] = np.stack(columns, axis=1).astype(np.float64)
                    ends = {"source": label, "target": _label(made, number)}
                    found.append({**ends, "receptor": receptor, "delay": synapses.delay + waited, "rows": name})
    return found


def _extensions(plan: Plan) -> dict[str, tuple[str, int]]:
    """By name of a delay extension whose spikes it keeps, and how many steps after these it hears them."""
    kept = {p.name: p.relay.of for p in plan.populations if p.relay is not None and p.relay.stages}
    return {p.target: (kept[p.target], p.delay) for p in plan.projections if p.target in kept}


def _first_step(keep: Array) -> Array:
    """What sPyNNaker multiplies a weight with where a synapse decays: the mean of the decay over a step."""
    tau = _tau(keep)
    return np.asarray(tau * (1 - np.exp(-1 / tau)))


def _places(plan: Plan, made: Unrolled, source: str) -> list[tuple[str, NDArray[np.int64]]]:
    """The populations of the script that a source became, and for each element its place there, or -1."""
    size = size_of(plan, source)
    if all(piece.population != source for piece in made.pieces):
        return [(source, np.arange(size))]
    found = []
    for number, piece in enumerate(made.pieces):
        if piece.population == source:
            place = np.full(size, -1)
            place[piece.neurons] = np.arange(len(piece.neurons))
            found.append((_label(made, number), place))
    return found


README = """# Run it on sPyNNaker

For {title}, with sPyNNaker 7 (`pip install sPyNNaker`, and a machine in `~/.spynnaker.cfg`):

    python run.py --sample 0 --output spikes.npz

`--sample` counts in `samples.npz`, there if the plan was emitted with --data; `--steps` runs without input. The answer
has for each population that is read `NAME.neurons` and, for each of these spikes, `NAME.times` in the model's own
steps, its lag taken off; where it does not spike, potentials `NAME.v` of its neurons, a row for each, in the chip's mV.

* Every slice of the plan is a population of its own, on a core of its own, as in the plan: sPyNNaker puts one
  population on a core. Each is placed on its chip as long as that has cores (`--no-placement`: anywhere).
* The cores of an input take as many of its sources as in the plan.
* One step of the model is 1 ms of the machine, whatever its timestep. Every sample starts at rest.
* sPyNNaker chooses the scale of 16-bit weights by itself, for each population and sign: weights may lose bits that
  `simulate --as` keeps.
* sPyNNaker has no neuron without a leak: IF neurons lose a 1024th of their potential in a step.
* The script was held against `simulate --as` by running it on a stand-in for sPyNNaker in floating point, and built on
  sPyNNaker's virtual machine; not on hardware.
"""
