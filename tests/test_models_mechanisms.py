"""Encoders, thresholds that follow an activity, and early exits: what is trained is what the exported file does."""

from __future__ import annotations

import importlib
import sys
from copy import deepcopy
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neuedge_models import coding, exits, grid, loop, losses, mechanisms, networks, neurons
from neuedge_models.datasets import Split
from neuedge_models.export import nir_bytes
from neuedge_models.spikes import layer_outputs
from neuedge_nir.errors import InputError
from neuedge_nir.interpreter.answers import Course
from neuedge_nir.interpreter.run import simulate
from neuedge_nir.network.model import Adaptation, HybridEncoder, Listening, Network, ResetMode

torch = pytest.importorskip("torch")
pytest.importorskip("sinabs")

STEPS = 12
BRIGHTEST = 255
PIXELS = np.random.default_rng(3).integers(0, BRIGHTEST + 1, (6, 20))
ENCODERS = (
    HybridEncoder(0.7),
    HybridEncoder(1.5, alpha=0.75, cap=2),
    HybridEncoder(0.35, window=4, reset=ResetMode.SUBTRACT),
)
RULES = (
    None,
    Adaptation(5.0, 0.3, 10.0, low=0.5, high=4.0),
    Adaptation(5.0, 0.3, 4.0, raised=True),
    Adaptation(3.0, 0.4, 4.0, Listening.SELF, low=0.5, high=4.0),
    Adaptation(3.0, 0.4, 4.0, Listening.NEURON, homeostatic=True, low=0.2),
    Adaptation(4.0, 0.5, 3.0, high=1.5, late=2),
    Adaptation(4.0, 0.5, 3.0, noted=True),
)


def chain(rule: Adaptation | None = None, sizes: tuple[int, ...] = (20, 30, 10)) -> Any:
    """Dense layers read by the host, whose hidden neurons fire now and then."""
    with loop.reproducible(1):
        made = networks.read_by_host(networks.mlp(sizes, STEPS, partial(neurons.following, rule=rule)))
    with torch.no_grad():
        for weight in grid.weights_of(made):
            weight.mul_(3)
    return made


def heard(network: Any, spikes: np.ndarray) -> list[np.ndarray]:
    """What each layer sends, in double precision, as the interpreter counts."""
    with torch.no_grad():
        sent = layer_outputs(deepcopy(network).double(), torch.tensor(spikes, dtype=torch.float64))
        return [each.numpy() for each in sent]


# --- the code of an encoder


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_network_is_trained_on_the_very_spikes_that_its_files_encoder_makes(
    tmp_path: Path, encoder: HybridEncoder
) -> None:
    trained, code = chain(), coding.Hybrid(STEPS, BRIGHTEST, encoder)
    network = mechanisms.exported(trained, (20,), tmp_path / "net.nir", encoder)
    (port,) = network.inputs
    assert port.encoder == encoder
    run = simulate(network, coding.in_every_step(PIXELS / BRIGHTEST, STEPS), record=[port.name, "if1"])
    spikes = code(PIXELS)
    assert 0.01 < spikes.mean() < 0.9
    assert np.array_equal(run.recorded[port.name], spikes)
    hidden, outputs = heard(trained, spikes)
    assert np.array_equal(run.recorded["if1"], hidden)
    assert np.allclose(np.asarray(next(iter(run.outputs.values()))), outputs)


def test_a_code_by_chance_follows_the_training_s_generator_or_its_own_seed() -> None:
    fresh, kept = coding.Drawn(STEPS, BRIGHTEST), coding.Drawn(STEPS, BRIGHTEST, seed=4)
    with loop.reproducible(7):
        first, second = fresh(PIXELS), fresh(PIXELS)
    with loop.reproducible(7):
        assert np.array_equal(fresh(PIXELS), first)
    assert not np.array_equal(first, second)
    assert np.array_equal(kept(PIXELS), kept(PIXELS))
    assert abs(kept(np.tile(PIXELS, (500, 1))).mean() - PIXELS.mean() / BRIGHTEST) < 0.01


