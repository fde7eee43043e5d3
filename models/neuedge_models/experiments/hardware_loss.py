"""hardware-loss: a network trained for a chip of small cores, beside as many epochs on the task, and packing alone."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neuedge_models.datasets import Dataset, Split
from neuedge_models.experiments.bench import Budget, apart, as_read, coded, drawn
from neuedge_models.experiments.collect import Rows
from neuedge_models.experiments.naive import naive_plan, used
from neuedge_models.experiments.price import measured, planned, price
from neuedge_models.experiments.trial import Plan, Trial
from neuedge_models.export import nir_bytes
from neuedge_models.grid import rounded
from neuedge_models.loop import Training, optimise, reproducible
from neuedge_models.mnist import MNIST
from neuedge_models.networks import mlp
from neuedge_models.reference import Reference
from neuedge_nir.reproduction.finding import Claim, Finding, judged

if TYPE_CHECKING:
    import torch

CORE64 = str(Path(__file__).with_name("core64.toml"))
"""A chip made up: 64 neurons and 8192 synapses a core, since on Loihi 2 so small a network is one core."""
STEPS = 12
SMALL: Reference = replace(
    MNIST,
    name="mnist-196",
    summary="MNIST of 14 x 14 pixels; 196-150-90-10",
    shape=(196,),
    timesteps=STEPS,
    layers=partial(mlp, (196, 150, 90, 10)),
    recipe=replace(MNIST.recipe, spike_penalty=0.0),
)
BUDGETS = {True: Budget(1200, 2, 0, 1000), False: Budget(6000, 6, 0, 10_000)}
"""Epochs on the task, before those for a chip (AWARE_EPOCHS) and PRUNED more; the control has as many."""
AWARE_EPOCHS, PRUNED = {True: 5, False: 4}, {True: 2, False: 4}
BATCH = {True: 25, False: 100}
"""Gates take some 240 steps to close."""
WEIGHTS = {"lambda_utilisation": 8.0, "lambda_communication": 2.0, "cores": 3}
CLAIMED, FEWER = 89.0, 45.0
CONTROL, AWARE, NAIVE = "control: task alone, as many epochs", "hardware-aware", "control, a layer per core"
NOTES = (
    "Used: in each core the fullest of its limits, mean over cores. Messages: spikes of a sample times the cores "
    "that hold the layer behind. core64 has no energies; the energy is of Loihi 2, where the network is small.",
    "The messages hang on the first layer: where it keeps more than the 82 neurons that two cores hold, all spikes of "
    "the input go to three. In docs/codesign.md, whose training differs in its images and in the gradient through the "
    "reset, it ends at two cores with all seeds.",
    "The loss's equations are ours: NeuEdge only names its terms.",
)


def pooled(data: Split) -> Split:
    """Pixels of 2 x 2 averaged."""
    whole = data.inputs.reshape(len(data), 14, 2, 14, 2).astype(np.int64)
    return Split(((whole.sum(axis=(2, 4)) + 2) // 4).astype(np.uint8).reshape(len(data), 196), data.wanted)


def work(plan: Plan) -> Finding:
    """Utilisation, spike-messages, accuracy and energy, on core64 and Loihi 2."""
    rows, budget = Rows(), BUDGETS[plan.quick]
    data = MNIST.dataset(plan.folder, STEPS)
    small = Dataset(pooled(apart(data.train, budget)[0]), pooled(drawn(data.test, budget.tested)))
    for seed in plan.each_seed("mnist 196-150-90-10"):
        _add(rows, small, seed, plan.quick)
    given = {
        "mnist, 14 x 14": budget.words,
        "more epochs of each": AWARE_EPOCHS[plan.quick] + PRUNED[plan.quick],
        **WEIGHTS,
    }
    return Finding(claims(rows), (rows.table("196-150-90-10"),), "used %", (), given, notes=NOTES)


def claims(rows: Rows) -> tuple[Claim, ...]:
    """What follows from the table."""
    full = {name: rows.of(name, "used %") for name in (AWARE, CONTROL, NAIVE)}
    sent = rows.of(CONTROL, "messages")
    saved, lost = rows.saved(AWARE, CONTROL, "messages"), rows.lost(AWARE, CONTROL, "accuracy %")
    return (
        Claim(
            "hardware-aware training raises utilisation from 47 to 89 %",
            "abstract",
            f"{full[AWARE].words} % on core64, {lost.words} points of accuracy lost",
            f"packed without it {full[CONTROL].words} %, a layer per core {full[NAIVE].words} %",
            judged(full[AWARE].mean >= CLAIMED and full[AWARE].mean - full[AWARE].sd > full[CONTROL].mean),
            full[CONTROL].mean >= CLAIMED,
        ),
        Claim(
            f"it saves {FEWER:g} % of the communication",
            "what small trials promised; the paper gives no number",
            f"{saved.words} % fewer spike-messages",
            f"{sent.words} messages a sample with equal epochs on the task",
            judged(saved.mean >= FEWER),
        ),
    )


def _add(rows: Rows, data: Dataset, seed: int, quick: bool) -> None:
    aware, again = AWARE_EPOCHS[quick], PRUNED[quick]

    def how(epochs: int) -> Training:
        recipe = replace(SMALL.recipe, epochs=epochs, batch=BATCH[quick])
        return Training(SMALL.coding(STEPS), SMALL.loss, recipe, seed)

    with reproducible(seed):
        base = SMALL.layers(STEPS)
        optimise(base, data.train, how(BUDGETS[quick].epochs))
        control = deepcopy(base)
        optimise(control, data.train, how(aware + again))
        smaller = _for_chip(deepcopy(base), data.train, how(aware))
        optimise(smaller, data.train, how(again))
    for name, network in ((CONTROL, control), (AWARE, smaller)):
        _told(rows, name, network, data.test)


def _for_chip(network: torch.nn.Sequential, data: Split, how: Training) -> torch.nn.Sequential:
    """The network without the neurons that the chip's loss switched off."""
    from neuedge_nir.train import HardwareLoss, prune_gates

    loss = HardwareLoss(CORE64, network, (STEPS, *SMALL.shape), **WEIGHTS)  # type: ignore[arg-type]
    optimise(network, data, replace(how, parts=(loss,), beside=lambda _: loss(), after=lambda _: _ignore(loss.remap())))
    smaller: torch.nn.Sequential = prune_gates(network, loss)  # type: ignore[assignment]
    return smaller


