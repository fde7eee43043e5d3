"""Plans for SpiNNaker 2 as scripts, run on a stand-in for py-spinnaker2 that shares no code with what wrote them."""

from __future__ import annotations

import importlib.util
import io
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from neuedge_models.coding import rate_code
from neuedge_models.datasets import digits
from neuedge_models.digits import DIGITS
from neuedge_nir import emit, emulate, read
from neuedge_nir.errors import UsageError
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.network.connect import Conv, PoolKind
from neuedge_nir.network.model import IF, LI, LIF, CubaLIF, Network, Neuron, Signal
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from tests.test_emit_ranc import noise
from tests.worlds import chain, conv, convnet, dense, network, pool, real, residual, wire

# A stand-in for spinnaker2.snn and spinnaker2.hardware: neurons in single precision, a step from spike to synapse.

MODELS = {
    "spike_list": set(),
    "lif_no_delay": {"threshold", "alpha_decay", "i_offset", "v_reset", "reset"},
    "lif_conv2d": {"threshold", "alpha_decay", "i_offset", "v_reset", "reset"},
    "lif_curr_exp_no_delay": {
        *("threshold", "alpha_decay", "i_offset", "v_reset", "reset"),
        *("exc_decay", "inh_decay", "t_refrac"),
    },
}
single = np.float32


@dataclass
class Population:
    size: int
    neuron_model: str
    params: Mapping[Any, Any]
    name: str
    record: list[str] = field(default_factory=list)
    atoms: int | None = None
    spikes: dict[int, list[int]] = field(default_factory=dict)
    trace: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.neuron_model == "spike_list":
            assert set(self.params) == set(range(self.size))
        else:
            assert set(self.params) == MODELS[self.neuron_model]
        self.spikes = {neuron: [] for neuron in range(self.size)}
        self.v = np.zeros(self.size, single)
        self.current = {"exc": np.zeros(self.size, single), "inh": np.zeros(self.size, single)}

    def set_max_atoms_per_core(self, atoms: int) -> None:
        self.atoms = atoms

    def get_spikes(self) -> dict[int, list[int]]:
        assert self.record == ["spikes"]
        return self.spikes

    def get_voltages(self) -> dict[int, Any]:
        assert self.record == ["v"]
        return dict(enumerate(np.array(self.trace).T))

    def tick(self, now: int, arriving: Any) -> Any:
        if self.neuron_model == "spike_list":
            return np.array([now in self.params[neuron] for neuron in range(self.size)])
        p: dict[str, Any] = {
            name: value if isinstance(value, str) else single(value) for name, value in self.params.items()
        }
        into = arriving.astype(single)
        if "exc_decay" in p:
            assert np.array_equal(p["exc_decay"], p["inh_decay"])
            self.current["exc"] = self.current["exc"] * p["exc_decay"] + into
            into = self.current["exc"]
        self.v = self.v * p["alpha_decay"] + into + p["i_offset"]
        self.trace.append(self.v.copy())
        fired = self.v > p["threshold"]
        reset = {"reset_to_v_reset": p["v_reset"], "reset_by_subtraction": self.v - p["threshold"]}[p["reset"]]
        self.v = np.where(fired, reset, self.v).astype(single)
        return fired


@dataclass
class Projection:
    """Lists of (source, target, weight, delay), weights of 8 bits."""

    pre: Population
    post: Population
    connections: list[list[int]]

    def __post_init__(self) -> None:
        assert self.post.neuron_model in ("lif_no_delay", "lif_curr_exp_no_delay")
        self.matrix = np.zeros((self.post.size, self.pre.size), int)
        for a, b, weight, delay in self.connections:
            assert -127 <= weight <= 127
            assert delay == 0
            assert self.matrix[b, a] == 0
            self.matrix[b, a] = weight


