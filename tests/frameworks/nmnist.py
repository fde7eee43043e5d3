"""The network of the NIR paper on N-MNIST, in Norse and in sinabs: the spikes of its output, and the time they took.

Usage: nmnist.py MODEL DATA FOLDER. Writes FOLDER/NAME.npy, (samples, steps, classes), and prints seconds by NAME.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import nir
import norse.torch as norse
import numpy as np
import sinabs.layers as sl
import torch
from sinabs.activation import MembraneReset, SingleSpike
from sinabs.nir import from_nir

Change = Callable[[sl.StatefulLayer], None]


def samples(path: Path) -> torch.Tensor:
    data = np.load(path)
    shape = tuple(data["shape"])
    bits = np.unpackbits(data["x_test"], axis=1, count=int(np.prod(shape)))
    return torch.from_numpy(bits.reshape(-1, *shape).astype(np.float32))


def batched(module: torch.nn.Module) -> torch.nn.Module:
    """NIR has no batch axis; torch has one in front."""
    for each in module.modules():
        if isinstance(each, torch.nn.Flatten):
            each.start_dim = 1
    return module


def by_norse(model: Path, spikes: torch.Tensor) -> tuple[np.ndarray, float]:
    module = batched(norse.from_nir(nir.read(model)))
    state, found, start = None, [], time.process_time()
    for step in spikes.transpose(0, 1):
        out, state = module(step.contiguous(), state)
        found.append(out)
    seconds = time.process_time() - start
    return torch.stack(found, 1).numpy(), seconds


def by_sinabs(model: Path, spikes: torch.Tensor, changes: Sequence[Change]) -> tuple[np.ndarray, float]:
    module = batched(from_nir(str(model), batch_size=len(spikes)))
    for layer in (each for each in module.modules() if isinstance(each, sl.StatefulLayer)):
        for change in changes:
            change(layer)
    start = time.process_time()
    out = module(spikes.flatten(0, 1))
    seconds = time.process_time() - start
    return (out[0] if isinstance(out, tuple) else out).reshape(*spikes.shape[:2], -1).numpy(), seconds


def single(layer: sl.StatefulLayer) -> None:
    layer.spike_fn = SingleSpike


def to_zero(layer: sl.StatefulLayer) -> None:
    layer.reset_fn = MembraneReset()


def unbounded(layer: sl.StatefulLayer) -> None:
    layer.min_v_mem = None


SETTINGS: dict[str, Sequence[Change]] = {
    "sinabs": (),
    "sinabs_single": (single,),
    "sinabs_single_unbounded": (single, unbounded),
    "sinabs_single_zero": (single, to_zero),
    "sinabs_single_zero_unbounded": (single, to_zero, unbounded),
}


def main(model: Path, data: Path, folder: Path) -> None:
    torch.set_num_threads(1)
    spikes, seconds = samples(data), {}
    with torch.inference_mode():
        runs = {"norse": by_norse(model, spikes)}
        runs |= {name: by_sinabs(model, spikes, changes) for name, changes in SETTINGS.items()}
    for name, (found, seconds[name]) in runs.items():
        np.save(folder / f"{name}.npy", found)
    print(json.dumps(seconds))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
