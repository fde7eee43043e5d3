"""What fine-tuning with the encoder, a penalty on hidden spikes and a loss on the running sum saves, beside controls.

A network is trained with a rate code drawn by chance, and then, always from there and for as many epochs: on as it was
(the control that accuracies are held against), for the encoder, and so on. Early exits and shorter runs are chosen on
samples of the training set that train nothing. MNIST's settings were found on those samples too, with seed 100. Needs
the extra `train` and the data of the task in --data-dir. After each seed the JSON is written whole; the seeds that it
has are not run again.

    python benchmarks/finetune.py --data-dir DIR --task mnist --json FILE.json
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from arguments import folder
from spread import Row, table, versions

from neuedge_models import exits, losses, networks, neurons
from neuedge_models.coding import Coding, Drawn, Hybrid, Noisy
from neuedge_models.datasets import BRIGHTEST_BYTE, Split
from neuedge_models.grid import weights_of
from neuedge_models.loop import Recipe, Training, fine_tuned, reproducible
from neuedge_models.mechanisms import exported
from neuedge_models.spikes import run_for
from neuedge_nir.interpreter.answers import Answers, Course
from neuedge_nir.interpreter.samples import draw
from neuedge_nir.network.model import HybridEncoder

TRAINED, TESTED, CHOSEN_ON, HELD = 10_000, 10_000, 3_000, 6_000
"""Samples at most: that train, that test, that early exits are chosen on, and that are held back from training."""
STEEPNESS = 5.0
"""What a class's mean output over a sample is multiplied with before the softmax."""


@dataclass(frozen=True, slots=True)
class Task:
    """Data, layers for samples of so many timesteps, and settings; epochs and penalties by what is trained.

    `steps` are those of the rate code, `coded_steps` those of the encoder; `gain` multiplies the first weights before
    the network is trained on with the encoder, whose spikes are fewer, on values of so many `draws`.
    """

    file: str
    shape: tuple[int, ...]
    make: Callable[[int], torch.nn.Sequential]
    steps: int
    epochs: int
    tuned: Recipe
    coded_steps: int
    encoder: HybridEncoder
    gain: float
    penalty: float
    rate_penalty: float
    draws: int


def _dense(timesteps: int) -> torch.nn.Sequential:
    return networks.read_by_host(networks.mlp((784, 256, 10), timesteps, neurons.following))


def _convolutional(timesteps: int, shape: tuple[int, int, int], classes: int) -> torch.nn.Sequential:
    layers = ((8, 5, 2), (16, 5, 2))
    return networks.read_by_host(networks.cnn(shape, layers, (classes,), timesteps, neurons.following))


def _audio(file: str, shape: tuple[int, int, int], classes: int, epochs: int) -> Task:
    """Settings of an earlier trial, not searched for again."""
    return Task(
        file,
        shape,
        partial(_convolutional, shape=shape, classes=classes),
        steps=8,
        epochs=epochs,
        tuned=Recipe(4, 100, 2e-3, 0.0),
        coded_steps=8,
        encoder=HybridEncoder(3.0, alpha=0.9, cap=2),
        gain=1.5,
        penalty=1.0,
        rate_penalty=1.0,
        draws=8,
    )


TASKS = {
    "mnist": Task(
        "mnist.npz",
        (784,),
        _dense,
        steps=25,
        epochs=6,
        tuned=Recipe(3, 100, 6e-3, 0.0),
        coded_steps=8,
        encoder=HybridEncoder(1.5, cap=2),
        gain=2.0,
        penalty=1.0,
        rate_penalty=1.0,
        draws=2,
    ),
    "fsdd": _audio("fsdd_logmel.npz", (1, 61, 32), 10, 12),
    "speech": _audio("speech_commands12_logmel.npz", (1, 49, 40), 12, 10),
}


@dataclass(frozen=True, slots=True)
class Data:
    """What trains, what early exits are chosen on, and what tests."""

    train: Split
    chosen_on: Split
    test: Split


