"""Networks of a bench trained on for a few epochs: as they were, which is the control, or for NeuEdge's encoder."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from neuedge_models.coding import Coding, Hybrid, Noisy, Rate
from neuedge_models.experiments.bench import Bench, Trained, as_read
from neuedge_models.export import nir_bytes
from neuedge_models.grid import rounded, weights_of
from neuedge_models.loop import Recipe, Training, fine_tuned
from neuedge_models.losses import scaled
from neuedge_models.spikes import run_for
from neuedge_nir.network.model import HybridEncoder

if TYPE_CHECKING:
    import torch

ENCODER = HybridEncoder(1.5, cap=2)
STEPS, GAIN, DRAWS = 8, 2.0, 2
"""Timesteps with the encoder; what multiplies the weights behind it beforehand, since its spikes are fewer; the steps
of a rate code that make values as uncertain as they are trained on."""
RECIPE = Recipe(epochs=3, batch=100, learning_rate=6e-3, spike_penalty=1.0)
STEEPNESS = 5.0
"""What a class's mean output over a sample is multiplied with before the softmax. All of these were chosen on training
images held back, with a seed of their own, and with other neurons (docs/finetune.md)."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """The same network trained on: with its rate code, and for the encoder."""

    control: Trained
    encoder: Trained


def tuned(known: Trained, bench: Bench, seed: int) -> Tuned:
    """Both, with one recipe, but that the control keeps the penalty on hidden spikes that it was trained with."""
    import torch

    model = bench.model
    recipe = replace(RECIPE, spike_penalty=model.recipe.spike_penalty)
    control = _on(known.layers, known, bench, Rate(model.timesteps, known.brightest), recipe, seed)
    swapped = run_for(deepcopy(known.layers), STEPS)
    with torch.no_grad():
        weights_of(swapped)[0].mul_(GAIN)
    coding = Noisy(Hybrid(STEPS, known.brightest, ENCODER), DRAWS)
    found = _on(swapped, known, bench, coding, RECIPE, seed)
    coded = replace(found.network, inputs=tuple(replace(port, encoder=ENCODER) for port in found.network.inputs))
    test, calibration = found.test.first_steps(STEPS), found.calibration.first_steps(STEPS)
    return Tuned(control, replace(found, network=coded, test=test, calibration=calibration))


def _on(
    layers: torch.nn.Sequential, known: Trained, bench: Bench, coding: Rate | Noisy, recipe: Recipe, seed: int
) -> Trained:
    """Trained on from there, its weights on the grid of its file, and read back."""
    loss = scaled(bench.model.loss, STEEPNESS / coding.timesteps)
    how: Coding = coding
    network = fine_tuned(layers, known.known, Training(how, loss, recipe, seed))
    rounded(network)
    about = bench.model.description(coding.timesteps)
    return replace(known, layers=network, network=as_read(nir_bytes(network, about, bench.model.shape)))
