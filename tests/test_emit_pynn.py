"""Plans for SpiNNaker 1 as PyNN scripts, run on a stand-in for sPyNNaker that shares no code with what wrote them."""

from __future__ import annotations

import importlib.util
import io
import json
import math
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
from neuedge_nir.network.model import LI, LIF, CubaLIF, Network, Neuron, Signal
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from tests.test_emit_ranc import noise
from tests.worlds import chain, conv, dense, network, real, residual, wire

# A stand-in for pyNN.spiNNaker: sPyNNaker's closed form of an LIF neuron, in floating point, steps of 1 ms.


@dataclass
class Cell:
    """Parameters of `IF_curr_delta` and `IF_curr_exp`, or the times of a source."""

    kind: str
    values: dict[str, Any]


@dataclass
class Cells:
    """Neurons at rest; what was asked of sPyNNaker for them."""

    size: int
    cell: Cell
    label: str
    atoms: int | None = None
    chip: tuple[int, int] | None = None
    v: Any = None
    recorded: str | None = None
    spikes: list[tuple[int, int]] = field(default_factory=list)
    trace: list[Any] = field(default_factory=list)
    isyn: dict[str, Any] = field(default_factory=dict)
    more: dict[str, int] = field(default_factory=dict)

    def set_max_atoms_per_core(self, atoms: int) -> None:
        self.atoms = atoms

    def add_placement_constraint(self, x: int, y: int) -> None:
        self.chip = x, y

    def initialize(self, v: Any) -> None:
        self.v = np.array(v, float)

    def record(self, what: str) -> None:
        self.recorded = what

    def spinnaker_get_data(self, what: str, as_matrix: bool = False) -> Any:
        assert what == self.recorded
        assert as_matrix == (what == "v")
        return np.array(self.trace) if as_matrix else np.array(self.spikes)

    def parameter(self, name: str) -> Any:
        return np.broadcast_to(np.array(self.cell.values[name], float), self.size)

    def tick(self, now: int, arriving: Mapping[str, Any]) -> Any:
        """Who fires in this step."""
        if self.cell.kind == "SpikeSourceArray":
            times = self.cell.values["spike_times"] or [[]] * self.size  # lists that are all empty it does not take
            return np.array([float(now) in each for each in times])
        current = self.parameter("i_offset").copy()
        for sign, receptor, tau in ((1, "excitatory", "tau_syn_E"), (-1, "inhibitory", "tau_syn_I")):
            new = arriving[receptor]
            if self.cell.kind == "IF_curr_exp":
                decay = np.exp(-1 / self.parameter(tau))
                new = self.isyn.get(receptor, 0.0) * decay + new * self.parameter(tau) * (1 - decay)
                self.isyn[receptor] = new
            current += sign * new
        keep = np.exp(-1 / self.parameter("tau_m"))
        aim = current * self.parameter("tau_m") / self.parameter("cm") + self.parameter("v_rest")
        self.v = aim - keep * (aim - self.v)
        fired = self.v >= self.parameter("v_thresh")
        self.trace.append(self.v.copy())
        self.v[fired] = self.parameter("v_reset")[fired]
        return fired


@dataclass
class Simulator(ModuleType):
    """The module: what a script may call."""

    populations: list[Cells] = field(default_factory=list)
    projections: list[tuple[Cells, Cells, Any, str]] = field(default_factory=list)
    ended: bool = False
    slower: int = 0

    def __post_init__(self) -> None:
        super().__init__("pyNN.spiNNaker")

    def setup(self, timestep: float, time_scale_factor: int) -> None:
        assert timestep == 1.0
        self.slower = time_scale_factor

    def IF_curr_delta(self, **values: Any) -> Cell:  # noqa: N802 - PyNN's name
        return Cell("IF_curr_delta", values)

    def IF_curr_exp(self, **values: Any) -> Cell:  # noqa: N802
        return Cell("IF_curr_exp", values)

    def SpikeSourceArray(self, spike_times: Any) -> Cell:  # noqa: N802
        return Cell("SpikeSourceArray", {"spike_times": spike_times})

    def Population(  # noqa: N802
        self, size: int, cell: Cell, label: str, additional_parameters: Mapping[str, int] | None = None
    ) -> Cells:
        self.populations.append(Cells(size, cell, label, more=dict(additional_parameters or {})))
        return self.populations[-1]

    def FromListConnector(self, rows: Any) -> Any:  # noqa: N802
        return rows

    def Projection(self, source: Cells, target: Cells, rows: Any, receptor_type: str) -> None:  # noqa: N802
        assert all((weight > 0) == (receptor_type == "excitatory") and delay >= 1 for _, _, weight, delay in rows)
        self.projections.append((source, target, rows, receptor_type))

    def run(self, steps: float) -> None:
        waiting: dict[int, list[tuple[Cells, str, int, float]]] = {}
        for now in range(int(steps)):
            arriving = {
                p.label: {receptor: np.zeros(p.size) for receptor in ("excitatory", "inhibitory")}
                for p in self.populations
            }
            for target, receptor, neuron, weight in waiting.pop(now, []):
                arriving[target.label][receptor][neuron] += abs(weight)
            for population in self.populations:
                for neuron in np.flatnonzero(population.tick(now, arriving[population.label])).tolist():
                    population.spikes.append((neuron, now))
                    self._send(population, neuron, now, waiting)

    def _send(self, source: Cells, neuron: int, now: int, waiting: dict[int, list[Any]]) -> None:
        for a, b, rows, receptor in self.projections:
            if a is source:
                for pre, post, weight, delay in rows:
                    if pre == neuron:
                        waiting.setdefault(now + int(delay), []).append((b, receptor, post, weight))

    def end(self) -> None:
        self.ended = True


