"""Run the network of this folder on SpiNNaker 2 by py-spinnaker2: python run.py --sample 0 --output spikes.npz"""

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
    parser.add_argument("--ip", help="address of the board")
    parser.add_argument("--output", type=Path, help="write times and neurons of the spikes (.npz)")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> dict[str, Any]:
    """Build the network, run it, and return what was read, by name."""
    wanted = arguments(words)
    network = json.loads((wanted.folder / "network.json").read_text(encoding="utf-8"))
    numbers = np.load(wanted.folder / "network.npz")
    trains = {} if wanted.sample is None else dict(np.load(wanted.folder / "samples.npz"))
    steps = wanted.steps if wanted.sample is None else next(iter(trains.values())).shape[1]
    snn = importlib.import_module("spinnaker2.snn")
    built = {one["name"]: source(snn, one, trains, wanted.sample) for one in network["inputs"]}
    for number, one in enumerate(network["populations"]):
        built[one["name"]] = population(snn, one, number, numbers)
    joined = [projection(snn, one, built, numbers) for one in network["projections"]]
    net = snn.Network(network["model"])
    net.add(*built.values(), *joined)
    board = {} if wanted.ip is None else {"eth_ip": wanted.ip}
    importlib.import_module("spinnaker2.hardware").SpiNNaker2Chip(**board).run(net, steps + network["depth"])
    found = read(network, built)
    if wanted.output is not None:
        np.savez(wanted.output, **found)
    return found


def source(snn: Any, one: dict[str, Any], trains: dict[str, Any], sample: int | None) -> Any:
    """The spikes of an input, as steps by neuron."""
    times: dict[int, list[int]] = {neuron: [] for neuron in range(one["size"])}
    if sample is not None:
        train = trains[one["name"]][sample]
        for neuron, each in enumerate(train.reshape(len(train), -1).T):
            times[neuron] = np.flatnonzero(each).tolist()
    return snn.Population(size=one["size"], neuron_model="spike_list", params=times, name=one["name"])


def population(snn: Any, one: dict[str, Any], number: int, numbers: Any) -> Any:
    """Neurons at rest."""
    values = {name: numbers[f"population{number}.{name}"] for name in one["parameters"]}
    values |= {"i_offset": 0.0, "v_reset": 0.0, "reset": one["reset"]}
    if "exc_decay" in values:
        values["t_refrac"] = 0
    record = [] if not one["read"] else ["spikes"] if one["spikes"] else ["v"]
    made = snn.Population(size=one["size"], neuron_model=one["model"], params=values, name=one["name"], record=record)
    made.set_max_atoms_per_core(one["atoms"])
    return made


def projection(snn: Any, one: dict[str, Any], built: dict[str, Any], numbers: Any) -> Any:
    """A list of (source, target, weight, delay), or a kernel; a delay of 0 is the step that every spike takes."""
    rows = numbers[one["rows"]]
    ends = built[one["source"]], built[one["target"]]
    if "conv" in one:
        return snn.Conv2DProjection(*ends, rows.astype(np.int8), one["conv"])
    connections = [[int(a), int(b), int(weight), 0] for a, b, weight in rows]
    return snn.Projection(pre=ends[0], post=ends[1], connections=connections)


def read(network: dict[str, Any], built: dict[str, Any]) -> dict[str, Any]:
    """What the populations that are read did, in the model's own steps."""
    found: dict[str, Any] = {}
    for one in network["populations"]:
        name = one["name"]
        if one["read"] and one["spikes"]:
            spikes = built[name].get_spikes()
            pairs = [(neuron, time) for neuron, times in sorted(spikes.items()) for time in times if time >= one["lag"]]
            found[f"{name}.neurons"] = np.array([neuron for neuron, _ in pairs], int)
            found[f"{name}.times"] = np.array([time - one["lag"] for _, time in pairs], int)
        elif one["read"]:
            trace = built[name].get_voltages()
            found[f"{name}.neurons"] = np.arange(one["size"])
            found[f"{name}.v"] = np.array([np.asarray(trace[neuron])[one["lag"] :] for neuron in range(one["size"])])
    return found


if __name__ == "__main__":
    main()
