"""Experiments: files that come whole, verdicts that follow from numbers, and the page of all claims."""

from __future__ import annotations

import json
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from neuedge_models import control
from neuedge_models.coding import rate_code
from neuedge_models.datasets import Split, digits
from neuedge_models.digits import DIGITS
from neuedge_models.experiments import distribution_shift, gestures, hardware_loss, price, regression_control
from neuedge_models.experiments.bench import Budget, apart
from neuedge_models.experiments.collect import Rows
from neuedge_models.experiments.streams import BURST, stream
from neuedge_models.experiments.trial import SEEDS
from neuedge_nir import plugin, read
from neuedge_nir.cli.reproduce import command_of
from neuedge_nir.errors import InputError
from neuedge_nir.events import Observer
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.plugin import EXPERIMENTS, Experiment, ExperimentOptions, load_experiment, names
from neuedge_nir.reproduction.chart import chart
from neuedge_nir.reproduction.document import Result, as_json, claims_page, load, parsed, rendered
from neuedge_nir.reproduction.finding import Claim, Finding, Spread, Table, Verdict, judged
from tests.conftest import Neuedge, Refused
from tests.test_models_data import arrays, frames

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "reproduction"
SHARED = ROOT.parent / "shared" / "data"
OURS = {
    *("baseline", "encoding", "deployment", "adaptive-threshold", "hybrid-vs-rate", "hardware-loss"),
    *("distribution-shift", "architectures", "training-energy", "regression-control"),
}

CLAIM = Claim("less <spikes>", "abstract", "3 ± 1", "a control", Verdict.REFUTED)
TABLE = Table("Rows & bars", {"ours": {"spikes": [1.0, 2.0], "mJ": [-1.0, 1.0]}, "control": {"spikes": [4.0, 4.0]}})
FOUND = Finding((CLAIM,), (TABLE,), "spikes", (0, 1), {"samples": 7}, {"python": "3"}, ("a note",))
RESULT = Result("tried", "what is tried", FOUND, "neuedge-nir reproduce tried")


@dataclass(frozen=True)
class Made:
    """An experiment of a test."""

    name: str
    work: Callable[[], object]
    summary: str = "made up"

    def run(self, options: ExperimentOptions, observer: Observer) -> object:
        del options, observer
        return self.work()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Path]:
    """Experiments in the place of the registered ones; returns the folder that results go to."""

    def register(**work: Callable[[], object]) -> Path:
        known = {name: Made(name, each) for name, each in work.items()}
        monkeypatch.setattr(plugin, "names", lambda _: sorted(known))
        monkeypatch.setattr(plugin, "load_experiment", known.__getitem__)
        monkeypatch.setattr(plugin, "registered_by", lambda *_: "a test")
        return tmp_path / "out"

    return register


def missing() -> object:
    raise InputError("TRAIN001", "there is no such folder")


def interrupted() -> object:
    raise KeyboardInterrupt


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_result_is_read_as_it_was_written() -> None:
    assert parsed(as_json(RESULT)) == RESULT


def test_page_and_picture_tell_mean_and_deviation() -> None:
    told = rendered(RESULT)
    assert "| ours | 1.5 ± 0.71 | 0 ± 1.4 |" in told[".md"]
    assert "| control | 4 ± 0 |  |" in told[".md"]
    texts = [each.text for each in ElementTree.fromstring(told[".svg"]).iter() if each.tag.endswith("text")]
    assert texts == ["tried: Rows & bars", "spikes", "ours", "1.5", "control", "4"]


def test_a_picture_of_nothing_is_one() -> None:
    ElementTree.fromstring(chart(Table("none", {}), "spikes", "nothing"))


def test_a_spread_is_that_of_a_sample() -> None:
    assert Spread.of([1.0, 2.0, 3.0]) == Spread(2.0, 1.0, 3)
    assert Spread.of([5.0]) == Spread(5.0, 0.0, 1)
    assert (judged(True), judged(False)) == (Verdict.REPRODUCED, Verdict.REFUTED)


def test_ours_are_listed(neuedge: Neuedge) -> None:
    assert set(names(EXPERIMENTS)) == OURS
    assert {each["name"] for each in neuedge("reproduce", "list", "--json").json} == OURS
    assert all(isinstance(load_experiment(name), Experiment) for name in sorted(OURS))
    assert min(SEEDS.values()) >= 3


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("reproduce", "encodin"), "USE131"),
        (("reproduce", "encoding,encoding"), "USE132"),
        (("reproduce", "all,encoding"), "USE132"),
        (("reproduce", "list", "--quick"), "USE132"),
        (("reproduce", "list", "--document", "claims.md"), "USE132"),
        (("reproduce", "encoding", "--seeds", "1"), "USE132"),
        (("reproduce", "--quick", "--document", "claims.md"), "USE132"),
        (("reproduce", "encoding", "--document", "nowhere/claims.md"), "USE006"),
        (("reproduce", "encoding", "-o", "/dev/null/x"), "USE006"),
    ],
)
def test_what_makes_no_sense_is_refused(refused: Refused, words: tuple[str, ...], code: str) -> None:
    assert refused(*words) == (2, code)


