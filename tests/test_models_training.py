"""Every reference model is trained, exported, read back and run: as torch has it, spike for spike."""

from __future__ import annotations

import hashlib
import io
import json
import re
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neuedge_models import control, export, grid, loop, tactile
from neuedge_models.coding import Rate
from neuedge_models.digits import DIGITS
from neuedge_models.export import nir_bytes
from neuedge_models.reference import Reference
from neuedge_nir.cli import shared
from neuedge_nir.cli.models import MOST_SAMPLES
from neuedge_nir.errors import InputError, NeuedgeError, UsageError
from neuedge_nir.events import Progress, silent
from neuedge_nir.frontend import read
from neuedge_nir.interpreter.run import simulate
from neuedge_nir.interpreter.samples import load_samples
from neuedge_nir.plugin import MODELS, Documented, TrainingOptions, load_model
from tests.conftest import Neuedge, Refused
from tests.test_models_data import KEPT

torch = pytest.importorskip("torch")
pytest.importorskip("sinabs")

NAMES = sorted({point.name for point in entry_points(group=MODELS)})
FEW = {"steps": 4}
ZOO = tomllib.loads(Path(export.__file__).with_name("zoo.toml").read_text(encoding="utf-8"))


def model(name: str) -> Reference:
    found = load_model(name)
    assert isinstance(found, Reference)
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a handful of samples for every model."""
    place = tmp_path / "data"
    place.mkdir()
    for name, make in KEPT.values():
        np.savez(place / f"{name}.npz", **make())  # type: ignore[arg-type]
    for module in (tactile, control):
        monkeypatch.setattr(module, "TRAINED", 7)
        monkeypatch.setattr(module, "TESTED", 7)
    monkeypatch.setattr(control, "BALANCED_STEPS", 5)
    return place


@pytest.mark.parametrize("name", NAMES)
def test_every_model_is_trained_and_written_with_its_provenance(
    neuedge: Neuedge, folder: Path, tmp_path: Path, name: str
) -> None:
    output = tmp_path / "trained.nir"
    words = ("--epochs", 1, "--steps", FEW["steps"], "--data-dir", folder, "-o", output)
    answer = neuedge("models", "train", name, *words)
    assert answer.status == 0
    told = answer.json
    assert (told["epochs"], told["seed"], told["timesteps"]) == (1, 0, 4)
    assert told["weights"] == sum(int(np.prod(shape)) for shape in weight_shapes(name))
    assert ("test_error" if name == "control" else "test_accuracy") in told
    assert sum(told["spikes_per_inference"].values()) >= 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "trained.nir"]
    network = read(output)
    assert network.inputs[0].shape == model(name).shape
    assert told["neurons"] == sum(each.neurons for each in network.populations)


def weight_shapes(name: str) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in grid.weights_of(model(name).layers(1))]


@pytest.mark.parametrize("name", NAMES)
def test_the_file_does_what_torch_does_spike_for_spike(tmp_path: Path, name: str) -> None:
    reference, path, steps = model(name), tmp_path / "net.nir", 8
    with loop.reproducible(1):
        network = lively(reference.layers(steps))
    path.write_bytes(nir_bytes(network, reference.description(steps), reference.shape))
    spikes = (np.random.default_rng(2).random((3, steps, *reference.shape)) < 0.3).astype(np.uint8)
    with torch.no_grad():
        from neuedge_models.spikes import layer_outputs

        sent = [each.numpy() for each in layer_outputs(network, torch.tensor(spikes, dtype=torch.float32))]
    populations = [each.name for each in read(path).populations]
    run = simulate(read(path), spikes, record=populations)
    assert len(sent) == len(populations)
    for ours, theirs in zip((run.recorded[each] for each in populations), sent, strict=True):
        if ours.dtype == bool:
            assert 0.01 < ours.mean() < 0.99
            assert np.array_equal(ours, theirs)
        else:
            assert np.allclose(ours, theirs, atol=1e-5)
            assert ours.std() > 0.01


def lively(network: Any) -> Any:
    """The same network with weights that make every layer fire."""
    with torch.no_grad():
        for weight in grid.weights_of(network):
            weight.mul_(4)
    grid.rounded(network)
    return network


# --- ties: sinabs fires at its threshold, NIR above it


@pytest.mark.parametrize(
    ("threshold", "torch_fires", "file_fires"), [(1.0, True, False), (grid.THRESHOLD, False, False)]
)
def test_a_membrane_at_a_round_threshold_would_be_a_tie_and_none_is_at_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threshold: float, torch_fires: bool, file_fires: bool
) -> None:
    from neuedge_models import networks, neurons, spikes

    for module in (neurons, export):
        monkeypatch.setattr(module, "THRESHOLD", threshold)
    network = networks.mlp((1, 1), 1)
    with torch.no_grad():
        grid.weights_of(network)[0].fill_(1.0)
    (sent,) = spikes.layer_outputs(network, torch.ones(1, 1, 1))
    path = tmp_path / "one.nir"
    path.write_bytes(nir_bytes(network, DIGITS.description(1), (1,)))
    (ours,) = simulate(read(path), np.ones((1, 1, 1), np.uint8)).outputs.values()
    assert (bool(sent.item()), bool(ours.item())) == (torch_fires, file_fires)


def test_weights_on_the_grid_never_sum_to_the_threshold() -> None:
    steps = grid.THRESHOLD / grid.WEIGHT_STEP
    assert steps % 1 == 0.5
    assert np.float32(grid.THRESHOLD) == grid.THRESHOLD


# --- neurons that hear each other


def test_damping_leaves_the_spikes_and_keeps_the_gradient_from_growing_step_by_step() -> None:
    from neuedge_models import networks, spikes

    heard, slopes = [], []
    inputs = (torch.rand(2, 64, 12, generator=torch.Generator().manual_seed(5)) < 0.1).float()
    for damping in (1.0, 0.2):
        with loop.reproducible(1):
            network = lively(networks.recurrent((12, 40, 7), 64, keep=0.9, damping=damping))
        sent = spikes.layer_outputs(network, inputs)[0]
        torch.autograd.backward(sent[:, -1].sum())
        heard.append(sent.detach())
        slopes.append(float(network.fc1.weight.grad.norm()))
    assert 0.01 < heard[0].mean() < 0.9
    assert torch.equal(*heard)
    assert slopes[0] > 1e6 * slopes[1] > 0


# --- told


def test_a_training_in_a_log_is_told_epoch_by_epoch(neuedge: Neuedge, folder: Path, tmp_path: Path) -> None:
    words = ("--epochs", 2, "--steps", 2, "--data-dir", folder, "-o", tmp_path / "it.nir", "--resume", "--json")
    answer = neuedge("models", "train", "tactile", *words)
    remark, *epochs = answer.err.splitlines()
    assert remark.startswith("info[TRAIN008]: there is no it.nir.checkpoint: ")
    assert [line.split(": ")[0] for line in epochs] == ["train 1/2", "train 2/2"]
    assert all(re.search(r"% right, loss .* spikes a sample$", line) for line in epochs)
    assert answer.json["epochs"] == 2


def test_the_last_epoch_stays_in_view_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    seen: list[str] = []
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr("rich.status.Status.update", lambda _, words: seen.append(words))
    with shared.progress(lines=True) as observer:
        for done, note in ((0, "batch 0"), (1, "90% right"), (1, "batch 0")):
            observer(Progress("train", done, 2, note))
    assert seen == ["train 0/2: batch 0", "train 1/2: 90% right", "train 1/2: batch 0; 90% right"]


# --- refused


def test_a_layer_without_a_node_is_named() -> None:
    network = torch.nn.Sequential()
    network.add_module("fc1", torch.nn.Linear(4, 4, bias=False))
    network.add_module("norm", torch.nn.BatchNorm1d(4))
    with pytest.raises(InputError, match="'norm' is a BatchNorm1d") as caught:
        nir_bytes(network, {}, (4,))
    assert (caught.value.code, caught.value.where) == ("TRAIN005", "norm")


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
        MemoryError(),
    ],
    ids=["cuda", "cpu", "python"],
)
def test_too_little_memory_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr(loop, "layer_outputs", full)
    with pytest.raises(UsageError, match="too little memory") as caught:
        DIGITS.train(tmp_path / "digits.nir", TrainingOptions(epochs=1), silent)
    assert caught.value.code == "USE124"
    assert list(tmp_path.iterdir()) == []


def test_another_error_of_torch_is_not_called_one_of_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: object) -> None:
        raise RuntimeError("shapes cannot be multiplied")

    monkeypatch.setattr(loop, "layer_outputs", wrong)
    with pytest.raises(RuntimeError, match="multiplied"):
        DIGITS.train(tmp_path / "digits.nir", TrainingOptions(epochs=1), silent)


@pytest.mark.parametrize("steps", [0, -1, 10**9])
def test_timesteps_out_of_range_are_refused(tmp_path: Path, steps: int) -> None:
    with pytest.raises(NeuedgeError) as caught:
        DIGITS.train(tmp_path / "digits.nir", TrainingOptions(epochs=1, steps=steps), silent)
    assert caught.value.code == "USE007"


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (("train", "mnist", "--data-dir", "absent"), (3, "TRAIN001")),
        (("train", "mnist", "--data-dir", "."), (3, "TRAIN001")),
        (("train", "tactile", "--data-dir", "absent"), (3, "TRAIN001")),
        (("train", "digits", "--epochs", 99999999999), (2, "USE007")),
        (("train", "tactile", "--steps", 65), (3, "TRAIN007")),
        (("train", "digits", "--steps", 0), (2, "USE001")),
        (("train", "digits", "--epochs", 0), (2, "USE001")),
        (("samples", "mnist", "x.npz", "--data-dir", "absent"), (3, "TRAIN001")),
        (("samples", "digits", "x.npz", "--most", 0), (2, "USE001")),
        (("samples", "digits", "absent/x.npz"), (2, "USE006")),
        (("samples", "digit", "x.npz"), (2, "USE004")),
        (("samples", "digits"), (2, "USE001")),
    ],
)
def test_bad_words_are_refused(refused: Refused, words: tuple[object, ...], refusal: tuple[int, str]) -> None:
    assert refused("models", *words) == refusal


def test_a_model_without_a_file_says_how_to_train_it(refused: Refused, neuedge: Neuedge, tmp_path: Path) -> None:
    unbundled = [name for name in NAMES if not (Path(export.__file__).with_name(f"{name}.nir")).exists()]
    for name in unbundled:
        assert refused("models", "export", name, tmp_path / "x.nir") == (2, "USE120")
        assert f"neuedge-nir models train {name}" in neuedge("models", "export", name, tmp_path / "x.nir").err
    assert "cifar10" in unbundled


# --- what comes with the package

BUNDLED = sorted(name for name, record in ZOO.items() if "file" in record)
SHARED = Path(__file__).parents[1].parent / "shared" / "data"


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_file_is_the_one_that_was_recorded(name: str) -> None:
    path = model(name).bundled()
    assert path.name == ZOO[name]["file"]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == ZOO[name]["sha256"]
    assert path.stat().st_size < 400_000
    assert ZOO[name]["of_seeds"][0] == ZOO[name].get("test_accuracy", ZOO[name].get("test_error"))


FILES = {each.name: f"{file}.npz" for each, (file, _) in KEPT.items()} | {"nmnist": "nmnist_small.npz"}
"""Of the models whose data are not made here: what they were recorded on, where it lies beside the checkout."""


@pytest.mark.parametrize(
    "name", ["tactile", *(pytest.param(name, marks=pytest.mark.slow) for name in BUNDLED if name != "tactile")]
)
def test_a_bundled_file_reaches_what_was_recorded(name: str) -> None:
    if name in FILES and not (SHARED / FILES[name]).exists():
        pytest.skip(f"the data of {name} are not here")
    reference, steps = model(name), ZOO[name]["timesteps"]
    figures = reference.figures(reference.bundled(), reference.dataset(SHARED, steps), steps)
    assert figures == {key: ZOO[name][key] for key in figures}


def test_what_was_recorded_is_worth_having() -> None:
    least = {"digits": 0.97, "mnist": 0.97, "nmnist": 0.8, "fsdd": 0.85, "speech": 0.5, "tactile": 0.97}
    assert {name: ZOO[name]["of_seeds"] for name in least if min(ZOO[name]["of_seeds"]) < least[name]} == {}
    assert {name for name, record in ZOO.items() if len(record["of_seeds"]) < 3} <= {"cifar10"}
    loop = ZOO["control"]["closed_loop"]
    assert loop["network"]["seconds"] == loop["teacher"]["seconds"] > 2 * loop["none"]["seconds"]


# --- listed, and samples to run them on


def test_every_model_is_listed_with_what_it_came_to(neuedge: Neuedge) -> None:
    listed = {entry["name"]: entry for entry in neuedge("models", "--json").json}
    assert sorted(listed) == NAMES
    for name, entry in listed.items():
        assert isinstance(load_model(name), Documented)
        assert entry["record"] == ZOO.get(name, {})
        assert entry["bundled"] == ("file" in entry["record"])
    assert f"{ZOO['digits']['test_accuracy']:.1%} right" in neuedge("models").out


def test_samples_give_the_recorded_accuracy(neuedge: Neuedge, digits: Path, tmp_path: Path) -> None:
    path = tmp_path / "digits.npz"
    answer = neuedge("models", "samples", "digits", path)
    assert (answer.status, answer.out, answer.err) == (0, "", "")
    network = read(digits)
    samples = load_samples(path, network)
    assert (samples.count, samples.steps) == (min(MOST_SAMPLES, 360), 16)
    run = simulate(network, samples.inputs)
    (counts,) = (each.sum(axis=1) for each in run.outputs.values())
    assert float((counts.argmax(axis=1) == samples.labels).mean()) == ZOO["digits"]["test_accuracy"]


def test_samples_of_a_regression_have_no_labels(neuedge: Neuedge, folder: Path, tmp_path: Path) -> None:
    del folder
    path = tmp_path / "control.npz"
    assert neuedge("models", "samples", "control", path, "--most", 2, "--steps", 3).status == 0
    with np.load(path) as arrays:
        assert {name: arrays[name].shape for name in arrays.files} == {"x": (2, 3, 48), "wanted": (2, 3, 1)}


def test_a_rate_code_needs_no_more_than_its_values() -> None:
    assert Rate(3, 255)(np.array([[0, 85, 170, 255]], np.uint8)).sum(axis=1).tolist() == [[0, 1, 2, 3]]
    assert json.loads(json.dumps(ZOO)) == ZOO
