"""What a recipe comes to on samples that are held back from training: how those of the reference models were chosen.

Every fifth sample of the training part is held back; the test part is not looked at. After each epoch the share of
right answers on them, of the weights as they are then. Needs the extra `train`.

    python benchmarks/recipes.py NAME [--data-dir DIR] [--seed 100] [--epochs 12] [--batch 50] ...
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from arguments import folder

from neuedge_models.coding import Coding
from neuedge_models.datasets import Split
from neuedge_models.loop import Recipe, Training, fit, tensors
from neuedge_models.reference import Reference
from neuedge_models.spikes import layer_outputs
from neuedge_nir.events import Event, Progress
from neuedge_nir.plugin import load_model

FIFTH = 5
PART = 100
"""Samples that are asked at a time."""


def held_back(data: Split) -> tuple[Split, Split]:
    """What trains, and every fifth sample, which does not."""
    held = np.arange(len(data)) % FIFTH == FIFTH - 1
    return Split(data.inputs[~held], data.wanted[~held]), Split(data.inputs[held], data.wanted[held])


def right(network: torch.nn.Sequential, data: Split, how: Training) -> float:
    """The share of samples whose most active output is their label."""
    count = 0
    with torch.no_grad():
        for start in range(0, len(data), PART):
            inputs, wanted = tensors(data, np.arange(start, min(start + PART, len(data))), how)
            count += int((layer_outputs(network, inputs)[-1].sum(dim=1).argmax(dim=1) == wanted).sum())
    return count / len(data)


def course(model: Reference, recipe: Recipe, seed: int, folder: Path | None) -> None:
    """Train, and print what each epoch came to."""
    train, held = held_back(model.dataset(folder, model.timesteps).train)
    coding: Coding = model.coding(model.timesteps)
    made: list[torch.nn.Sequential] = []

    def make() -> torch.nn.Sequential:
        made.append(model.layers(model.timesteps))
        return made[0]

    def told(event: Event) -> None:
        if isinstance(event, Progress) and "batch" not in event.note:
            print(event.done, event.note, f"held back {right(made[0], held, how):.4f}", flush=True)

    how = Training(coding, model.loss, recipe, seed, observer=told)
    start = time.process_time()
    fit(make, train, how)
    share = right(made[0], held, how)
    print(f"{model.name} seed {seed} {recipe}: {share:.4f} of {len(held)}, {time.process_time() - start:.0f} s of CPU")


def options() -> argparse.Namespace:
    """The words of the command line; those of a recipe are None where they are not given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("--data-dir", type=folder)
    parser.add_argument("--seed", type=int, default=100)
    for name, kind in RECIPE.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind)
    return parser.parse_args()


RECIPE = {"epochs": int, "batch": int, "learning_rate": float, "spike_penalty": float}

if __name__ == "__main__":
    said = options()
    chosen = load_model(said.name)
    assert isinstance(chosen, Reference)
    changes: dict[str, Any] = {name: value for name in RECIPE if (value := getattr(said, name)) is not None}
    course(chosen, replace(chosen.recipe, **changes), said.seed, said.data_dir)
