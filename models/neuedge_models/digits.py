"""A classifier of handwritten digits, 64-96-10 integrate-and-fire neurons: small enough for any chip."""

from __future__ import annotations

from functools import partial

from neuedge_models import datasets
from neuedge_models.coding import Rate
from neuedge_models.loop import Recipe
from neuedge_models.networks import mlp
from neuedge_models.reference import Reference

DIGITS = Reference(
    name="digits",
    summary="handwritten digits of 8 x 8 pixels; 64-96-10 integrate-and-fire neurons, 16 timesteps, 8-bit weights",
    shape=(64,),
    timesteps=16,
    load=datasets.digits,
    coding=partial(Rate, brightest=16),
    layers=partial(mlp, (64, 96, 10)),
    recipe=Recipe(epochs=40, batch=64, learning_rate=5e-3, spike_penalty=1.0),
)
