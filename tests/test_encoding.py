"""Encoders of inputs: Eq. 7 as written, as an ordinary IF in a file, and the pass that searches for a setting."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_nir.errors import InputError, NeuedgeError
from neuedge_nir.frontend import read, write
from neuedge_nir.interpreter.answers import Answers, Course, information
from neuedge_nir.interpreter.encoding import hybrid_coded, rate_coded
from neuedge_nir.interpreter.run import simulate
from neuedge_nir.interpreter.samples import Coding, Samples, calibrating, load_samples
from neuedge_nir.network.equal import difference
from neuedge_nir.network.model import IF, HybridEncoder, Network, Population, Port, Projection, ResetMode
from neuedge_nir.rewrite.call import PassCall
from neuedge_nir.rewrite.door import Context, configured
from neuedge_nir.rewrite.manager import apply_passes
from neuedge_passes.comparing import Guard
from tests.conftest import Neuedge, Refused
from tests.nirfile import chain, inputs, lif, linear, outputs, write_nir
from tests.sampling import examples
from tests.worlds import dense, network, wire

ENCODERS = st.builds(
    HybridEncoder,
    v_base=st.floats(0.3, 9),
    alpha=st.floats(0, 0.95),
    cap=st.none() | st.integers(1, 3),
    reset=st.sampled_from(ResetMode),
    window=st.none() | st.integers(1, 31),
)


def by_hand(x: float, encoder: HybridEncoder, steps: int) -> list[bool]:
    """Eq. 7 for one element and one value, number by number."""
    v, sent, found = 0.0, 0, []
    for step in range(steps):
        v += x
        threshold = encoder.v_base * (1 - encoder.alpha * x)
        fires = v > threshold and (encoder.cap is None or sent < encoder.cap)
        fires = fires and (encoder.window is None or step < encoder.window)
        found.append(fires)
        sent += fires
        if fires:
            v = 0.0 if encoder.reset is ResetMode.ZERO else v - threshold
    return found


@given(ENCODERS, st.lists(st.floats(0, 1), min_size=1, max_size=4), st.integers(1, 30))
def test_an_encoder_is_equation_7(encoder: HybridEncoder, values: list[float], steps: int) -> None:
    found = hybrid_coded(np.broadcast_to(np.array(values), (1, steps, len(values))), encoder)
    assert found[0].T.tolist() == [by_hand(x, encoder, steps) for x in values]


@pytest.mark.parametrize(
    ("reset", "window"), [(ResetMode.ZERO, None), (ResetMode.SUBTRACT, None), (ResetMode.ZERO, 20)]
)
@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.9])
def test_for_steady_values_it_is_an_if_of_the_mapped_value(alpha: float, reset: ResetMode, window: int | None) -> None:
    """Spike for spike, on 200,000 neuron steps: v' = v / (1 - alpha x), and no value after the window."""
    x = np.random.default_rng(5).random(4000)
    encoder = HybridEncoder(3.7, alpha, None, reset, window)
    neuron = IF(np.array(1.0), np.array(3.7), np.array(0.0))
    net = Network(
        (Port("in", x.shape),),
        (Port("out", x.shape),),
        (Population("a", neuron, x.shape),),
        (Projection("ia", "in", "a", x.shape, x.shape), Projection("ao", "a", "out", x.shape, x.shape)),
        dt=1.0,
    )
    mapped = np.broadcast_to(x / (1 - alpha * x), (1, 50, len(x))).copy()
    mapped[:, window or 50 :] = 0
    run = simulate(net, mapped, reset=reset, record=["a"])
    coded = hybrid_coded(np.broadcast_to(x, (1, 50, len(x))), encoder)
    assert coded.sum() > (5_000 if window else 10_000)
    assert (run.recorded["a"] == coded).all()


def test_a_rate_code_has_the_values_as_rates_and_the_seed_decides() -> None:
    values = np.array([[0.0, 0.25, 1.0]])
    spikes = rate_coded(values, 4000, 1)
    assert spikes.shape == (1, 4000, 3)
    np.testing.assert_allclose(spikes.mean(axis=1), values, atol=0.03)
    assert (rate_coded(values, 4000, 1) == spikes).all()
    assert (rate_coded(values, 4000, 2) != spikes).any()


# --- in a file


def coded(net: Network, encoder: HybridEncoder, dt: float | None = 0.5) -> Network:
    return replace(net, inputs=tuple(replace(port, encoder=encoder) for port in net.inputs), dt=dt)


