"""What the scripts of all frameworks share. They run in environments of their own, where neuedge-nir is not installed.

`python on_NAME.py export FOLDER` builds networks, runs each on a small input and exports it as the framework does:
NAME.nir, NAME.npz with the input and the spikes, and one exported.json with the counts of the framework's own modules.
`python on_NAME.py import FOLDER` runs what jobs.json in it names, and writes one JSON of what came of each.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import Any

import nir
import numpy as np
import torch
from remedies import Remedy, unchanged
from torch import nn

STEPS = 20
SEED = 7
EQUAL = "equal"
EXPORTED, CLEAN = ".nir", ".clean.nir"


@dataclass(frozen=True)
class Network:
    """A network to export. `note` says what its user did to get the file, where the plain way does not give one."""

    name: str
    title: str
    build: Callable[[], nn.Module]
    shape: tuple[int, ...]
    dt: float
    write: Callable[[nn.Module, Path], None]
    note: str = ""


@dataclass(frozen=True)
class Framework:
    """How a framework runs a network, and what of it are neurons. `samples` stand in front of a module's output."""

    package: str
    run: Callable[[nn.Module, torch.Tensor], torch.Tensor]
    neurons: tuple[type, ...]
    samples: int
    networks: tuple[Network, ...] = ()
    load: Callable[[nir.NIRGraph, float], nn.Module] | None = None
    run_loaded: Callable[[nn.Module, torch.Tensor], torch.Tensor] | None = None
    remedies: tuple[Remedy, ...] = ()
    import_node: Callable[[nir.NIRNode], object] = type


def main(framework: Framework) -> None:
    """The two commands."""
    _, command, folder = sys.argv
    if command == "export":
        written = [exported(framework, network, Path(folder)) for network in framework.networks]
        answer: object = {"version": version(framework.package), "networks": written}
    else:
        jobs = json.loads((Path(folder) / "jobs.json").read_text())
        answer = {
            "version": version(framework.package),
            "imports": {job["name"]: tried(framework, job, Path(folder)) for job in jobs},
        }
    (Path(folder) / f"{command}ed.{Path(sys.argv[0]).stem}.json").write_text(json.dumps(answer))


# --- layers, the same in every framework


def linear(inputs: int, outputs: int, gain: float = 2.0) -> nn.Linear:
    return louder(nn.Linear(inputs, outputs), gain)


def quarters(layer: Any) -> Any:
    """Weights in steps of 1/4, so that potentials meet thresholds."""
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(4).round_().div_(4)
    return layer


def conv(inputs: int, outputs: int, gain: float = 2.0) -> nn.Conv2d:
    return louder(nn.Conv2d(inputs, outputs, 3, padding=1), gain)


def louder(layer: Any, gain: float) -> Any:
    """Weights as torch draws them hardly make a neuron fire."""
    with torch.no_grad():
        layer.weight.mul_(gain)
        layer.weight.add_(0.2 * gain / layer.weight[0].numel() ** 0.5)
    return layer


def row(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(*layers)


def signal_for(shape: Sequence[int]) -> torch.Tensor:
    """Spikes of every input in a third of the steps."""
    chance = torch.rand((STEPS, *shape), generator=torch.Generator().manual_seed(SEED))
    return (chance < 1 / 3).float()


# --- export


def exported(framework: Framework, network: Network, folder: Path) -> dict[str, object]:
    """Run and export a network, and count what it is made of. What fails is told in the framework's words."""
    torch.manual_seed(SEED)
    module = network.build()
    signal = signal_for(network.shape)
    with torch.no_grad(), Counted(module, framework) as counted:
        spikes = framework.run(module, signal).reshape(STEPS, -1)
    np.savez(folder / f"{network.name}.npz", signal=signal.numpy(), spikes=spikes.numpy())
    failure = failure_of(lambda: network.write(module, folder / f"{network.name}.nir"))
    return {
        "name": network.name,
        "title": network.title,
        "dt": network.dt,
        "note": network.note,
        "neurons": counted.neurons,
        "synapses": counted.synapses,
        "failure": failure,
    }


class Counted:
    """Counts neurons and synapses of the modules that run inside this context, each once."""

    def __init__(self, module: nn.Module, framework: Framework) -> None:
        self.neurons_of: dict[nn.Module, int] = {}
        self.synapses_of: dict[nn.Module, int] = {}
        self.framework = framework
        self.hooks = [each.register_forward_hook(self.count) for each in module.modules()]

    def __enter__(self) -> Counted:
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self.hooks:
            hook.remove()

    def count(self, module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(module, self.framework.neurons):
            spikes = output[0] if isinstance(output, tuple) else output
            self.neurons_of[module] = spikes.numel() // self.framework.samples
        elif isinstance(module, nn.Linear):
            self.synapses_of[module] = module.weight.numel()
        elif isinstance(module, nn.Conv2d):
            self.synapses_of[module] = taps(module, inputs[0])

    @property
    def neurons(self) -> int:
        return sum(self.neurons_of.values())

    @property
    def synapses(self) -> int:
        return sum(self.synapses_of.values())


def taps(layer: nn.Conv2d, image: torch.Tensor) -> int:
    """The synapses of a convolution: the taps that lie inside the image, of all outputs."""
    ones = torch.ones(image.shape[-3:])[None]
    settings = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation, "groups": layer.groups}
    return int(nn.functional.conv2d(ones, torch.ones_like(layer.weight), **settings).sum())


class IncompleteError(Exception):
    """An import that leaves out part of the network."""


def failure_of(attempt: Callable[[], object]) -> str | None:
    """What an attempt ends with, its first sentence: nobody knows what a foreign framework may raise."""
    try:
        attempt()
    except IncompleteError as found:
        return str(found)
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split()).split('. ')[0]}"
    return None


