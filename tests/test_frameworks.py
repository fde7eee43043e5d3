"""Networks of sinabs, snnTorch, Norse and SpikingJelly: exported by them, read and converted here, run by them again.

What comes of it is the table in docs/frameworks.md, which `pytest -m frameworks --update-golden` writes. Where spikes
differ, the scripts look for the remedies with which they are equal, so that each difference has a proved reason.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neuedge_nir
from neuedge_nir.network.count import total_synapses
from neuedge_nir.network.equal import difference
from neuedge_nir.network.model import LIF, Network, ResetMode
from neuedge_nir.rewrite.call import PassCall
from neuedge_nir.rewrite.door import Context
from neuedge_nir.rewrite.manager import rewritten
from tests.conftest import Golden, Neuedge
from tests.environments import ROOT, SCRIPTS, python_of, run
from tests.worlds import dense, network, wire

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("frameworks")]

STEPS = 20
"""Timesteps that every network runs, as the scripts do."""

IMPORTERS = (("norse", "current"), ("snntorch", "current"), ("spikingjelly", "current"), ("sinabs", "sinabs3"))
EXPORTERS = (*IMPORTERS, ("sinabs", "current"))
"""Frameworks and the environments they run in."""

TITLES = {"norse": "Norse", "sinabs": "sinabs", "snntorch": "snnTorch", "spikingjelly": "SpikingJelly"}

REMEDIES = {
    "tau/dt": "time constants divided by dt: Norse writes dt / tau_inv and reads 1 / tau_inv (`to_nir(..., dt=1)`)",
    "w_in": "w_in = tau_syn / dt. Norse's LIFCell adds the whole weight to its current, and its export says w_in = 1",
    "r": "r = tau_mem / dt, with thresholds to match: the import takes no other r of a CubaLIF",
    "exponential": "the decay of sinabs: exp(-dt/tau) in place of the importer's 1 - dt/tau",
    "pool": "AvgPool2d as SumPool2d, with its factor in the weights behind: the import leaves an AvgPool2d out",
    "time": "time constants in units of 0.1 ms: the import takes every timestep for that long",
    "gain": "r in the weights: Norse ignores the r of a LIF, and snnTorch refuses an IF with r other than 1",
    "as IF": "no leak, reset to zero, spikes alone: snnTorch imports an IF as a Leaky with beta = 0.9 and two results",
    "ties": "thresholds moved by a hair: Norse and snnTorch fire above them, SpikingJelly and sinabs at them",
    "subtract": "imported neurons subtract their threshold",
    "delay": "and do so one step after the spike (`reset_delay=True`)",
    "v_leak": "v_leak in one axis: the import of sinabs fails at more",
    "decay": "tau and weights for 1 - dt/tau: sinabs decays by exp(-1/tau), ignores r, and adds its input whole",
    "norm": "`norm_input = True`",
    "single": "`spike_fn = SingleSpike`: sinabs fires several times in a step",
    "zero": "`reset_fn = MembraneReset()`: sinabs subtracts",
    "floor": "`min_v_mem = None`: the import of sinabs holds potentials above minus the threshold",
}
"""What changes are called in the scripts, and what they do."""

BEYOND = {
    "sinabs3_mlp": "several spikes in a step, which only sinabs can send",
    "sinabs3_cnn": "several spikes in a step, which only sinabs can send",
    "sinabs3_mlp_single": "Norse's IAFCell cannot subtract",
    "snntorch_mlp": "a reset that subtracts one step late, which only snnTorch does",
    "snntorch_rnn_syn": "a reset one step late, which also drops that step's input; without the delay RSynaptic fails",
}
"""Where spikes differ and no remedy is known: what of the exporting network the importer cannot do."""

CAUSES = {
    "must be finite and greater than 1": "Norse's time constants, too short by the factor dt",
    "must be Tensor, not tuple": "snnTorch imports an IF as a module with two results",
    "'tuple' object has no attribute 'pow'": "snnTorch imports an IF as a module with two results",
    "r not supported in CubaLIF": "snnTorch wants r = tau_mem / dt",
    "must equal tau_mem / dt": "Norse writes r = 1",
    "r != 1 not supported": "SpikingJelly writes r = 1/dt",
    "truth value of an array": "the import of sinabs evaluates `any(v_leak)`, for several axes",
    "no attribute 'items'": "nirtorch fails at the nested graph that snnTorch makes of a recurrent layer",
    "leaves out CubaLIF": "sinabs knows none and says nothing",
    "leaves out AvgPool2d": "Norse and sinabs know none and say nothing",
}
"""What is behind a failure of which these words tell."""


@dataclass(frozen=True)
class Exported:
    """A network, what its framework says of it, and what became of it here. `network` is None where no file came."""

    framework: str
    facts: Mapping[str, Any]
    network: Network | None
    spikes: str

    @property
    def name(self) -> str:
        return str(self.facts["name"])

    @property
    def title(self) -> str:
        return f"{self.framework}: {self.facts['title']}"


@dataclass(frozen=True)
class Tour:
    """All networks, and how each importer, by its name and version, runs them."""

    folder: Path
    exports: Sequence[Exported]
    imports: Mapping[str, Mapping[str, Mapping[str, Any]]]

    @property
    def read(self) -> list[Exported]:
        return [each for each in self.exports if each.network is not None]


@pytest.fixture(scope="module")
def tour(neuedge: Neuedge, tmp_path_factory: pytest.TempPathFactory) -> Tour:
    folder = tmp_path_factory.mktemp("frameworks")
    exports = [each for name, home in EXPORTERS for each in exported_by(name, home, folder)]
    jobs = [converted(each, neuedge, folder) for each in exports if each.network is not None]
    # sinabs 2 exports what sinabs 3 does, as a test makes sure of.
    jobs = [job for job in jobs if not job["name"].startswith("sinabs2")]
    (folder / "jobs.json").write_text(json.dumps(jobs), encoding="utf-8")
    return Tour(folder, exports, dict(imported_by(name, home, folder) for name, home in IMPORTERS))


def exported_by(name: str, home: str, folder: Path) -> Iterator[Exported]:
    run(python_of(home), SCRIPTS / f"on_{name}.py", "export", folder)
    answer = json.loads((folder / f"exported.on_{name}.json").read_text(encoding="utf-8"))
    for facts in answer["networks"]:
        network = None if facts["failure"] else neuedge_nir.read(folder / f"{facts['name']}.nir")
        spikes = np.load(folder / f"{facts['name']}.npz")["spikes"]
        most = "" if spikes.max() <= 1 else f", up to {spikes.max():g} in a step"
        yield Exported(f"{TITLES[name]} {answer['version']}", facts, network, f"{spikes.sum():g}{most}")


def converted(exported: Exported, neuedge: Neuedge, folder: Path) -> dict[str, Any]:
    """An import to try. The framework's own timestep is given where the file does not say one."""
    assert exported.network is not None
    source, clean = (folder / f"{exported.name}{suffix}" for suffix in (".nir", ".clean.nir"))
    given = () if exported.network.dt is not None else ("--dt", exported.facts["dt"])
    answer = neuedge("convert", source, clean, "--compat", "1.0.4", *given)
    assert answer.status == 0, answer.err
    return {"name": exported.name, "dt": neuedge_nir.read(clean).dt}