@settings(max_examples=examples(30), deadline=None)
@given(ENCODERS, st.sampled_from([0.5, 1e-3, 1.0]))
def test_a_network_with_an_encoder_is_read_back(tmp_path_factory: Any, encoder: HybridEncoder, dt: float) -> None:
    place = tmp_path_factory.mktemp("m") / "m.nir"
    net = coded(
        network({"a": 3, "b": 2}, wire("i", "a", dense(3, 4)), wire("a", "b", dense(2, 3)), inputs={"i": 4}),
        encoder,
        dt,
    )
    write(net, place)
    assert difference(read(place), net) is None


def test_other_tools_find_an_if_behind_the_input(tmp_path: Path) -> None:
    nir = pytest.importorskip("nir")
    net = coded(network({"a": 3}, wire("i", "a", dense(3, 4)), inputs={"i": 4}), HybridEncoder(4.0, 0.5, 2))
    write(net, tmp_path / "m.nir")
    graph = nir.read(tmp_path / "m.nir")
    found = graph.nodes["i_encoder"]
    assert isinstance(found, nir.IF)
    assert (found.r == 2.0).all()
    assert (found.v_threshold == 4.0).all()
    assert ("i", "i_encoder") in graph.edges


@pytest.mark.parametrize("own", ResetMode)
@pytest.mark.parametrize("others", [*ResetMode, None])
def test_a_reset_of_its_own_is_told_to_who_uses_other_tools(
    own: ResetMode, others: ResetMode | None, tmp_path: Path
) -> None:
    net = coded(network({"a": 3}, wire("i", "a", dense(3, 4)), inputs={"i": 4}), HybridEncoder(4.0, reset=own))
    (remark,) = (d for d in write(replace(net, reset=others), tmp_path / "m.nir") if d.code == "OUT104")
    differs = own is not (others or ResetMode.ZERO)
    assert (f"(reset {own})" in remark.message) == ("unlike" in remark.message) == differs


def test_an_encoder_that_was_changed_by_others_is_told_and_left_as_it_is(tmp_path: Path) -> None:
    import h5py

    net = coded(network({"a": 3}, wire("i", "a", dense(3, 4)), inputs={"i": 4}), HybridEncoder(4.0, 0.5, 2))
    write(net, tmp_path / "m.nir")
    with h5py.File(tmp_path / "m.nir", "r+") as file:
        file["node/nodes/i_encoder/v_threshold"][...] = 5.0
    found = read(tmp_path / "m.nir")
    assert [d.node for d in found.diagnostics if d.code == "NET057"] == ["i_encoder"]
    assert [p.name for p in found.populations] == ["i_encoder", "a"]
    assert found.inputs[0].encoder is None


def test_without_a_timestep_it_cannot_be_written(tmp_path: Path) -> None:
    net = coded(network({"a": 3}, wire("i", "a", dense(3, 4)), inputs={"i": 4}), HybridEncoder(4.0), None)
    with pytest.raises(InputError) as caught:
        write(net, tmp_path / "m.nir")
    assert caught.value.code == "OUT008"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"x": 3}',
        '{"x": {"v_base": 0}}',
        '{"x": {"v_base": 1, "alpha": 1}}',
        '{"x": {"v_base": 1, "cap": 0}}',
        '{"x": {"v_base": 1, "window": 0}}',
        '{"x": {"v_base": 1, "window": 1.5}}',
    ],
)
def test_metadata_of_impossible_encoders_are_refused(tmp_path: Path, text: str) -> None:
    nodes, edges = chain(("in", inputs(2)), ("lif", lif(2)), ("out", outputs(2)))
    path = write_nir(tmp_path / "m.nir", nodes, edges, metadata={"neuedge": f'{{"schema": 1, "encoders": {text}}}'})
    with pytest.raises(InputError) as caught:
        read(path)
    assert caught.value.code == "NET020"


# --- the pass


