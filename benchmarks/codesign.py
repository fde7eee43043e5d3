"""What training for a chip does, beside an equal-epoch control and beside packing alone: docs/codesign.md.

MNIST of 14 x 14 pixels in 12 timesteps, the first 6,000 images; a dense network 196-150-90-10 and a small
convolutional one. Each seed: some epochs on the task; then as many more on the task alone (control), or for a chip, the
last of them pruned and on the task alone. What trained is mapped by the compiler. Needs the extra `train`.

    python benchmarks/codesign.py --data-dir DATA --json docs/codesign.json
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from codesign_tables import document

import neuedge_nir
from neuedge_models.coding import rate_code
from neuedge_models.datasets import BRIGHTEST_BYTE, Dataset, Split, from_folder
from neuedge_models.export import nir_bytes
from neuedge_models.grid import THRESHOLD, rounded
from neuedge_models.loop import reproducible
from neuedge_models.networks import cnn, mlp
from neuedge_models.neurons import integrate_and_fire
from neuedge_models.spikes import is_neurons
from neuedge_nir import Options
from neuedge_nir.network.activity import Activity, ActivityKind
from neuedge_nir.network.model import Network, ResetMode
from neuedge_nir.plan.model import Plan
from neuedge_nir.train import HardwareLoss, prune_gates
from neuedge_nir.train.counted import MEMORY, NEURONS, Counts
from neuedge_nir.train.follow import follow

HERE = Path(__file__).parent
CORE64 = str(HERE / "core64.toml")
TIMESTEPS = 12
IMAGES = 6000
SEEDS = (0, 1, 2, 3, 4)
"""Those reported; what the loss is weighted with was chosen on seeds from 100."""
FIRST, MORE, PRUNED = 6, 8, 4
"""Epochs on the task; more of them; the last of these, of what is trained for a chip, are of the pruned network."""
BATCH, RATE = 100, 2e-3


@dataclass(frozen=True, slots=True)
class Model:
    """A network of the experiment; `shape` is that of its input in a timestep."""

    name: str
    shape: tuple[int, ...]
    make: Callable[[], torch.nn.Sequential]


MODELS = (
    Model("196-150-90-10", (196,), lambda: mlp((196, 150, 90, 10), TIMESTEPS)),
    Model("8c3s2-16c3-10", (1, 14, 14), lambda: cnn((1, 14, 14), [(8, 3, 2), (16, 3, 1)], (10,), TIMESTEPS)),
)


@dataclass(frozen=True, slots=True)
class Weights:
    """What a chip's hardware loss is weighted with. `cores`: its goal, None for the most that can be filled."""

    utilisation: float
    communication: float
    memory: float
    cores: int | None = None


