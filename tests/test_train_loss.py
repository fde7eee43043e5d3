"""A hardware loss counts what the mapper counts, whatever the gates, and what it prunes away is what sent nothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import neuedge_nir
from neuedge_models.export import nir_bytes
from neuedge_models.grid import rounded, weights_of
from neuedge_models.networks import cnn, mlp
from neuedge_models.neurons import recurrent
from neuedge_models.spikes import layer_outputs
from neuedge_nir import InputError, Options, UsageError
from neuedge_nir.network.count import total_synapses
from neuedge_nir.train import HardwareLoss, prune_gates
from neuedge_nir.train.follow import follow
from neuedge_nir.train.loss import FULL
from tests.sampling import examples

CORE64 = str(Path(__file__).parents[1] / "benchmarks" / "core64.toml")
STEPS = 4
ABOUT = {"schema": 1, "reset": "zero", "dt": 1.0}


def dense(*sizes: int) -> tuple[torch.nn.Sequential, tuple[int, ...]]:
    return mlp(sizes, STEPS), (sizes[0],)


def convolving() -> tuple[torch.nn.Sequential, tuple[int, ...]]:
    return cnn((2, 9, 9), [(5, 3, 2), (6, 3, 1)], (7, 4), STEPS), (2, 9, 9)


def looped() -> tuple[torch.nn.Sequential, tuple[int, ...]]:
    layers = torch.nn.Linear(6, 9, bias=False), recurrent(9, STEPS, 0.9), *mlp((9, 3), STEPS)
    return torch.nn.Sequential(*layers), (6,)


MADE = {"dense": lambda: dense(20, 70, 30, 5), "convolutions": convolving, "recurrent": looped}


def gated(name: str, seed: int, chip: str = CORE64, **weights: Any) -> tuple[torch.nn.Sequential, Any, torch.Tensor]:
    """A network of ours with a loss whose gates are drawn, and spikes for it."""
    torch.manual_seed(seed)
    network, shape = MADE[name]()
    rounded(network)
    loss = HardwareLoss(chip, network, (STEPS, *shape), **weights)
    for gates in loss.gates:
        torch.nn.init.normal_(gates.parameter, std=0.2)  # type: ignore[arg-type]
    return network, loss, (torch.rand(3, STEPS, *shape) < 0.5).float()


def exported(network: torch.nn.Sequential, loss: HardwareLoss, path: Path) -> neuedge_nir.Network:
    path.write_bytes(nir_bytes(network, ABOUT, loss.followed.shape))
    return neuedge_nir.read(path)


@settings(max_examples=examples(12), deadline=None, phases=[Phase.generate])
@given(seed=st.integers(0, 10**6), name=st.sampled_from(sorted(MADE)))
def test_a_pruned_network_sends_the_spikes_of_the_gated_one(seed: int, name: str) -> None:
    network, loss, spikes = gated(name, seed)
    sent = layer_outputs(network, spikes)
    smaller = layer_outputs(prune_gates(network, loss), spikes)  # type: ignore[arg-type]
    for gates, ours, theirs in zip(loss.gates, sent, smaller, strict=False):
        on = gates.on()
        assert not ours[:, :, ~on].any()
        assert torch.equal(ours[:, :, on], theirs)
    assert torch.equal(sent[-1], smaller[-1])


@settings(max_examples=examples(12), deadline=None, phases=[Phase.generate])
@given(
    seed=st.integers(0, 10**6),
    name=st.sampled_from(["dense", "convolutions"]),
    chip=st.sampled_from([CORE64, "loihi1", "loihi2", "spinnaker2", "isaac"]),
)
def test_the_loss_counts_what_cores_hold_of_the_pruned_network(
    seed: int, name: str, chip: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    network, loss, _ = gated(name, seed, chip)
    for weight in weights_of(network):  # chips with fewer bits for coarser weights, or none for 0, count less
        torch.nn.init.uniform_(weight, 0.5, 1.0)
    pruned = exported(prune_gates(network, loss), loss, tmp_path_factory.mktemp("nir") / "m.nir")  # type: ignore[arg-type]
    assert tuple(each.shape[0] for each in pruned.populations) == loss.widths
    whole = {"tiles": {each.name: "/1" for each in pruned.populations}}
    plan = neuedge_nir.compile(pruned, chip, Options(effort="none", **whole if chip != CORE64 else {}))  # type: ignore[arg-type]
    used = Counter[str]()
    for core in (each for each in plan.cores if each.role == "neurons"):
        used.update({limit: core.used[limit] for limit in {each.limit for each in loss.needs[0]}})
    counted = Counter[str]()
    for stage in loss.needs:
        counted.update({each.limit: each.need for each in stage})
    assert counted == used


def test_the_needs_of_dense_layers_are_their_neurons_and_synapses() -> None:
    _, loss, _ = gated("dense", 1)
    before = (20, *loss.widths)
    for stage, width, inputs in zip(loss.needs, loss.widths, before, strict=False):
        assert [(each.need, each.has) for each in stage] == [(width, 64), (8 * width * inputs, 65536)]


def test_the_terms_are_those_of_the_equations() -> None:
    network, loss, spikes = gated("dense", 2, lambda_utilisation=2.0, lambda_communication=3.0, lambda_memory=5.0)
    loss.budget, loss.goal = 0.01, 1
    sent = layer_outputs(network, spikes)
    weighted = float(loss())
    layer_outputs(network, spikes)
    cost = loss.cost()
    cores = [max(w / 64, w * v / 8192) for w, v in zip(loss.widths, (20, *loss.widths), strict=False)]
    each = [float(signal.sum()) / len(spikes) / STEPS for signal in (spikes, *sent[:-1])]
    messages = sum(s * math.ceil(c) for s, c in zip(each, cores, strict=True))
    most = 20 * 2 + 70 * 1 + 30 * 1
    over = sum(max(0, w * v / 8192 - 0.01) for w, v in zip(loss.widths, (20, *loss.widths), strict=False))
    wanted = abs(sum(cores) - FULL), messages / most, over
    found = [float(term) for term in (cost.utilisation, cost.communication, cost.memory)]
    assert found == pytest.approx(wanted, rel=1e-5)
    assert weighted == pytest.approx(2 * wanted[0] + 3 * wanted[1] + 5 * wanted[2], rel=1e-5)


def test_every_gate_learns_and_the_weights_do_from_communication() -> None:
    network, loss, spikes = gated("dense", 3, lambda_utilisation=1.0, lambda_communication=1.0)
    layer_outputs(network, spikes)
    loss().backward()
    assert all(bool((gates.parameter.grad != 0).all()) for gates in loss.gates)
    weights, *_ = weights_of(network)
    first = weights.grad
    assert first is not None
    assert bool(first.any())


def test_memory_falls_with_the_widths_on_both_sides() -> None:
    """d n / n = d w / w of a layer's own units and of those before it: what an optimiser is told about a gate."""
    network, loss, spikes = gated("dense", 4, lambda_memory=1.0, budget=0.0)
    layer_outputs(network, spikes)
    loss().backward()
    gates = loss.gates[0]
    soft = torch.sigmoid(10 * gates.parameter.detach())
    own, behind = loss.widths[0] * 20 / 8192, loss.widths[0] * loss.widths[1] / 8192
    wanted = (own + behind) / loss.widths[0] * 10 * soft * (1 - soft)
    assert torch.allclose(gates.parameter.grad, wanted)


