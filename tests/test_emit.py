"""The command `emit`: what it writes, what it refuses, and that nothing of others is lost."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from neuedge_models.digits import DIGITS
from neuedge_nir import emit, emulate, read
from neuedge_nir.chip.model import Chip
from neuedge_nir.cli.main import main
from neuedge_nir.emission import files as emission
from neuedge_nir.emission.folder import check_folder, write_folder
from neuedge_nir.emission.integers import sources, weights
from neuedge_nir.emission.runbook import as_markdown, runbook
from neuedge_nir.errors import NeuedgeError, PluginError, UsageError
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.network.model import Network
from neuedge_nir.network.slices import Block
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan import store
from neuedge_nir.plan.model import Plan
from tests.conftest import CHIPS
from tests.test_emit_ranc import biased, branching, convolving, noise, planned
from tests.worlds import chain, convnet, dense, network, real, wire


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The digits model and a plan of it for a chip, in a folder of their own."""

    def made(chip: str) -> Path:
        folder = tmp_path_factory.mktemp(chip)
        assert main(["models", "export", "digits", str(folder / "digits.nir")]) == 0
        words = ["compile", str(folder / "digits.nir"), "--target", chip, "-o", str(folder / "plan.json")]
        assert main([*words, "--effort", "quick"]) == 0
        return folder

    return made


def command(folder: Path, *more: str) -> list[str]:
    return ["emit", str(folder / "plan.json"), "--model", str(folder / "digits.nir"), "-o", str(folder / "out"), *more]


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("chip", CHIPS)
def test_every_chip_is_emitted_and_the_manifest_lists_all(compiled: Callable[[str], Path], chip: str) -> None:
    folder = compiled(chip)
    assert main(command(folder, "--format", "json")) == 0
    found = content(folder / "out")
    manifest = json.loads(found["manifest.json"])
    assert (manifest["target"], manifest["format"]) == (chip, "json")
    assert {*manifest["files"], "manifest.json"} == set(found) == {
        *("RUNBOOK.md", "manifest.json", "network.json", "plan.json")
    }  # fmt: skip
    assert found["plan.json"] == (folder / "plan.json").read_bytes()
    assert f"# Runbook: digits on {real(chip).title}" in found["RUNBOOK.md"].decode()