@pytest.fixture(scope="module")
def sorter() -> tuple[Network, Samples, Samples]:
    """Two classes that a rate code of 40 steps tells easily: which half of the input is bright."""
    weight = np.kron(np.eye(2), np.ones(8)) - 0.5
    net = network({"a": 2}, wire("i", "a", replace(dense(2, 16), weight=weight)), inputs={"i": 16}, model="IF", dt=1.0)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 1000)
    values = np.clip(0.15 + 0.5 * (np.arange(16) // 8 == labels[:, None]) + 0.05 * rng.random((1000, 16)), 0, 1)
    data = Samples({"i": rate_coded(values, 40, 0)}, labels.astype(np.int64), {"i": values})
    return net, data.part(slice(200)), data.part(slice(200, None))


def run_pass(text: str, net: Network, samples: Samples, calibration: Samples | None) -> Any:
    (done,) = apply_passes(net, [PassCall.parse(text)], Context(None, samples, calibration), measured=True)
    return done


def test_a_search_finds_fewer_spikes_within_the_loss(sorter: tuple[Network, Samples, Samples]) -> None:
    net, samples, calibration = sorter
    done = run_pass("hybrid-encoding:search=true", net, samples, calibration)
    assert done.changed
    assert done.effect.spikes < done.effect.spikes_before / 4
    assert done.effect.accuracy >= done.effect.accuracy_before - 0.02
    assert "search" not in str(done.call), "the plan names what was found"
    assert str(run_pass("hybrid-encoding:search=true", net, samples, calibration).call) == str(done.call)
    again = run_pass(str(done.call), net, samples, None)
    assert again.effect == done.effect
    (table,) = done.report
    original, short, early, encoder, both = (dict(zip(table.header, row, strict=True)) for row in table.rows)
    assert (original["fewer"], original["steps"]) == (1.0, 40.0)
    assert short["steps"] < 40
    assert early["steps"] < 40
    assert encoder["all"] == pytest.approx(done.effect.spikes)
    assert both["steps"] < encoder["steps"]
    assert both["all"] <= encoder["all"]


def test_where_nothing_keeps_the_guard_the_network_stays(sorter: tuple[Network, Samples, Samples]) -> None:
    net, samples, calibration = sorter
    wrong = replace(calibration, labels=None, inputs={"i": calibration.inputs["i"] * 0}, values={})
    done = run_pass("hybrid-encoding:search=true,max_loss=0", net, samples, wrong)
    assert done.network is net
    assert str(done.call) == "hybrid-encoding:v_base=0.0,max_loss=0.0"


def test_weights_behind_the_input_are_scaled_and_others_are_not() -> None:
    net = network({"a": 3, "b": 2}, wire("i", "a", dense(3, 4)), wire("a", "b", dense(2, 3)), inputs={"i": 4})
    made = configured(PassCall.parse("hybrid-encoding:weight_scale=2")).run(net, Context())
    first, second = (p.chain[0].weight for p in made.projections[:2])  # type: ignore[union-attr]
    before = [p.chain[0].weight for p in net.projections[:2]]  # type: ignore[union-attr]
    assert (first == 2 * before[0]).all()
    assert (second == before[1]).all()
    assert configured(PassCall.parse("hybrid-encoding")).run(made, Context()) is made


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("hybrid-encoding:alpha=1", "USE025"),
        ("hybrid-encoding:v_base=-1", "USE025"),
        ("hybrid-encoding:v_base=nan", "USE025"),
        ("hybrid-encoding:cap=-1", "USE025"),
        ("hybrid-encoding:window=-1", "USE025"),
        ("hybrid-encoding:input=x", "USE028"),
        ("hybrid-encoding:search=true", "USE026"),
    ],
)
def test_what_cannot_be_is_refused(sorter: tuple[Network, Samples, Samples], text: str, code: str) -> None:
    net, samples, _ = sorter
    with pytest.raises(NeuedgeError) as caught:
        run_pass(text, net, samples, None)
    assert caught.value.code == code


# --- data


@pytest.fixture
def values(tmp_path: Path) -> Path:
    x = np.arange(30 * 3).reshape(30, 3) * 2
    np.savez(tmp_path / "v.npz", x=x.astype(np.uint8), y=np.arange(30) % 2, x_hot=x + 0.5)
    return tmp_path / "v.npz"


def test_values_are_coded_over_the_steps_that_are_given(values: Path) -> None:
    net = network({"a": 2}, wire("i", "a", dense(2, 3)), inputs={"i": 3})
    found = load_samples(values, net, coding=Coding(7, 3))
    assert found.inputs["i"].shape == (30, 7, 3)
    np.testing.assert_allclose(found.values["i"][1], np.array([6, 8, 10]) / 255)
    encoded = replace(net, inputs=(replace(net.inputs[0], encoder=HybridEncoder(1.0)),))
    assert (found.of(encoded)["i"][1, 3] == found.values["i"][1]).all()
    assert (replace(found, values={}).of(encoded)["i"][1, 3] == found.inputs["i"][1].mean(axis=0)).all()
    rest, first = calibrating(found, values, net, "10", Coding(7, 3))
    assert first is not None
    assert (rest.count, first.count) == (20, 10)
    both = np.concatenate([rest.values["i"], first.values["i"]])
    assert sorted(map(tuple, both)) == sorted(map(tuple, found.values["i"]))
    assert list(map(tuple, rest.values["i"])) == sorted(map(tuple, rest.values["i"]))  # in the order of the file