def imported_by(name: str, home: str, folder: Path) -> tuple[str, Any]:
    run(python_of(home), SCRIPTS / f"on_{name}.py", "import", folder)
    answer = json.loads((folder / f"imported.on_{name}.json").read_text(encoding="utf-8"))
    return f"{TITLES[name]} {answer['version']}", answer["imports"]


# --- what must hold


def test_neurons_and_synapses_are_those_of_the_frameworks_own_modules(tour: Tour) -> None:
    assert len(tour.read) > 20
    assert {e.name: counts(e.network) for e in tour.read if e.network} == {
        e.name: (e.facts["neurons"], e.facts["synapses"]) for e in tour.read
    }


def counts(network: Network) -> tuple[int, int]:
    return sum(math.prod(p.shape) for p in network.populations), total_synapses(network)


def test_a_timestep_that_is_inferred_is_the_exporters(tour: Tour) -> None:
    inferred = {e.name: (e.network.dt, e.facts["dt"]) for e in tour.read if e.network and e.network.dt is not None}
    assert len(inferred) > 10
    # Neurons without leak have no timestep: Norse ignores it for them, and r = 1 is taken to mean steps.
    steps = {name for name, (dt, own) in inferred.items() if not math.isclose(dt, own)}
    assert steps == {"norse_mlp_iaf", "norse_mlp_ties"}


