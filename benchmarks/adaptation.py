"""What thresholds that follow an activity save on streams that are busy now and then, beside the controls.

Trains 64-96-10 LIF neurons on the digits of scikit-learn, and runs them on streams: bursts of digits, each shown for a
window of 20 timesteps, in weak noise, at several duties. Prints Markdown tables, and draws a picture with --picture.
Needs the extra `train`, and `bench` for the picture; takes a minute on one core.

    python benchmarks/adaptation.py --picture docs/adaptation.svg
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from networks import dense, exported, trained

import neuedge_nir
from neuedge_models.datasets import BRIGHTEST_DIGIT, digits
from neuedge_nir import Options
from neuedge_nir.interpreter.run import simulate
from neuedge_nir.network.activity import Activity, ActivityKind
from neuedge_nir.network.model import Adaptation, Listening, Network

WINDOW = 20
"""Timesteps that a digit is shown for."""
BURST = 5
"""Digits that follow each other."""
STREAMS = 24
NOISE = 0.27
"""Spikes of the input while it idles, over those while it is busy."""
DUTIES = (0.05, 0.1, 0.3, 0.8)
GAMMAS = (2.0, 5.0, 10.0, 20.0, 40.0)
STATICS = (1.1, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0)
BOUNDS = (0.5, 4.0)
CHIP = "loihi2"
TAU = 10.0
"""Timesteps of the activity's mean; the membrane's too."""


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """Spikes (streams, steps, 64); the label of each window (streams, windows), -1 where only noise is."""

    spikes: np.ndarray
    labels: np.ndarray

    @property
    def busy(self) -> np.ndarray:
        return self.labels >= 0


def stream(pixels: np.ndarray, labels: np.ndarray, duty: float, seed: int) -> Stream:
    """Every digit once, in bursts, with as much noise between bursts as the duty wants, and noise first."""
    rng = np.random.default_rng(seed)
    each = len(pixels) // STREAMS // BURST
    pause = round(BURST * (1 - duty) / duty)
    windows = each * (BURST + pause)
    shown = np.arange(windows) % (BURST + pause) >= pause
    chosen = rng.permutation(len(pixels))[: STREAMS * each * BURST].reshape(STREAMS, -1)
    values = np.full((STREAMS, windows, pixels.shape[1]), NOISE * pixels.mean())
    values[:, shown] = pixels[chosen]
    told = np.full((STREAMS, windows), -1)
    told[:, shown] = labels[chosen]
    spikes = rng.random((STREAMS, windows, WINDOW, pixels.shape[1]), np.float32) < values[:, :, None]
    return Stream(spikes.reshape(STREAMS, windows * WINDOW, -1), told)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a network did on a stream: spikes of hidden neurons per window, busy and idle; thresholds; accuracy."""

    accuracy: float
    busy: float
    idle: float
    threshold_busy: float
    threshold_idle: float
    duty: float
    energy: float
    """Joules of a timestep beyond the static power; 0: not asked for."""

    @property
    def spikes(self) -> float:
        """Hidden spikes per window, of all windows."""
        return self.duty * self.busy + (1 - self.duty) * self.idle


def seen(network: Network, data: Stream, *, priced: bool = True) -> Seen:
    """A run over the streams, membranes carried on from window to window."""
    run = simulate(network, data.spikes)
    hidden, *_ = network.populations
    spikes = run.per_sample[hidden.name].reshape(*data.busy.shape, WINDOW).sum(axis=2)
    factors = run.factors.get(hidden.name, np.ones((run.samples, run.steps)))
    factors = factors.reshape(*data.busy.shape, WINDOW).mean(axis=2)
    (out,) = run.outputs.values()
    answers = out.reshape(*data.busy.shape, WINDOW, -1).sum(axis=2).argmax(axis=2)
    right = float((answers[data.busy] == data.labels[data.busy]).mean())
    rates = {name: run.rate(name) for name in run.counts}
    energy = dynamic_energy(network, rates) if priced else 0.0
    means = [float(values[where].mean()) for values in (spikes, factors) for where in (data.busy, ~data.busy)]
    return Seen(right, *means, float(data.busy.mean()), energy)


def dynamic_energy(network: Network, rates: Mapping[str, float]) -> float:
    """Joules of a timestep beyond the static power, typical, at these rates. What adapting costs is not counted."""
    still = with_hidden(network, adaptation=None)
    plan = neuedge_nir.compile(still, CHIP, Options(activity=Activity(ActivityKind.SIMULATED, rates)))
    return float(plan.cost.dynamic_j_per_step.typical or 0.0)


def with_hidden(network: Network, **changed: Any) -> Network:
    """The network with another hidden layer."""
    hidden, *others = network.populations
    return replace(network, populations=(replace(hidden, **changed), *others))


def adapting(network: Network, gamma: float, target: float, source: Listening = Listening.INPUT) -> Network:
    return with_hidden(network, adaptation=Adaptation(gamma, target, TAU, source, low=BOUNDS[0], high=BOUNDS[1]))


def static(network: Network, factor: float) -> Network:
    neuron: Any = network.populations[0].neuron
    return with_hidden(network, neuron=replace(neuron, v_threshold=neuron.v_threshold * factor))


