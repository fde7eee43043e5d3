"""regression-control: a controller read by LI, its input few spikes of cells, beside the same cells coded by rate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from neuedge_models.control import CELLS, CONTROL, LIMITS, balanced, cells, of_cells, teacher, ways
from neuedge_models.datasets import Dataset, Split
from neuedge_models.experiments.bench import as_read
from neuedge_models.experiments.collect import Rows
from neuedge_models.experiments.price import price, rates_of
from neuedge_models.experiments.trial import Plan, Trial
from neuedge_models.export import nir_bytes
from neuedge_models.loop import Training, fit
from neuedge_models.reference import Reference
from neuedge_nir.interpreter.run import simulate
from neuedge_nir.reproduction.finding import Claim, Finding, judged

FEWER, WORSE = 3.0, 1.1
"""Times fewer spikes, at no more than this times the error."""
FEW, RATE, SILENT = "cells next to the value", "control: rate code of all cells", "no torque"


@dataclass(frozen=True, slots=True)
class Given:
    """Ways that are trained on, epochs, ways to measure on."""

    trained: int
    epochs: int
    tested: int


BUDGETS = {True: Given(300, 8, 100), False: Given(1200, 20, 200)}
BROAD = 0.35
"""Of the limit: how far a cell of the rate code hears."""


def rate_cells(states: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Spikes (samples, timesteps, 48): i fires where its sum of max(0, 1 - |x - c_i| / BROAD) passes whole numbers.

    What a population of integrate-and-fire neurons with broad tuning curves makes of the value.
    """
    values = np.clip(states / np.array(LIMITS), -1, 1)[..., None]
    heard = np.maximum(0, 1 - np.abs(values - np.linspace(-1, 1, CELLS)) / BROAD).reshape(*states.shape[:-1], -1)
    so_far = np.floor(np.cumsum(heard, axis=-2))
    fired: NDArray[np.uint8] = np.diff(so_far, axis=-2, prepend=0).astype(np.uint8)
    return fired


CODES = {FEW: cells, RATE: rate_cells}


def work(plan: Plan) -> Finding:
    """The pendulum's controller, trained on each code alike; error, spikes, energy, and what balances."""
    rows, budget = Rows(), BUDGETS[plan.quick]
    for seed in plan.each_seed("control"):
        for name in CODES:
            rows.put(name, _numbers(name, budget, seed))
    notes = (
        "Error: root of the mean squared difference to the teacher's torque, 1 for 10 N m. Upright: of 20 pendulums in "
        "a closed loop of 3 s with the exported file.",
        "Both are trained alike: 48-64-1, LI read in every timestep.",
        f"Reproduced where {FEWER:g} times fewer spikes come at no more than {WORSE:g} times the error.",
    )
    given = {"ways trained on": budget.trained, "epochs": budget.epochs, "ways tested": budget.tested}
    return Finding(claims(rows), (rows.table("A controller of 50 timesteps"),), "spikes", (), given, notes=notes)


def claims(rows: Rows) -> tuple[Claim, ...]:
    """What follows from the table."""
    rate = rows.of(RATE, "spikes")
    error, other = rows.of(FEW, "error"), rows.of(RATE, "error")
    fewer = rows.times(FEW, RATE, "spikes")
    return (
        Claim(
            "what few spikes save holds for regression and control too",
            "open question",
            f"{fewer.words} times fewer spikes, error {error.words}, upright {rows.of(FEW, 'upright s').words} of 3 s",
            f"rate code {rate.words} spikes, error {other.words}, upright {rows.of(RATE, 'upright s').words} s",
            judged(fewer.mean >= FEWER and error.mean <= WORSE * other.mean),
        ),
    )


def _numbers(name: str, budget: Given, seed: int) -> dict[str, float]:
    code = CODES[name]
    data = Dataset(_taught(name, budget.trained, 0), _taught(name, budget.tested, 1))
    model: Reference = CONTROL
    how = Training(model.coding(model.timesteps), model.loss, replace(model.recipe, epochs=budget.epochs), seed)
    layers = fit(lambda: model.layers(model.timesteps), data.train, how)
    content = nir_bytes(layers, model.description(model.timesteps), model.shape)
    network = as_read(content)
    run = simulate(network, data.test.inputs)
    (values,) = run.outputs.values()
    (port,) = network.inputs
    hidden = next(each for each in network.populations if each.spiking)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "control.nir"
        path.write_bytes(content)
        stood = balanced(of_cells(path, code))["seconds"]
    return {
        "error": float(np.sqrt(np.mean((np.asarray(values) - data.test.wanted) ** 2))),
        "error of no torque": float(np.sqrt(np.mean(data.test.wanted**2))),
        "spikes": float(sum(run.per_sample[each].sum() for each in (port.name, hidden.name)) / run.samples),
        "energy nJ": price(network, rates_of(run), run.steps).dynamic_nj[1],
        "upright s": stood,
    }


def _taught(name: str, samples: int, seed: int) -> Split:
    states = ways(samples, seed)
    return Split(CODES[name](states), teacher(states)[..., None].astype(np.float32))


REGRESSION_CONTROL = Trial("regression-control", "a pendulum's controller on few spikes, beside a rate code", work)
