"""How the work grows with a network: layers of 20,000 neurons, from 20,000 to 10 million, on two chips.

Each layer is a convolution of 3 x 3 on 100 x 200; a compilation, with the verification in it, runs in a process of its
own. Prints cores, seconds of processor time by stage, peak memory, and both per million neurons.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from generated import layers

from neuedge_nir import Options
from neuedge_nir.api import chip_of
from neuedge_nir.events import Event, Finished
from neuedge_nir.pipeline import compile_network
from neuedge_nir.plan.store import encode

LAYERS = (1, 5, 50, 500)
CHIPS = ("loihi2", "spinnaker1")
STAGES = ("partition", "traffic", "place", "route", "verify")


def measured(count: int, chip: str) -> dict[str, object]:
    """One compilation in this process."""
    network, told = layers(count), [("", os.times().user)]

    def watch(event: Event) -> None:
        if isinstance(event, Finished):
            told.append((event.stage, os.times().user))

    before = os.times().user
    options = Options(dt=1.0, activity=0.05, effort="quick", max_cores=1 << 20)
    plan = compile_network(network, chip_of(chip), options, watch)
    seconds = os.times().user - before
    stages = {name: at - last for (name, at), (_, last) in zip(told[1:], told, strict=False)}
    found = {"neurons": network.neurons, "cores": plan.mapping.cores_neurons, "bound": plan.mapping.cores_lower_bound}
    return {**found, "seconds": seconds, "stages": stages, "bytes": len(encode(plan))}


def apart(count: int, chip: str) -> str:
    """A row of the table."""
    words = [sys.executable, __file__, "--one", str(count), chip]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    found = json.loads(process.stdout.read())
    _, _, usage = os.wait4(process.pid, 0)
    millions, memory = found["neurons"] / 1e6, usage.ru_maxrss / 1024
    cells = [chip, f"{found['neurons']:,}", f"{found['cores']:,}", f"{found['bound']:,}", f"{found['seconds']:.1f}"]
    cells += [f"{found['seconds'] / millions:.1f}", *(f"{found['stages'].get(name, 0):.1f}" for name in STAGES)]
    cells += [f"{memory:,.0f}", f"{found['bytes'] / 1e6:.2f}"]
    return f"| {' | '.join(cells)} |"


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--document", type=Path, help="write the table there too")
    arguments = parser.parse_args(words)
    if arguments.one:
        sys.stdout.write(json.dumps(measured(int(arguments.one[0]), arguments.one[1])))
        return
    head = ["chip", "neurons", "cores", "bound", "s", "s per million", *STAGES, "MB", "plan, MB"]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for chip in CHIPS:
        for count in LAYERS:
            lines.append(apart(count, chip))
            sys.stdout.write(f"{lines[-1]}\n")
            sys.stdout.flush()
    if arguments.document:
        arguments.document.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
