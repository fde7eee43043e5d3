"""What sPyNNaker makes of an emitted script on virtual boards: on_spynnaker.py FOLDER MODE STEPS, for its own Python.

MODE "script" runs run.py as it is; "whole" gives sPyNNaker each population of the model in one piece, all neurons
joined to all where the script joins any, so that sPyNNaker cuts it by itself. Inputs are Poisson sources then, which
have a limit; arrays of spikes have none. Prints by label the cores of every population, where they are, and the bytes
that each reserves in SDRAM.
"""

import importlib
import json
import os
import sys
from pathlib import Path

VIRTUAL = "[Machine]\nversion = 5\nvirtual_board = True\n"


def main(folder: Path, mode: str, steps: int) -> None:
    """Run it and print a JSON object as the last line."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    (home / ".spynnaker.cfg").write_text(VIRTUAL, encoding="utf-8")
    os.environ["HOME"] = str(home)
    os.chdir(home)
    if mode == "script":
        sys.path.insert(0, str(folder))
        script = importlib.import_module("run")
        script.read = lambda network, *_: placed(steps + network["depth"])
        found = script.main(["--folder", str(folder), "--steps", str(steps)])
    else:
        found = whole(folder, steps)
    print(json.dumps(found))


def whole(folder: Path, steps: int) -> dict:
    """The model's own populations."""
    sim = importlib.import_module("pyNN.spiNNaker")
    told = json.loads((folder / "network.json").read_text(encoding="utf-8"))
    sim.setup(timestep=1.0)
    name_of = {one["label"]: one["population"] for one in told["populations"]} | {
        one["label"]: one["name"] for one in told["inputs"]
    }
    sizes, cells = {}, {}
    for one in told["populations"]:
        sizes[one["population"]] = sizes.get(one["population"], 0) + one["size"]
        cells[one["population"]] = one["cell"]
    built = {
        one["name"]: sim.Population(one["size"], sim.SpikeSourcePoisson(rate=10.0), label=one["name"])
        for one in told["inputs"]
    }
    for name, size in sizes.items():
        built[name] = sim.Population(size, getattr(sim, cells[name])(), label=name)
    ways = {(name_of[one["source"]], name_of[one["target"]], one["delay"]) for one in told["projections"]}
    for source, target, delay in sorted(ways):
        synapse = sim.StaticSynapse(weight=0.01, delay=float(delay))
        sim.Projection(built[source], built[target], sim.AllToAllConnector(), synapse_type=synapse)
    sim.run(steps + told["depth"])
    found = placed(steps + told["depth"])
    sim.end()
    return found


def placed(steps: int) -> dict:
    """By label of a population, its cores: [x, y, core, bytes of SDRAM]."""
    from spynnaker.pyNN.data import SpynnakerDataView

    cores: dict[str, list] = {}
    for placement in SpynnakerDataView.iterate_placemements():
        vertex = placement.vertex
        if vertex.app_vertex is not None:
            sdram = int(vertex.sdram_required.get_total_sdram(steps))
            cores.setdefault(vertex.app_vertex.label, []).append([placement.x, placement.y, placement.p, sdram])
    return cores


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), sys.argv[2], int(sys.argv[3]))
