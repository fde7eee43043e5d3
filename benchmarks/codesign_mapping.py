"""What a trained network takes on a chip: mapped by the compiler, for codesign.py and codesign_choice.py."""

from __future__ import annotations

import json
import math
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from codesign_training import CHIPS, TIMESTEPS, Model, Setting, Trained, neurons_of, ordinary

import neuedge_nir
from neuedge_models.export import nir_bytes
from neuedge_nir import Options
from neuedge_nir.network.activity import Activity, ActivityKind
from neuedge_nir.network.model import Network, ResetMode
from neuedge_nir.plan.model import Plan
from neuedge_nir.train.counted import MEMORY, NEURONS, Counts
from neuedge_nir.train.follow import follow


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
    neurons = {port.name: port.neurons for port in network.inputs}
    neurons |= {population.name: population.neurons for population in network.populations}
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


def _used(plan: Plan) -> float:
    """The share in use of what is scarcest in a core, of neurons and synapse memory; mean over cores with neurons."""
    limits = [limit for limit in plan.chip.limits if limit.formula in NEURONS | MEMORY and limit.scope == "core"]
    cores = [core for core in plan.cores if core.role == "neurons"]
    return statistics.mean(max(core.used[each.name] / each.limit.count for each in limits) for core in cores)


def measured(
    trained: Trained, model: Model, seed: int, name: str, setting: Setting | None, chip: str
) -> dict[str, Any]:
    """A row of a file of results: which training, how it was set, and what it takes on a chip."""
    about = {"model": model.name, "seed": seed, "trained": name, "setting": asdict(setting) if setting else None}
    return {**about, "chip": chip, **asdict(row(trained, model, CHIPS[chip]))}


def written(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """The results as JSON, with the versions of what made them: a row in a line, numbers of six digits."""
    lines = ",\n".join(json.dumps({key: _short(value) for key, value in row.items()}) for row in rows)
    path.write_text(f'{{"versions": {json.dumps(versions())}, "rows": [\n{lines}\n]}}\n')


def _short(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of results; none where there is no such file."""
    rows: list[dict[str, Any]] = json.loads(path.read_text())["rows"] if path.exists() else []
    return rows


def versions() -> dict[str, str]:
    packages = ("neuedge-nir", "nir", "nirtorch", "numpy", "ortools", "sinabs", "torch")
    return {"python": platform.python_version(), **{package: version(package) for package in packages}}
