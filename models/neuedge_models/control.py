"""A controller that keeps an inverted pendulum upright: two measured values as spikes in, a torque read from LI out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuedge_models.coding import Events
from neuedge_models.datasets import Dataset, Split
from neuedge_models.loop import Recipe
from neuedge_models.losses import of_values
from neuedge_models.networks import read_out
from neuedge_models.reference import Reference

Values = NDArray[np.float64]
Policy = Callable[[Values], Values]
"""From the states so far (samples, timesteps, 2) to the torque (samples,) of the last timestep."""

GRAVITY, LENGTH, MASS = 9.81, 1.0, 1.0
"""m/s^2, m and kg of a point on a rod without weight."""
STEP_S = 0.01
STRONGEST = 10.0
"""N m, the torque that is called 1."""
FALLEN_RAD = 0.5
GAINS = (19.62, 6.26)
"""Of the teacher, a PD controller: m g l + m g l, and 2 l sqrt(m g l m): critically damped at the rate sqrt(g / l)."""
LIMITS = (0.5, 2.0)
"""The angle (rad) and the rate (rad/s) that the outermost cells stand for."""
CELLS = 24
"""Neurons for each of the two values."""
TIMESTEPS = 50
TRAINED, TESTED = 1200, 200
BALANCED_STEPS, STARTS = 300, 20


def moved(states: Values, torque: Values) -> Values:
    """The states (samples, 2), angle from upright (rad) and its rate (rad/s), STEP_S later, by Euler's rule."""
    angle, rate = states.T
    rate = rate + STEP_S * (GRAVITY / LENGTH * np.sin(angle) + STRONGEST * torque / (MASS * LENGTH**2))
    return np.stack([angle + STEP_S * rate, rate], axis=1)


def teacher(states: Values) -> Values:
    """The torque (samples, ...) that the PD controller gives in states (samples, ..., 2), between -1 and 1."""
    torque: Values = np.clip(-(states @ np.array(GAINS)) / STRONGEST, -1, 1)
    return torque


def cells(states: Values) -> NDArray[np.uint8]:
    """Spikes (..., 48) of states (..., 2): CELLS for the angle, then as many for the rate.

    Cell i of 24 stands for c_i = 2 i / 23 - 1 of the limit and fires where the value is at most 2/23 away: two
    neighbours, or three right at a cell. A value beyond its limit counts as the limit.
    """
    values = np.clip(states / np.array(LIMITS), -1, 1)[..., None]
    centres = np.linspace(-1, 1, CELLS)
    fire: NDArray[np.uint8] = (np.abs(values - centres) <= 2 / (CELLS - 1)).astype(np.uint8)
    return fire.reshape(*states.shape[:-1], 2 * CELLS)


def ways(samples: int, seed: int, steps: int = TIMESTEPS) -> Values:
    """States (samples, steps, 2) on ways of the teacher's that are pushed about, so that a pupil sees its own errors.

    A way starts anywhere within half the limits; to the torque comes a push of up to 1/2, drawn anew every 10 steps.
    """
    rng = np.random.default_rng(seed)
    states = (rng.random((samples, 2)) - 0.5) * np.array(LIMITS)
    way = []
    for step in range(steps):
        if step % 10 == 0:
            push = rng.random(samples) - 0.5
        way.append(states)
        states = moved(states, teacher(states) + push)
    return np.stack(way, axis=1)


def load(folder: Path | None) -> Dataset:
    """Ways as spikes and the teacher's torques along them, drawn with seed 0 to train on and with seed 1 to test."""
    del folder
    return Dataset(_taught(TRAINED, 0), _taught(TESTED, 1))


def _taught(samples: int, seed: int) -> Split:
    states = ways(samples, seed)
    return Split(cells(states), teacher(states)[..., None].astype(np.float32))


def balanced(policy: Policy) -> Mapping[str, float]:
    """What a policy makes of STARTS pendulums in BALANCED_STEPS of 10 ms.

    `seconds` that they stay upright, the mean; `widest_rad`, the widest angle of any in the last half of the time.

    They start within 0.1 rad and 0.2 rad/s, drawn with seed 2, and are down beyond FALLEN_RAD.
    """
    rng = np.random.default_rng(2)
    states = (rng.random((STARTS, 2)) - 0.5) * np.array([0.2, 0.4])
    way, up, stood = np.empty((STARTS, 0, 2)), np.ones(STARTS, bool), np.zeros(STARTS)
    for _ in range(BALANCED_STEPS):
        way = np.concatenate([way, states[:, None]], axis=1)
        states = moved(states, policy(way))
        up &= np.abs(states[:, 0]) < FALLEN_RAD
        stood += up
    widest = np.abs(way[:, BALANCED_STEPS // 2 :, 0]).max()
    return {"seconds": round(float(stood.mean() * STEP_S), 3), "widest_rad": round(float(widest), 4)}


def of_file(path: Path) -> Policy:
    """The policy of a .nir file, run by the compiler's interpreter on all spikes so far."""
    return of_cells(path, cells)


def of_cells(path: Path, code: Callable[[Values], NDArray[np.uint8]]) -> Policy:
    """The same of a file whose input has another code: from states (samples, timesteps, 2) to spikes."""
    from neuedge_nir.frontend import read
    from neuedge_nir.interpreter.run import simulate

    network = read(path)

    def torque(way: Values) -> Values:
        (values,) = simulate(network, code(way)).outputs.values()
        return np.asarray(values, dtype=np.float64)[:, -1, 0]

    return torque


def closed_loop(path: Path) -> Mapping[str, object]:
    """How long the file's network balances, beside its teacher and no torque at all."""
    policies: dict[str, Policy] = {
        "network": of_file(path),
        "teacher": lambda way: teacher(way[:, -1]),
        "none": lambda way: np.zeros(len(way)),
    }
    loops = {name: balanced(policy) for name, policy in policies.items()}
    return {"closed_loop_s": BALANCED_STEPS * STEP_S, "closed_loop": loops}


CONTROL = Reference(
    name="control",
    summary="the torque that balances an inverted pendulum, from 2 x 24 cells; 48-64 leaky neurons, 1 LI that is read",
    shape=(2 * CELLS,),
    timesteps=TIMESTEPS,
    load=load,
    coding=Events,
    layers=partial(read_out, (2 * CELLS, 64, 1), keep=0.7, slow=0.7),
    recipe=Recipe(epochs=20, batch=50, learning_rate=5e-3, spike_penalty=0.02),
    loss=of_values,
    readout="the membrane of the output neuron in each timestep: the torque, 1 for 10 N m",
    besides=closed_loop,
)
