"""Run the network of this folder on SpiNNaker by sPyNNaker: python run.py --sample 0 --output spikes.npz"""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np


def arguments(words: list[str] | None) -> argparse.Namespace:
    """The words of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent, help="where network.json is")
    parser.add_argument("--sample", type=int, help="which sample of samples.npz to inject")
    parser.add_argument("--steps", type=int, default=0, help="steps to run where no sample is named")
    parser.add_argument("--no-placement", action="store_true", help="let sPyNNaker choose the chips")
    parser.add_argument("--output", type=Path, help="write times and neurons of the spikes (.npz)")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> dict[str, Any]:
    """Build the network, run it, and return what was read, by name."""
    wanted = arguments(words)
    network = json.loads((wanted.folder / "network.json").read_text(encoding="utf-8"))
    numbers = np.load(wanted.folder / "network.npz")
    trains = {} if wanted.sample is None else dict(np.load(wanted.folder / "samples.npz"))
    steps = wanted.steps if wanted.sample is None else next(iter(trains.values())).shape[1]
    sim = importlib.import_module("pyNN.spiNNaker")
    sim.setup(timestep=1.0, time_scale_factor=network["time_scale"])
    built = {one["label"]: source(sim, one, trains, wanted.sample) for one in network["inputs"]}
    for number, one in enumerate(network["populations"]):
        built[one["label"]] = population(sim, one, number, numbers, placed=not wanted.no_placement)
    for one in network["projections"]:
        rows = numbers[one["rows"]]
        rows = [(int(a), int(b), weight, float(one["delay"])) for a, b, weight in rows]
        connector = sim.FromListConnector(rows)
        sim.Projection(built[one["source"]], built[one["target"]], connector, receptor_type=one["receptor"])
    sim.run(steps + network["depth"])
    found = read(network, built, numbers)
    sim.end()
    if wanted.output is not None:
        np.savez(wanted.output, **found)
    return found


def source(sim: Any, one: dict[str, Any], trains: dict[str, Any], sample: int | None) -> Any:
    """The spikes of an input: a step is a millisecond."""
    times: list[list[float]] = [[] for _ in range(one["size"])]
    if sample is not None:
        train = trains[one["name"]][sample]
        times = [np.flatnonzero(each).astype(float).tolist() for each in train.reshape(len(train), -1).T]
    cell = sim.SpikeSourceArray(spike_times=times if any(times) else [])  # it fails on lists that are all empty
    made = sim.Population(one["size"], cell, label=one["label"])
    made.set_max_atoms_per_core(one["per_core"])
    return made


def population(sim: Any, one: dict[str, Any], number: int, numbers: Any, *, placed: bool) -> Any:
    """A slice of the plan: on one core, and on its chip."""
    values = {name: numbers[f"population{number}.{name}"].tolist() for name in one["parameters"]}
    start = values.pop("v")
    cell = getattr(sim, one["cell"])(v_rest=0.0, v_reset=0.0, tau_refrac=0.0, **values)
    more = {"additional_parameters": {"n_synapse_cores": one["synapse_cores"]}} if one["synapse_cores"] else {}
    made = sim.Population(one["size"], cell, label=one["label"], **more)
    made.set_max_atoms_per_core(one["size"])
    if placed and one["chip"] is not None:
        made.add_placement_constraint(*one["chip"])
    made.initialize(v=start)
    if one["read"]:
        made.record("spikes" if one["spikes"] else "v")
    return made


def read(network: dict[str, Any], built: dict[str, Any], numbers: Any) -> dict[str, Any]:
    """What the populations that are read did, slices joined, in the model's own steps."""
    found: dict[str, Any] = {}
    for number, one in enumerate(network["populations"]):
        neurons, name = numbers[f"population{number}.neurons"].astype(int), one["population"]
        if one["read"] and one["spikes"]:
            rows = np.asarray(built[one["label"]].spinnaker_get_data("spikes")).reshape(-1, 2)
            rows = rows[rows[:, 1] >= one["lag"]]
            found.setdefault(f"{name}.neurons", []).append(neurons[rows[:, 0].astype(int)])
            found.setdefault(f"{name}.times", []).append(rows[:, 1] - one["lag"])
        elif one["read"]:
            matrix = np.asarray(built[one["label"]].spinnaker_get_data("v", as_matrix=True))
            found.setdefault(f"{name}.neurons", []).append(neurons)
            found.setdefault(f"{name}.v", []).append(matrix[one["lag"] :].T)
    return {name: np.concatenate(values) for name, values in found.items()}


if __name__ == "__main__":
    main()
