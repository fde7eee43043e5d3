"""Thresholds that follow an activity, trained in the loop, beside thresholds that stay: bursts of digits in weak noise.

64-96-10 LIF neurons are trained on single digits, and then, always from there and for as many epochs, on short streams:
a pause of noise and a burst of five digits, membranes carried on. All are tested on long streams as
benchmarks/adaptation.py has them. Needs the extra `train`. After each seed the JSON is written whole; the seeds that it
has are not run again.

    python benchmarks/finetune_streams.py --json FILE.json
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from adaptation import BURST, NOISE, TAU, WINDOW, Seen, seen, stream
from spread import spread, versions

from neuedge_models import losses, networks, neurons
from neuedge_models.coding import Drawn
from neuedge_models.datasets import BRIGHTEST_DIGIT, Split, digits
from neuedge_models.grid import weights_of
from neuedge_models.loop import Recipe, Training, fine_tuned, reproducible
from neuedge_models.mechanisms import exported
from neuedge_nir.network.model import Adaptation

KEEP = 0.9
PAUSE = 4
"""Windows of noise before a burst that trains: the activity's mean forgets in half a window."""
DUTIES = (0.1, 0.3)
FACTOR = 2.0
"""Of the raised threshold that stays."""
STEEPNESS = 5.0 / WINDOW
BASE = Recipe(30, 100, 1e-3, 0.0)
TUNED = Recipe(4, 36, 3e-3, 0.0)
PENALTY = 1.0
GAMMA = 10.0


@dataclass(frozen=True, slots=True)
class Way:
    """How thresholds are while a network is trained on."""

    threshold: float = 1.0
    gamma: float | None = None
    penalty: float = 0.0

    def network(self, timesteps: int, target: float) -> torch.nn.Sequential:
        rule = None if self.gamma is None else Adaptation(self.gamma, target, TAU, low=0.5, high=4.0)

        def fire(steps: int) -> torch.nn.Module:
            return neurons.following(steps, KEEP, rule, self.threshold)

        return networks.read_by_host(networks.mlp((64, 96, 10), timesteps, fire))


WAYS = {
    "trained on (control)": Way(),
    f"threshold x {FACTOR:g}": Way(FACTOR),
    f"gamma {GAMMA:g}": Way(gamma=GAMMA),
    "penalty": Way(penalty=PENALTY),
    f"threshold x {FACTOR:g}, penalty": Way(FACTOR, penalty=PENALTY),
    f"gamma {GAMMA:g}, penalty": Way(gamma=GAMMA, penalty=PENALTY),
}
CONTROL = "trained on (control)"


@dataclass(frozen=True, slots=True)
class Bursts:
    """Values of streams, (streams, timesteps, 64), as spikes drawn anew at every call."""

    timesteps: int

    def __call__(self, values: np.ndarray) -> np.ndarray:
        drawn = torch.rand(values.shape, dtype=torch.float32).numpy()
        return (drawn < values / BRIGHTEST_DIGIT).astype(np.uint8)

    @property
    def words(self) -> str:
        return "rate by chance, bursts in noise"


def short_streams(images: Split, seed: int) -> Split:
    """Every digit once: streams of a pause and a burst; labels (streams, windows), -1 in the pause."""
    chosen = np.random.default_rng(seed).permutation(len(images))[: len(images) // BURST * BURST].reshape(-1, BURST)
    idle = np.full((len(chosen), PAUSE, images.inputs.shape[1]), NOISE * images.inputs.mean())
    values = np.concatenate([idle, images.inputs[chosen]], axis=1).repeat(WINDOW, axis=1)
    labels = np.concatenate([np.full((len(chosen), PAUSE), -1), images.wanted[chosen]], axis=1)
    return Split(values, labels.astype(np.int64))


def measured(seed: int, known: Split, test: Split) -> dict[str, dict[str, Any]]:
    """What each way comes to on the long streams, by duty and way."""
    target = float(known.inputs.mean()) / BRIGHTEST_DIGIT
    with reproducible(seed):
        made = Way().network(WINDOW, target)
    how = Training(Drawn(WINDOW, BRIGHTEST_DIGIT), losses.scaled(losses.of_counts, STEEPNESS), BASE, seed)
    base = fine_tuned(made, known, how)
    streams, timesteps = short_streams(known, seed), (PAUSE + BURST) * WINDOW
    trained = {"single digits alone": base, f"single digits, gamma {GAMMA:g}": taken(base, Way(gamma=GAMMA), target)}
    for name, way in WAYS.items():
        recipe = replace(TUNED, spike_penalty=way.penalty)
        how = Training(Bursts(timesteps), losses.scaled(losses.of_windows, STEEPNESS), recipe, seed)
        trained[name] = fine_tuned(taken(base, way, target, timesteps), streams, how)
    found: dict[str, dict[str, Any]] = {}
    for duty in DUTIES:
        data = stream(test.inputs / BRIGHTEST_DIGIT, test.wanted, duty, seed)
        for name, network in trained.items():
            with TemporaryDirectory() as folder:
                row = seen(exported(network, (64,), Path(folder) / "net.nir"), data, priced=False)
            found.setdefault(f"{duty:g}", {})[name] = {key: getattr(row, key) for key in Seen.__slots__}
    return found


def taken(base: torch.nn.Sequential, way: Way, target: float, timesteps: int = WINDOW) -> torch.nn.Sequential:
    """The network with the way's thresholds."""
    network = way.network(timesteps, target)
    with torch.no_grad():
        for mine, theirs in zip(weights_of(network), weights_of(base), strict=True):
            mine.copy_(theirs)
    return network


def table(seeds: Mapping[str, Mapping[str, Any]], duty: str) -> str:
    """Markdown of a duty over the seeds; saved are hidden spikes of all windows, beside the control's."""
    names = ("accuracy %", "beside the control", "busy", "idle", "threshold busy", "idle", "hidden spikes saved %")
    lines = ["| | " + " | ".join(names) + " |", "| --- " * (len(names) + 1) + "|"]
    found = [{name: Seen(**row) for name, row in seed["rows"][duty].items()} for seed in seeds.values()]
    for name in found[0]:
        columns = zip(*(_cells(rows[name], rows[CONTROL]) for rows in found), strict=True)
        cells = [spread(column, digits) for column, digits in zip(columns, (2, 2, 0, 1, 2, 2, 1), strict=True)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cells(row: Seen, control: Seen) -> tuple[float, ...]:
    right, saved = 100 * row.accuracy, 100 * (1 - row.spikes / control.spikes)
    beside = right - 100 * control.accuracy
    return right, beside, row.busy, row.idle, row.threshold_busy, row.threshold_idle, saved


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", type=Path, required=True, help="what was measured, added to after each seed")
    arguments = parser.parse_args()
    command = "python benchmarks/finetune_streams.py --json FILE.json"
    begun: dict[str, Any] = {"command": command, "versions": versions(), "seeds": {}}
    told = json.loads(arguments.json.read_text()) if arguments.json.exists() else begun
    images = digits()
    for seed in range(arguments.seeds):
        if str(seed) not in told["seeds"]:
            start = time.process_time()
            rows = measured(seed, images.train, images.test)
            told["seeds"][str(seed)] = {"cpu_s": round(time.process_time() - start, 1), "rows": rows}
            arguments.json.write_text(json.dumps(told, indent=1) + "\n")
            print(f"seed {seed}: {told['seeds'][str(seed)]['cpu_s']} s", flush=True)
    for duty in told["seeds"]["0"]["rows"]:
        print(f"\nDuty {duty}:\n\n{table(told['seeds'], duty)}")


if __name__ == "__main__":
    main()