def _ignore(_: object) -> None:
    """The plan has set the loss's weights; nothing else is asked of it."""


def _told(rows: Rows, name: str, network: torch.nn.Sequential, test: Split) -> None:
    rounded(network)
    read = as_read(nir_bytes(network, SMALL.description(STEPS), SMALL.shape))
    found = measured(read, coded(read, test, SMALL.coding(STEPS)))
    plan = planned(read, found.rates, STEPS, CORE64)
    names = [each.name for each in read.populations]
    neurons = [*(each.neurons for each in read.inputs), *(each.neurons for each in read.populations)]
    spikes = [STEPS * found.rates[each] * n for each, n in zip((read.inputs[0].name, *names), neurons, strict=True)]
    held = [sum(any(s.population == each for s in core.slices) for core in plan.cores) for each in names]
    rows.put(
        name,
        {
            "accuracy %": 100 * found.accuracy,
            "neurons": sum(neurons[1:]),
            "cores": plan.mapping.cores_neurons,
            "used %": 100 * used(plan),
            "spikes": found.spikes,
            "messages": sum(s * cores for s, cores in zip(spikes, held, strict=False)),
            "energy nJ": price(read, found.rates, STEPS).dynamic_nj[1],
        },
    )
    if name == CONTROL:
        apart_ = naive_plan(read, found.rates, STEPS, CORE64)
        rows.put(NAIVE, {"cores": apart_.mapping.cores_neurons, "used %": 100 * used(apart_)})


HARDWARE_LOSS = Trial("hardware-loss", "training for a chip of small cores, beside packing alone", work)