# --- import


def tried(framework: Framework, job: Any, folder: Path) -> dict[str, object]:
    """What the exported file gives, what the converted file gives, and the remedies that make its spikes equal."""
    case = Case(framework, folder, job["name"], job["dt"], np.load(folder / f"{job['name']}.npz"))
    converted = case.outcome(CLEAN)
    answer = {"exported": case.outcome(EXPORTED), "converted": converted}
    if converted != EQUAL:
        answer["remedies"] = next((names(r) for r in case.sets_of_remedies() if case.cured(r)), None)
    return answer


def names(remedies: Sequence[Remedy]) -> list[str]:
    return [remedy.name for remedy in remedies]


@dataclass(frozen=True)
class Case:
    """One network in one framework that did not export it."""

    framework: Framework
    folder: Path
    name: str
    dt: float
    saved: Any

    def outcome(self, suffix: str, remedies: Sequence[Remedy] = ()) -> str:
        """How the spikes compare with those of the exporter, or why there are none."""
        found: list[Any] = []
        failure = failure_of(lambda: found.append(self.spikes(suffix, remedies)))
        own = self.saved["spikes"]
        if failure:
            return f"fails: {failure}"
        if found[0].shape != own.shape:
            return f"fails: {found[0].shape[-1]} outputs in place of {own.shape[-1]}"
        same, total = (int(spikes.sum()) for spikes in (np.minimum(own, found[0]), found[0]))
        return EQUAL if np.array_equal(own, found[0]) else f"{same} of {int(own.sum())}, {total - same} more"

    def cured(self, remedies: Sequence[Remedy]) -> bool:
        return self.outcome(CLEAN, remedies) == EQUAL

    def spikes(self, suffix: str, remedies: Sequence[Remedy]) -> Any:
        graph = nir.read(self.folder / f"{self.name}{suffix}")
        for remedy in remedies:
            remedy.graph(graph, self.dt)
        assert self.framework.load
        assert self.framework.run_loaded
        check_known(graph, self.framework.import_node)
        module = self.framework.load(graph, self.dt)
        for remedy in remedies:
            remedy.modules(module)
        with torch.no_grad():
            return self.framework.run_loaded(module, torch.from_numpy(self.saved["signal"])).reshape(STEPS, -1).numpy()

    def sets_of_remedies(self) -> Iterator[tuple[Remedy, ...]]:
        """Small sets first."""
        fitting = [each for each in self.framework.remedies if self.fits(each)]
        for size in range(1, len(fitting) + 1):
            yield from combinations(fitting, size)

    def fits(self, remedy: Remedy) -> bool:
        before, after = (nir.read(self.folder / f"{self.name}{CLEAN}") for _ in range(2))
        remedy.graph(after, self.dt)
        return remedy.only in self.name and (remedy.graph is unchanged or content(before) != content(after))


def check_known(graph: nir.NIRGraph, import_node: Callable[[nir.NIRNode], object]) -> None:
    """Some imports leave out, without a word, what they do not know; what then comes out differs from run to run."""
    nodes = [node for node in graph.nodes.values() if not isinstance(node, (nir.Input, nir.Output))]
    unknown = sorted({type(node).__name__ for node in nodes if import_node(node) is None})
    if unknown:
        raise IncompleteError(f"leaves out {', '.join(unknown)}")


def content(graph: nir.NIRGraph) -> list[object]:
    """What tells two graphs of the same nodes apart."""
    return [
        (name, type(node), key, np.asarray(value).tolist())
        for name, node in sorted(graph.nodes.items())
        for key, value in sorted(vars(node).items())
        if isinstance(value, (np.ndarray, np.generic, int, float))
    ]
