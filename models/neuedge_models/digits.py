"""A classifier of handwritten digits, 64-96-10 integrate-and-fire neurons: small enough for any chip."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

from neuedge_models import training
from neuedge_models.data import Samples, digits, rate_code
from neuedge_models.evaluation import evaluate
from neuedge_models.export import nir_bytes
from neuedge_models.extra import require_train_extra
from neuedge_nir.events import Observer
from neuedge_nir.files import check_writable, write_whole

SIZES = (64, 96, 10)
TIMESTEPS = 16
RECIPE = training.Recipe(epochs=40, batch=64, learning_rate=5e-3, spike_penalty=1.0)
PACKAGES = ("h5py", "nir", "nirtorch", "numpy", "scikit-learn", "sinabs", "torch")

DESCRIPTION = {
    "schema": 1,
    "model": "digits",
    "reset": training.RESET,
    "dt": 1.0,
    "timesteps": TIMESTEPS,
    "input": "rate: pixel x of 0..16 fires floor((t+1)x/16) - floor(tx/16) spikes in timestep t = 0..15",
    "readout": "the output neuron with the most spikes, the lowest index of several",
    "weight_step": training.WEIGHT_STEP,
}
"""What the file says about itself. `dt` is one timestep, the file's unit of time."""


@dataclass(frozen=True, slots=True)
class Digits:
    """The entry point of the model."""

    name: str = "digits"
    summary: str = (
        "handwritten digits of 8 x 8 pixels; 64-96-10 integrate-and-fire neurons, 16 timesteps, 8-bit weights"
    )

    def train(
        self, output: Path, *, seed: int, epochs: int | None, device: str, observer: Observer
    ) -> Mapping[str, object]:
        """Train, write `output` (.nir) and return its provenance, measured on the file itself.

        `epochs` None: as many as the recipe says. Raises `UsageError`: USE005 the extra `train` is missing, USE006
        `output` cannot be written, USE007 an option is out of range.
        """
        require_train_extra()
        recipe = RECIPE if epochs is None else replace(RECIPE, epochs=epochs)
        training.check_options(seed=seed, epochs=recipe.epochs, device=device)
        check_writable(output)
        samples, test = digits()
        spikes = rate_code(samples.pixels, TIMESTEPS)
        network = training.fit(SIZES, recipe, spikes, samples.labels, seed=seed, device=device, observer=observer)
        write_whole(output, nir_bytes(network, DESCRIPTION))
        return {"seed": seed, "epochs": recipe.epochs, "device": device, **facts(), **measured(output, test)}

    def bundled(self) -> Path:
        """The trained .nir that came with the package; `zoo.toml` beside it says where it came from."""
        return Path(__file__).with_name("digits.nir")


def facts() -> dict[str, object]:
    """What is true of every training of this model in this environment."""
    return {
        "neurons": sum(SIZES[1:]),
        "weights": sum(inputs * outputs for inputs, outputs in pairwise(SIZES)),
        "timesteps": TIMESTEPS,
        "reset": training.RESET,
        "versions": {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}},
    }


def measured(path: Path, test: Samples) -> dict[str, object]:
    """What an exported file achieves on the test samples, and its hash. Spikes are means per inference."""
    result = evaluate(path, rate_code(test.pixels, TIMESTEPS))
    spikes = dict(zip(("input", "hidden", "output"), result.spikes_per_inference(), strict=True))
    return {
        "test_accuracy": round(result.accuracy(test.labels), 4),
        "test_samples": len(test),
        "spikes_per_inference": {layer: round(mean, 2) for layer, mean in spikes.items()},
        "ties": result.ties,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


DIGITS = Digits()