def heard(network: Network, data: Stream, source: Listening) -> float:
    """The mean activity while busy: what the threshold is to be at its base for."""
    run = simulate(network, data.spikes)
    hidden, _ = network.populations
    name = hidden.name if source is Listening.SELF else network.inputs[0].name
    steps = np.repeat(data.busy, WINDOW, axis=1)
    return float(run.per_sample[name][steps].mean()) / run.counts[name].size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    images = digits()
    known, test = images.train, images.test
    values = known.inputs / BRIGHTEST_DIGIT
    layers = trained(lambda: dense(64, 96, 10), values, known.wanted, steps=WINDOW, epochs=30, seed=arguments.seed)
    with TemporaryDirectory() as folder:
        network = exported(layers, (64,), Path(folder) / "model.nir", readout=True)
    train = values[:360], known.wanted[:360]
    found: dict[float, dict[str, Seen]] = {}
    for duty in DUTIES:
        calibration = stream(*train, duty, arguments.seed + 1000)
        data = stream(test.inputs / BRIGHTEST_DIGIT, test.wanted, duty, arguments.seed)
        found[duty] = dict(rows(network, calibration, data))
        show(found[duty])
    sweep = latching(
        network,
        stream(*train, 0.3, arguments.seed + 1000),
        stream(test.inputs / BRIGHTEST_DIGIT, test.wanted, 0.3, arguments.seed),
    )
    if arguments.picture:
        draw(arguments.picture, found, sweep)


def rows(network: Network, calibration: Stream, data: Stream) -> list[tuple[str, Seen]]:
    """The model as it is, the control, and gammas."""
    target = heard(network, calibration, Listening.INPUT)
    least = seen(network, calibration, priced=False).accuracy - 0.01
    kept = [f for f in STATICS if seen(static(network, f), calibration, priced=False).accuracy >= least]
    found = [("fixed", seen(network, data))]
    if kept:
        found.append((f"static x {kept[-1]:g}", seen(static(network, kept[-1]), data)))
    return found + [(f"gamma {gamma:g}", seen(adapting(network, gamma, target), data)) for gamma in GAMMAS]


def show(found: Mapping[str, Seen]) -> None:
    fixed = found["fixed"]
    ratio = fixed.idle / fixed.busy
    bound = (1 - fixed.duty) * ratio / (fixed.duty + (1 - fixed.duty) * ratio)
    spikes = f"{fixed.busy:.0f} hidden spikes in a busy window, {fixed.idle:.0f} in an idle one"
    print(f"\nDuty {fixed.duty:.2g}: {spikes}; all idle spikes are {bound:.1%}\n")
    thresholds = "threshold busy", "threshold idle"
    names = ("accuracy %", "busy", "idle", *thresholds, "saved %", "of it idle %", "energy saved %")
    print("| | " + " | ".join(names) + " |\n" + "| --- " * (len(names) + 1) + "|")
    for name, row in found.items():
        saved = 100 * (1 - row.spikes / fixed.spikes)
        idle = 100 * (1 - fixed.duty) * (fixed.idle - row.idle) / fixed.spikes
        energy = 100 * (1 - row.energy / fixed.energy)
        cells = (100 * row.accuracy, row.busy, row.idle, row.threshold_busy, row.threshold_idle, saved, idle, energy)
        print(f"| {name} | " + " | ".join(f"{cell:.4g}" for cell in cells) + " |")


def latching(network: Network, calibration: Stream, data: Stream) -> list[tuple[float, Seen]]:
    """Gammas for a threshold that follows its own population, up to where it latches; and the estimate of that."""
    hidden, _ = network.populations
    target = heard(network, calibration, Listening.SELF)
    held = [with_hidden(network, adaptation=Adaptation(0, 0, TAU, low=f, high=f)) for f in (1.0, 1.1)]
    rates = [simulate(each, calibration.spikes).rate(hidden.name) for each in held]
    limit = 0.1 / abs(rates[1] - rates[0])
    print(f"\nsource=self, duty 0.3: estimated to latch from gamma {limit:.3g} on\n")
    print("| gamma | accuracy % | busy | idle | threshold busy | idle |\n| --- | --- | --- | --- | --- | --- |")
    found = []
    for gamma in (2.0, 5.0, 10.0, 20.0, 40.0, 80.0):
        row = seen(adapting(network, gamma, target, Listening.SELF), data, priced=False)
        cells = (gamma, 100 * row.accuracy, row.busy, row.idle, row.threshold_busy, row.threshold_idle)
        print("| " + " | ".join(f"{cell:.4g}" for cell in cells) + " |")
        found.append((gamma, row))
    return found


def draw(path: Path, found: dict[float, dict[str, Seen]], sweep: Sequence[tuple[float, Seen]]) -> None:
    """Spikes saved against duty beside their bound, and what gamma does to a threshold that follows itself."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "neuedge", "svg.fonttype": "none"})
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4))
    fixed = [rows["fixed"] for rows in found.values()]
    duties = np.linspace(0.03, 1, 100)
    ratio = float(np.mean([row.idle / row.busy for row in fixed]))
    left.plot(duties, 100 * (1 - duties) * ratio / (duties + (1 - duties) * ratio), "k--", label="all idle spikes")
    for name in ("gamma 5", "gamma 10", "gamma 20", "static"):
        saved = []
        for rows_at in found.values():
            row = next((row for label, row in rows_at.items() if label.startswith(name)), rows_at["fixed"])
            saved.append(100 * (1 - row.spikes / rows_at["fixed"].spikes))
        left.plot([row.duty for row in fixed], saved, "s:" if name == "static" else "o-", label=name)
    left.set(xlabel="duty", ylabel="hidden spikes saved, %", title="Threshold follows the input")
    left.legend()
    gammas = [gamma for gamma, _ in sweep]
    right.plot(gammas, [row.threshold_busy for _, row in sweep], "o-", label="busy")
    right.plot(gammas, [row.threshold_idle for _, row in sweep], "o-", label="idle")
    right.set(
        xlabel="gamma", ylabel="mean threshold over its base", xscale="log", title="Threshold follows itself, duty 0.3"
    )
    right.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
