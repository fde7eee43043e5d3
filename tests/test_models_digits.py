"""The digits classifier: the bundled file is what `zoo.toml` says, and training gives such a file."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

from neuedge_models.coding import rate_code
from neuedge_models.datasets import digits
from neuedge_models.digits import DIGITS
from neuedge_models.evaluation import description, evaluate
from neuedge_nir.errors import UsageError
from neuedge_nir.events import Event, Finished, Progress, Started, silent
from neuedge_nir.plugin import Model, TrainingOptions


@pytest.fixture(autouse=True)
def samna_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The samna that sinabs asks for installs software when it is imported; training must never get that far."""
    monkeypatch.setitem(sys.modules, "samna", None)


@pytest.fixture(scope="module")
def zoo() -> dict[str, Any]:
    with DIGITS.bundled().with_name("zoo.toml").open("rb") as file:
        return dict(tomllib.load(file)["digits"])


def needs_training_packages() -> None:
    for module in ("torch", "sinabs", "nirtorch", "sklearn"):
        pytest.importorskip(module)


def trained(output: Path, *, seed: int = 0, epochs: int | None = 1, device: str = "cpu") -> Mapping[str, Any]:
    return DIGITS.train(output, TrainingOptions(seed, epochs, device=device), silent)


# --- the bundled file


def test_digits_has_the_shape_of_a_model() -> None:
    assert isinstance(DIGITS, Model)


def test_the_bundled_file_is_the_one_in_the_zoo(zoo: dict[str, Any]) -> None:
    assert DIGITS.bundled().name == zoo["file"]
    assert hashlib.sha256(DIGITS.bundled().read_bytes()).hexdigest() == zoo["sha256"]


def test_the_bundled_file_reaches_the_recorded_figures(zoo: dict[str, Any]) -> None:
    pytest.importorskip("sklearn")
    figures = DIGITS.figures(DIGITS.bundled(), digits(), 16)
    assert figures == {key: zoo[key] for key in figures}
    assert zoo["test_accuracy"] >= 0.95


def test_stock_nir_reads_a_chain_with_one_parameter_per_neuron() -> None:
    graph = nir.read(DIGITS.bundled())
    kinds = {name: type(node).__name__ for name, node in graph.nodes.items()}
    assert [kinds[a] + kinds[b] for a, b in graph.edges] == [
        "InputLinear",
        "LinearIF",
        "IFLinear",
        "LinearIF",
        "IFOutput",
    ]
    assert [tuple(node.output_type["output"]) for node in graph.inputs.values()] == [(64,)]
    assert [tuple(node.output_type["output"]) for node in graph.outputs.values()] == [(10,)]
    neurons = [node for node in graph.nodes.values() if isinstance(node, nir.IF)]
    assert [node.v_threshold.shape for node in neurons] == [node.r.shape for node in neurons] == [(96,), (10,)]
    assert all((node.r == 1).all() and (node.v_reset == 0).all() for node in neurons)


def test_the_metadata_say_how_it_was_trained(zoo: dict[str, Any]) -> None:
    said = description(DIGITS.bundled())
    assert said == DIGITS.description(16)
    assert (said["schema"], said["reset"], said["dt"], said["timesteps"]) == (1, zoo["reset"], 1.0, zoo["timesteps"])


def test_weights_are_signed_bytes_and_no_sum_of_them_is_a_threshold() -> None:
    for node in nir.read(DIGITS.bundled()).nodes.values():
        if isinstance(node, nir.Linear):
            steps = node.weight * 64
            assert np.array_equal(steps, np.round(steps))
            assert np.abs(steps).max() <= 127
        elif isinstance(node, nir.IF):
            assert np.array_equal(node.v_threshold * 64 % 1, np.full(node.v_threshold.shape, 0.5))


# --- the data


def test_a_pixel_fires_as_often_as_its_value_says() -> None:
    pixels = np.arange(17)[np.newaxis, :]
    spikes = rate_code(pixels, 16, 16)
    assert spikes.shape == (1, 16, 17)
    assert spikes.max() == 1
    assert np.array_equal(spikes.sum(axis=1), pixels)


def test_the_spikes_of_a_pixel_are_spread_evenly() -> None:
    assert rate_code(np.array([[4]]), 16, 16)[0, :, 0].tolist() == [0, 0, 0, 1] * 4


def test_every_byte_fires_by_the_formula() -> None:
    values, until = np.arange(256, dtype=np.uint8).reshape(2, 4, 32), np.arange(1, 8)
    spikes = rate_code(values, 7, 255)
    assert (spikes.shape, spikes.dtype) == ((2, 7, 4, 32), np.dtype(np.uint8))
    fired = values[:, np.newaxis].astype(int) * until.reshape(1, -1, 1, 1) // 255
    assert np.array_equal(spikes.cumsum(axis=1), fired)


def test_the_split_is_fixed_and_stratified() -> None:
    pytest.importorskip("sklearn")
    data = digits()
    train, test = data.train, data.test
    assert (len(train), len(test)) == (1437, 360)
    assert np.bincount(test.wanted).tolist() == [36, 36, 35, 37, 36, 37, 36, 36, 35, 36]


# --- training


def test_one_seed_gives_one_file(tmp_path: Path) -> None:
    needs_training_packages()
    first, again, other = (trained(tmp_path / f"{i}.nir", seed=seed) for i, seed in enumerate((3, 3, 4)))
    assert first == again
    assert first["sha256"] != other["sha256"]


def test_provenance_has_what_the_zoo_records(tmp_path: Path, zoo: dict[str, Any]) -> None:
    needs_training_packages()
    provenance = trained(tmp_path / "digits.nir", epochs=2)
    assert provenance.keys() == zoo.keys() - {"file", "command", "of_seeds", "cpu_s_per_epoch"}
    assert provenance["epochs"] == 2
    assert provenance["versions"].keys() == zoo["versions"].keys()
    assert provenance["test_accuracy"] > 0.5