@dataclass
class Conv2DProjection:
    """A kernel (channels in, channels out, height, width), tap by tap; a pool in front adds up its pixels."""

    pre: Population
    post: Population
    weights: Any
    params: Mapping[str, int]

    def __post_init__(self) -> None:
        assert self.post.neuron_model == "lif_conv2d"
        assert self.weights.dtype == np.int8
        p, (c_in, c_out, rows, columns) = self.params, self.weights.shape
        high, wide = p["in_height"] // p["pool_y"], p["in_width"] // p["pool_x"]
        out_high = (high + p["pad_top"] + p["pad_bottom"] - rows) // p["stride_y"] + 1
        out_wide = (wide + p["pad_left"] + p["pad_right"] - columns) // p["stride_x"] + 1
        assert self.pre.size == c_in * p["in_height"] * p["in_width"]
        assert self.post.size == c_out * out_high * out_wide
        self.matrix = np.zeros((self.post.size, self.pre.size), int)
        target = self.matrix.reshape(c_out, out_high, out_wide, c_in, p["in_height"], p["in_width"])
        for y, x, ky, kx in np.ndindex(out_high, out_wide, rows, columns):
            top, left = y * p["stride_y"] + ky - p["pad_top"], x * p["stride_x"] + kx - p["pad_left"]
            if 0 <= top < high and 0 <= left < wide:
                for dy, dx in np.ndindex(p["pool_y"], p["pool_x"]):
                    pixel = top * p["pool_y"] + dy, left * p["pool_x"] + dx
                    target[:, y, x, :, pixel[0], pixel[1]] += self.weights[:, :, ky, kx].T


@dataclass
class Net:
    name: str
    parts: tuple[Any, ...] = ()

    def add(self, *parts: Any) -> None:
        self.parts = parts


@dataclass
class Board:
    """Runs a network; every spike is heard a step later."""

    eth_ip: str | None = None

    def run(self, net: Net, steps: int) -> None:
        RUNS.append(net)
        populations = [part for part in net.parts if isinstance(part, Population)]
        wires = [part for part in net.parts if not isinstance(part, Population)]
        sent = {p.name: np.zeros(p.size, bool) for p in populations}
        assert len(sent) == len(populations)
        for now in range(steps):
            arriving = {p.name: np.zeros(p.size, int) for p in populations}
            for w in wires:
                arriving[w.post.name] += w.matrix @ sent[w.pre.name]
            sent = {p.name: p.tick(now, arriving[p.name]) for p in populations}
            for p in populations:
                for neuron in np.flatnonzero(sent[p.name]).tolist():
                    p.spikes[neuron].append(now)


RUNS: list[Net] = []


@pytest.fixture
def on_stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Any, Net]]:
    """Write the files of a plan, run its script, and return what it read, and the network it built."""

    def ran(files: Mapping[str, bytes], *words: str) -> tuple[Any, Net]:
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        spec = importlib.util.spec_from_file_location("emitted_run", tmp_path / "run.py")
        assert spec is not None
        assert spec.loader is not None
        script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(script)
        snn, hardware = ModuleType("spinnaker2.snn"), ModuleType("spinnaker2.hardware")
        parts = {"Population": Population, "Projection": Projection, "Conv2DProjection": Conv2DProjection}
        for each, part in {**parts, "Network": Net}.items():
            setattr(snn, each, part)
        hardware.SpiNNaker2Chip = Board  # type: ignore[attr-defined]
        for module in (ModuleType("spinnaker2"), snn, hardware):
            monkeypatch.setitem(sys.modules, module.__name__, module)
        found = script.main(list(words))
        return found, RUNS.pop()

    return ran


ONE, ZERO = np.ones(()), np.zeros(())
CELLS: list[Neuron] = [
    LIF(4 * ONE, 2 * ONE, ZERO, ONE, ZERO),
    IF(ONE, 2 * ONE, ZERO),
    CubaLIF(3 * ONE, 5 * ONE, 4 * ONE, ZERO, ONE, ONE, ZERO),
]


def celled(net: Network, neuron: Neuron) -> Network:
    return replace(net, populations=tuple(replace(p, neuron=neuron) for p in net.populations), dt=1.0)


def planned(net: Network, **options: object) -> Plan:
    return compile_network(net, real("spinnaker2"), Options(effort="none", **options))  # type: ignore[arg-type]


