"""What SANA-FE's messages cross is what the plan counts: the same messages of each slice, and the same hops."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neuedge_models.coding import rate_code
from neuedge_models.datasets import digits
from neuedge_models.digits import DIGITS
from neuedge_nir import emit, read
from neuedge_nir.constraints.model import Cap, Constraints
from neuedge_nir.emission.door import Files
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.network.model import Network
from neuedge_nir.plan.model import Plan
from tests import environments
from tests.test_emit_pynn import celled
from tests.test_emit_ranc import noise
from tests.test_emit_sanafe import LEAKY, planned, single
from tests.worlds import chain, conv, dense, network, recurrent, wire

Json = Any
STEPS = 40
NETWORK, SPIKES = "network.yaml", "sample_000.expected.json"


@dataclass(frozen=True)
class World:
    """A network cut so small that it takes several tiles, and one sample."""

    net: Network
    most_on_core: int
    spikes: Mapping[str, np.ndarray]


def layers() -> World:
    net = celled(chain(30, a=400, b=300, c=100, d=10), LEAKY)
    return World(net, 25, noise(net, 3, samples=1, steps=STEPS))


def convolutions() -> World:
    first, second = conv((2, 16, 16), 4), conv((4, 16, 16), 4, seed=1)
    wires = wire("in", "a", first), wire("a", "b", second), wire("b", "c", dense(10, 1024))
    shapes: dict[str, int | tuple[int, ...]] = {"a": first.output_shape, "b": second.output_shape, "c": 10}
    net = celled(network(shapes, *wires, inputs={"in": (2, 16, 16)}, dt=1.0), LEAKY)
    return World(net, 64, noise(net, 3, samples=1, steps=STEPS))


def loop() -> World:
    net = celled(recurrent(200), LEAKY)
    return World(net, 14, noise(net, 3, samples=1, steps=STEPS))


def trained() -> World:
    """Some hundred spikes, most of them of few neurons."""
    pytest.importorskip("sklearn")
    return World(read(DIGITS.bundled()), 6, {"input_1": rate_code(digits().test.inputs, 16, 16)[:1]})


WORLDS = {"layers": layers, "convolutions": convolutions, "loop": loop, "trained": trained}


@dataclass(frozen=True)
class Ran:
    """A plan whose activity is that of the very run that its files foretell."""

    plan: Plan
    files: Files
    groups: Mapping[str, str]
    """Populations by group."""
    inputs: frozenset[str]
    """Groups of inputs."""

    def json(self, name: str) -> Json:
        return json.loads(self.files[name])

    @property
    def steps(self) -> int:
        return int(self.json(SPIKES)["steps"])


@cache
def ran(name: str) -> Ran:
    world = WORLDS[name]()
    limits, samples = Constraints(cap=(Cap(world.most_on_core),)), Samples(world.spikes)
    told = json.loads(emit(planned(world.net, constraints=limits), world.net, samples=samples)[SPIKES])
    sizes = {population.name: population.neurons for population in world.net.populations}
    fired = {name: len(told["spikes"][f"p{number}"]) for number, name in enumerate(sizes)}
    rates = {name: count / told["steps"] / sizes[name] for name, count in fired.items()}
    rates |= {name: values.sum() / told["steps"] / values[0, 0].size for name, values in world.spikes.items()}
    plan = planned(world.net, constraints=limits, activity=rates)
    files = emit(plan, world.net, samples=samples)
    names = json.loads(files["names.json"])
    return Ran(
        plan,
        files,
        {group: name for name, group in names["groups"].items()},
        frozenset(each["group"] for each in names["inputs"]),
    )


def places(files: Ran) -> dict[str, str]:
    """By neuron the core that the file names."""
    return {label: single(told)["core"] for each in files.json(NETWORK)["mappings"] for label, told in each.items()}


def heard_on(files: Ran, place: Mapping[str, str]) -> dict[str, set[str]]:
    """By neuron the cores on which it has synapses: SANA-FE sends one message to each."""
    found: dict[str, set[str]] = {}
    for edge in (edge for each in files.json(NETWORK)["network"]["edges"] for edge in each):
        source, target = edge.split(" -> ")
        found.setdefault(source, set()).add(place[target])
    return found


@pytest.mark.parametrize("name", WORLDS)
def test_every_slice_has_synapses_on_as_many_cores_as_the_plan_counts_messages(name: str) -> None:
    files = ran(name)
    plan = files.plan
    place, height = places(files), 1 + max(core.router[1] for core in plan.cores)
    number = {f"{c.router[0] * height + c.router[1]}.{c.slot}": index for index, c in enumerate(plan.cores)}
    found: Counter[tuple[int, str, int]] = Counter()
    for label, cores in heard_on(files, place).items():
        group = label.split(".")[0]
        found.update((number[place[label]], files.groups[group], number[c]) for c in cores if group in files.groups)
    due = {
        (route.core, plan.cores[route.core].slices[route.slice].population, core): messages
        for route in plan.routes
        for core, messages in route.targets
    }
    assert len({core.router for core in plan.cores}) > 3
    assert dict(found) == due


def own_count(files: Ran) -> dict[str, dict[str, int]]:
    """By population the messages to other cores at the foretold spikes, and their hops from tile to tile."""
    place, height = places(files), 1 + max(core.router[1] for core in files.plan.cores)
    heard = heard_on(files, place)
    found = {}
    for group, spikes in files.json(SPIKES)["spikes"].items():
        fired = Counter(f"{group}.{neuron}" for _, neuron in spikes)
        ways = [(count, place[label], core) for label, count in fired.items() for core in heard.get(label, ())]
        sent = [(count, hops(here, there, height)) for count, here, there in ways if here != there]
        found[group] = {"messages": sum(count for count, _ in sent), "hops": sum(count * far for count, far in sent)}
    return found


def hops(here: str, there: str, height: int) -> int:
    (a, b), (c, d) = (divmod(int(core.split(".")[0]), height) for core in (here, there))
    return abs(a - c) + abs(b - d)


@pytest.mark.parametrize("name", WORLDS)
def test_the_foretold_hops_are_those_of_the_files_own_edges(name: str) -> None:
    told = ran(name).json(SPIKES)["sent"]
    own = own_count(ran(name))
    assert {group: told[group] for group in own} == own
    assert {*told} - {*own} == ran(name).inputs
    assert sum(each["hops"] for each in own.values()) > 200


@pytest.mark.parametrize("name", ["layers", "convolutions"])
def test_by_mean_rates_the_plans_hops_are_within_two_percent_of_the_foretold(name: str) -> None:
    """Where the neurons of a population fire alike; in the other worlds few neurons make most of the spikes."""
    files = ran(name)
    told, traffic, steps = files.json(SPIKES)["sent"], files.plan.cost.traffic, files.steps
    inner = [counts for group, counts in told.items() if group not in files.inputs]
    assert sum(each["hops"] for each in inner) > 10_000
    assert traffic.unicast_hops_per_step * steps == pytest.approx(sum(each["hops"] for each in inner), rel=0.02)
    assert traffic.deliveries_per_step * steps == pytest.approx(sum(each["messages"] for each in inner), rel=0.01)
    host = sum(told[group]["messages"] for group in files.inputs)
    assert traffic.host_spikes_per_step * steps == pytest.approx(host, rel=0.01)


@pytest.mark.frameworks
@pytest.mark.xdist_group("frameworks")
@pytest.mark.parametrize("name", WORLDS)
def test_sanafe_itself_counts_the_foretold_hops(name: str, tmp_path: Path) -> None:
    """Message by message, those of the host too, and in all."""
    files = ran(name)
    for file, content in files.files.items():
        (tmp_path / file).write_bytes(content)
    python = environments.python_of("sanafe")
    (told,) = json.loads(environments.run(python, environments.SCRIPTS / "on_sanafe.py", tmp_path))
    assert told["missing"] == told["surplus"] == 0
    foretold = files.json(SPIKES)["sent"]
    none = {"messages": 0, "hops": 0}
    assert {group: told["sent"].get(group, none) for group in foretold} == foretold
    assert {*told["sent"]} <= {*foretold}
    assert told["hops"] == sum(each["hops"] for each in foretold.values())
    traffic, steps = files.plan.cost.traffic, files.steps
    inner = sum(each["hops"] for group, each in foretold.items() if group not in files.inputs)
    cores = len(files.plan.cores)
    mean = traffic.unicast_hops_per_step * steps
    print(f"{name}: {cores} cores, {told['equal']} spikes, {inner} hops, {mean:.0f} by mean rates")
