"""What hybrid-encoding saves on networks that were trained with a rate code, beside the controls; over several seeds.

Needs the extra `train` and the data of the task (x_train, y_train, x_test, y_test) in --data-dir. A training of the MLP
takes about a minute on one core, a search about two. Prints a Markdown table of means and standard deviations.

    python benchmarks/encoding.py --data-dir DIR --task mnist-mlp --seeds 5
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from arguments import folder
from networks import Layers, convolutional, dense, exported, trained

from neuedge_nir.interpreter.answers import Course
from neuedge_nir.interpreter.samples import MOST_CALIBRATING, Coding, Samples, draw, load_samples
from neuedge_nir.network.model import Network
from neuedge_nir.rewrite.call import PassCall
from neuedge_nir.rewrite.door import Cell, Context
from neuedge_nir.rewrite.manager import apply_passes, rewritten

TRAINED = 10_000
TESTED = 10_000
COLUMNS = ("input", "neurons", "all", "fewer", "steps", "accuracy %", "same class %", "mbit/spike")


@dataclass(frozen=True, slots=True)
class Task:
    """Data, the shape of a sample as the network takes it, and how the network is made and trained.

    `events`: the data are spikes, which no encoder made; they are packed bits.
    """

    file: str
    shape: tuple[int, ...]
    make: Callable[[], Layers]
    steps: int
    epochs: int
    events: bool = False


ENCODERS = {
    "encoder": [f"v_base={v},weight_scale=1.5" for v in (1, 2, 3, 4, 6, 8)],
    "encoder, at most 2 spikes of an element": [f"v_base={v},cap=2,weight_scale=1.5" for v in (1, 2, 3, 4, 6)],
    "encoder, for a few steps": [f"window={n},v_base=1.5,weight_scale=2" for n in (3, 4, 5, 6, 8, 10)],
}
"""Settings in the picture."""
TASKS = {
    "mnist-mlp": Task("mnist.npz", (784,), partial(dense, 784, 256, 10), 25, 6),
    "mnist-conv": Task("mnist.npz", (1, 28, 28), partial(convolutional, (1, 28, 28), 10), 25, 6),
    "fsdd": Task("fsdd_logmel.npz", (1, 61, 32), partial(convolutional, (1, 61, 32), 10), 8, 12),
    "speech": Task("speech_commands12_logmel.npz", (1, 49, 40), partial(convolutional, (1, 49, 40), 12), 8, 10),
    "cifar1k": Task("cifar10_1k.npz", (3, 32, 32), partial(convolutional, (3, 32, 32), 10), 10, 10),
    "nmnist": Task("nmnist_small.npz", (2, 34, 34), partial(dense, 2312, 64, 10), 30, 20, events=True),
}


def _values(task: Task, x: np.ndarray) -> np.ndarray:
    """Samples from 0 to 1 in the network's shape; whole numbers are divided by the largest of their type."""
    if task.events:
        shape = task.steps, *task.shape
        return np.unpackbits(x, axis=1, count=int(np.prod(shape))).reshape(-1, *shape)
    most = np.iinfo(x.dtype).max if x.dtype.kind in "iu" else 1
    x = np.moveaxis(x, -1, 1) if x.ndim == 4 and x.shape[-1] == task.shape[0] else x
    return (x.reshape(-1, *task.shape) / most).astype(np.float32)


def row_of(network: Network, samples: Samples, calibration: Samples, pass_text: str) -> dict[str, tuple[Cell, ...]]:
    """The rows of the pass's report, by their names without the figures in them, and the setting found."""
    (done,) = apply_passes(network, [PassCall.parse(pass_text)], Context(None, samples, calibration), measured=True)
    (table,) = done.report
    print(f"  {done.call}", flush=True)
    names = ("original", "fewer steps", "early exit", "encoder", "encoder, early exit")
    return {name: row[1:] for name, row in zip(names, table.rows, strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=folder, required=True)
    parser.add_argument("--task", choices=sorted(TASKS), default="mnist-mlp")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="the first of the seeds")
    parser.add_argument(
        "--picture", type=Path, help="accuracy against spikes for the last seed; needs the extra `bench`"
    )
    arguments = parser.parse_args()
    task = TASKS[arguments.task]
    stored = np.load(arguments.data_dir / task.file)
    data = {part: _values(task, stored[part]) for part in ("x_train", "x_test")}
    found: dict[str, list[tuple[Cell, ...]]] = {}
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        with TemporaryDirectory() as made:
            path = Path(made) / "data.npz"
            np.savez(path, **data, y_train=stored["y_train"], y_test=stored["y_test"])
            total = len(data["x_train"])
            searched = min(MOST_CALIBRATING, total // 5)
            chosen = np.random.default_rng(seed).permutation(draw(total)[searched:])[:TRAINED]
            known = data["x_train"][chosen], stored["y_train"][chosen]
            layers = trained(task.make, *known, steps=task.steps, epochs=task.epochs, seed=seed, events=task.events)
            network = exported(layers, task.shape, Path(made) / "model.nir")
            codings = [None if task.events else Coding(task.steps, n) for n in (seed, seed + 1000)]
            samples = load_samples(path, network, "test", TESTED, codings[0])
            calibration = load_samples(path, network, "train", searched, codings[1], drawn=True)
        for name, row in row_of(network, samples, calibration, "hybrid-encoding:search=true").items():
            print(f"  seed {seed} {name}: {row}", flush=True)
            found.setdefault(name, []).append(row)
    if arguments.picture:
        picture(arguments.picture, network, samples)
    print("| | " + " | ".join(COLUMNS) + " |\n" + "| --- " * (len(COLUMNS) + 1) + "|")
    for name, rows in found.items():
        print(f"| {name} | " + " | ".join(_spread(cells) for cells in zip(*rows, strict=True)) + " |")


def picture(path: Path, network: Network, samples: Samples) -> None:
    """Accuracy against spikes: of the network cut short, with early exits, and with encoders of several settings."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "neuedge", "svg.fonttype": "none"})
    from matplotlib import pyplot

    assert samples.labels is not None
    course, labels = Course.of(network, samples), samples.labels
    size = float(np.abs(course.outputs[:, -1]).mean())
    lines = {
        "fewer steps": [course.after(n + 1) for n in range(samples.steps)],
        "early exit": [course.exit_at(size * 2.0**k) for k in range(-4, 5)],
    }
    for name, settings in ENCODERS.items():
        coded = (rewritten(network, [PassCall.parse(f"hybrid-encoding:{text}")], Context()) for text in settings)
        lines[name] = [Course.of(each, samples).whole() for each in coded]
    figure, axes = pyplot.subplots(figsize=(7, 4))
    for name, answers in lines.items():
        axes.plot([a.spikes for a in answers], [100 * a.accuracy(labels) for a in answers], "o-", label=name, ms=4)
    axes.set(xlabel="spikes per sample, those of the input too", ylabel="accuracy, %", xscale="log")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def _spread(cells: Sequence[Cell]) -> str:
    numbers = [float(cell) for cell in cells if cell is not None] or [float("nan")]
    apart = statistics.stdev(numbers) if len(numbers) > 1 else 0.0
    return f"{statistics.mean(numbers):.4g} ± {apart:.2g}"


if __name__ == "__main__":
    main()