def test_values_are_trained_with_as_uncertain_as_a_rate_code_tells_them() -> None:
    hybrid = coding.Hybrid(STEPS, BRIGHTEST, ENCODERS[0])
    noisy = coding.Noisy(hybrid, draws=5)
    ends = np.array([[0, BRIGHTEST]] * 3)  # values that no draw changes
    assert np.array_equal(noisy(ends), hybrid(ends))
    with loop.reproducible(7):
        first, second = noisy(PIXELS), noisy(PIXELS)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, hybrid(PIXELS))


# --- thresholds that follow an activity


@pytest.mark.parametrize("rule", RULES)
def test_a_threshold_follows_in_training_as_in_the_exported_file(tmp_path: Path, rule: Adaptation | None) -> None:
    trained = chain(rule, (20, 30, 15, 10))
    network = mechanisms.exported(trained, (20,), tmp_path / "net.nir")
    assert [each.adaptation for each in network.populations] == [rule, rule]
    spikes = (np.random.default_rng(5).random((7, STEPS, 20)) < 0.4).astype(np.uint8)
    run = simulate(network, spikes, record=["if1", "if2"])
    *hidden, _ = heard(trained, spikes)
    for name, sent in zip(("if1", "if2"), hidden, strict=True):
        assert 0.01 < sent.mean() < 0.9
        assert np.array_equal(run.recorded[name], sent)


def test_a_rule_at_work_changes_spikes_and_one_that_is_noted_does_not() -> None:
    spikes = (np.random.default_rng(5).random((7, STEPS, 20)) < 0.4).astype(np.uint8)
    sent = [heard(chain(rule), spikes)[0] for rule in RULES]
    assert [np.array_equal(each, sent[0]) for each in sent] == [True, False, False, False, False, False, True]


def test_a_convolution_s_thresholds_follow_its_input(tmp_path: Path) -> None:
    rule = Adaptation(5.0, 0.3, 10.0, low=0.5, high=4.0)
    with loop.reproducible(2):
        made = networks.cnn((1, 8, 8), ((3, 3, 2),), (4,), STEPS, partial(neurons.following, rule=rule))
    trained = networks.read_by_host(made)
    network = mechanisms.exported(trained, (1, 8, 8), tmp_path / "net.nir")
    spikes = (np.random.default_rng(6).random((5, STEPS, 1, 8, 8)) < 0.5).astype(np.uint8)
    (hidden, _) = heard(trained, spikes)
    assert hidden.mean() > 0.01
    assert np.array_equal(simulate(network, spikes, record=["if1"]).recorded["if1"], hidden)


def test_weights_learn_through_the_threshold() -> None:
    """A layer's own activity moves its threshold: without that path the gradient is another."""
    found = []
    for rule in (Adaptation(3.0, 0.4, 4.0, Listening.SELF), Adaptation(0.0, 0.4, 4.0, Listening.SELF)):
        trained = chain(rule).double()
        spikes = torch.tensor((np.random.default_rng(5).random((7, STEPS, 20)) < 0.4), dtype=torch.float64)
        loss = losses.of_counts(layer_outputs(trained, spikes), torch.zeros(7, dtype=torch.int64))
        found.append(torch.autograd.grad(loss, grid.weights_of(trained)[0])[0].numpy())
    assert all(np.isfinite(each).all() and np.any(each) for each in found)
    assert not np.allclose(found[0], found[1])


def test_a_rule_of_impossible_numbers_is_refused() -> None:
    with pytest.raises(InputError, match=r"tau is 0\.5, less than the timestep") as found:
        neurons.following(STEPS, rule=Adaptation(5.0, 0.3, 0.5))
    assert found.value.code == "TRAIN040"