def test_what_is_searched_on_is_drawn_from_files_that_are_sorted_by_label(tmp_path: Path) -> None:
    x, y = np.zeros((5000, 3)), np.arange(5000) // 500
    np.savez(tmp_path / "sorted.npz", x_train=x, y_train=y, x_test=x[:10], y_test=y[:10])
    net = network({"a": 10}, wire("i", "a", dense(10, 3)), inputs={"i": 3})
    path, coding = tmp_path / "sorted.npz", Coding(2)
    samples = load_samples(path, net, coding=coding)
    _, searched = calibrating(samples, path, net, None, coding)
    _, again = calibrating(samples, path, net, None, coding)
    assert searched is not None
    assert again is not None
    assert searched.labels is not None
    assert np.array_equal(searched.labels, again.labels)  # type: ignore[arg-type]
    for few in (searched.labels, searched.labels[:100]):
        assert set(few.tolist()) == set(range(10))


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--split", "hot"], "DATA006"),
        (["--calibrate", "30"], "DATA005"),
        (["--calibrate", "0"], "DATA005"),
        (["--calibrate", "cold"], "DATA005"),
    ],
)
def test_values_that_cannot_be_coded_are_refused(
    refused: Refused, tmp_path: Path, values: Path, words: list[str], code: str
) -> None:
    nodes, edges = chain(("in", inputs(3)), ("w", linear(np.ones((2, 3)))), ("lif", lif(2)), ("out", outputs(2)))
    model = write_nir(tmp_path / "m.nir", nodes, edges)
    ask = ("simulate", model, "--data", values, "--dt", "1", "--steps", "4", "--pass", "hybrid-encoding")
    assert refused(*ask, *words) == (3, code)


def test_the_command_shows_the_setting_and_its_controls(neuedge: Neuedge, tmp_path: Path, values: Path) -> None:
    nodes, edges = chain(("in", inputs(3)), ("w", linear(np.ones((2, 3)))), ("lif", lif(2)), ("out", outputs(2)))
    model = write_nir(tmp_path / "m.nir", nodes, edges)
    words = ("--data", values, "--dt", "1", "--steps", "4", "--pass", "hybrid-encoding:v_base=0.2", "--calibrate", "10")
    answer = neuedge("convert", model, tmp_path / "out.nir", *words)
    assert answer.status == 0
    assert all(text in answer.err for text in ("encoder with v_base 0.2", "early exit", "of 4 steps"))
    assert read(tmp_path / "out.nir").inputs[0].encoder == HybridEncoder(0.2)
    told = neuedge("simulate", tmp_path / "out.nir", "--data", values, "--steps", "4", "--json").json
    assert told["samples"] == 30
    (report,) = neuedge("convert", model, tmp_path / "out.nir", *words, "--json").json["passes"][0]["report"]
    assert all("" not in row for row in report["rows"])
    assert {row["name"] for row in report["rows"]} >= {"original", "encoder"}


# --- what answers tell


def test_early_exits_and_shorter_windows_are_prefixes_of_the_run(sorter: tuple[Network, Samples, Samples]) -> None:
    net, samples, _ = sorter
    course = Course.of(net, samples)
    for steps in (1, 7, 40):
        alone = Course.of(net, samples.first_steps(steps)).whole()
        prefix = course.after(steps)
        assert (alone.classes == prefix.classes).all()
        assert (alone.spikes, alone.steps) == (prefix.spikes, prefix.steps)
    assert course.exit_at(0).steps == 1
    assert course.exit_at(1e9).steps == 40
    waits = [course.exit_at(lead).steps for lead in (1, 3, 9)]
    assert waits == sorted(waits)