CHIPS: Mapping[str, str] = {"core64": CORE64, "loihi2": "loihi2", "spinnaker2": "spinnaker2", "isaac": "isaac"}
WEIGHTS: Mapping[str, Mapping[str, Weights]] = {
    "196-150-90-10": {
        "core64": Weights(8.0, 2.0, 0.0, 3),
        **dict.fromkeys(("loihi2", "spinnaker2", "isaac"), Weights(0.0, 2.0, 0.0)),
    },
    "8c3s2-16c3-10": {"core64": Weights(8.0, 2.0, 0.0, 5), "loihi2": Weights(0.0, 2.0, 0.0)},
}


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A trained network, and what it does on the test images: spikes a sample of the input and of each layer."""

    network: torch.nn.Sequential
    accuracy: float
    spikes: tuple[float, ...]


class IAF(torch.nn.Module):
    """The neurons of `neuedge_models.neurons.integrate_and_fire`, spike for spike, some times quicker to train.

    For signals (samples * timesteps, *shape), from rest. The gradient of a spike is exp(-|v - threshold| / 0.5); none
    goes through the reset.
    """

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        spikes: torch.Tensor = _Fire.apply(signal.unflatten(0, (-1, TIMESTEPS)))  # type: ignore[no-untyped-call]
        return spikes.flatten(0, 1)


class _Fire(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, signal: torch.Tensor) -> torch.Tensor:
        membrane, held, sent = torch.zeros_like(signal[:, 0]), [], []
        for step in signal.unbind(1):
            membrane = membrane + step
            spikes = (membrane >= THRESHOLD).to(step)
            held.append(membrane)
            sent.append(spikes)
            membrane = membrane * (1 - spikes)
        membranes, spikes = torch.stack(held, 1), torch.stack(sent, 1)
        ctx.save_for_backward(membranes, spikes)
        return spikes

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        membranes, spikes = ctx.saved_tensors
        near, kept = gradient * torch.exp(-(membranes - THRESHOLD).abs() / 0.5), 1 - spikes
        so_far, found = torch.zeros_like(near[:, 0]), []
        for step, keep in zip(reversed(near.unbind(1)), reversed(kept.unbind(1)), strict=True):
            so_far = step + so_far * keep
            found.append(so_far)
        return torch.stack(found[::-1], 1)


def quick(network: torch.nn.Sequential) -> torch.nn.Sequential:
    """The chain with the same weights and quicker neurons."""
    layers = [(name, IAF() if is_neurons(layer) else layer) for name, layer in network.named_children()]
    return torch.nn.Sequential(OrderedDict(layers))


def ordinary(network: torch.nn.Sequential) -> torch.nn.Sequential:
    """The chain with the neurons that are exported."""
    layers = network.named_children()
    return torch.nn.Sequential(
        OrderedDict((n, integrate_and_fire(TIMESTEPS) if isinstance(each, IAF) else each) for n, each in layers)
    )


def images(folder: Path, shape: tuple[int, ...]) -> Dataset:
    """MNIST, pixels of 2 x 2 averaged and rounded."""
    data = from_folder(folder, "mnist")
    return Dataset(*(Split(_pooled(part.inputs, shape), part.wanted) for part in (data.train.first(IMAGES), data.test)))


def _pooled(pixels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    whole = pixels.reshape(len(pixels), 14, 2, 14, 2).astype(np.int64)
    return ((whole.sum(axis=(2, 4)) + 2) // 4).reshape(len(pixels), *shape)


@cache
def spikes_of(pixels: bytes, shape: tuple[int, ...]) -> torch.Tensor:
    """The spikes of images, (samples, timesteps, *shape)."""
    return torch.tensor(rate_code(np.frombuffer(pixels, np.int64).reshape(-1, *shape), TIMESTEPS, BRIGHTEST_BYTE))


def optimise(
    network: torch.nn.Sequential, data: Split, seed: int, epochs: int, loss: HardwareLoss | None = None
) -> torch.nn.Sequential:
    """The same network, trained; with the loss of a chip, which maps it anew after each epoch, if there is one."""
    inputs = spikes_of(data.inputs.tobytes(), data.inputs.shape[1:])
    wanted = torch.tensor(data.wanted)
    gates = list(loss.parameters()) if loss else []
    optimiser = torch.optim.Adam([*network.parameters(), *gates], lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    with reproducible(seed):
        for _ in range(epochs):
            for batch in torch.randperm(len(data)).split(BATCH):
                sent = network(inputs[batch].flatten(0, 1).float()).unflatten(0, (-1, TIMESTEPS))
                total = torch.nn.functional.cross_entropy(sent.sum(1), wanted[batch])
                total = total + loss() if loss else total
                optimiser.zero_grad()
                total.backward()
                optimiser.step()
            schedule.step()
            if loss:
                loss.remap()
    return network


def for_chip(
    network: torch.nn.Sequential, data: Split, seed: int, model: Model, chip: str, weights: Weights
) -> torch.nn.Sequential:
    """A smaller network: trained with the loss of a chip, pruned, and then trained on the task alone."""
    loss = HardwareLoss(
        chip,
        network,
        (TIMESTEPS, *model.shape),
        lambda_utilisation=weights.utilisation,
        lambda_communication=weights.communication,
        lambda_memory=weights.memory,
        cores=weights.cores,
        neurons=neurons_of(network),
    )
    optimise(network, data, seed, MORE - PRUNED, loss)
    smaller = prune_gates(network, loss)
    assert isinstance(smaller, torch.nn.Sequential)
    return optimise(smaller, data, seed, PRUNED)


def tested(network: torch.nn.Sequential, data: Split) -> Trained:
    """The network as it is exported, weights on the grid of its file, on all images."""
    rounded(network)
    inputs, sums = spikes_of(data.inputs.tobytes(), data.inputs.shape[1:]), np.zeros(0)
    right = 0
    with torch.no_grad():
        for part in torch.arange(len(data)).split(500):
            signal = inputs[part].flatten(0, 1).float()
            heard = [float(signal.sum())]
            for layer in network:
                signal = layer(signal)
                heard += [float(signal.sum())] * isinstance(layer, IAF)
            answers = signal.unflatten(0, (-1, TIMESTEPS)).sum(1).argmax(1).numpy()
            right += int((answers == data.wanted[part.numpy()]).sum())
            sums = np.array(heard) + (sums if len(sums) else 0)
    return Trained(network, right / len(data), tuple(sums / len(data)))


@dataclass(frozen=True, slots=True)
class Row:
    """What a network takes on a chip, and what a sample costs there. None: the chip's file has no such number.

    cores: `naive` of each layer on cores of its own; `packed` by the mapper. used: the share in use
    of what is scarcest in a core, mean over cores, naive and packed. messages: spikes of a sample times the cores that
    hold the layer behind, inputs too. hops: links that a sample's messages cross. energy: joules of a sample, dynamic,
    typical.
    """

    accuracy: float
    widths: tuple[int, ...]
    spikes: float
    naive: int
    packed: int
    used_naive: float
    used_packed: float
    cores: float
    neurons: float | None
    synapse_memory: float | None
    axons_in: float | None
    messages: float
    hops: float
    energy_j: float | None


def row(trained: Trained, model: Model, chip: str) -> Row:
    """The network on a chip, mapped with normal effort at the activity that it has on the test images."""
    network, names = exported(trained.network, model), ("input_1", *(f"if{k}" for k in range(1, len(trained.spikes))))
    neurons = {each.name: each.neurons for each in (*network.inputs, *network.populations)}
    rates = {name: s / TIMESTEPS / neurons[name] for name, s in zip(names, trained.spikes, strict=True)}
    activity = Activity(ActivityKind.GIVEN, rates)
    plan = neuedge_nir.compile(network, chip, Options(activity=activity, steps_per_sample=TIMESTEPS))
    followed = follow(trained.network, (TIMESTEPS, *model.shape), neurons_of(trained.network))
    counts = Counts(followed, plan.chip, ResetMode.ZERO)
    worth = [max(need.cores for need in each) for each in counts.needs(counts.followed.units)]
    held = [sum(any(s.population == name for s in core.slices) for core in plan.cores) for name in names[1:]]
    use, cost = plan.mapping.utilisation, plan.cost
    return Row(
        accuracy=trained.accuracy,
        widths=counts.followed.units,
        spikes=sum(trained.spikes),
        naive=sum(map(math.ceil, worth)),
        packed=plan.mapping.cores_neurons,
        used_naive=sum(worth) / sum(map(math.ceil, worth)),
        used_packed=_used(plan),
        cores=use.cores,
        neurons=use.neurons,
        synapse_memory=use.synapse_memory,
        axons_in=use.axons_in,
        messages=sum(s * cores for s, cores in zip(trained.spikes, held, strict=False)),
        hops=TIMESTEPS * cost.traffic.unicast_hops_per_step,
        energy_j=cost.inference.dynamic_j.typical if cost.inference else None,
    )


def exported(network: torch.nn.Sequential, model: Model) -> Network:
    """The network as its .nir file is read."""
    about = {"schema": 1, "reset": "zero", "dt": 1.0}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.nir"
        path.write_bytes(nir_bytes(ordinary(network), about, model.shape))
        return neuedge_nir.read(path)


def neurons_of(network: torch.nn.Sequential) -> list[torch.nn.Module]:
    return [layer for layer in network if isinstance(layer, IAF)]


def _used(plan: Plan) -> float:
    """The share in use of what is scarcest in a core, of neurons and synapse memory; mean over cores with neurons."""
    limits = [limit for limit in plan.chip.limits if limit.formula in NEURONS | MEMORY and limit.scope == "core"]
    cores = [core for core in plan.cores if core.role == "neurons"]
    return statistics.mean(max(core.used[each.name] / each.limit.count for each in limits) for core in cores)


def rows_of(model: Model, seed: int, folder: Path, wanted: Sequence[str]) -> list[dict[str, Any]]:
    """One seed: the trainings that are wanted, on every chip."""
    data = images(folder, model.shape)
    with reproducible(seed):
        base = quick(model.make())
    optimise(base, data.train, seed, FIRST)
    found = []
    for name in wanted:
        network = deepcopy(base)
        if name == "control":
            optimise(network, data.train, seed, MORE)
        elif name != "task only":
            chip = name.removeprefix("for ")
            network = for_chip(network, data.train, seed, model, CHIPS[chip], WEIGHTS[model.name][chip])
        trained = tested(network, data.test)
        found += [
            {"model": model.name, "seed": seed, "trained": name, "chip": chip, **asdict(row(trained, model, path))}
            for chip, path in CHIPS.items()
        ]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--json", type=Path, required=True, help="what was measured; trainings in it are not run again")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--models", nargs="+", default=[model.name for model in MODELS])
    parser.add_argument("--train-for", nargs="+", default=list(CHIPS), metavar="CHIP")
    told = parser.parse_args()
    torch.set_num_threads(1)
    rows = json.loads(told.json.read_text())["rows"] if told.json.exists() else []
    for model in (each for each in MODELS if each.name in told.models):
        for seed in told.seeds:
            every = ("task only", "control", *(f"for {chip}" for chip in WEIGHTS[model.name] if chip in told.train_for))
            known = {row["trained"] for row in rows if (row["model"], row["seed"]) == (model.name, seed)}
            if wanted := [name for name in every if name not in known]:
                rows += rows_of(model, seed, told.data_dir, wanted)
                told.json.write_text(json.dumps({"versions": versions(), "rows": rows}, indent=1) + "\n")
    print(document(rows))


def versions() -> dict[str, str]:
    packages = ("neuedge-nir", "nir", "nirtorch", "numpy", "ortools", "sinabs", "torch")
    return {"python": platform.python_version(), **{package: version(package) for package in packages}}


if __name__ == "__main__":
    main()