def test_a_layer_that_was_told_nothing_to_listen_to_is_refused() -> None:
    with pytest.raises(InputError) as found:
        neurons.following(STEPS, rule=RULES[1])(torch.zeros(STEPS, 3))
    assert found.value.code == "TRAIN041"


def test_neurons_that_reset_otherwise_than_the_file_would_say_are_refused() -> None:
    for network, said in ((chain(), "zero"), (networks.read_by_host(networks.mlp((20, 5, 3), STEPS)), "subtract")):
        with pytest.raises(InputError) as found:
            nir_bytes(network, {**mechanisms.SUBTRACTING, "reset": said}, (20,))
        assert found.value.code == "TRAIN042"


# --- losses


def gradient(loss: losses.Loss, sent: Any, wanted: Any) -> np.ndarray:
    free = sent.clone().requires_grad_()
    found: np.ndarray = torch.autograd.grad(loss([free], wanted), free)[0].numpy()
    return found


def test_the_running_loss_pushes_early_timesteps_more_and_the_whole_one_all_alike() -> None:
    sent, wanted = torch.zeros(1, 4, 3, dtype=torch.float64), torch.tensor([2])
    whole, running = (gradient(loss, sent, wanted)[0, :, 2] for loss in (losses.of_counts, losses.of_running_counts))
    assert np.allclose(whole, -2 / 3)
    assert np.allclose(running, -2 / 3 * np.array([1, 3 / 4, 1 / 2, 1 / 4]))


def test_windows_that_show_nothing_ask_for_nothing() -> None:
    sent, wanted = torch.zeros(1, 6, 2, dtype=torch.float64), torch.tensor([[-1, 1, -1]])
    found = gradient(losses.of_windows, sent, wanted)[0]
    assert np.allclose(found, np.array([[0, 0], [0, 0], [0.5, -0.5], [0.5, -0.5], [0, 0], [0, 0]]))


def test_a_scaled_loss_is_that_of_a_scaled_output() -> None:
    sent, wanted = torch.tensor([[[1.0, 2.0], [3.0, 0.0]]]), torch.tensor([0])
    assert losses.scaled(losses.of_counts, 0.5)([sent], wanted) == losses.of_counts([sent / 2], wanted)


# --- fine-tuning and early exits