def test_one_that_fails_is_told_and_the_others_run(made: Callable[..., Path], neuedge: Neuedge) -> None:
    folder = made(a=lambda: FOUND, b=missing, c=lambda: FOUND, d=lambda: 7)
    answer = neuedge("reproduce", "all", "-o", folder)
    assert answer.status == 3
    assert [line.split("]")[0] for line in answer.err.splitlines()] == ["error[TRAIN001", "error[PLUG004"]
    assert files(folder) == [f"{name}{ending}" for name in "ac" for ending in (".json", ".md", ".svg")]


def test_an_interruption_leaves_what_is_finished(made: Callable[..., Path], neuedge: Neuedge) -> None:
    folder = made(a=lambda: FOUND, b=interrupted, c=lambda: FOUND)
    assert neuedge("reproduce", "all", "-o", folder).status == 130
    assert files(folder) == ["a.json", "a.md", "a.svg"]


def test_nothing_found_leaves_no_folder(made: Callable[..., Path], neuedge: Neuedge) -> None:
    folder = made(a=missing, b=interrupted)
    assert neuedge("reproduce", "a", "-o", folder).status == 3
    assert not folder.exists()
    assert neuedge("reproduce", "all", "-o", folder).status == 130
    assert not folder.exists()
    folder.mkdir()
    assert neuedge("reproduce", "a", "-o", folder).status == 3
    assert files(folder) == []


def test_a_page_says_whether_the_control_holds_too() -> None:
    claims = tuple(replace(CLAIM, control_holds=holds) for holds in (True, False, None))
    told = rendered(replace(RESULT, finding=replace(FOUND, claims=claims)))[".md"].splitlines()
    assert [line.split("|")[-2].strip() for line in told if "**refuted**" in line] == ["yes", "no", "-"]


def test_the_document_is_of_the_files_in_the_folder(
    made: Callable[..., Path], neuedge: Neuedge, tmp_path: Path
) -> None:
    folder, page = made(a=lambda: FOUND), tmp_path / "claims.md"
    assert neuedge("reproduce", "a", "-o", folder, "--document", page).status == 0
    assert "| less <spikes> (abstract) | 3 ± 1 | a control | **refuted** | - | [a](out/a.md) |" in page.read_text(
        "utf-8"
    )
    before = page.read_bytes()
    for text in (json.dumps({"schema": 2}), "{}", "[]", 100_000 * "[", (folder / "a.json").read_text("utf-8")):
        (folder / "b.json").write_text(text)
        answer = neuedge("reproduce", "-o", folder, "--document", page)
        assert answer.refusal == (3, "TRAIN050")
        assert page.read_bytes() == before


def test_a_command_repeats_a_run_without_a_path_of_ours() -> None:
    options = ExperimentOptions(quick=True, seeds=4, data_dir=Path("/home/me"))
    assert command_of("encoding", options) == "neuedge-nir reproduce encoding --quick --seeds 4 --data-dir DIR"


# --- what experiments are made of


def test_no_sample_is_trained_and_chosen_on() -> None:
    numbers = np.arange(40)
    known, chosen = apart(Split(numbers, numbers), Budget(25, 1, 8, 1))
    assert (len(known), len(chosen)) == (25, 8)
    assert not set(known.wanted) & set(chosen.wanted)


def test_samples_run_in_parts_as_they_do_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    network = read(DIGITS.bundled())
    test = digits().test.first(20)
    samples = Samples({network.inputs[0].name: rate_code(test.inputs, 16, 16)}, test.wanted)
    whole = price.measured(network, samples)
    monkeypatch.setattr(price, "PART", 7)
    parts = price.measured(network, samples)
    assert parts.accuracy == whole.accuracy > 0.9
    assert parts.rates == pytest.approx(whole.rates, rel=1e-12)
    for name in ("outputs", "input_spikes", "neuron_spikes"):
        np.testing.assert_array_equal(getattr(parts.course, name), getattr(whole.course, name))


def test_the_chip_of_small_cores_is_that_of_the_benchmarks() -> None:
    assert Path(hardware_loss.CORE64).read_bytes() == (ROOT / "benchmarks" / "core64.toml").read_bytes()


