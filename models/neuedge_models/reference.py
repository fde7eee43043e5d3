"""A reference network as the compiler's command line knows it: its data, its layers, and how it is trained."""

from __future__ import annotations

import platform
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neuedge_models.checkpoint import Checkpoint, Which, check_place
from neuedge_models.claim import claimed
from neuedge_models.coding import Coding
from neuedge_models.datasets import Dataset, Loader
from neuedge_models.export import nir_bytes
from neuedge_models.extra import require_train_extra
from neuedge_models.grid import WEIGHT_STEP, weights_of
from neuedge_models.loop import Recipe, Training, check_options, fit
from neuedge_models.losses import Loss, of_counts
from neuedge_models.measure import Measured, digest, measured
from neuedge_models.neurons import RESET
from neuedge_nir.errors import InputError, UsageError
from neuedge_nir.events import Observer
from neuedge_nir.files import check_writable, write_whole
from neuedge_nir.plugin import TrainingOptions

if TYPE_CHECKING:
    import torch

Arrays = dict[str, NDArray[Any]]
MOST_TIMESTEPS = 10_000
PACKAGES = ("h5py", "nir", "nirtorch", "numpy", "scikit-learn", "sinabs", "torch")
READOUT = "the output neuron with the most spikes, the lowest index of several"


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """The entry point of a model.

    `layers` makes the network for samples of so many timesteps, its weights drawn; `coding` turns samples into that
    many steps of spikes. `shape` is that of the input in a timestep; `besides` measures on the
    exported file what a test set does not.
    """

    name: str
    summary: str
    shape: tuple[int, ...]
    timesteps: int
    load: Loader
    coding: Callable[[int], Coding]
    layers: Callable[[int], torch.nn.Sequential]
    recipe: Recipe
    loss: Loss = of_counts
    readout: str = READOUT
    besides: Callable[[Path], Mapping[str, object]] = lambda _: {}

    def train(self, output: Path, options: TrainingOptions, observer: Observer) -> Mapping[str, object]:
        """Train, write `output` (.nir) and return its provenance, measured on the file itself.

        The state after each epoch lies beside it as `output`.checkpoint until the training is over. Raises
        `UsageError`: USE005 the extra `train` is missing, USE006 `output` cannot be written, USE007 an option is out
        of range, USE129 another training writes it; `InputError` (TRAIN...) for data and checkpoints.
        """
        require_train_extra()
        recipe = self.recipe if options.epochs is None else replace(self.recipe, epochs=options.epochs)
        check_options(seed=options.seed, epochs=recipe.epochs, device=options.device)
        timesteps = self._steps(options.steps)
        check_writable(output)
        state = output.with_name(f"{output.name}.checkpoint")
        check_place(state)
        data = self.dataset(options.data_dir, timesteps)
        checkpoint = Checkpoint(state, self.training(recipe, timesteps, options, len(data.train)), options.resume)
        how = Training(
            self.coding(timesteps), self.loss, recipe, options.seed, options.device, observer, checkpoint=checkpoint
        )
        with claimed(output):
            network = fit(lambda: self.layers(timesteps), data.train, how)
            write_whole(output, nir_bytes(network, self.description(timesteps), self.shape))
            checkpoint.forget()
            chosen = {"seed": options.seed, "epochs": recipe.epochs, "device": options.device}
            return {**chosen, **self.facts(network, timesteps), **self.figures(output, data, timesteps)}

    def dataset(self, folder: Path | None, timesteps: int) -> Dataset:
        """The data, each sample shaped as the network takes it, and what is wanted over so many timesteps.

        Raises `InputError` TRAIN001 for a folder that is not there, TRAIN007 for recordings that are shorter than that.
        """
        found = self.load(folder)
        if folder is not None and not folder.is_dir():  # nothing is read from it, so that nobody looked
            hint = f"{self.name} needs no --data-dir"
            raise InputError("TRAIN001", "there is no such folder", where=str(folder), hint=hint)
        recorded = found.train.inputs.ndim == len(self.shape) + 2
        if recorded and timesteps > (frames := found.train.inputs.shape[1]):
            message = f"the samples are recordings of {frames} timesteps, fewer than {timesteps}"
            raise InputError("TRAIN007", message, hint=f"give at most --steps {frames}")
        return found.over(timesteps)

    def samples(self, folder: Path | None = None, steps: int | None = None, most: int | None = None) -> Arrays:
        """Samples to test on as `load_samples` takes them: spikes x (samples, timesteps, *shape) and labels y.

        What a regression wants is called `wanted`, (samples, timesteps, outputs), since it is no label. Raises as
        `train`, but for the options that only a training has.
        """
        timesteps = self._steps(steps)
        test = self.dataset(folder, timesteps).test.first(most)
        name = "wanted" if test.is_regression else "y"
        return {"x": self.coding(timesteps)(test.inputs), name: test.wanted}

    def record(self) -> Mapping[str, object]:
        """What `zoo.toml` says of a training of this model; nothing where none was recorded."""
        with Path(__file__).with_name("zoo.toml").open("rb") as file:
            found: Mapping[str, object] = tomllib.load(file).get(self.name, {})
        return found

    def _steps(self, wanted: int | None) -> int:
        timesteps = self.timesteps if wanted is None else wanted
        if not 1 <= timesteps <= MOST_TIMESTEPS:
            message = f"a sample cannot have {timesteps} timesteps"
            raise UsageError("USE007", message, hint=f"give 1 to {MOST_TIMESTEPS}")
        return timesteps

    def bundled(self) -> Path:
        """The trained .nir that came with the package; `zoo.toml` beside it says where it came from.

        Raises `UsageError` USE120 where none did.
        """
        path = Path(__file__).with_name(f"{self.name}.nir")
        if not path.is_file():
            message = f"no trained {self.name} comes with the package"
            command = self.record().get("command", f"neuedge-nir models train {self.name}")
            raise UsageError("USE120", message, hint=f"train it: {command}")
        return path

    def description(self, timesteps: int) -> dict[str, object]:
        """What the file says about itself. `dt` is one timestep, the file's unit of time."""
        return {
            "schema": 1,
            "model": self.name,
            "reset": RESET,
            "dt": 1.0,
            "timesteps": timesteps,
            "input": self.coding(timesteps).words,
            "readout": self.readout,
            "weight_step": WEIGHT_STEP,
        }

    def facts(self, network: torch.nn.Sequential, timesteps: int) -> dict[str, object]:
        """What is true of every training of this model in this environment."""
        return {
            "weights": sum(weight.numel() for weight in weights_of(network)),
            "timesteps": timesteps,
            "reset": RESET,
            "versions": {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}},
        }

    def figures(self, path: Path, data: Dataset, timesteps: int) -> dict[str, object]:
        """What an exported file achieves on the test samples, and its hash. Spikes are means per inference."""
        found = measured(path, data.test, self.coding(timesteps))
        return {
            "neurons": found.neurons,
            **_quality(found, data),
            **self.besides(path),
            "test_samples": len(data.test),
            "spikes_per_inference": found.spikes_per_inference(),
            "sha256": digest(path),
        }

    def training(self, recipe: Recipe, timesteps: int, options: TrainingOptions, samples: int) -> Which:
        """Which training a checkpoint is of."""
        device = options.device.removesuffix(":0")  # one device by two names
        chosen = {"seed": options.seed, "timesteps": timesteps, "device": device, "samples": samples}
        return {"model": self.name, **chosen, **asdict(recipe)}


def _quality(found: Measured, data: Dataset) -> dict[str, object]:
    if data.test.is_regression:
        # What an output of nothing but zeros is wrong by shows what an error is worth.
        silent = float(np.sqrt(np.mean(data.test.wanted**2)))
        return {"test_error": round(found.error(data.test.wanted), 4), "test_error_of_zero": round(silent, 4)}
    return {"test_accuracy": round(found.accuracy(data.test.wanted), 4)}
