"""Run every sample of an emitted folder on SANA-FE: how many spikes are those that were foretold."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path

import sanafe


def compared(folder: Path, told: Path) -> dict[str, int]:
    """Spikes of one sample: in both, foretold only, and seen only."""
    expected = json.loads(told.read_text(encoding="utf-8"))
    arch = sanafe.load_arch(str(folder / "arch.yaml"))
    chip = sanafe.SpikingChip(arch)
    chip.load(sanafe.load_net(str(folder / told.name.replace("expected.json", "yaml")), arch))
    trace = chip.sim(expected["steps"], spike_trace=True)["spike_trace"]
    seen = {(*str(label).split("."), step) for step, row in enumerate(trace) for label in row}
    due = {(group, str(neuron), step) for group, those in expected["spikes"].items() for step, neuron in those}
    return {"equal": len(seen & due), "missing": len(due - seen), "surplus": len(seen - due)}


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