def test_a_network_that_fills_no_core_has_no_goal_and_no_goal_lies_above_what_there_is() -> None:
    network, shape = dense(20, 30, 5)
    assert HardwareLoss(CORE64, network, (STEPS, *shape)).goal == 0
    network, shape = dense(100, 130, 5)
    found = [HardwareLoss(CORE64, network, (STEPS, *shape), cores=cores).goal for cores in (None, 1, 9)]
    assert found == [2, 1, 2]


def test_a_gate_is_always_on() -> None:
    _, loss, _ = gated("dense", 5)
    with torch.no_grad():
        for gates in loss.gates:
            gates.parameter.copy_(-torch.rand_like(gates.parameter))
    assert loss.widths == (1, 1, 5)


def test_a_remap_takes_the_plan_for_what_it_is() -> None:
    network, loss, spikes = gated("convolutions", 6, lambda_communication=1.0)
    plan = loss.remap()
    pruned = nir_bytes(prune_gates(network, loss), ABOUT, loss.followed.shape)  # type: ignore[arg-type]
    assert loss.remap(pruned).mapping == plan.mapping
    for stage, cores in zip(loss.needs, loss.mapped.cores, strict=True):
        assert cores >= max(each.cores for each in stage)
    names = [each.name for each in plan.populations if each.model == "IF"]
    holding = Counter(
        piece.population for core in plan.cores for piece in {p.population: p for p in core.slices}.values()
    )
    assert loss.mapped.cores == tuple(holding[name] for name in names)
    sent = layer_outputs(network, spikes)
    each = [float(signal.sum()) / len(spikes) / STEPS for signal in (spikes, *sent[:-1])]
    hops = loss.mapped.hops
    messages = sum(s * d * (1 + h) for s, d, h in zip(each, loss.mapped.cores, hops, strict=True))
    assert float(loss.cost().communication) * loss._most == pytest.approx(messages, rel=1e-5)


