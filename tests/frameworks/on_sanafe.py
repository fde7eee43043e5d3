"""Run every sample of an emitted folder on SANA-FE: how many spikes are those that were foretold, and its hops."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path

import sanafe


def compared(folder: Path, told: Path) -> dict[str, object]:
    """One sample. Spikes: in both, foretold only, and seen only. Hops of all messages, and by group of the sender
    how many messages went to another core and the hops of these. Energies in joules, by its own names; time in seconds.
    """
    expected = json.loads(told.read_text(encoding="utf-8"))
    arch = sanafe.load_arch(str(folder / "arch.yaml"))
    chip = sanafe.SpikingChip(arch)
    chip.load(sanafe.load_net(str(folder / told.name.replace("expected.json", "yaml")), arch))
    result = chip.sim(expected["steps"], spike_trace=True, perf_trace=True, message_trace=True)
    seen = {(*str(label).split("."), step) for step, row in enumerate(result["spike_trace"]) for label in row}
    due = {(group, str(neuron), step) for group, those in expected["spikes"].items() for step, neuron in those}
    spikes = {"equal": len(seen & due), "missing": len(due - seen), "surplus": len(seen - due)}
    counts = {"hops": sum(result["perf_trace"]["hops"]), "sent": sent(result["message_trace"])}
    return {**spikes, **counts, "energy": dict(result["energy"]), "time": result["sim_time"]}


def sent(trace: list) -> dict[str, dict[str, int]]:
    """By group: messages to another core, and their hops. A placeholder is no message: its neuron fired unheard."""
    found: dict[str, dict[str, int]] = {}
    for message in (each for row in trace for each in row if not each["placeholder"]):
        counts = found.setdefault(message["src_neuron_group_id"], {"messages": 0, "hops": 0})
        counts["messages"] += message["src_core_id"] != message["dest_core_id"]
        counts["hops"] += message["hops"]
    return found


def main(folder: Path) -> None:
    """One JSON list on stdout; what SANA-FE prints itself goes nowhere."""
    kept = os.dup(1)
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        os.dup2(nowhere.fileno(), 1)
        found = [compared(folder, told) for told in sorted(folder.glob("*.expected.json"))]
        os.dup2(kept, 1)
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
