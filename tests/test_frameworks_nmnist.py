"""The interpreter beside Norse and sinabs on real samples: every output spike, and what makes the rest differ.

The table in docs/simulation.md is written by `pytest -m frameworks --update-golden`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from neuedge_nir.frontend import read
from neuedge_nir.interpreter.answers import accuracy
from neuedge_nir.interpreter.run import Run, simulate
from neuedge_nir.interpreter.samples import Samples, load_samples
from tests.conftest import Golden
from tests.environments import ROOT, SCRIPTS, python_of, run

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("frameworks")]

SHARED = ROOT.parent / "shared"
MODEL, DATA = SHARED / "nir" / "cnn_sinabs.nir", SHARED / "data" / "nmnist_small.npz"

THEIRS = {
    "norse": ("Norse 1.1.0, as imported", "zero"),
    "sinabs": ("sinabs 2.0.3, as imported: several spikes in a step", "subtract"),
    "sinabs_single": ("sinabs 2.0.3, single spikes", "subtract"),
    "sinabs_single_unbounded": ("sinabs 2.0.3, single spikes, no floor under the potential", "subtract"),
    "sinabs_single_zero": ("sinabs 2.0.3, single spikes, reset to zero", "zero"),
    "sinabs_single_zero_unbounded": ("sinabs 2.0.3, single spikes, reset to zero, no floor", "zero"),
}
"""What ran, and the reset of ours that it is held against."""
SAME = {"norse", "sinabs_single_unbounded", "sinabs_single_zero_unbounded"}
"""Where every output spike is the same."""


@dataclass(frozen=True)
class Trial:
    """Output spikes by name, (samples, steps, classes), the seconds of processor time, and ours by reset."""

    theirs: Mapping[str, np.ndarray]
    seconds: Mapping[str, float]
    ours: Mapping[str, Run]
    our_seconds: float
    samples: Samples


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    if not DATA.is_file():
        pytest.skip("the samples are not here")
    from threadpoolctl import threadpool_limits  # scikit-learn brings it

    folder = tmp_path_factory.mktemp("nmnist")
    seconds = json.loads(run(python_of("current"), SCRIPTS / "nmnist.py", MODEL, DATA, folder).splitlines()[-1])
    network = read(MODEL)
    samples = load_samples(DATA, network)
    simulate(network, {name: values[:1] for name, values in samples.inputs.items()})  # imports are over
    with threadpool_limits(1):  # as theirs: threads that wait for each other take processor time too
        start = time.process_time()
        zero = simulate(network, samples.inputs, reset="zero")
        taken = time.process_time() - start
    ours = {"zero": zero, "subtract": simulate(network, samples.inputs, reset="subtract")}
    return Trial({name: np.load(folder / f"{name}.npy") for name in THEIRS}, seconds, ours, taken, samples)


@pytest.mark.parametrize("name", THEIRS)
def test_every_output_spike_is_the_same_where_it_is_claimed(trial: Trial, name: str) -> None:
    (ours,) = trial.ours[THEIRS[name][1]].outputs.values()
    assert bool((trial.theirs[name] == ours).all()) == (name in SAME)


def test_the_table_in_the_docs_is_what_came_of_it(trial: Trial, golden: Golden) -> None:
    golden("simulation.md", document(trial), ROOT / "docs")


def document(trial: Trial) -> str:
    rows = [_row(f"`simulate --reset {reset}`", _out(run_), trial, None) for reset, run_ in trial.ours.items()]
    rows += [_row(title, trial.theirs[name], trial, reset) for name, (title, reset) in THEIRS.items()]
    header = "| run by | accuracy | output spikes | most in a step | equal to ours |\n|---|---|---|---|---|"
    return f"{INTRODUCTION}\n{header}\n" + "\n".join(rows) + f"\n{EXPLANATION}"


def _out(ours: Run) -> np.ndarray:
    (found,) = ours.outputs.values()
    return found


def _row(title: str, spikes: np.ndarray, trial: Trial, reset: str | None) -> str:
    labels = trial.samples.labels
    assert labels is not None
    correct = float((spikes.sum(1).argmax(1) == labels).mean())
    equal = "" if reset is None else f"{_shared(spikes, _out(trial.ours[reset])):.1%} (reset {reset})"
    return f"| {title} | {correct:.2f} | {spikes.sum():.0f} | {spikes.max():.0f} | {equal} |"


def _shared(one: np.ndarray, other: np.ndarray) -> float:
    """Of the places with a spike in either, the share where both say the same."""
    busy = (one > 0) | (other > 0)
    return float((one == other)[busy].mean())


def test_the_accuracy_is_that_of_the_command(trial: Trial) -> None:
    assert trial.samples.labels is not None
    assert accuracy(trial.ours["zero"], trial.samples.labels) == 0.97


def test_the_times_are_told(trial: Trial, capsys: pytest.CaptureFixture[str]) -> None:
    """Printed, not asserted: a machine's times are no law."""
    with capsys.disabled():
        told = {"ours": trial.our_seconds, **trial.seconds}
        print("\n" + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in told.items()))
    assert trial.our_seconds > 0


INTRODUCTION = """# The interpreter beside Norse and sinabs

Generated by `pytest -m frameworks --update-golden`: the convolutional network of the NIR paper (8,970 neurons) on 100
samples of N-MNIST, 30 steps each, run by each tool from the same file. "Equal" is the share of the places with an
output spike in either run where both have the same number.
"""
EXPLANATION = """
What makes runs differ, and nothing else does, since without it every spike is equal:

* **Reset.** NIR does not say whether a spike sets the potential to zero or subtracts the threshold. Norse does the
  first, sinabs the second; `--reset` chooses.
* **Several spikes in a step.** A sinabs neuron sends as many as its potential holds thresholds; the network is best at
  its task so. Chips send one, and so does NIR.
* **The floor.** sinabs holds potentials above minus the threshold; NIR has no floor.
* **At or above.** sinabs fires at the threshold, NIR and Norse above it. These weights make no difference.

The NIR paper published for this network, on samples of its own: sinabs .985, Lava .982, SpiNNaker 2 .982, Nengo .981,
Norse .981, snnTorch .979, Spyx .971, Speck .954 (`neuromorphs/NIR`, `paper/02_cnn/*_accuracy.npy`).
"""