def test_information_is_that_of_a_channel() -> None:
    labels = np.arange(40_000) % 4
    assert information(labels, labels) == pytest.approx(2.0, abs=1e-3)
    assert information(labels // 2, labels) == pytest.approx(1.0, abs=1e-3)
    rng = np.random.default_rng(0)
    assert information(rng.integers(0, 4, 40_000), labels) == pytest.approx(0.0, abs=1e-3)
    wrong = rng.random(40_000) < 0.11
    capacity = 1 + 0.11 * np.log2(0.11) + 0.89 * np.log2(0.89)  # a binary symmetric channel
    assert information(np.where(wrong, 1 - labels % 2, labels % 2), labels % 2) == pytest.approx(capacity, abs=0.02)


def test_information_of_few_samples_is_not_far_off() -> None:
    rng = np.random.default_rng(1)
    for count in (50, 100, 300):
        labels = rng.integers(0, 10, count)
        assert information(labels, labels) == pytest.approx(np.log2(10), abs=0.15)
    assert information(rng.integers(0, 10, 300), labels) < 0.1


# --- data


@pytest.mark.parametrize(("lost", "won", "count"), [(0, 0, 3), (0, 0, 250), (0, 1, 100)])
def test_few_samples_that_agree_prove_no_point(lost: int, won: int, count: int) -> None:
    first, second = np.zeros((2, count), np.int64)
    first[:won], second[won : won + lost] = 1, 1
    samples = Samples({"i": np.zeros((count, 1, 1), bool)}, np.zeros(count, np.int64))
    original, other = (Answers(classes, 1.0, 1.0, 1.0) for classes in (first, second))
    assert not Guard(original, samples, 1.0).kept(other)


def test_many_samples_that_agree_do() -> None:
    guard = Guard(Answers(np.zeros(300, np.int64), 1.0, 1.0, 1.0), Samples({"i": np.zeros((300, 1, 1), bool)}), 1.0)
    assert guard.kept(guard.original)
    assert 250 < guard.least <= 300


def test_a_search_on_too_few_samples_says_how_many_would_do(sorter: tuple[Network, Samples, Samples]) -> None:
    net, samples, calibration = sorter
    done = run_pass("hybrid-encoding:search=true", net, samples, calibration.part(slice(60)))
    assert done.network is net
    assert "40 samples cannot tell 1 points, 281 could" in done.report[0].title


def small_file(tmp_path: Path, **arrays: np.ndarray) -> tuple[Path, Network]:
    path = tmp_path / "data.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path, network({"a": 2}, wire("i", "a", dense(2, 3)), inputs={"i": 3})


def test_what_is_measured_is_not_searched_on(tmp_path: Path) -> None:
    x, y = np.zeros((20, 3)), np.zeros(20, int)
    path, net = small_file(tmp_path, x_train=x, y_train=y, x_test=x, y_test=y)
    coding = Coding(2)
    for split, wanted in ((None, "test"), ("test", "test"), ("train", "train")):
        samples = load_samples(path, net, split, coding=coding)
        with pytest.raises(InputError, match="would be searched on and measured") as caught:
            calibrating(samples, path, net, wanted, coding, split)
        assert caught.value.code == "DATA005"
    assert calibrating(load_samples(path, net, "train", coding=coding), path, net, None, coding, "train")[1] is None


@pytest.mark.parametrize(
    ("values", "known"),
    [
        (np.array([[0, 255, 51]], np.uint8), [0.0, 1.0, 0.2]),
        (np.array([[False, True, True]]), [0.0, 1.0, 1.0]),
        (np.array([[0, 1, 1]]), [0.0, 1.0, 1.0]),
        (np.array([[0, 1, 1]], np.uint8), None),
        (np.array([[0, 1, 16]]), None),
        (np.array([[0, -1, 0]], np.int8), None),
    ],
)
def test_whole_numbers_are_scaled_where_only_one_scale_can_be_meant(
    tmp_path: Path, values: np.ndarray, known: list[float] | None
) -> None:
    path, net = small_file(tmp_path, x=values)
    if known is None:
        with pytest.raises(InputError) as caught:
            load_samples(path, net, coding=Coding(2))
        assert caught.value.code == "DATA006"
        return
    assert load_samples(path, net, coding=Coding(2)).values["i"].tolist() == [known]


def test_labels_that_no_output_stands_for_are_none(tmp_path: Path) -> None:
    path, net = small_file(tmp_path, x=np.zeros((2, 4, 3)), y=np.array([0, 2]))
    samples = load_samples(path, net)
    assert samples.labels is None
    assert [d.code for d in samples.remarks] == ["DATA008"]


def test_inputs_that_are_no_spikes_are_counted_as_messages(tmp_path: Path) -> None:
    net = small_file(tmp_path, x=np.zeros(1))[1]
    graded = np.array([[[-0.5, 0.0, 2.5], [0.0, 0.0, 1.0]]])
    assert simulate(net, graded, dt=1.0).counts["i"].tolist() == [1, 0, 2]
    assert simulate(net, np.array([[[2, 0, 1]]]), dt=1.0).counts["i"].tolist() == [2, 0, 1]
    with pytest.raises(InputError, match="at most 1e"):
        simulate(net, np.full((1, 1, 3), 1e300), dt=1.0)
