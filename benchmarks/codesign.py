"""What training for a chip does, beside an equal-epoch control and beside packing alone: docs/codesign.md.

MNIST of 14 x 14 pixels in 12 timesteps, the first 6,000 images; a dense network 196-150-90-10 and a small
convolutional one. Each seed: some epochs on the task; then as many more on the task alone (control), or for a chip, the
last of them pruned and on the task alone; and as small as the one trained for core64, on the task alone for all these
epochs: a new network, and the trained one after units were taken away by the size of their weights. What trained is
mapped by the compiler. The settings of each training for a chip are those that codesign_choice.py chose. Needs the
extra `train`.

    python benchmarks/codesign.py --data-dir DATA --choice docs/codesign_choice.json --json docs/codesign.json
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from arguments import folder
from codesign_choice import chosen
from codesign_mapping import measured, read, written
from codesign_training import CHIPS, MODELS, MORE, Model, Setting, by_size, for_chip, for_task, images, optimise, tested

SEEDS = (0, 1, 2, 3, 4)
"""Those reported; settings were chosen on others."""


AS_SMALL = "as small"
"""A new network of the widths that the training for core64 left, trained on the task for as many epochs in all."""
BY_SIZE = "pruned by size"
"""The network that all begin with, without the units of the least weights, of those widths; then more on the task."""


def trainings(settings: Mapping[str, Setting]) -> dict[str, Setting | None]:
    """All trainings of a seed, each with its setting; what is as small comes behind the one for core64."""
    every: dict[str, Setting | None] = {"task only": None, "control": None}
    for chip, setting in settings.items():
        every |= {f"for {chip}": setting, **({AS_SMALL: None, BY_SIZE: None} if chip == "core64" else {})}
    return every


def rows_of(
    model: Model, seed: int, folder: Path, wanted: Mapping[str, Setting | None], known: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """One seed: the trainings that are wanted, on every chip."""
    data = images(folder, model.shape)
    base = for_task(data.train, seed, model, model.widths)
    found = list[dict[str, Any]]()
    for name, setting in wanted.items():
        if setting:
            network = for_chip(base, data.train, seed, model, name.removeprefix("for "), setting)
        elif name in (AS_SMALL, BY_SIZE):
            small = tuple(next(row["widths"] for row in (*known, *found) if row["trained"] == "for core64"))
            begun = for_task(data.train, seed, model, small) if name == AS_SMALL else by_size(base, model, small)
            network = optimise(begun, data.train, seed, MORE)
        else:
            network = deepcopy(base) if name == "task only" else optimise(deepcopy(base), data.train, seed, MORE)
        trained = tested(network, data.test)
        found += [measured(trained, model, seed, name, setting, chip) for chip in CHIPS]
    return found


def still_good(rows: Sequence[Mapping[str, Any]], every: Mapping[str, Setting | None]) -> list[Mapping[str, Any]]:
    """The rows of a seed without those whose training is now set otherwise."""
    stale = {row["trained"] for row in rows if row["trained"] in every and _setting(row) != every[row["trained"]]}
    stale |= {AS_SMALL, BY_SIZE} if "for core64" in stale else set()
    return [row for row in rows if row["trained"] not in stale]


def _setting(row: Mapping[str, Any]) -> Setting | None:
    return Setting(**row["setting"]) if row["setting"] else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=folder, required=True)
    parser.add_argument("--choice", type=Path, required=True, help="what codesign_choice.py measured")
    parser.add_argument("--json", type=Path, required=True, help="what was measured; trainings in it are not run again")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    names = [model.name for model in MODELS]
    parser.add_argument("--models", nargs="+", default=names, choices=names, metavar="MODEL")
    parser.add_argument("--train-for", nargs="+", default=list(CHIPS), choices=list(CHIPS), metavar="CHIP")
    told = parser.parse_args()
    torch.set_num_threads(1)
    rows, choice = list[Mapping[str, Any]](read(told.json)), read(told.choice)
    for model in (each for each in MODELS if each.name in told.models):
        settings = {chip: chosen(choice, model.name, chip) for chip in told.train_for}
        if untried := [chip for chip, setting in settings.items() if setting is None]:
            parser.error(f"{told.choice} has no settings of {model.name} for {', '.join(untried)}")
        every = trainings({chip: setting for chip, setting in settings.items() if setting})
        for seed in told.seeds:
            here = [row for row in rows if (row["model"], row["seed"]) == (model.name, seed)]
            known = still_good(here, every)
            if wanted := {name: s for name, s in every.items() if name not in {row["trained"] for row in known}}:
                others = [row for row in rows if row not in here]
                rows = [*others, *known, *rows_of(model, seed, told.data_dir, wanted, known)]
                written(told.json, rows)


if __name__ == "__main__":
    main()