def data_of(task: Task, folder: Path, seed: int) -> Data:
    """The test samples, and a draw of the others: the same ones are held back from every training."""
    with np.load(folder / task.file) as stored:
        arrays = {name: stored[name] for name in ("x_train", "y_train", "x_test", "y_test")}
    total = len(arrays["y_train"])
    held = min(HELD, total // 5)
    order = draw(total)
    shown = np.random.default_rng(seed).permutation(order[held:])[:TRAINED]

    def split(part: str, which: Any) -> Split:
        values = arrays[f"x_{part}"][which].reshape(-1, *task.shape)
        return Split(values, arrays[f"y_{part}"][which].astype(np.int64))

    return Data(split("train", shown), split("train", order[:held][:CHOSEN_ON]), split("test", slice(TESTED)))


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A trained network's course on the samples that early exits are chosen on, and on those that test."""

    chosen_on: Course
    test: Course


@dataclass(frozen=True, slots=True, eq=False)
class Experiment:
    """One seed of a task."""

    task: Task
    data: Data
    seed: int

    def base(self) -> torch.nn.Sequential:
        """The network trained with a rate code."""
        recipe = Recipe(self.task.epochs, 100, 1e-3, 0.0)
        with reproducible(self.seed):
            made = self.task.make(self.task.steps)
        return self._trained(made, self.rate(None), recipe, losses.of_counts)

    def rate(self, seed: int | None) -> Drawn:
        """The rate code, drawn anew or with a seed."""
        return Drawn(self.task.steps, BRIGHTEST_BYTE, seed)

    @property
    def hybrid(self) -> Hybrid:
        """The encoder's code."""
        return Hybrid(self.task.coded_steps, BRIGHTEST_BYTE, self.task.encoder)

    def tuned(self, base: torch.nn.Sequential, penalty: float, loss: losses.Loss) -> torch.nn.Sequential:
        """The network trained on with the rate code."""
        return self._trained(base, self.rate(None), replace(self.task.tuned, spike_penalty=penalty), loss)

    def coded(self, base: torch.nn.Sequential, penalty: float, loss: losses.Loss) -> torch.nn.Sequential:
        """The network trained on for the encoder."""
        coding = Noisy(self.hybrid, self.task.draws)
        return self._trained(self.swapped(base), coding, replace(self.task.tuned, spike_penalty=penalty), loss)

    def swapped(self, base: torch.nn.Sequential) -> torch.nn.Sequential:
        """The network with the encoder, not trained for it."""
        network = run_for(deepcopy(base), self.task.coded_steps)
        with torch.no_grad():
            weights_of(network)[0].mul_(self.task.gain)
        return network

    def trial(self, network: torch.nn.Sequential, *, coded: bool = False, test: bool = True) -> Trial:
        """What the exported file does; `test`: also on the samples that test."""
        encoder = self.task.encoder if coded else None
        with TemporaryDirectory() as folder:
            made = exported(network, self.task.shape, Path(folder) / "net.nir", encoder)
        codings: list[Coding] = [self.hybrid] * 2 if coded else [self.rate(self.seed + 1000), self.rate(self.seed)]
        chosen_on = exits.course(made, self.data.chosen_on, codings[0])
        return Trial(chosen_on, exits.course(made, self.data.test, codings[1]) if test else chosen_on)

    def _trained(
        self, network: torch.nn.Sequential, coding: Drawn | Noisy, recipe: Recipe, loss: losses.Loss
    ) -> torch.nn.Sequential:
        scaled = losses.scaled(loss, STEEPNESS / coding.timesteps)
        return fine_tuned(network, self.data.train, Training(coding, scaled, recipe, self.seed))


def rows(experiment: Experiment, base: torch.nn.Sequential) -> dict[str, Row]:
    """What each way comes to on the samples that test."""
    task, data, counts, running = experiment.task, experiment.data, losses.of_counts, losses.of_running_counts
    right = data.chosen_on.wanted

    def row(answers: Answers) -> Row:
        return Row(answers.input_spikes, answers.neuron_spikes, answers.steps, 100 * answers.accuracy(data.test.wanted))

    def exit_of(trial: Trial) -> Row:
        """Stopping early on the least lead that loses nothing on the samples it is chosen on."""
        own = trial.chosen_on.whole().accuracy(right)
        return row(trial.test.exit_at(exits.least_lead(trial.chosen_on, right, own)))

    control = experiment.trial(experiment.tuned(base, 0.0, counts))
    found = {"rate code": row(experiment.trial(base).test.whole()), "trained on (control)": row(control.test.whole())}
    steps = exits.least_steps(control.chosen_on, right, control.chosen_on.whole().accuracy(right))
    found["trained on, fewer steps"] = row(control.test.after(steps))
    found["trained on, early exit"] = exit_of(control)
    frugal = experiment.trial(experiment.tuned(base, task.rate_penalty, running))
    found["penalty and exit loss, no encoder"] = row(frugal.test.whole())
    found["penalty and exit loss, no encoder, early exit"] = exit_of(frugal)
    found["encoder, not trained for it"] = row(experiment.trial(experiment.swapped(base), coded=True).test.whole())
    coded = experiment.trial(experiment.coded(base, 0.0, counts), coded=True)
    found["encoder"] = row(coded.test.whole())
    coded = experiment.trial(experiment.coded(base, task.penalty, counts), coded=True)
    found["encoder, penalty"] = row(coded.test.whole())
    found["encoder, penalty, early exit"] = exit_of(coded)
    coded = experiment.trial(experiment.coded(base, task.penalty, running), coded=True)
    found["encoder, penalty, exit loss"] = row(coded.test.whole())
    found["encoder, penalty, exit loss, early exit"] = exit_of(coded)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=folder, required=True)
    parser.add_argument("--task", choices=sorted(TASKS), default="mnist")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", type=Path, required=True, help="what was measured, added to after each seed")
    arguments = parser.parse_args()
    task = TASKS[arguments.task]
    told = json.loads(arguments.json.read_text()) if arguments.json.exists() else begun(arguments.task, task)
    for seed in range(arguments.seeds):
        if str(seed) not in told["seeds"]:
            start = time.process_time()
            experiment = Experiment(task, data_of(task, arguments.data_dir, seed), seed)
            found = {name: asdict(row) for name, row in rows(experiment, experiment.base()).items()}
            told["seeds"][str(seed)] = {"cpu_s": round(time.process_time() - start, 1), "rows": found}
            arguments.json.write_text(json.dumps(told, indent=1) + "\n")
            print(f"seed {seed}: {told['seeds'][str(seed)]['cpu_s']} s", flush=True)
    print(table(told["seeds"], "rate code", "trained on (control)"))


def begun(name: str, task: Task) -> dict[str, Any]:
    """What a file says of its figures."""
    command = f"python benchmarks/finetune.py --data-dir DIR --task {name} --json FILE.json"
    setting = {each.name: repr(getattr(task, each.name)) for each in fields(task) if each.name != "make"}
    return {"command": command, "setting": setting, "versions": versions(), "seeds": {}}


if __name__ == "__main__":
    main()
