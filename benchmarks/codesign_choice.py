"""Which settings networks are trained for a chip with, chosen by images that neither train nor test: docs/codesign.md.

For every model and kind of chip (core64; large cores, tried on loihi2) a small grid of settings is tried on seeds that
are not reported. The networks train on the same 6,000 images as those reported, and are measured on the last 10,000
training images. The rule, of means over the seeds: the fewest spike-messages among the settings that lose at most 0.5
points of accuracy beside the equal-epoch control and, on core64, use at least 89 % of the cores; if there is none, the
setting that loses least. What loses more than a point on the first seed is not tried on the second, nor chosen.

    python benchmarks/codesign_choice.py --data-dir DATA --json docs/codesign_choice.json
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from arguments import folder
from codesign_mapping import measured, read, written
from codesign_training import (
    CONVOLUTIONAL,
    DENSE,
    MODELS,
    MORE,
    Model,
    Setting,
    for_chip,
    for_task,
    held_back,
    optimise,
    tested,
)

SEEDS = (100, 101)
CHOSEN_ON: Mapping[str, str] = {"core64": "core64", **dict.fromkeys(("loihi2", "spinnaker2", "isaac"), "loihi2")}
"""The chip that the setting for a chip is chosen on: one of each kind."""
LOST, USED = 0.005, 0.89
"""The most accuracy lost beside the control, and on core64 the least share in use."""
HOPELESS = 0.01
"""Who loses more on a seed is not tried on another."""
SPARING = tuple(Setting(0.0, communication) for communication in (2.0, 4.0, 8.0, 16.0))
"""For chips of large cores: there is little to fill up, only messages to save."""
GRID: Mapping[str, Mapping[str, tuple[Setting, ...]]] = {
    DENSE.name: {
        "core64": (
            Setting(8.0, 2.0, cores=3),
            Setting(8.0, 1.0, cores=3),
            Setting(8.0, 4.0, cores=3),
            Setting(8.0, 2.0, cores=4),
            Setting(8.0, 2.0, cores=3, pruned=2),
            Setting(0.0, 4.0),
        ),
        "loihi2": SPARING,
    },
    CONVOLUTIONAL.name: {
        "core64": (
            Setting(8.0, 2.0, cores=5),
            Setting(8.0, 2.0, cores=4),
            Setting(8.0, 2.0, cores=6),
            Setting(8.0, 1.0, cores=5),
            Setting(8.0, 4.0, cores=5),
            Setting(8.0, 2.0, cores=7),
            Setting(0.0, 4.0),
            Setting(0.0, 8.0),
        ),
        "loihi2": SPARING,
    },
}


@dataclass(frozen=True, slots=True)
class Tried:
    """A setting, and what came out; means over the seeds. lost: accuracy, beside the control of the same seeds."""

    setting: Setting
    seeds: int
    lost: float
    used: float
    messages: float

    def allowed(self, chip: str) -> bool:
        return self.lost <= LOST and (chip != "core64" or self.used >= USED)


def tried(rows: Sequence[Mapping[str, Any]], model: str, chip: str) -> list[Tried]:
    """What was tried for a chip, in the order of the grid."""
    here = [row for row in rows if (row["model"], row["chip"]) == (model, chip)]
    control = {row["seed"]: row["accuracy"] for row in here if row["trained"] == "control"}
    found = []
    for setting in GRID[model][chip]:
        these = [row for row in here if row["setting"] and Setting(**row["setting"]) == setting]
        if these:
            lost = statistics.mean(control[row["seed"]] - row["accuracy"] for row in these)
            used, messages = (statistics.mean(row[key] for row in these) for key in ("used_packed", "messages"))
            found.append(Tried(setting, len(these), lost, used, messages))
    return found


def chosen(rows: Sequence[Mapping[str, Any]], model: str, chip: str) -> Setting | None:
    """The setting of the rule for a chip; None where nothing was tried."""
    every = tried(rows, model, CHOSEN_ON[chip])
    if allowed := [each for each in every if each.allowed(CHOSEN_ON[chip])]:
        return min(allowed, key=lambda each: each.messages).setting
    return min(every, key=lambda each: each.lost).setting if every else None


def rows_of(
    model: Model, seed: int, folder: Path, wanted: Mapping[str, Sequence[Setting]], known: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """One seed: the settings that are wanted for each chip, and the control where it is not known."""
    data = held_back(folder, model.shape)
    base = for_task(data.train, seed, model, model.widths)
    found = list[dict[str, Any]]()
    if missing := [chip for chip in wanted if not any((r["trained"], r["chip"]) == ("control", chip) for r in known)]:
        control = tested(optimise(deepcopy(base), data.train, seed, MORE), data.test)
        found += [measured(control, model, seed, "control", None, chip) for chip in missing]
    for chip, setting in ((chip, setting) for chip, settings in wanted.items() for setting in settings):
        network = for_chip(base, data.train, seed, model, chip, setting)
        found.append(measured(tested(network, data.test), model, seed, f"for {chip}", setting, chip))
    return found


def untried(rows: Sequence[Mapping[str, Any]], model: str, chip: str, seed: int) -> list[Setting]:
    """The settings for a chip that have no row of this seed, and are not hopeless."""
    these = [row for row in rows if (row["model"], row["chip"], row["seed"]) == (model, chip, seed) and row["setting"]]
    done = [Setting(**row["setting"]) for row in these]
    done += [each.setting for each in tried(rows, model, chip) if each.lost > HOPELESS]
    return [setting for setting in GRID[model][chip] if setting not in done]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=folder, required=True)
    parser.add_argument("--json", type=Path, required=True, help="what was measured; what is in it is not run again")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    kinds = sorted(set(CHOSEN_ON.values()))
    names = [model.name for model in MODELS]
    parser.add_argument("--models", nargs="+", default=names, choices=names, metavar="MODEL")
    parser.add_argument("--train-for", nargs="+", default=kinds, choices=kinds, metavar="CHIP")
    told = parser.parse_args()
    torch.set_num_threads(1)
    rows = read(told.json)
    for model in (each for each in MODELS if each.name in told.models):
        for seed in told.seeds:
            known = [row for row in rows if (row["model"], row["seed"]) == (model.name, seed)]
            each = {chip: untried(rows, model.name, chip, seed) for chip in told.train_for}
            if wanted := {chip: settings for chip, settings in each.items() if settings}:
                rows += rows_of(model, seed, told.data_dir, wanted, known)
                written(told.json, rows)


if __name__ == "__main__":
    main()