def assert_same(net: Network, spikes: Mapping[str, Any], run: Callable[..., tuple[Any, Net]], **options: object) -> Net:
    """Every spike of every population that is read is the emulation's."""
    plan = planned(net, **options)
    files = emit(plan, net, samples=Samples(spikes))
    names = [p.source for port in net.outputs for p in net.into(port.name)]
    wanted = emulate(net, spikes, real("spinnaker2"), reset=plan.options.reset, record=names).run.recorded
    total, built = 0, Net("")
    for sample in range(len(next(iter(spikes.values())))):
        found, built = run(files, "--sample", str(sample))
        for name in names:
            due = wanted[name][sample].reshape(len(wanted[name][sample]), -1)
            ours = np.zeros((len(due) + 40, due.shape[1]), bool)
            ours[found[f"{name}.times"], found[f"{name}.neurons"]] = True
            np.testing.assert_array_equal(ours[: len(due)], due > 0)
            total += int(ours.sum())
    assert total > 20
    return built


def second() -> Network:
    """Two convolutions, the second behind a pool, and a dense layer."""
    first = conv((2, 8, 8), 4)
    behind = pool(first.output_shape, kind=PoolKind.SUM)
    last = conv(behind.output_shape, 3, seed=1)
    size = int(np.prod(last.output_shape))
    ends: dict[str, Any] = {"a": first.output_shape, "b": last.output_shape, "c": 5}
    wires = wire("i", "a", first), wire("a", "b", behind, last), wire("b", "c", dense(5, size))
    return network(ends, *wires, inputs={"i": (2, 8, 8)}, outputs={"out": "c", "peek": "b"})


@pytest.mark.parametrize("neuron", CELLS)
@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_dense_layers_spike_as_emulated(neuron: Neuron, reset: str, on_stand_in: Any) -> None:
    net = celled(chain(12, a=300, b=5), neuron)
    assert_same(net, noise(net, 4, samples=2, steps=30), on_stand_in, reset=reset)


@pytest.mark.parametrize("build", [second, lambda: convnet(12)])
def test_convolutions_behind_pools_spike_as_emulated(build: Callable[[], Network], on_stand_in: Any) -> None:
    """Of sums and of averages."""
    net = celled(build(), CELLS[0])
    built = assert_same(net, noise(net, 4, samples=1, steps=20), on_stand_in)
    kinds = {part.post.name: type(part).__name__ for part in built.parts if not isinstance(part, Population)}
    assert kinds == {"a": "Conv2DProjection", "b": "Conv2DProjection", "c": "Projection"}


def test_the_digits_spike_as_emulated(on_stand_in: Any) -> None:
    pytest.importorskip("sklearn")
    spikes = {"input_1": rate_code(digits().test.inputs, 16, 16)[:4]}
    assert_same(read(DIGITS.bundled()), spikes, on_stand_in)


def test_an_input_that_is_due_later_is_relayed(on_stand_in: Any) -> None:
    net = celled(residual(6), CELLS[0])
    late = tuple(replace(p, source="i") if p.source == "a" and p.target == "c" else p for p in net.projections)
    net = replace(net, projections=late)
    built = assert_same(net, noise(net, 3, steps=30), on_stand_in)
    assert {p.name for p in built.parts if isinstance(p, Population)} == {"i", "i.relay1", "i.relay2", "a", "b", "c"}


def test_populations_weights_and_connections_are_the_plans(on_stand_in: Any) -> None:
    net = celled(chain(12, a=300, b=5), CELLS[0])
    plan = planned(net)
    _, built = on_stand_in(emit(plan, net), "--steps", "2")
    cells = {p.name: p for p in built.parts if isinstance(p, Population)}
    assert {name: p.size for name, p in cells.items()} == {"in": 12, "a": 300, "b": 5}
    largest = {
        name: max(piece.run[1] - piece.run[0] if piece.run else piece.block[0][1] - piece.block[0][0]  # type: ignore[index]
                  for core in plan.cores for piece in core.slices if piece.population == name)
        for name in ("a", "b")
    }  # fmt: skip
    assert {name: cells[name].atoms for name in ("a", "b")} == largest
    wires = {(p.pre.name, p.post.name): p.matrix for p in built.parts if not isinstance(p, Population)}
    assert {*wires} == {(p.source, p.target) for p in plan.projections}
    for told in plan.projections:
        weight = next(p.chain[0].weight for p in net.projections if p.name == told.name)  # type: ignore[union-attr]
        np.testing.assert_allclose(
            wires[told.source, told.target] * told.weight_step, weight, atol=told.weight_step / 2
        )