def test_the_chips_own_format_is_the_default_and_the_answer_lists_the_files(
    compiled: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = compiled("truenorth")
    capsys.readouterr()
    assert main(command(folder, "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["format"] == "ranc"
    there = [{"name": name, "bytes": len(b)} for name, b in content(folder / "out").items()]
    assert told["files"] == there
    assert {"network.json", "config.json", "addresses.json", "README.md"} <= {file["name"] for file in there}


def test_the_same_plan_is_the_same_bytes_and_replaces_what_was_emitted(compiled: Callable[[str], Path]) -> None:
    folder = compiled("truenorth")
    assert main(command(folder, "--format", "json")) == 0
    assert main(command(folder)) == 0
    first = content(folder / "out")
    assert main(command(folder)) == 0
    assert content(folder / "out") == first
    assert sorted(path.name for path in folder.iterdir()) == ["digits.nir", "out", "plan.json"]


def test_samples_are_emitted_with_what_must_come_out(compiled: Callable[[str], Path]) -> None:
    folder = compiled("truenorth")
    np.savez(folder / "noise.npz", x=np.random.default_rng(0).random((5, 16, 64)) < 0.3)
    assert main(command(folder, "--data", str(folder / "noise.npz"), "--samples", "2")) == 0
    names = {path.name for path in (folder / "out").iterdir()}
    assert {name for name in names if name.startswith("sample")} == {
        f"sample_00{n}.{end}" for n in (0, 1) for end in ("json", "expected.txt")
    }
    assert "config.json 18" in (folder / "out" / "README.md").read_text()


def _stranger(out: Path) -> None:
    (out / "results.txt").write_text("mine")


def _edited(out: Path) -> None:
    (out / "README.md").write_text("mine")


def _no_manifest(out: Path) -> None:
    (out / "manifest.json").unlink()


def _lying_manifest(out: Path) -> None:
    (out / "manifest.json").write_text('{"schema": "neuedge-nir/emitted/1", "files": 3}')


def _linked(out: Path) -> None:
    (out / "README.md").rename(out.parent / "kept.md")
    (out / "README.md").symlink_to(out.parent / "kept.md")


@pytest.mark.parametrize("change", [_stranger, _edited, _no_manifest, _lying_manifest, _linked])
def test_a_folder_with_anything_of_others_is_refused(
    compiled: Callable[[str], Path], change: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = compiled("truenorth")
    assert main(command(folder)) == 0
    change(folder / "out")
    before = content(folder / "out")
    capsys.readouterr()
    assert main(command(folder)) == 2
    assert capsys.readouterr().err.startswith("error[USE036]")
    assert content(folder / "out") == before


def test_an_empty_folder_is_filled_and_a_file_or_no_parent_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write_folder(tmp_path / "empty", {"a": b"1"})
    assert content(tmp_path / "empty") == {"a": b"1"}
    (tmp_path / "file").write_text("")
    for wrong in (tmp_path / "file", tmp_path / "none" / "out", tmp_path / ("x" * 300)):
        with pytest.raises(UsageError) as refused:
            check_folder(wrong)
        assert refused.value.code == "USE006"


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "out").mkdir()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError) as refused:
        write_folder(tmp_path / "out", {"a": b"1"})
    assert refused.value.code == "USE006"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert not any((tmp_path / "out").iterdir())


def test_a_plan_that_does_not_hold_is_not_emitted(
    compiled: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = compiled("truenorth")
    plan = store.read(folder / "plan.json")
    late = (replace(plan.projections[0], delay=2), *plan.projections[1:])
    (folder / "plan.json").write_bytes(store.encode(replace(plan, projections=late)))
    capsys.readouterr()
    assert main(command(folder)) == 6
    assert "error[PLAN114]" in capsys.readouterr().err
    assert not (folder / "out").exists()


def test_a_format_that_the_chip_has_not_is_refused(compiled: Callable[[str], Path]) -> None:
    folder = compiled("loihi2")
    assert main(command(folder, "--format", "ranc")) == 2
    assert not (folder / "out").exists()


def test_inputs_on_cores_are_not_written_for_ranc() -> None:
    net = chain(5, "IF", a=4)
    plan = planned(net, map_inputs=True, dt=1.0)
    with pytest.raises(UsageError) as refused:
        emit(plan, net)
    assert refused.value.code == "OUT202"
    assert set(emit(plan, net, "json")) == {"RUNBOOK.md", "manifest.json", "network.json", "plan.json"}


def test_a_neuron_that_would_fire_by_its_leak_is_refused() -> None:
    net = chain(3, "IF", a=2, b=2, c=2)
    heavy = tuple(
        type(p)(p.name, p.neuron, p.shape, np.full(p.shape, -4.0) if p.name == "c" else None) for p in net.populations
    )
    net = Network(net.inputs, net.outputs, heavy, net.projections, reset=net.reset, dt=1.0)
    with pytest.raises(UsageError) as refused:
        emit(planned(net), net)
    assert refused.value.code == "OUT203"
    assert refused.value.where == "neuron 0 of 'c'"


# The format json, read as docs/emit.md describes it.


def from_json(found: Any, spikes: Mapping[str, np.ndarray], steps: int) -> dict[str, np.ndarray]:
    """A run of dense IF populations in TrueNorth's registers, from the file alone: (steps, neurons), lags taken out."""
    lags = {p["name"]: p["lag"] for p in found["populations"]}
    sent = {name: values.reshape(steps, -1).astype(int) for name, values in spikes.items()}
    for population in sorted(found["populations"], key=lambda p: p["lag"]):
        if population["model"] == "Input":
            continue
        name, registers = population["name"], population["registers"]
        size = int(np.prod(population["shape"]))
        v, out = np.zeros(size, int), np.zeros((steps, size), int)
        sent[name] = out
        for step in range(steps):
            total = np.zeros(size, int)
            for held in (p for p in found["projections"] if p["target"] == name):
                (layer,) = held["chain"]
                then = step - (held["delay"] - lags[name] + lags[held["source"]])
                weight = layer["weight"] if layer["kind"] == "dense" else layer["factor"] * np.eye(size, dtype=int)
                total += np.array(weight) @ sent[held["source"]][then] if then >= 0 else 0
            v = v + total + np.array(registers["leak"])
            out[step] = v >= np.array(registers["threshold"])
            v = np.where(out[step], 0 if registers["drop"] is None else v - np.array(registers["drop"]), v)
    return sent


@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_the_json_alone_is_enough_to_run_the_network(reset: str) -> None:
    net = biased(branching(), 3)
    plan, spikes = planned(net, reset=reset), noise(net, 5, samples=1)
    names = [p.name for p in net.populations]
    wanted = emulate(net, spikes, real("truenorth"), reset=reset, record=names).run.recorded
    found = from_json(json.loads(emit(plan, net, "json")["network.json"]), {"in": spikes["in"][0]}, 24)
    assert all((found[name] == wanted[name][0]).all() for name in names)
    assert all(found[name].any() for name in names)


@pytest.mark.parametrize("chip", CHIPS)
def test_the_weights_in_the_json_are_whole_and_signed(chip: str) -> None:
    net = convnet(model="IF") if chip != "truenorth" else convolving()
    net = Network(net.inputs, net.outputs, net.populations, net.projections, reset=net.reset, dt=1.0)
    plan = compile_network(net, real(chip), Options(effort="none"))
    found = json.loads(emit(plan, net, "json")["network.json"])
    layers = [op for p in found["projections"] for op in p["chain"] if "weight" in op]
    most = 2 ** (real(chip).capabilities.weight_bits.count + 1)
    assert layers
    for layer in layers:
        values = np.array(layer["weight"])
        assert values.dtype.kind == "i"
        assert 0 < np.abs(values).max() <= most
        assert (values < 0).any()


# The runbook.


def test_the_runbook_counts_what_the_plan_sends() -> None:
    for chip in ("truenorth", "loihi2", "spinnaker1"):
        net = chain(40, "IF", a=600, b=7) if chip != "truenorth" else branching()
        net = Network(net.inputs, net.outputs, net.populations, net.projections, reset=net.reset, dt=1.0)
        plan = compile_network(net, real(chip), Options(effort="none", activity=1.0, inputs="host"))
        book = runbook(plan, net)
        assert book.most_messages_per_step == book.host_messages_per_step > 0
        assert book.depth == max(p.lag for p in plan.populations)
        assert {one.port for one in book.readings} == {port.name for port in net.outputs}


def test_the_runbook_names_what_is_not_checked_and_when_samples_follow_each_other() -> None:
    net = chain(a=6, b=4)
    plan = compile_network(net, real("loihi2"), Options(effort="none", steps_per_sample=20))
    text = as_markdown(plan, runbook(plan, net))
    assert plan.chip.not_checked
    assert all(f"* {limit.name}: {limit.why}" in text for limit in plan.chip.not_checked)
    assert plan.schedule.period == 32
    assert "Samples of 20 steps follow each other every 32 steps." in text
    assert "| a | 1 |\n| b | 2 |" in text


def test_the_compile_report_has_the_runbook_on_demand(
    compiled: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = compiled("loihi2")
    words = ["compile", str(folder / "digits.nir"), "--target", "loihi2", "--effort", "quick", "--runbook"]
    capsys.readouterr()
    assert main(words) == 0
    assert "Runbook" in capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["runbook"]
    assert told["depth"] == 2
    assert told["feeds"][0] == {
        "port": "input_1",
        "projection": "input_1>fc1>if1",
        "core": 0,
        "elements": [[0, 64]],
        "axons": 1,
        "delay": 1,
    }


# Plugins that emit wrongly.


@dataclass(frozen=True)
class Rogue:
    """A target whose `emit` returns what it is given."""

    gives: Any
    name: str = "truenorth"
    formats: ClassVar[Mapping[str, str]] = {"ranc": "something"}

    def chip(self) -> Chip:
        return real("truenorth")

    def emit(self, plan: Plan, network: Network, format: str, shown: object) -> Any:  # noqa: A002
        del plan, network, format, shown
        if isinstance(self.gives, Exception):
            raise self.gives
        return self.gives


@pytest.mark.parametrize(
    ("gives", "code"),
    [
        (b"", "PLUG004"),
        ({"a": "text"}, "PLUG004"),
        ({"../a": b""}, "PLUG004"),
        ({"plan.json": b""}, "PLUG004"),
        (ZeroDivisionError("no"), "PLUG005"),
    ],
)
def test_what_a_plugin_emits_wrongly_is_told_as_its_fault(
    gives: Any, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = branching()
    plan = planned(net)
    monkeypatch.setattr(emission, "load_entry", lambda *_: Rogue(gives))
    with pytest.raises(PluginError) as refused:
        emit(plan, net)
    assert refused.value.code == code


def test_a_target_that_emits_nothing_of_its_own_has_json() -> None:
    plan = compile_network(read(DIGITS.bundled()), real("loihi2"), Options(effort="none"))
    assert list(emission.formats_of(plan)) == ["json", "arrays"]
    with pytest.raises(NeuedgeError) as refused:
        emission.format_of(plan, "ranc")
    assert refused.value.code == "USE035"
    assert store.encode(plan) == emit(plan, read(DIGITS.bundled()))["plan.json"]


def test_sources_and_weights_are_those_of_a_matrix() -> None:
    net = convolving()
    first = net.projections[0]
    reached = sources(first, [Block(((0, 4), (0, 2), (0, 2)))])
    assert reached.tolist() == [row * 9 + column for row in range(4) for column in range(4)]
    assert weights(first, reached).shape == (16, 100)


def test_names_steer_neither_a_terminal_nor_a_table() -> None:
    """Whatever a node is called, the runbook has one line for it."""
    net = chain(6, "IF", a=4)
    evil = "a\x1b[31m\n| b"
    named = replace(
        net,
        populations=tuple(replace(p, name=evil) for p in net.populations),
        projections=tuple(
            replace(
                p,
                name=p.name.replace("a", evil),
                source=p.source.replace("a", evil),
                target=p.target.replace("a", evil),
            )
            for p in net.projections
        ),
    )
    plan = compile_network(named, real("loihi2"), Options(effort="none", inputs="host"))
    text = as_markdown(plan, runbook(plan, named))
    assert text.isprintable() or all(line.isprintable() for line in text.split("\n"))
    assert "\x1b" not in text
    rows = [line for line in text.split("\n") if line.startswith("|") and "x1b" in line]
    assert rows
    assert all("\\n\\| b" in row for row in rows)


def test_late_plans_are_emitted_but_for_what_must_come_out() -> None:
    """As the chip is asked to run them; the emulation of samples knows nothing late."""
    wires = wire("in", "a", dense(4, 4)), wire("a", "b", dense(4, 4, seed=1)), wire("b", "a", dense(4, 4), steps=1)
    net = network({"a": 4, "b": 4}, *wires, inputs={"in": 4}, model="IF", dt=1.0)
    plan = compile_network(net, real("loihi2"), Options(effort="none", recurrence="approximate"))
    assert any(projection.excess for projection in plan.projections)
    files = emit(plan, net)
    told = json.loads(files["network.json"])
    assert {p["delay"] for p in told["projections"]} == {1}
    with pytest.raises(UsageError) as refused:
        emit(plan, net, samples=Samples({"in": np.zeros((1, 5, 4))}))
    assert refused.value.code == "USE061"
