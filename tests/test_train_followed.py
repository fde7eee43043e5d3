"""Networks whose gates can be taken away are followed; others are refused with what would help."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch.nn import BatchNorm1d, BatchNorm2d, Conv2d, Flatten, Linear, Sequential, Unflatten

from neuedge_models.networks import mlp
from neuedge_models.spikes import layer_outputs
from neuedge_nir import InputError, UsageError
from neuedge_nir.train import HardwareLoss, prune_gates
from neuedge_nir.train.follow import follow

STEPS = 4


def fires() -> torch.nn.Module:
    return mlp((1, 1), STEPS)[1]


class Threshold(torch.nn.Module):
    """Neurons of one's own, of a class that nobody knows."""

    def forward(self, current: torch.Tensor) -> torch.Tensor:
        soft = torch.sigmoid(9 * (current - 1))
        return (current > 1).float() + soft - soft.detach()


def normed() -> tuple[Sequential, tuple[int, ...]]:
    layers = Linear(20, 40), BatchNorm1d(40), fires(), Linear(40, 12), BatchNorm1d(12, affine=False), fires()
    return Sequential(*layers, Linear(12, 5), BatchNorm1d(5), fires()), (20,)


def normed_channels() -> tuple[Sequential, tuple[int, ...]]:
    layers = Conv2d(2, 6, 3), BatchNorm2d(6), fires(), Conv2d(6, 4, 3, padding=1), torch.nn.AvgPool2d(2)
    behind = BatchNorm2d(4, track_running_stats=False), fires(), Flatten(), Linear(16, 5), fires()
    return Sequential(*layers, *behind), (2, 6, 6)


def drawn(network: Sequential) -> None:
    """Norms as after a training: nothing of them is 0 or 1."""
    for norm in (each for each in network if isinstance(each, BatchNorm1d | BatchNorm2d)):
        for value, least in ((norm.weight, 2.0), (norm.bias, -0.5), (norm.running_mean, -0.5), (norm.running_var, 0.5)):
            if value is not None:
                torch.nn.init.uniform_(value, least, least + 1)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("made", [normed, normed_channels])
def test_a_pruned_network_with_normalisations_sends_the_spikes_of_the_gated_one(made: object, training: bool) -> None:
    """Training mode too: each feature is normalised by itself, over the batch."""
    torch.manual_seed(2)
    network, shape = made()  # type: ignore[operator]
    drawn(network)
    loss = HardwareLoss("loihi2", network, (STEPS, *shape))
    for gates in loss.gates:
        torch.nn.init.normal_(gates.parameter, std=0.2)  # type: ignore[arg-type]
    spikes = (torch.rand(6, STEPS, *shape) < 0.5).float()
    smaller = prune_gates(network, loss)
    assert isinstance(smaller, Sequential)
    sent = layer_outputs(network.train(training), spikes)
    theirs = layer_outputs(smaller.train(training), spikes)
    for gates, one, other in zip(loss._gates, sent, theirs, strict=False):
        assert not one[:, :, ~gates.on()].any()
        assert torch.equal(one[:, :, gates.on()], other)
        assert other.any()
    assert torch.equal(sent[-1], theirs[-1])
    assert all(0 < now < before for now, before in zip(loss.widths[:-1], loss.followed.units, strict=False))
    counted = loss.counts.network(loss.widths)
    assert tuple(each.shape[0] for each in counted.populations) == loss.widths


def shared(*sizes: int) -> Sequential:
    """Dense layers with one layer of neurons for all."""
    once = fires()
    layers = [(Linear(*each), once) for each in pairwise(sizes)]
    return Sequential(*(layer for pair in layers for layer in pair))


class Steps(torch.nn.Module):
    """A network that is called with all timesteps, and calls its layers once for each."""

    def __init__(self, *layers: torch.nn.Module, late: bool = False) -> None:
        super().__init__()
        self.layers, self.late = torch.nn.ModuleList(layers), late

    def forward(self, spikes: torch.Tensor) -> torch.Tensor:
        found = []
        for at, signal in enumerate(spikes):
            for layer in self.layers:
                signal = layer(signal if not (self.late and at and layer is self.layers[-1]) else signal + 1)
            found.append(signal)
        return torch.stack(found)


def stepped(late: bool = False) -> Steps:
    return Steps(Flatten(), Linear(4, 6), Threshold(), Linear(6, 3), Threshold(), late=late)


def test_a_network_that_is_called_once_a_timestep_is_not_taken_for_one_that_uses_layers_twice() -> None:
    network = stepped()
    neurons = [network.layers[2], network.layers[4]]
    assert follow(network, (STEPS, 1, 4), neurons).units == (6, 3)


def whose(kind: str) -> Sequence[torch.nn.Module]:
    layers = {
        "norm": (Linear(4, 6), fires(), BatchNorm1d(6), Linear(6, 3), fires()),
        "norm at the end": (Linear(4, 6), fires(), BatchNorm1d(6), Linear(6, 3)),
        "channels": (Unflatten(1, (1, 2, 2)), Conv2d(1, 3, 1), fires(), BatchNorm2d(3), Flatten(), Linear(12, 2)),
        "flat neurons": (Unflatten(1, (1, 2, 2)), Conv2d(1, 3, 1), Flatten(), fires(), Linear(12, 2)),
        "flat norm": (Unflatten(1, (1, 2, 2)), Conv2d(1, 3, 1), Flatten(), BatchNorm1d(12), fires(), Linear(12, 2)),
        "unfolded": (Linear(4, 12), fires(), Unflatten(1, (3, 2, 2)), Conv2d(3, 2, 1), fires()),
    }
    return layers[kind]