def test_a_readout_without_spikes_tells_its_potential(on_stand_in: Any) -> None:
    net = celled(chain(6, a=8, b=3), CELLS[0])
    net = replace(net, populations=(net.populations[0], replace(net.populations[1], neuron=LI(4 * ONE, ONE, ZERO))))
    signals = tuple(replace(p, signal=Signal.ANALOG) if p.source == "b" else p for p in net.projections)
    net = replace(net, projections=signals)
    plan, spikes = planned(net), noise(net, 4, samples=1, steps=20)
    found, _ = on_stand_in(emit(plan, net, samples=Samples(spikes)), "--sample", "0")
    wanted = emulate(net, spikes, real("spinnaker2")).run.outputs["out"][0]
    ratio = found["b.v"][:, :20].T[wanted != 0] / wanted[wanted != 0]
    assert np.allclose(ratio, np.median(ratio), rtol=1e-4)


def holed() -> Network:
    first = conv((2, 8, 8), 4, groups=2)
    return network({"a": first.output_shape}, wire("i", "a", first), inputs={"i": (2, 8, 8)})


def overlapping() -> Network:
    behind = pool((2, 8, 8), 3, stride=1, kind=PoolKind.SUM)
    last = conv(behind.output_shape, 3)
    return network({"a": last.output_shape}, wire("i", "a", behind, last), inputs={"i": (2, 8, 8)})


def mixed() -> Network:
    first: Conv = conv((2, 4, 4), 3)
    size = int(np.prod(first.output_shape))
    wires = wire("i", "a", first), wire("j", "a", dense(size, 4))
    return network({"a": first.output_shape}, *wires, inputs={"i": (2, 4, 4), "j": 4})


REFUSED: Mapping[str, tuple[Callable[[], Network], Neuron, str]] = {
    "groups of channels": (holed, CELLS[0], "USE071"),
    "a pool whose stride is not its kernel": (overlapping, CELLS[0], "USE071"),
    "a synaptic filter": (second, CELLS[2], "USE071"),
    "another layer both lead to it": (mixed, CELLS[0], "USE071"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_the_software_cannot_do_is_refused(what: str) -> None:
    build, neuron, code = REFUSED[what]
    net = celled(build(), neuron)
    with pytest.raises(UsageError, match=what) as refused:
        emit(planned(net), net)
    assert refused.value.code == code


def test_a_bias_is_refused() -> None:
    net = celled(chain(4, a=3), CELLS[0])
    net = replace(net, populations=(replace(net.populations[0], bias=np.ones(3)),))
    with pytest.raises(UsageError) as refused:
        emit(planned(net), net)
    assert refused.value.code == "OUT203"


def test_the_same_plan_makes_the_same_bytes_and_a_damaged_weight_is_noticed(on_stand_in: Any) -> None:
    net = celled(chain(12, a=30, b=5), CELLS[0])
    plan, spikes = planned(net), noise(net, 4, samples=1, steps=30)
    files = emit(plan, net, samples=Samples(spikes))
    assert emit(plan, net, samples=Samples(spikes)) == files
    sound, _ = on_stand_in(files, "--sample", "0")
    arrays = dict(np.load(io.BytesIO(files["network.npz"])))
    arrays["synapses0"][:40, 2] *= -1
    content = io.BytesIO()
    np.savez(content, **arrays)
    found, _ = on_stand_in({**files, "network.npz": content.getvalue()}, "--sample", "0")
    assert not np.array_equal(found["b.times"], sound["b.times"])
    assert json.loads(files["network.json"])["depth"] == 2