def test_the_hops_are_those_of_the_plan() -> None:
    _, loss, _ = gated("dense", 7)
    with torch.no_grad():
        for gates in loss.gates:
            gates.parameter.fill_(1.0)
    plan = loss.remap()
    crossed = [
        abs(plan.cores[r.core].router[0] - plan.cores[t].router[0])
        + abs(plan.cores[r.core].router[1] - plan.cores[t].router[1])
        for r in plan.routes
        for t, _ in r.targets
    ]
    sent = Counter(plan.cores[r.core].slices[r.slice].population for r in plan.routes for _ in r.targets)
    names = [each.name for each in plan.populations if each.model == "IF"]
    assert sum(h * sent[name] for h, name in zip(loss.mapped.hops[1:], names, strict=False)) == sum(crossed)


def test_the_gates_can_be_taken_away_and_the_network_is_what_it_was() -> None:
    network, loss, spikes = gated("dense", 8)
    with_gates = layer_outputs(network, spikes)
    loss.detach()
    without = layer_outputs(network, spikes)
    loss.attach()
    assert not torch.equal(with_gates[0], without[0])
    assert torch.equal(with_gates[0], layer_outputs(network, spikes)[0])


def test_a_run_without_gradients_is_not_heard() -> None:
    network, loss, spikes = gated("dense", 9)
    with torch.no_grad():
        layer_outputs(network, spikes)
    with pytest.raises(UsageError) as refused:
        loss()
    assert refused.value.code == "USE128"


def test_the_state_of_a_loss_is_its_gates() -> None:
    _, loss, _ = gated("dense", 10)
    _, other, _ = gated("dense", 11)
    other.load_state_dict(loss.state_dict())
    assert other.widths == loss.widths
    assert len(list(loss.parameters())) == 2


# --- networks of others


class SpikingNeuron(torch.nn.Module):
    """What snnTorch's neurons derive from, by name."""