def test_norses_time_constants_are_doubted_where_they_are_wrong_and_nowhere_else(tour: Tour) -> None:
    doubted = {e.name for e in tour.read if e.network for d in e.network.origin.diagnostics if "Norse" in str(d.hint)}
    assert doubted == {"norse_mlp"}


def test_a_converted_file_is_the_exported_network_and_needs_no_repair(tour: Tour) -> None:
    for each in tour.read:
        clean = neuedge_nir.read(tour.folder / f"{each.name}.clean.nir", strict=True)
        assert each.network
        assert difference(neuedge_nir.read(tour.folder / f"{each.name}.nir", dt=clean.dt), clean) is None


def test_sinabs_2_and_3_export_the_same_networks(tour: Tour) -> None:
    both = {e.name: tour.folder / e.name.replace("sinabs2", "sinabs3") for e in tour.read if "sinabs2" in e.name}
    assert len(both) > 3
    for name, other in both.items():
        first, second = (tour.folder / f"{name}.clean.nir").read_bytes(), Path(f"{other}.clean.nir").read_bytes()
        assert first == second


def test_every_difference_of_spikes_has_a_remedy_or_a_reason(tour: Tour) -> None:
    unexplained = {
        name
        for imports in tour.imports.values()
        for name, found in imports.items()
        if found.get("remedies", ()) is None and not found["converted"].startswith("fails")
    }
    assert unexplained == BEYOND.keys()


def test_a_folded_threshold_spikes_in_sinabs_as_the_adaptive_one_does_here(tmp_path: Path) -> None:
    """lower-adaptive makes ordinary LIF neurons: sinabs, which knows no adaptive ones, runs them spike for spike."""
    wires = wire("in", "hidden", dense(12, 10)), wire("hidden", "last", dense(4, 12))
    plain = network({"hidden": 12, "last": 4}, *wires, inputs={"in": 10})
    tau, one = np.array([2.0]), np.array([1.0])
    lif = LIF(tau, tau, 0 * one, 0.7 * one, 0 * one)
    neurons = tuple(replace(p, neuron=lif) for p in plain.populations)
    plain = replace(plain, populations=neurons, dt=1.0, reset=ResetMode.SUBTRACT)
    rule = "adaptive-threshold:gamma=3,target=0.2,low=0,high=0,drop=raised"
    adaptive = rewritten(plain, [PassCall.parse(rule)], Context())
    folded = rewritten(adaptive, [PassCall.parse("lower-adaptive:to=fold")], Context())
    signal = np.random.default_rng(1).random((1, STEPS, 10)) < 1 / 3
    runs = [neuedge_nir.simulate(net, {"in": signal}, record=["last"]) for net in (adaptive, plain)]
    own, fixed = (run.recorded["last"][0] for run in runs)
    assert own.sum() > 20
    assert not np.array_equal(own, fixed), "the rule does something"
    np.savez(tmp_path / "folded.npz", signal=signal[0].astype(np.float32), spikes=own.astype(np.float32))
    for suffix in (".nir", ".clean.nir"):
        neuedge_nir.write(folded, tmp_path / f"folded{suffix}", compat="1.0.4")
    (tmp_path / "jobs.json").write_text(json.dumps([{"name": "folded", "dt": 1.0}]), encoding="utf-8")
    _, imports = imported_by("sinabs", "sinabs3", tmp_path)
    # What every LIF needs there: the decay of sinabs, and one spike in a step at most.
    assert imports["folded"].get("remedies") == ["decay", "single"], imports["folded"]


def test_the_table_in_the_docs_is_what_came_of_it(tour: Tour, golden: Golden) -> None:
    golden("frameworks.md", document(tour), ROOT / "docs")


# --- the document


