"""sPyNNaker itself, on virtual boards: it takes our scripts, and cuts populations into as many cores as we do."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from neuedge_models.digits import DIGITS
from neuedge_nir import emit, read
from neuedge_nir.network.model import LIF, Network
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from neuedge_spinnaker.pynn import pynn
from tests import environments
from tests.test_extensions import late
from tests.test_synapse_cores import world as loaded
from tests.worlds import chain, conv, dense, network, real, wire

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("frameworks")]

STEPS = 5
Cores = Mapping[str, list[tuple[int, int, int, int]]]
"""By label: column, row, core and bytes of SDRAM of each of its cores."""


def leaky(net: Network) -> Network:
    cell = LIF(np.asarray(4.0), np.asarray(2.0), np.zeros(()), np.ones(()), np.zeros(()))
    return replace(net, populations=tuple(replace(p, neuron=cell) for p in net.populations), dt=1.0)


def dense_layers() -> Network:
    return leaky(chain(40, a=600, b=257, c=256, d=10))


def convolved() -> Network:
    first = conv((1, 12, 12), 4)
    size = math.prod(first.output_shape)
    wires = wire("in", "a", first), wire("a", "b", dense(30, size))
    return leaky(network({"a": first.output_shape, "b": 30}, *wires, inputs={"in": (1, 12, 12)}))


def trained() -> Network:
    return replace(read(DIGITS.bundled()), dt=1.0)


def delayed() -> Network:
    """Some spikes wait longer than ring buffers keep them."""
    return late(5, 40, 100, size=300)


def many_sources() -> Network:
    """More inputs than a core sends for: a plane of two channels, and a row."""
    first, rows = conv((2, 30, 30), 1, stride=2), dense(40, 1100)
    shapes: dict[str, int | tuple[int, ...]] = {"a": first.output_shape, "b": 40}
    wires = wire("plane", "a", first), wire("row", "b", rows)
    return leaky(network(shapes, *wires, inputs={"plane": (2, 30, 30), "row": 1100}))


WORLDS = {
    "sources": many_sources,
    "delayed": delayed,
    "dense": dense_layers,
    "convolved": convolved,
    "trained": trained,
}


@cache
def planned(name: str) -> tuple[Plan, Network]:
    net = WORLDS[name]()
    return compile_network(net, real("spinnaker1"), Options(activity=0.01, dt=1.0, steps_per_sample=STEPS)), net


def answered(name: str, mode: str, folder: Path) -> Cores:
    """What sPyNNaker makes of the plan's script."""
    plan, net = planned(name)
    return ran(emit(plan, net, format="pynn"), mode, folder)


def ran(files: Mapping[str, bytes], mode: str, folder: Path) -> Cores:
    python = environments.python_of("spynnaker")
    for file, content in files.items():
        (folder / file).write_bytes(content)
    told = environments.run(python, environments.SCRIPTS / "on_spynnaker.py", folder, mode, STEPS)
    (line,) = [line for line in told.splitlines() if line.startswith("{")]
    found: Cores = json.loads(line)
    return found


def extensions(plan: Plan) -> Mapping[str, str]:
    """Delay extensions, and whose spikes they keep; sPyNNaker makes them by itself, and names them after these."""
    return {p.name: p.relay.of for p in plan.populations if p.relay is not None and p.relay.stages}


def inputs(plan: Plan) -> set[str]:
    """Their sources are populations of their own, under their own names, and cut by sPyNNaker."""
    return {population.name for population in plan.populations if population.model == "Input"}


def slices(plan: Plan) -> Counter[str]:
    """By population: a core each."""
    return Counter(piece.population for core in plan.cores for piece in core.slices)


@pytest.mark.parametrize("name", WORLDS)
def test_every_slice_of_an_emitted_script_is_a_core_on_the_chip_of_the_plan(name: str, tmp_path: Path) -> None:
    plan, _ = planned(name)
    found = answered(name, "script", tmp_path)
    extended, ports = extensions(plan), inputs(plan)
    for at, core in enumerate(plan.cores):
        if core.slices[0].population in {*extended, *ports}:
            continue
        (label,) = [label for label in found if label.endswith(f"@{at}")]
        ((column, row, _, sdram),) = found[label]
        assert (column, row) == core.router
        # Ours is a lower bound: rows, and the record of the run.
        assert core.used["sdram"] <= sdram, label
    assert ports
    assert {each: len(found[each]) for each in ports} == {each: slices(plan)[each] for each in ports}
    kept = {label: cores for label, cores in found.items() if label.endswith("_delayed")}
    assert {*found} - ports - {*kept} == {label for label in found if "@" in label and label not in kept}
    assert sum(map(len, kept.values())) == sum(core.slices[0].population in extended for core in plan.cores)


def test_synapse_cores_stand_beside_their_neuron_there_too(tmp_path: Path) -> None:
    plan, net = loaded()
    found = ran(pynn(plan, net, None), "script", tmp_path)
    beside = 0
    for at, core in enumerate(plan.cores):
        if core.role == "neurons":
            (label,) = [label for label in found if label.endswith(f"@{at}")]
            behind = [each.role for each in plan.cores[at + 1 :]] + ["neurons"]
            due = behind.index("neurons")
            assert len(found[label]) == 1 + due
            chips = {(column, row) for column, row, _, _ in found[label]}
            assert len(chips) == 1
            assert not due or chips == {core.router}
            beside += due
    assert beside == plan.mapping.cores_synapses > 0


@pytest.mark.parametrize("name", WORLDS)
def test_spynnaker_cuts_every_population_into_as_many_cores(name: str, tmp_path: Path) -> None:
    plan, _ = planned(name)
    ours = slices(plan)
    theirs = answered(name, "whole", tmp_path)
    known = {f"{of}_delayed": name for name, of in extensions(plan).items()}
    named = {known.get(label, label): len(cores) for label, cores in theirs.items()}
    assert named == dict(ours)