@pytest.mark.parametrize(
    ("network", "code", "where", "said"),
    [
        (Sequential(*whose("norm")), "TRAIN024", "2", "before the neurons"),
        (Sequential(*whose("norm at the end")), "TRAIN024", "2", "before the neurons"),
        (Sequential(*whose("channels")), "TRAIN024", "3", "before the neurons"),
        (Sequential(*whose("flat neurons")), "TRAIN025", "3", "flatten between neurons and"),
        (Sequential(*whose("flat norm")), "TRAIN025", "3", "flatten between neurons and"),
        (Sequential(*whose("unfolded")), "TRAIN025", "3", "flatten between neurons and"),
        (shared(4, 6, 3), "TRAIN021", "1", "used twice"),
        (shared(4, 4, 4), "TRAIN021", "1", "used twice"),
        (Sequential(*shared(4, 6, 3), Linear(3, 2), fires()), "TRAIN021", "1", "used twice"),
        (Sequential(Linear(4, 6), Threshold(), Linear(6, 3), fires()), "TRAIN020", "1", "neurons=[...]"),
    ],
)
def test_what_cannot_be_followed_is_refused_with_what_helps(
    network: torch.nn.Module, code: str, where: str, said: str
) -> None:
    with pytest.raises(InputError) as refused:
        follow(network, (STEPS, 4))
    assert (refused.value.code, refused.value.where) == (code, where)
    assert said in str(refused.value)


def test_a_function_between_layers_from_the_second_timestep_on_is_heard() -> None:
    network = stepped(late=True)
    with pytest.raises(InputError, match=r"'layers\.4' does not get what 'layers\.3' gave"):
        follow(network, (STEPS, 1, 4), [network.layers[2], network.layers[4]])


def test_neurons_are_named_all_and_only_those_of_the_network() -> None:
    network = Sequential(Linear(4, 6), Threshold(), Linear(6, 3), fires())
    assert follow(network, (STEPS, 4), [network[1], network[3]]).units == (6, 3)
    with pytest.raises(InputError, match=r"'3' is not among neurons=\[...\]"):
        follow(network, (STEPS, 4), [network[1]])
    for neurons, said in (([Threshold()], "no layer of the network"), ([], "names no layer"), ("1", "is a str")):
        with pytest.raises(UsageError, match=said) as refused:
            follow(network, (STEPS, 4), neurons)  # type: ignore[arg-type]
        assert refused.value.code == "USE127"


def test_only_a_network_in_training_mode_with_gradients_is_heard() -> None:
    torch.manual_seed(0)
    network = Sequential(Linear(4, 6), Threshold(), Linear(6, 3), Threshold())
    loss = HardwareLoss("loihi2", network, (1, 4), lambda_communication=1.0, neurons=[network[1], network[3]])
    with torch.no_grad():
        network[0].weight.fill_(1.0)  # type: ignore[operator]
    network(torch.ones(1, 4))
    alone = loss()
    assert alone > 0
    network(torch.ones(1, 4))
    network.eval()(torch.zeros(9, 4))
    assert loss() == alone
    network(torch.ones(1, 4))
    with pytest.raises(UsageError, match="no spikes") as unheard:
        loss()
    assert unheard.value.code == "USE128"
    loss.eval()
    network.train()(torch.ones(1, 4))
    with pytest.raises(UsageError, match="no spikes"):
        loss()


@pytest.mark.parametrize(
    "options",
    [
        {"shape": 64},
        {"shape": ()},
        {"shape": (1, "4")},
        {"shape": (1, 4.0)},
        {"network": 3},
        {"lambda_communication": "1"},
        {"lambda_utilisation": None},
        {"lambda_memory": True},
        {"budget": [1.0]},
        {"cores": "3"},
        {"cores": 1.5},
        {"reset": "soft"},
        {"reset": None},
        {"neurons": 3},
        {"neurons": Linear(4, 4)},
    ],
)
def test_an_option_of_a_wrong_type_is_refused_by_its_name(options: dict[str, Any]) -> None:
    network = Sequential(Linear(4, 6), fires(), Linear(6, 3), fires())
    given = {"network": network, "shape": (STEPS, 4), **options}
    with pytest.raises(UsageError) as refused:
        HardwareLoss("loihi2", given.pop("network"), given.pop("shape"), **given)
    assert (refused.value.code, refused.value.where) == ("USE127", *options)


def test_what_is_pruned_is_a_network_by_its_own_loss() -> None:
    network = Sequential(Linear(4, 6), fires(), Linear(6, 3), fires())
    loss = HardwareLoss("loihi2", network, (STEPS, 4))
    for one, other, where in ((3, loss, "network"), (network, 3, "loss")):
        with pytest.raises(UsageError) as refused:
            prune_gates(one, other)  # type: ignore[arg-type]
        assert (refused.value.code, refused.value.where) == ("USE127", where)