class Leaky(SpikingNeuron):
    """A neuron as snnTorch has it: called once a timestep with its membrane, it returns spikes and membrane."""

    def __init__(self, beta: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("beta", beta)

    def forward(self, current: torch.Tensor, membrane: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        beta: torch.Tensor = self.beta  # type: ignore[assignment]
        membrane = beta * membrane + current
        spikes = torch.sigmoid(9 * (membrane - 1))
        spikes = (membrane > 1).float() + spikes - spikes.detach()
        return spikes, membrane - spikes.detach()


class Stepwise(torch.nn.Module):
    """A network in snnTorch's way: (timesteps, samples, 1, 8, 8) in, summed outputs out."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.pool = torch.nn.Conv2d(1, 4, 3), torch.nn.AvgPool2d(2)
        self.lif1 = Leaky(torch.full((4, 1, 1), 0.5))
        self.fc1, self.lif2 = torch.nn.Linear(4 * 3 * 3, 10), Leaky(torch.rand(10))
        self.fc2, self.lif3 = torch.nn.Linear(10, 3), Leaky(torch.tensor(0.5))

    def forward(self, spikes: torch.Tensor) -> torch.Tensor:
        membranes = [torch.zeros(1), torch.zeros(1), torch.zeros(1)]
        outputs = []
        for step in spikes:
            sent, membranes[0] = self.lif1(self.pool(self.conv(step)), membranes[0])
            sent, membranes[1] = self.lif2(self.fc1(sent.flatten(1)), membranes[1])
            sent, membranes[2] = self.lif3(self.fc2(sent), membranes[2])
            outputs.append(sent)
        return torch.stack(outputs).sum(0)


def test_neurons_that_are_called_once_a_timestep_are_followed_gated_and_pruned() -> None:
    torch.manual_seed(0)
    network = Stepwise()
    loss = HardwareLoss("loihi2", network, (STEPS, 1, 1, 8, 8), lambda_communication=1.0)
    assert [stage.shape for stage in loss.followed.stages] == [(4, 3, 3), (10,), (3,)]
    for gates in loss.gates:
        torch.nn.init.normal_(gates.parameter, std=0.2)  # type: ignore[arg-type]
    spikes = (torch.rand(STEPS, 5, 1, 8, 8) < 0.5).float()
    summed = network(spikes)
    loss().backward()
    assert loss._rows == [0, 0, 0]
    smaller = prune_gates(network, loss)
    assert torch.equal(smaller(spikes), summed)
    assert smaller.fc1.in_features == 9 * loss.widths[0]  # type: ignore[union-attr]


def test_spikes_are_counted_alike_however_a_network_is_called() -> None:
    torch.manual_seed(0)
    network = Stepwise()
    loss = HardwareLoss("loihi2", network, (STEPS, 1, 1, 8, 8))
    network((torch.rand(STEPS, 5, 1, 8, 8) < 2).float())
    assert float(loss._spikes[0]) / loss._rows[0] == 64  # type: ignore[arg-type]
    assert loss._rows == [5 * STEPS] * 3


class Residual(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.lif1 = torch.nn.Linear(6, 6), Leaky(torch.tensor(0.5))
        self.fc2, self.lif2 = torch.nn.Linear(6, 2), Leaky(torch.tensor(0.5))

    def forward(self, spikes: torch.Tensor) -> torch.Tensor:
        sent, _ = self.lif1(self.fc1(spikes), torch.zeros(1))
        out: torch.Tensor = self.lif2(self.fc2(sent + spikes), torch.zeros(1))[0]
        return out


def stack(*layers: torch.nn.Module) -> torch.nn.Sequential:
    return torch.nn.Sequential(*layers)


def fires() -> torch.nn.Module:
    return mlp((1, 1), STEPS)[1]


@pytest.mark.parametrize(
    ("network", "shape", "code", "where"),
    [
        (Residual(), (1, 6), "TRAIN021", "fc2"),
        (stack(torch.nn.Linear(4, 4), torch.nn.ReLU(), fires()), (STEPS, 4), "TRAIN020", "1"),
        (stack(torch.nn.Conv2d(2, 2, 3, groups=2), fires()), (STEPS, 2, 5, 5), "TRAIN020", "0"),
        (stack(torch.nn.Linear(4, 4), fires(), fires()), (STEPS, 4), "TRAIN022", "2"),
        (stack(torch.nn.Linear(4, 4), fires()), (STEPS, 4), "TRAIN022", None),
        (stack(torch.nn.Linear(4, 4), torch.nn.Flatten()), (STEPS, 4), "TRAIN022", None),
        (stack(torch.nn.Linear(4, 4), fires()), (STEPS, 5), "TRAIN023", "Sequential"),
    ],
)
def test_a_network_that_cannot_be_followed_is_refused_by_the_layer(
    network: torch.nn.Module, shape: Sequence[int], code: str, where: str | None
) -> None:
    with pytest.raises(InputError) as refused:
        follow(network, shape)
    assert (refused.value.code, refused.value.where) == (code, where)


def test_what_makes_no_sense_is_refused() -> None:
    network, shape = dense(4, 5, 2)
    other, _ = dense(4, 2)
    loss = HardwareLoss(CORE64, network, (STEPS, *shape))

    def made(**options: Any) -> HardwareLoss:
        return HardwareLoss(options.pop("chip", CORE64), network, (STEPS, *shape), **options)

    for act, code in (
        (lambda: made(lambda_utilisation=-1.0), "USE127"),
        (lambda: made(budget=math.nan), "USE127"),
        (lambda: made(cores=0), "USE127"),
        (lambda: made(chip="spinnaker1", lambda_memory=1.0), "USE126"),
        (lambda: prune_gates(other, loss), "USE127"),
        (lambda: loss.remap(nir_bytes(other, ABOUT, (4,))), "USE127"),
    ):
        with pytest.raises(UsageError) as refused:
            act()
        assert refused.value.code == code


def test_the_network_that_counts_has_the_synapses_of_the_trained_one(tmp_path: Path) -> None:
    for name in MADE:
        network, loss, _ = gated(name, 12)
        whole = exported(network, loss, tmp_path / f"{name}.nir")
        assert total_synapses(loss.counts.network(loss.followed.units)) == total_synapses(whole)
