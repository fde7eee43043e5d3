"""How long whole compilations take: the bundled model (or the files named) on every chip, as a process each.

Prints seconds, peak memory, and the ratio to the fastest chip of the same model. Nothing is asserted: these are
measurements of this machine at this moment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHIPS = ("loihi1", "loihi2", "truenorth", "spinnaker1", "spinnaker2")


def measure(model: Path, chip: str) -> tuple[str, float, float]:
    """Outcome, wall seconds and peak MB of one `neuedge-nir compile` process."""
    command = [sys.executable, "-m", "neuedge_nir", "compile", str(model), "--target", chip, "--json"]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    output = process.stdout.read() if process.stdout else ""
    _, _, usage = os.wait4(process.pid, 0)
    return _outcome(output), time.perf_counter() - start, usage.ru_maxrss / 1024


def _outcome(output: str) -> str:
    report = json.loads(output)
    mapping = report["mapping"]
    if mapping is None:
        return f"{report['outcome']}: {report['diagnostics'][-1]['message']}"
    cores, bound, chips = mapping["cores_neurons"], mapping["cores_lower_bound"], mapping["chips_used"]
    return f"{report['outcome']}: {cores} cores, at least {bound}, {chips} chips"


def main(paths: list[str]) -> None:
    """Measure each model on each chip."""
    with tempfile.TemporaryDirectory() as folder:
        bundled = Path(folder) / "digits.nir"
        export = [sys.executable, "-m", "neuedge_nir", "models", "export", "digits", str(bundled)]
        subprocess.run(export, check=True)
        for model in [Path(p) for p in paths] or [bundled]:
            rows = [(chip, *measure(model, chip)) for chip in CHIPS]
            fastest = min(seconds for _, _, seconds, _ in rows)
            for chip, outcome, seconds, peak in rows:
                sys.stdout.write(
                    f"{model.stem:28} {chip:11} {seconds:6.2f} s ({seconds / fastest:4.1f}x) {peak:6.0f} MB  "
                    f"{outcome}\n"
                )


if __name__ == "__main__":
    main(sys.argv[1:])