def document(tour: Tour) -> str:
    failures = Footnotes()
    parts = [INTRODUCTION, *table(EXPORT_HEAD, map(export_row, tour.exports)), "", IMPORTS]
    rows = (import_row(each, tour, failures) for each in tour.read if "sinabs2" not in each.name)
    parts += table(["exported by", *tour.imports], rows)
    parts += ["", SUMMARY, *table(["", *tour.imports], summary(tour)), "", "Failures:", ""]
    parts += [f"* {number}: `{text}`: {cause(text)}" for text, number in failures.numbers.items()]
    used = {r for imports in tour.imports.values() for found in imports.values() for r in found.get("remedies") or ()}
    parts += ["", "Remedies:", "", *(f"* *{name}*: {text}" for name, text in REMEDIES.items() if name in used)]
    titles = {each.name: each.title for each in tour.exports}
    parts += ["", "No remedy:", "", *(f"* {titles[name]}: {reason}" for name, reason in BEYOND.items())]
    return "\n".join(parts) + "\n"


class Footnotes:
    """Numbers texts in the order in which they are first named."""

    def __init__(self) -> None:
        self.numbers: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        return self.numbers.setdefault(text, f"F{len(self.numbers) + 1}")


def cause(failure: str) -> str:
    return next(why for words, why in CAUSES.items() if words in failure)


EXPORT_HEAD = ["exported by", "how", "neurons", "synapses", "remarks", "timestep", "spikes"]


def export_row(each: Exported) -> list[str]:
    how = ", ".join(filter(None, [each.facts["note"], each.facts["failure"] and f"fails: `{each.facts['failure']}`"]))
    if each.network is None:
        return [each.title, how, "", "", "", "", ""]
    neurons, synapses = counts(each.network)
    codes = sorted({d.code for d in each.network.origin.diagnostics} - {"NIR021"})
    dt = "not in the file" if each.network.dt is None else f"{each.network.dt:g}"
    return [each.title, how, f"{neurons}", f"{synapses}", " ".join(codes), dt, each.spikes]


def import_row(each: Exported, tour: Tour, failures: Footnotes) -> list[str]:
    note = f", {each.facts['note']}" if each.facts["note"] else ""
    return [f"{each.title}{note}", *(cell(imports[each.name], failures) for imports in tour.imports.values())]


def cell(found: Mapping[str, Any], failures: Footnotes) -> str:
    outcome = str(found["converted"])
    if outcome.startswith("fails: "):
        outcome = f"fails ({failures(outcome.removeprefix('fails: '))})"
    remedies = found.get("remedies")
    return f"{outcome}; equal with *{', '.join(remedies)}*" if remedies else outcome


def summary(tour: Tour) -> Iterator[list[str]]:
    every = [list(imports.values()) for imports in tour.imports.values()]
    yield ["networks", *(str(len(found)) for found in every)]
    yield ["equal, from the file as exported", *(str(sum(f["exported"] == "equal" for f in found)) for found in every)]
    yield ["equal, from the converted file", *(str(sum(f["converted"] == "equal" for f in found)) for found in every)]
    yield ["equal with remedies", *(str(sum(bool(f.get("remedies")) for f in found)) for found in every)]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)


INTRODUCTION = """\
# What frameworks export, and what they make of our files

Generated by `pytest -m frameworks --update-golden`: small networks with random weights are run for 20 steps on random
spikes, exported by their framework, read, converted with `neuedge-nir convert --compat 1.0.4`, imported by each
framework, and run on the same spikes. torch 2.13.0; nir 1.0.8, for sinabs 3 nir 1.0.4.

## Exports

Neurons and synapses are those that the framework's own modules have. `explain` tells what a remark means; NIR021, a
bias, is in all of them. Where the file does not say how long a timestep is, it has to be given (`--dt`).
"""

IMPORTS = """\
## Imports of the converted files

Spikes of the importing framework against those of the exporting one's own run: *equal*, or how many of them are at the
same neuron and step, and how many more there are. Where they are not equal, small changes to the graph before the
import or to the modules after it were tried; those that make all spikes equal are named. sinabs 2.0.3 exports the same
networks as sinabs 3.1.3, which stands for both.

No importer reads from NIR how a spike resets a neuron, since NIR does not say it: Norse, snnTorch and SpikingJelly set
the potential to v_reset or 0 (snnTorch not that of an IF), sinabs subtracts the threshold.
"""

SUMMARY = """\
### In numbers
"""
