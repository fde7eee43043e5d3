"""What a spiking network costs on a chip, as a loss: counted as the mapper counts, with gates that learn to save it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from neuedge_nir.api import chip_of
from neuedge_nir.chip.model import Chip
from neuedge_nir.errors import UsageError
from neuedge_nir.network.model import Network, ResetMode
from neuedge_nir.plan.model import Plan
from neuedge_nir.train.calls import sent
from neuedge_nir.train.counted import Counts, Need
from neuedge_nir.train.follow import Followed, follow
from neuedge_nir.train.gates import Gates
from neuedge_nir.train.mapped import UNMAPPED, mapped
from neuedge_nir.train.options import check_network, check_numbers, goal_of, reset_of, shape_of

FULL = 0.96
"""How full cores are steered to be: slices are whole neurons, so that the last few percent are seldom to be had."""


@dataclass(frozen=True, slots=True, eq=False)
class Cost:
    """The terms of the loss before their weights, and what they rest on; all are scalars but `cores`.

    utilisation: a share of the goal's cores. communication: a share of the messages of the whole network if all neurons
    fired in every timestep. memory: cores. cores: of each stage, in cores' worth of its scarcest limit.
    """

    utilisation: torch.Tensor
    communication: torch.Tensor
    memory: torch.Tensor
    cores: torch.Tensor


class HardwareLoss(torch.nn.Module):
    """The hardware term of a training: L = L_task + this, for any spiking network that `follow` can follow.

    loss = HardwareLoss("loihi2", network, (1, 784), lambda_communication=0.1)
    optimiser = torch.optim.Adam([*network.parameters(), *loss.parameters()])
    ...
    total = task_loss(network(batch), labels) + loss()

    `chip`: a Chip, the name of a target, or the path of a chip's .toml: the same file that `compile` takes. `shape`:
    that of a tensor with one sample, as the network is called with it. Every hidden stage gets a gate per neuron, or
    per channel behind a convolution (`Gates`), which multiplies what its neurons send; the output has none.

    With w_l the units of stage l whose gates are on, n_{l,r}(w) what the mapper counts that stage l needs of the chip's
    limit r, and N_r what a core has of it:

        c_{l,r} = n_{l,r}(w) / N_r,   c_l = max_r c_{l,r}   [cores], r over neurons and synapse memory
        U = |sum_l c_l - FULL k| / k                        k: the goal in whole cores; 0 where k is 0
        C = sum_l s_l d_{l+1} (1 + h_l) / C_0               s_l: spikes a timestep and sample, d: destination cores,
                                                            h_l: links that a message crosses (0 before a `remap`)
        M = sum_l g_l max(0, m_l - budget)                  m_l: c_{l,r} of synapse memory; g_l: 1 before a `remap`
        loss = lambda_utilisation U + lambda_communication C + lambda_memory M

    d_l = ceil(c_l), or after a `remap` the cores that the mapper gave the stage. C_0: the sum with every gate on, every
    neuron firing in every timestep, and h = 0. Inputs are stage 0: their spikes are given, their destinations are not.

    The value is exact: whatever the gates, n_{l,r} is what the mapper counts for the network that `prune_gates` makes.
    Backwards, neurons grow as w_l and synapses as w_l w_{l-1}: d n / n = d w_l / w_l (+ d w_{l-1} / w_{l-1}); a gate
    passes the gradient of a sigmoid (straight-through). Units: cores, spikes per timestep; the loss has none.

    U may only shrink layers, or fill up what was there: the goal k is `cores`, or the most whole cores that the network
    can fill, floor(sum_l c_l / FULL); a network that fills no core has k = 0 and no such term. (Steering towards the
    nearest full core failed in trials: layers whose gates are all on cannot grow.) The NeuEdge paper (arXiv 2602.02439)
    only names its terms of utilisation, communication and memory (Eq. 9-10); these equations are ours.

    Spikes are collected while the network runs in training mode (its own and the loss's) with gradients, up to the next
    call of this module: a network that is called timestep by timestep is heard as one that takes them all at once, and
    an evaluation, network.eval(), is not heard. Raises `InputError`
    (TRAIN020 to TRAIN025) for a network that cannot be followed, `UsageError` USE126 for a chip without the limits,
    USE127 for options without sense, USE128 where nothing ran before the loss was asked; and what the mapper raises for
    a network that the chip cannot hold.
    """

    def __init__(
        self,
        chip: Chip | str | Path,
        network: torch.nn.Module,
        shape: Sequence[int],
        *,
        lambda_utilisation: float = 0.0,
        lambda_communication: float = 0.0,
        lambda_memory: float = 0.0,
        cores: int | None = None,
        budget: float = 1.0,
        reset: ResetMode | str = ResetMode.ZERO,
        neurons: Iterable[torch.nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.chip = chip_of(str(chip) if isinstance(chip, Path) else chip)
        weights = {
            "lambda_utilisation": lambda_utilisation,
            "lambda_communication": lambda_communication,
            "lambda_memory": lambda_memory,
        }
        check_numbers({**weights, "budget": budget})
        check_network(network)
        self.lambdas = tuple(weights.values())
        self.followed: Followed = follow(network, shape_of(shape), neurons)
        self.counts = Counts(self.followed, self.chip, reset_of(reset))
        if lambda_memory and not self.counts.counts_memory:
            message = f"the chip {self.chip.name} says no limit of synapse memory in a core"
            raise UsageError("USE126", message, where=self.chip.name, hint="leave lambda_memory 0")
        self.budget, self.asked, self.mapped = budget, goal_of(cores), UNMAPPED
        self.gates = torch.nn.ModuleList(Gates(stage.units, _worth(stage)) for stage in self.followed.hidden)
        self.to(next((p.device for p in network.parameters()), None))
        whole = self.counts.needs(self.followed.units)
        self.goal = self._goal_of(_total(whole))
        self._most = _most_messages(self.followed, whole)
        self._network = (network,)  # in a tuple: its parameters are not the loss's
        self._spikes: list[torch.Tensor | None] = [None] * len(self.followed.stages)
        self._rows = [0] * len(self.followed.stages)
        self._hooks: list[Any] = []
        self.attach()

    @property
    def widths(self) -> tuple[int, ...]:
        """The units of every stage whose gates are on; all of the output's."""
        return (*(int(gates.on().sum()) for gates in self._gates), self.followed.units[-1])

    @property
    def needs(self) -> tuple[tuple[Need, ...], ...]:
        """What the mapper counts for each stage at the gates as they are."""
        return self.counts.needs(self.widths)

    @property
    def _gates(self) -> tuple[Gates, ...]:
        return tuple(each for each in self.gates if isinstance(each, Gates))

    def forward(self) -> torch.Tensor:
        """The weighted sum of the terms, of what ran since the last call; a scalar."""
        cost = self.cost()
        terms = cost.utilisation, cost.communication, cost.memory
        total: torch.Tensor = sum(
            (weight * term for weight, term in zip(self.lambdas, terms, strict=True)), torch.zeros_like(terms[0])
        )
        return total

    def cost(self) -> Cost:
        """The terms one by one, of what ran since the last call, which is then forgotten.

        Raises `UsageError` USE128 where nothing ran.
        """
        if not all(self._rows):
            message = "no spikes were collected since the hardware loss was asked last"
            hint = "call the network in training mode, with gradients, before the loss; once for each time"
            raise UsageError("USE128", message, where="HardwareLoss", hint=hint)
        spikes = [total / rows for total, rows in zip(self._spikes, self._rows, strict=True) if total is not None]
        self.forget()
        by_stage = self._cores()
        cores = torch.stack([torch.stack(list(each)).max() for each in by_stage])
        memory = [
            torch.stack([each for each, need in zip(shares, needs, strict=True) if need.memory]).max()
            for shares, needs in zip(by_stage, self.needs, strict=True)
            if any(need.memory for need in needs)
        ]
        over = [g * torch.relu(m - self.budget) for g, m in zip(self.mapped.grown(len(memory)), memory, strict=True)]
        none = torch.zeros_like(cores[0])
        return Cost(self._utilisation(cores.sum()), self._communication(spikes, cores), sum(over, none), cores)

    def remap(self, network: Network | bytes | Path | str | None = None, *, effort: str = "quick") -> Plan:
        """Map the network with the real mapper and let the plan set the weights of the terms (Algorithm 1, line 12).

        From then on d_l are the plan's cores of a stage, scaled with c_l as it changes; h_l the links that a message of
        the stage crosses there on average; g_l the plan's cores of a stage over the c_l it was given them for (1 at
        least), so that what the mapper wastes presses more; and k what the plan's cores can be filled to: as many,
        where they are at least FULL - 0.1 full, else floor(sum c / FULL). `network`: the pruned one, as a Network, the
        bytes or the path of its .nir file; None: one of its widths. Returns the plan. Raises what `compile` raises.
        """
        plan, self.mapped = mapped(
            network or self.counts.network(self.widths), self.followed, self.needs, self.chip, effort
        )
        self.goal = self._goal_of(_total(self.needs), len(self.mapped.neuron_cores))
        return plan

    def forget(self) -> None:
        """Forget the spikes that were collected."""
        self._spikes, self._rows = [None] * len(self._rows), [0] * len(self._rows)

    def attach(self) -> None:
        """Put the gates into the network, and listen. Does nothing where that is so."""
        if self._hooks:
            return
        first = self.followed.stages[0].steps[0].layer
        self._hooks = [first.register_forward_pre_hook(lambda _, inputs: self._hear(0, inputs[0], self.followed.shape))]
        for at, stage in enumerate(self.followed.hidden):
            assert stage.neurons is not None
            self._hooks.append(stage.neurons.register_forward_hook(self._gate(at)))
            if stage.recurrent is not None:
                self._hooks.append(stage.recurrent.register_forward_pre_hook(self._around(at)))

    def detach(self) -> None:
        """Take the gates out of the network: it is again what it was."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def _gate(self, at: int) -> Any:
        stage = self.followed.stages[at]

        def hook(_: torch.nn.Module, inputs: Any, output: Any) -> Any:
            del inputs
            spikes = sent(output) * self._open(at, stage.axis)
            self._hear(at + 1, spikes, stage.shape)
            if isinstance(output, torch.Tensor):
                return spikes
            return type(output)((spikes, *output[1:]))

        return hook

    def _around(self, at: int) -> Any:
        """What neurons hear of themselves goes through their gates, too."""
        return lambda _, inputs: (inputs[0] * self._open(at, -1), *inputs[1:])

    def _open(self, at: int, axis: int) -> torch.Tensor:
        gates: torch.Tensor = self.gates[at]()
        return gates.reshape(-1, *[1] * (-axis - 1))

    def _hear(self, at: int, spikes: torch.Tensor, shape: tuple[int, ...]) -> None:
        if self._network[0].training and self.training and torch.is_grad_enabled():
            total, before = spikes.sum(), self._spikes[at]
            self._spikes[at] = total if before is None else before + total
            self._rows[at] += spikes.numel() // math.prod(shape)

    def _cores(self) -> list[tuple[torch.Tensor, ...]]:
        """c_{l,r} of every stage: the mapper's value, with the gradient of what it is proportional to."""
        last = torch.tensor(float(self.followed.units[-1]), device=self._gates[0].parameter.device)
        widths, found = [*(gates().sum() for gates in self._gates), last], []
        for at, needs in enumerate(self.needs):
            before = widths[at - 1] if at else torch.ones_like(last)
            found.append(tuple(_exactly(n.cores, widths[at] * before if n.memory else widths[at]) for n in needs))
        return found

    def _utilisation(self, total: torch.Tensor) -> torch.Tensor:
        return (total - FULL * self.goal).abs() / self.goal if self.goal else 0.0 * total

    def _communication(self, spikes: Sequence[torch.Tensor], cores: torch.Tensor) -> torch.Tensor:
        destinations, links = self.mapped.destinations(cores.tolist()), self.mapped.links(len(spikes))
        messages = [s * _exactly(d, c) * (1 + h) for s, c, d, h in zip(spikes, cores, destinations, links, strict=True)]
        return sum(messages, torch.zeros_like(cores[0])) / self._most

    def _goal_of(self, total: float, cores: int | None = None) -> int:
        if self.asked is not None:
            return min(self.asked, math.floor(_total(self.counts.needs(self.followed.units)) / FULL))
        if cores and total / cores >= FULL - 0.1:
            return cores
        return math.floor(total / FULL)


def _worth(stage: Any) -> torch.Tensor:
    """How strong the weights into each unit are: what a gate starts from."""
    weight: torch.Tensor = stage.weighted[-1].layer.weight
    worth: torch.Tensor = weight.detach().flatten(1).norm(dim=1)
    return worth


def _total(needs: Sequence[Sequence[Need]]) -> float:
    """The cores' worth of all stages."""
    return sum(max(need.cores for need in each) for each in needs)


def _most_messages(followed: Followed, needs: Sequence[Sequence[Need]]) -> float:
    """Messages of a timestep in which every input and every hidden neuron fires, one to every core behind it."""
    sources = [math.prod(followed.shape), *(math.prod(stage.shape) for stage in followed.hidden)]
    cores = [math.ceil(max(need.cores for need in each)) for each in needs]
    return float(sum(n * d for n, d in zip(sources, cores, strict=True)))


def _exactly(value: float, like: torch.Tensor) -> torch.Tensor:
    """A number that grows as `like` does."""
    return value * like / like.detach()