def test_fine_tuning_with_a_penalty_leaves_the_network_and_saves_hidden_spikes() -> None:
    data = Split(PIXELS, np.arange(6))
    code = coding.Hybrid(STEPS, BRIGHTEST, ENCODERS[0])
    recipe = loop.Recipe(epochs=6, batch=3, learning_rate=5e-3, spike_penalty=20.0)
    plain = chain(RULES[1], (20, 30, 15, 10))
    before = [each.detach().clone() for each in grid.weights_of(plain)]
    how = loop.Training(code, losses.scaled(losses.of_running_counts, 0.2), recipe, seed=1)
    tuned = [loop.fine_tuned(plain, data, how) for _ in range(2)]
    loop.fine_tuned(tuned[0], data, how)  # a network that was just trained is one to go on from
    assert all(torch.equal(a, b) for a, b in zip(before, grid.weights_of(plain), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(*map(grid.weights_of, tuned), strict=True))
    assert heard(tuned[0], code(PIXELS))[0].mean() < 0.7 * heard(plain, code(PIXELS))[0].mean()


def network_and_course(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Network, Course]:
    monkeypatch.setattr(exits, "PART", 4)
    code = coding.Hybrid(STEPS, BRIGHTEST, ENCODERS[0])
    network = mechanisms.exported(chain(), (20,), folder / "net.nir", code.encoder)
    return network, exits.course(network, Split(PIXELS, np.arange(6)), code)


def test_an_encoder_on_the_chip_s_side_or_spikes_from_the_host_answer_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, coded = network_and_course(tmp_path, monkeypatch)
    plain = mechanisms.exported(chain(), (20,), tmp_path / "plain.nir")
    given = exits.course(plain, Split(PIXELS, np.arange(6)), coding.Hybrid(STEPS, BRIGHTEST, ENCODERS[0]))
    assert np.array_equal(given.outputs, coded.outputs)
    assert np.array_equal(given.input_spikes, coded.input_spikes)


def test_the_least_lead_keeps_the_accuracy_and_none_keeps_more_than_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, found = network_and_course(tmp_path, monkeypatch)
    labels = found.whole().classes
    lead, steps = exits.least_lead(found, labels, 1.0), exits.least_steps(found, labels, 1.0)
    assert found.exit_at(lead).accuracy(labels) == 1.0 == found.after(steps).accuracy(labels)
    assert found.exit_at(lead).steps < STEPS
    assert exits.least_lead(found, labels, 0.0) < lead
    assert exits.least_lead(found, (labels + 1) % 10, 1.0) == np.inf
    assert exits.least_steps(found, (labels + 1) % 10, 1.0) == STEPS


# --- the experiments


@pytest.fixture
def experiments(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Benchmarks by name; they lie in no package, and import each other."""
    folder = Path(__file__).parents[1] / "benchmarks"
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


def test_samples_that_early_exits_are_chosen_on_train_nothing_and_do_not_follow_the_seed(
    tmp_path: Path, experiments: Any
) -> None:
    finetune = experiments("finetune")
    count = 60
    numbers = np.arange(count, dtype=np.uint8)
    arrays = {"x_train": numbers[:, None], "y_train": numbers % 10, "x_test": numbers[:7, None], "y_test": numbers[:7]}
    np.savez(tmp_path / "few.npz", **arrays)  # type: ignore[arg-type]
    task = replace(finetune.TASKS["mnist"], file="few.npz", shape=(1,))
    drawn = [finetune.data_of(task, tmp_path, seed) for seed in (0, 1)]
    held = [set(each.chosen_on.inputs[:, 0].tolist()) for each in drawn]
    trains = [each.train.inputs[:, 0].tolist() for each in drawn]
    assert held[0] == held[1]
    assert len(held[0]) == count // 5
    assert trains[0] != trains[1]
    assert all(set(each) == set(range(count)) - held[0] for each in trains)
    assert all(np.array_equal(each.test.inputs[:, 0], numbers[:7]) for each in drawn)


def test_streams_that_train_show_each_digit_once_behind_a_pause(experiments: Any) -> None:
    streams = experiments("finetune_streams")
    images = Split(np.arange(1, 12)[:, None] * np.ones((1, 3), int), np.arange(11) % 10)
    found = streams.short_streams(images, seed=0)
    windows = streams.PAUSE + streams.BURST
    assert found.inputs.shape == (2, windows * streams.WINDOW, 3)
    assert (found.wanted[:, : streams.PAUSE] == -1).all()
    shown = found.inputs[:, streams.PAUSE * streams.WINDOW :: streams.WINDOW, 0]
    assert len(set(shown.flatten().tolist())) == shown.size == 10
    assert np.array_equal(found.wanted[:, streams.PAUSE :], (shown - 1) % 10)
    assert np.allclose(found.inputs[:, : streams.PAUSE * streams.WINDOW], streams.NOISE * 6)


def test_a_table_tells_means_and_spreads_beside_base_and_control(experiments: Any) -> None:
    spread = experiments("spread")
    ways = [{"base": (60, 40, 25, 90.0), "control": (60, 20, 25, 92.0), "way": (10, 10, 5, 93.0)}] * 2
    ways[1] = {**ways[1], "way": (20, 20, 7, 92.0)}
    seeds = {
        str(number): {"rows": {name: asdict(spread.Row(*row)) for name, row in each.items()}}
        for number, each in enumerate(ways)
    }
    *_, way = spread.table(seeds, "base", "control").splitlines()
    cells = [cell.strip() for cell in way.strip("|").split("|")]
    assert cells[3:] == ["30 ± 14", "3.75 ± 1.77", "6.00 ± 1.41", "92.50 ± 0.71", "0.50 ± 0.71"]
