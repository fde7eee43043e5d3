"""Networks of a bench trained on for a few epochs: as they were, which is the control, or for NeuEdge's encoder."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from neuedge_models.coding import Coding, Hybrid, Rate
from neuedge_models.experiments.bench import Bench, Trained, as_read
from neuedge_models.experiments.coded import encoded
from neuedge_models.export import nir_bytes
from neuedge_models.grid import rounded, weights_of
from neuedge_models.loop import Training, fine_tuned

if TYPE_CHECKING:
    import torch

EPOCHS = 3


@dataclass(frozen=True, slots=True)
class Tuned:
    """The same network trained on: with its rate code, and for an encoder."""

    control: Trained
    encoder: Trained


def tuned(known: Trained, bench: Bench, setting: str, seed: int) -> Tuned:
    """Both by the recipe that the network was trained with; `setting` is one of `coded.SETTINGS`.

    What that multiplies the weights behind the input with is where the training for the encoder starts.
    """
    import torch

    port = encoded(known.network, setting).inputs[0]
    assert port.encoder is not None
    scaled = deepcopy(known.layers)
    with torch.no_grad():
        weights_of(scaled)[0].mul_(_scale(setting))
    timesteps = bench.model.timesteps
    control = _on(known.layers, known, bench, Rate(timesteps, known.brightest), seed)
    found = _on(scaled, known, bench, Hybrid(timesteps, known.brightest, port.encoder), seed)
    ports = tuple(replace(each, encoder=port.encoder) for each in found.network.inputs)
    return Tuned(control, replace(found, network=replace(found.network, inputs=ports)))


def _scale(setting: str) -> float:
    told = dict(each.split("=") for each in setting.split(","))
    return float(told.get("weight_scale", 1))


def _on(layers: torch.nn.Sequential, known: Trained, bench: Bench, coding: Coding, seed: int) -> Trained:
    """Trained on from there, its weights on the grid of its file, and read back."""
    model = bench.model
    how = Training(coding, model.loss, replace(model.recipe, epochs=EPOCHS), seed)
    network = fine_tuned(layers, known.known, how)
    rounded(network)
    content = nir_bytes(network, model.description(model.timesteps), model.shape)
    return replace(known, layers=network, network=as_read(content))