def test_a_stream_is_busy_for_its_duty() -> None:
    digits = Split(np.full((10, 64), 16), np.arange(10))
    found = stream(digits, 0.25, 0)
    assert found.busy.mean() == 0.25
    assert sorted(found.labels[found.busy]) == list(range(10))
    steps = np.repeat(found.busy, found.spikes.shape[1] // found.busy.shape[1], axis=1)
    assert found.spikes[steps].all()
    assert 0.2 < found.spikes[~steps].mean() < 0.35
    assert len(found.labels) == 10 // BURST


def test_corruptions_keep_shapes_and_bounds() -> None:
    values = np.random.default_rng(0).random((2, 3 * 32 * 32))
    for change in distribution_shift.CORRUPTIONS.values():
        changed = change(values, (3, 32, 32))
        assert changed.shape == values.shape
        assert 0 <= changed.min() <= changed.max() <= 1
    point = np.zeros((1, 5, 5))
    point[0, 2, 2] = 1
    assert distribution_shift.blurred(point, (1, 5, 5))[0, 2, 2] == pytest.approx(9 / 81)


def test_synthetic_gestures_are_events_of_edges() -> None:
    events = gestures.moved(np.array([0, 6]), 0)
    assert events.shape == (2, gestures.FRAMES, *gestures.SHAPE)
    assert (events.sum(axis=(1, 2, 3, 4)) > 200).all()
    assert events.max() == 1
    still, opposite = gestures.places(0, np.array([1.0])), gestures.places(6, np.array([1.0]))
    assert still[..., 1] == 0
    assert (opposite[:, 0] == -opposite[:, 1]).all()


def test_a_rate_of_cells_is_their_sum() -> None:
    states = np.zeros((1, 100, 2))
    fired = regression_control.rate_cells(states)[0].sum(axis=0)
    centres = np.linspace(-1, 1, control.CELLS)
    wanted = 100 * np.maximum(0, 1 - np.abs(centres) / regression_control.BROAD)
    assert np.abs(fired - np.tile(wanted, 2)).max() <= 1


# --- what was found


@pytest.mark.parametrize("name", sorted(OURS))
def test_the_committed_pages_are_of_the_committed_numbers(name: str) -> None:
    result = load(RESULTS / f"{name}.json")
    assert result.name == name
    for ending, text in rendered(result).items():
        assert (RESULTS / f"{name}{ending}").read_text("utf-8") == text
    assert len(result.finding.seeds) >= 3
    counts = {len(v) for t in result.finding.tables for cells in t.rows.values() for v in cells.values()}
    assert counts == {len(result.finding.seeds)}
    assert all(claim.control and claim.ours for claim in result.finding.claims)
    assert "/" not in result.command.removeprefix("neuedge-nir ")


@pytest.mark.parametrize("name", sorted(OURS))
def test_what_is_claimed_follows_from_the_committed_tables(name: str) -> None:
    finding = load(RESULTS / f"{name}.json").finding
    claims = import_module(f"neuedge_models.experiments.{name.replace('-', '_')}").claims
    source = (finding.budget["joules of the training"],) if name == "training-energy" else ()
    assert claims(*map(Rows.of_table, finding.tables), *source) == finding.claims


def test_the_page_of_claims_is_of_the_committed_numbers() -> None:
    results = [load(path) for path in sorted(RESULTS.glob("*.json"))]
    assert (ROOT / "docs" / "claims.md").read_text("utf-8") == claims_page(results, "reproduction")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data where they are, else as many made-up samples: the time that the budgets take is the same."""
    if SHARED.is_dir():
        return SHARED
    folder = tmp_path / "data"
    folder.mkdir()
    shapes = {"mnist": (28, 28), "cifar10": (32, 32, 3), "fsdd_logmel": (61, 32)}
    kept = {name: arrays(shape, samples=3000) for name, shape in shapes.items()} | {"nmnist": frames(400)}
    for name, each in kept.items():
        np.savez(folder / f"{name}.npz", **each)  # type: ignore[arg-type]
    return folder


QUICK_S = 20 * 60
"""Of processor time, for all experiments on their small budgets."""


@pytest.mark.slow
def test_all_quick_ones_finish_in_twenty_minutes(data: Path, neuedge: Neuedge, tmp_path: Path) -> None:
    pytest.importorskip("sinabs")
    started = time.process_time()
    answer = neuedge("reproduce", "all", "--quick", "--data-dir", data, "-o", tmp_path / "out")
    assert (answer.status, answer.err) == (0, "")
    assert time.process_time() - started < QUICK_S
    found = {name: load(tmp_path / "out" / f"{name}.json") for name in sorted(OURS)}
    assert all(len(each.finding.seeds) == SEEDS[True] for each in found.values())
    again = neuedge("reproduce", "hybrid-vs-rate", "--quick", "--data-dir", data, "-o", tmp_path / "again")
    assert again.status == 0
    once, twice = (load(tmp_path / place / "hybrid-vs-rate.json") for place in ("out", "again"))
    assert replace(once, command="") == replace(twice, command="")