@pytest.fixture
def on_stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Any, Simulator]]:
    """Write the files of a plan, run its script, and return what it read, and the simulator it built."""

    def ran(files: Mapping[str, bytes], *words: str) -> tuple[Any, Simulator]:
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        spec = importlib.util.spec_from_file_location("emitted_run", tmp_path / "run.py")
        assert spec is not None
        assert spec.loader is not None
        script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(script)
        sim = Simulator()
        monkeypatch.setitem(sys.modules, "pyNN", ModuleType("pyNN"))
        monkeypatch.setitem(sys.modules, "pyNN.spiNNaker", sim)
        found = script.main(list(words))
        assert sim.ended
        return found, sim

    return ran


def planned(net: Network, **options: object) -> Plan:
    return compile_network(net, real("spinnaker1"), Options(effort="none", **options))  # type: ignore[arg-type]


def trains(found: Any, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """(steps, neurons) of a population that was read."""
    table = np.zeros(shape, bool)
    table[found[f"{name}.times"].astype(int), found[f"{name}.neurons"]] = True
    return table


def agreement(net: Network, found: Any, spikes: Mapping[str, np.ndarray], sample: int) -> float:
    """Equal spikes of all read populations, of those that either has."""
    names = [p.source for port in net.outputs for p in net.into(port.name)]
    wanted = emulate(net, spikes, real("spinnaker1"), record=names).run.recorded
    same = either = 0
    for name in names:
        due = wanted[name][sample].reshape(len(wanted[name][sample]), -1)
        ours = trains(found, name, (len(due) + 40, due.shape[1]))[: len(due)]
        same, either = same + int((due & ours).sum()), either + int((due | ours).sum())
    assert either > 20
    return same / either


def celled(net: Network, neuron: Neuron, bias: float = 0.0) -> Network:
    rng = np.random.default_rng(0)
    found = [
        replace(p, neuron=neuron, bias=None if not bias else rng.uniform(0, bias, p.shape)) for p in net.populations
    ]
    return replace(net, populations=tuple(found), dt=1.0)


ONE, ZERO = np.ones(()), np.zeros(())
CELLS: list[tuple[Neuron, float]] = [
    (LIF(4 * ONE, 2 * ONE, ZERO, ONE, ZERO), 0.2),
    (LIF(4 * ONE, 2 * ONE, ZERO, ONE, ZERO), 0.0),
    (CubaLIF(3 * ONE, 5 * ONE, 4 * ONE, ZERO, ONE, ONE, ZERO), 0.0),
]


@pytest.mark.parametrize(("neuron", "bias"), CELLS)
def test_leaky_neurons_spike_as_emulated(neuron: Neuron, bias: float, on_stand_in: Any) -> None:
    """A skip with a longer delay, slices on several cores, biases that act before the first input."""
    net = celled(residual(12), neuron, bias)
    plan, spikes = planned(net, max_cores=50), noise(net, 4, samples=2, steps=40)
    files = emit(plan, net, samples=Samples(spikes))
    for sample in (0, 1):
        found, _ = on_stand_in(files, "--sample", str(sample))
        assert agreement(net, found, spikes, sample) > 0.97  # floating point for fixed


def test_slices_and_placement_are_the_plans(on_stand_in: Any) -> None:
    net = celled(chain(30, a=700, b=5), CELLS[0][0])
    plan = planned(net)
    found, sim = on_stand_in(emit(plan, net), "--steps", "3")
    cells = [p for p in sim.populations if p.cell.kind != "SpikeSourceArray"]
    pieces = [(piece, core) for core in plan.cores for piece in core.slices if core.role == "neurons"]
    assert len(cells) == len(pieces) > 3
    assert [p.chip for p in cells] == [core.router for _, core in pieces]
    assert [p.atoms for p in cells] == [p.size for p in cells]
    assert sum(p.size for p in cells) == 705
    assert [(p.size, p.atoms) for p in sim.populations if p not in cells] == [(30, 30)]
    assert set(found) == {"b.times", "b.neurons"}
    _, sim = on_stand_in(emit(plan, net), "--steps", "3", "--no-placement")
    assert all(p.chip is None for p in sim.populations)


def test_convolutions_over_several_slices_spike_as_emulated(on_stand_in: Any) -> None:
    first = conv((2, 10, 10), 6)
    net = network(
        {"a": first.output_shape, "b": 6}, wire("i", "a", first), wire("a", "b", dense(6, 600)),
        inputs={"i": (2, 10, 10)}, outputs={"out": "b", "peek": "a"},
    )  # fmt: skip
    net = celled(net, CELLS[0][0])
    plan, spikes = planned(net), noise(net, 4, samples=1, steps=12)
    assert sum(piece.population == "a" for core in plan.cores for piece in core.slices) > 2
    found, _ = on_stand_in(emit(plan, net, samples=Samples(spikes)), "--sample", "0")
    assert agreement(net, found, spikes, 0) > 0.99


def test_the_digits_are_told_apart(on_stand_in: Any) -> None:
    """IF neurons leak a little there: not all spikes are equal, the classes are."""
    pytest.importorskip("sklearn")
    net, images = read(DIGITS.bundled()), digits().test
    spikes = {"input_1": rate_code(images.inputs, 16, 16)[:12]}
    files = emit(planned(net), net, samples=Samples(spikes))
    wanted = emulate(net, spikes, real("spinnaker1"), record=["if2"]).run.recorded["if2"].sum(axis=1)
    for sample in range(12):
        found, _ = on_stand_in(files, "--sample", str(sample))
        counts = np.bincount(found["if2.neurons"], minlength=10)
        assert counts.argmax() == wanted[sample].argmax()


def test_a_readout_without_spikes_tells_its_potential(on_stand_in: Any) -> None:
    net = celled(chain(6, a=8, b=3), CELLS[0][0])
    net = replace(net, populations=(net.populations[0], replace(net.populations[1], neuron=LI(4 * ONE, ONE, ZERO))))
    signals = tuple(replace(p, signal=Signal.ANALOG) if p.source == "b" else p for p in net.projections)
    net = replace(net, projections=signals)
    plan, spikes = planned(net), noise(net, 4, samples=1, steps=20)
    found, _ = on_stand_in(emit(plan, net, samples=Samples(spikes)), "--sample", "0")
    wanted = emulate(net, spikes, real("spinnaker1")).run.outputs["out"][0]
    ratio = found["b.v"][:, :20].T[wanted != 0] / wanted[wanted != 0]
    assert np.allclose(ratio, np.median(ratio), rtol=0.02)


def test_the_same_plan_makes_the_same_bytes_and_a_damaged_list_is_noticed(on_stand_in: Any) -> None:
    net = celled(residual(12), CELLS[0][0])
    plan, spikes = planned(net), noise(net, 4, samples=1, steps=40)
    files = emit(plan, net, samples=Samples(spikes))
    assert emit(plan, net, samples=Samples(spikes)) == files
    arrays = dict(np.load(io.BytesIO(files["network.npz"])))
    arrays["synapses0"][:, 2] *= 1.5
    content = io.BytesIO()
    np.savez(content, **arrays)
    found, _ = on_stand_in({**files, "network.npz": content.getvalue()}, "--sample", "0")
    assert agreement(net, found, spikes, 0) < 0.9


def test_a_bias_that_cannot_wait_is_refused() -> None:
    net = celled(chain(4, a=3, b=3, c=3), CELLS[0][0])
    heavy = tuple(replace(p, bias=np.full(p.shape, -40.0) if p.name == "c" else None) for p in net.populations)
    net = replace(net, populations=heavy)
    with pytest.raises(UsageError) as refused:
        emit(planned(net), net)
    assert (refused.value.code, refused.value.where) == ("OUT203", "neuron 0 of 'c'")


def test_parameters_are_the_registers_of_the_chip() -> None:
    net = celled(chain(4, a=3), CELLS[0][0])
    files = emit(planned(net), net)
    told = json.loads(files["network.json"])["populations"][0]
    arrays = np.load(io.BytesIO(files["network.npz"]))
    keep = np.exp(-1 / arrays["population0.tau_m"])
    assert told["cell"] == "IF_curr_delta"
    assert np.allclose(keep * 2**15, round(0.75 * 2**15), atol=0.1)
    thresholds = arrays["population0.v_thresh"] * 2**15
    assert all(math.isclose(value, round(value), abs_tol=1e-6) for value in thresholds)
