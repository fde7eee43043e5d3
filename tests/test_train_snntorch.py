"""Networks of snnTorch, called once a timestep, are trained for a chip and pruned as those of sinabs are."""

from __future__ import annotations

from pathlib import Path

import snntorch
import torch

from neuedge_nir.train import HardwareLoss, prune_gates

CORE64 = str(Path(__file__).parents[1] / "benchmarks" / "core64.toml")
STEPS = 6


class Network(torch.nn.Module):
    """64-80-30-10 leaky neurons; (timesteps, samples, 64) in and the output's spikes out."""

    def __init__(self) -> None:
        super().__init__()
        sizes = ((64, 80), (80, 30), (30, 10))
        self.weights = torch.nn.ModuleList(torch.nn.Linear(*size, bias=False) for size in sizes)
        self.neurons = torch.nn.ModuleList(snntorch.Leaky(beta=0.9, reset_mechanism="zero") for _ in sizes)

    def busy(self) -> Network:
        """Itself, with weights that make every layer fire."""
        for weight in self.weights:
            torch.nn.init.normal_(weight.weight, mean=0.05, std=0.3)  # type: ignore[arg-type]
        return self

    def forward(self, spikes: torch.Tensor) -> torch.Tensor:
        membranes, sent = [torch.zeros(1)] * 3, []
        for signal in spikes:
            for at, (weight, neuron) in enumerate(zip(self.weights, self.neurons, strict=True)):
                signal, membranes[at] = neuron(weight(signal), membranes[at])
            sent.append(signal)
        return torch.stack(sent)


def test_a_network_of_snntorch_shrinks_and_sends_what_its_gates_let_through() -> None:
    torch.manual_seed(0)
    network, spikes = Network().busy(), (torch.rand(STEPS, 20, 64) < 0.5).float()
    loss = HardwareLoss(CORE64, network, (STEPS, 1, 64), lambda_utilisation=8.0, lambda_communication=2.0, cores=1)
    optimiser = torch.optim.Adam([*network.parameters(), *loss.parameters()], lr=0.02)
    for _ in range(12):
        labels = torch.randint(10, (20,))
        total = torch.nn.functional.cross_entropy(network(spikes).sum(0), labels) + loss()
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
    first, second, outputs = loss.widths
    assert 0 < first < 80
    assert 0 < second < 30
    smaller = prune_gates(network, loss)
    assert [layer.out_features for layer in smaller.weights] == [first, second, outputs]  # type: ignore[union-attr]
    with torch.no_grad():
        sent = network(spikes)
        assert sent.any()
        # Sums of fewer terms are rounded otherwise: a membrane at its threshold would be a coincidence.
        assert torch.equal(smaller(spikes), sent)