def test_training_reports_every_epoch_and_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    needs_training_packages()
    events: list[Event] = []
    DIGITS.train(tmp_path / "digits.nir", TrainingOptions(epochs=2), events.append)
    told = [event for event in events if isinstance(event, Progress)]
    assert (events[0], events[-1]) == (Started("train"), Finished("train"))
    assert [event.done for event in told if "right" in event.note] == [1, 2]
    assert told[0] == Progress("train", 0, 2, "batch 0 of 23")
    assert capfd.readouterr().out == ""


def test_training_gives_the_random_state_and_the_threads_back(tmp_path: Path) -> None:
    needs_training_packages()
    import torch

    state, threads = torch.get_rng_state(), torch.get_num_threads()
    trained(tmp_path / "digits.nir")
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_numpy_on_the_file_agrees_with_torch_spike_for_spike(tmp_path: Path) -> None:
    needs_training_packages()
    import torch

    from neuedge_models.export import nir_bytes
    from neuedge_models.loop import Training, fit
    from neuedge_models.spikes import layer_outputs
    from neuedge_nir.files import write_whole

    data, recipe = digits(), replace(DIGITS.recipe, epochs=3)
    spikes = rate_code(data.test.inputs, 16, 16)
    how = Training(DIGITS.coding(16), DIGITS.loss, recipe, seed=0)
    network = fit(lambda: DIGITS.layers(16), data.train, how)
    with torch.no_grad():
        hidden, output = layer_outputs(network, torch.tensor(spikes, dtype=torch.float32))
    write_whole(tmp_path / "digits.nir", nir_bytes(network, DIGITS.description(16), (64,)))
    result = evaluate(tmp_path / "digits.nir", spikes)
    assert np.array_equal(output.sum(dim=1).argmax(dim=1).numpy(), result.predictions)
    assert np.array_equal(output.sum(dim=1).numpy(), result.counts)
    assert result.layer_spikes == (int(spikes.sum()), int(hidden.sum()), int(output.sum()))
    assert result.ties == 0


def test_listing_models_imports_nothing_heavy() -> None:
    path = [entry for entry in sys.path if entry]
    script = (
        f"import sys; sys.path[:0] = {path!r}; from neuedge_models.digits import DIGITS; "
        "assert DIGITS.summary and DIGITS.bundled().is_file(); "
        "assert not {'nir', 'nirtorch', 'sinabs', 'sklearn', 'torch'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.slow
def test_full_training_reaches_the_accuracy(tmp_path: Path) -> None:
    needs_training_packages()
    assert trained(tmp_path / "digits.nir", epochs=None)["test_accuracy"] >= 0.95


# --- refusals


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sinabs", None)
    with pytest.raises(UsageError, match="sinabs") as caught:
        trained(tmp_path / "digits.nir")
    assert caught.value.code == "USE005"
    assert caught.value.hint == "pip install 'neuedge-nir[train]'"


@pytest.mark.parametrize("output", ["absent/digits.nir", ".", "file/digits.nir", "file/a/b.nir"])
def test_an_output_that_cannot_be_written_is_refused_before_training(tmp_path: Path, output: str) -> None:
    needs_training_packages()
    (tmp_path / "file").touch()
    events: list[Event] = []
    with pytest.raises(UsageError) as caught:
        DIGITS.train(tmp_path / output, TrainingOptions(epochs=1), events.append)
    assert caught.value.code == "USE006"
    assert ("is no folder (name a file" in str(caught.value)) == output.startswith("file")
    assert events == []


def test_a_device_file_is_not_replaced() -> None:
    needs_training_packages()
    with pytest.raises(UsageError, match="not a regular file"):
        trained(Path("/dev/null"))


def test_an_interrupted_training_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    needs_training_packages()
    output = tmp_path / "digits.nir"
    output.write_bytes(b"old")

    def interrupt(event: Event) -> None:
        if isinstance(event, Progress):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        DIGITS.train(output, TrainingOptions(epochs=1), interrupt)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("digits.nir", b"old")]


def test_a_stopped_training_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    needs_training_packages()
    whole, halves = tmp_path / "whole.nir", tmp_path / "halves.nir"
    DIGITS.train(whole, TrainingOptions(epochs=3), silent)

    def interrupt(event: Event) -> None:
        if isinstance(event, Progress) and event.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        DIGITS.train(halves, TrainingOptions(epochs=3), interrupt)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["halves.nir.checkpoint", "whole.nir"]
    seen: list[Event] = []
    DIGITS.train(halves, TrainingOptions(epochs=3, resume=True), seen.append)
    assert [event.done for event in seen if isinstance(event, Progress) and "right" in event.note] == [3]
    assert halves.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["halves.nir", "whole.nir"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from neuedge_nir.files import write_whole

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    output = tmp_path / "digits.nir"
    output.write_bytes(b"old")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UsageError, match="No space left"):
        write_whole(output, b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("digits.nir", b"old")]


@pytest.mark.parametrize(
    "option",
    [
        *({"epochs": epochs} for epochs in (0, -1, 10**11)),
        *({"seed": seed} for seed in (-1, 2**63)),
        *({"device": device} for device in ("abacus", "cuda:99", "meta", "hpu", "mps", "xla")),
    ],
)
def test_an_option_out_of_range_is_refused(tmp_path: Path, option: dict[str, Any]) -> None:
    needs_training_packages()
    with pytest.raises(UsageError) as caught:
        trained(tmp_path / "digits.nir", **option)
    assert caught.value.code == "USE007"
    assert len(str(caught.value)) < 80
    assert list(tmp_path.iterdir()) == []
