"""What hybrid-encoding saves on networks that were trained with a rate code, beside the controls; over several seeds.

Needs the extra `train` and `mnist.npz` (x_train, y_train, x_test, y_test as uint8) in --data-dir. A training of
the MLP takes about a minute on one core, a search about two. Prints a Markdown table of means and standard deviations.

    python benchmarks/encoding.py --data-dir DIR --model mlp --seeds 5
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from neuedge_nir.frontend import read
from neuedge_nir.interpreter.samples import MOST_CALIBRATING, Coding, Samples, load_samples
from neuedge_nir.network.model import Network
from neuedge_nir.rewrite.call import PassCall
from neuedge_nir.rewrite.door import Cell, Context
from neuedge_nir.rewrite.manager import apply_passes

STEPS = 25
KEEP = 0.9
"""What is left of a membrane after a timestep: tau = 10 steps."""
TRAINED = 10_000
TESTED = 2_000
EPOCHS = 6
COLUMNS = ("input", "neurons", "all", "fewer", "steps", "accuracy %", "same class %", "mbit/spike")


class Spike(torch.autograd.Function):
    """A step whose gradient is that of an arc tangent."""

    @staticmethod
    def forward(ctx: Any, v: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(v)
        return (v > 0).float()

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        (v,) = ctx.saved_tensors
        return gradient / (1 + (torch.pi * v) ** 2)


def layers(model: str) -> list[torch.nn.Module]:
    """Weighted layers; LIF neurons stand between them, and the last is read by the host."""
    if model == "mlp":
        return [torch.nn.Linear(784, 256, bias=False), torch.nn.Linear(256, 10, bias=False)]
    convs = torch.nn.Conv2d(1, 8, 5, stride=2, bias=False), torch.nn.Conv2d(8, 16, 5, stride=2, bias=False)
    return [*convs, torch.nn.Linear(256, 10, bias=False)]


def forward(network: Sequence[torch.nn.Module], x: torch.Tensor) -> torch.Tensor:
    """The mean output over the steps, of spikes drawn with x as probability."""
    membranes: list[torch.Tensor | float] = [0.0] * (len(network) - 1)
    total = torch.zeros(len(x), 10)
    for _ in range(STEPS):
        signal = (torch.rand_like(x) < x).float()
        for k, layer in enumerate(network[:-1]):
            membrane = KEEP * membranes[k] + layer(signal)
            signal = Spike.apply(membrane - 1)  # type: ignore[no-untyped-call]
            membranes[k] = membrane - signal
        total = total + network[-1](signal.flatten(1))
    return total / STEPS * 5


def trained(model: str, data: Mapping[str, np.ndarray], seed: int) -> list[torch.nn.Module]:
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    apart = np.arange(MOST_CALIBRATING, len(data["x_train"]))  # the search runs on those before
    chosen = np.random.default_rng(seed).permutation(apart)[:TRAINED]
    shape = (-1, 784) if model == "mlp" else (-1, 1, 28, 28)
    x = torch.tensor(data["x_train"][chosen].reshape(shape) / 255, dtype=torch.float32)
    y = torch.tensor(data["y_train"][chosen].astype(np.int64))
    network = layers(model)
    optimiser = torch.optim.Adam([p for layer in network for p in layer.parameters()], lr=1e-3)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x)).split(100):
            loss = torch.nn.functional.cross_entropy(forward(network, x[batch]), y[batch])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return network


def exported(network: Sequence[torch.nn.Module], model: str, path: Path) -> Network:
    """The network as a .nir file, read back. r = tau / dt, so that an input moves the membrane by its weight."""
    import nir

    shape: tuple[int, ...] = (784,) if model == "mlp" else (1, 28, 28)
    nodes: dict[str, Any] = {"input": nir.Input(np.array(shape))}
    for k, layer in enumerate(network):
        weight = layer.weight.detach().numpy()
        if isinstance(layer, torch.nn.Conv2d):
            outputs = len(weight)
            zeros = np.zeros(outputs, np.float32)
            nodes[f"conv{k}"] = nir.Conv2d(shape[1:], weight, (2, 2), (0, 0), (1, 1), 1, zeros)
            shape = (outputs, *((side - 5) // 2 + 1 for side in shape[1:]))
        else:
            if len(shape) > 1:
                nodes["flatten"] = nir.Flatten(np.array(shape), 0, -1)
            nodes[f"fc{k}"] = nir.Affine(weight, np.zeros(len(weight), np.float32))
            shape = (len(weight),)
        if k < len(network) - 1:
            ones = np.ones(shape, np.float32)
            tau = ones / (1 - KEEP)
            nodes[f"lif{k}"] = nir.LIF(tau=tau, r=tau, v_leak=0 * ones, v_threshold=ones, v_reset=0 * ones)
    nodes["output"] = nir.Output(np.array(shape))
    names = list(nodes)
    graph = nir.NIRGraph(nodes, list(pairwise(names)), type_check=False)
    graph.metadata = {"neuedge": json.dumps({"schema": 1, "reset": "subtract", "dt": 1.0})}
    nir.write(path, graph)
    return read(path)


def row_of(network: Network, samples: Samples, calibration: Samples, pass_text: str) -> dict[str, tuple[Cell, ...]]:
    """The rows of the pass's report, by their names without the figures in them, and the setting found."""
    (done,) = apply_passes(network, [PassCall.parse(pass_text)], Context(None, samples, calibration), measured=True)
    (table,) = done.report
    print(f"  {done.call}", flush=True)
    names = ("original", "fewer steps", "early exit", "encoder")
    return {name: row[1:] for name, row in zip(names, table.rows, strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--model", choices=("mlp", "conv"), default="mlp")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    path = arguments.data_dir / "mnist.npz"
    data = np.load(path)
    found: dict[str, list[tuple[Cell, ...]]] = {}
    for seed in range(arguments.seeds):
        with TemporaryDirectory() as folder:
            network = exported(trained(arguments.model, data, seed), arguments.model, Path(folder) / "model.nir")
        samples = load_samples(path, network, "test", TESTED, Coding(STEPS, seed))
        calibration = load_samples(path, network, "train", MOST_CALIBRATING, Coding(STEPS, seed + 1000))
        for name, row in row_of(network, samples, calibration, "hybrid-encoding:search=true").items():
            print(f"  seed {seed} {name}: {row}", flush=True)
            found.setdefault(name, []).append(row)
    print("| | " + " | ".join(COLUMNS) + " |\n" + "| --- " * (len(COLUMNS) + 1) + "|")
    for name, rows in found.items():
        print(f"| {name} | " + " | ".join(_spread(cells) for cells in zip(*rows, strict=True)) + " |")


def _spread(cells: Sequence[Cell]) -> str:
    numbers = [float(cell) for cell in cells if cell is not None]
    apart = statistics.stdev(numbers) if len(numbers) > 1 else 0.0
    return f"{statistics.mean(numbers):.4g} ± {apart:.2g}"


if __name__ == "__main__":
    main()
