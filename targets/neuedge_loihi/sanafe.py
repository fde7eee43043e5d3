"""Plans for Loihi 1 as files of SANA-FE: an architecture, and a network with its mapping.

The files are JSON, which is YAML. SANA-FE's neuron `leaky_integrate_fire` cuts its potential to 64ths after the leak,
as Loihi does to units: so 64 of Loihi's units are one of SANA-FE's. A spike is heard one step later.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from neuedge_loihi.crossed import Key, Sent, sent
from neuedge_nir.chip.model import CostProfile, Quantity
from neuedge_nir.emission.door import Files, Shown, require_input
from neuedge_nir.emission.synapses import Unrolled, size_of, unrolled
from neuedge_nir.errors import UsageError
from neuedge_nir.network.model import Network
from neuedge_nir.plan.model import Plan

PROFILE = "sanafe"
UNITS = 64.0
"""Loihi's units in one of SANA-FE's."""


def sanafe(plan: Plan, network: Network, shown: Shown | None) -> Files:
    """The files: arch.yaml, network.yaml without spikes, names.json, README.md; and two for each sample.

    Raises `UsageError`: OUT202 where no host injects the inputs; OUT203 for a bias, which would act before the first
    input; OUT204 for a synaptic filter, a neuron that does not spike, a threshold that follows, and a delay of several
    steps.
    """
    made = unrolled(plan, network)
    _check(plan, made)
    mesh = Mesh.of(plan)
    names = Names(plan, made)
    edges = list(_edges(plan, made, names))
    files = {
        "arch.yaml": _json({"architecture": _architecture(plan, mesh)}),
        "network.yaml": _json(_network(plan, made, names, mesh, edges, None)),
        "names.json": _json({"groups": names.groups, "inputs": names.sources}),
        "README.md": README.format(title=plan.chip.title, depth=max(p.lag for p in plan.populations)).encode(),
    }
    if shown is not None:
        ways = sent(plan, made, (mesh.columns, 0))
        for sample in range(shown.samples):
            trains = {name: values[sample].reshape(shown.steps, -1) for name, values in shown.spikes.items()}
            files[f"sample_{sample:03}.yaml"] = _json(_network(plan, made, names, mesh, edges, trains))
            files[f"sample_{sample:03}.expected.json"] = _json(_expected(plan, shown, sample, names, trains, ways))
    return files


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(", ", ": ")).encode() + b"\n"


def _check(plan: Plan, made: Unrolled) -> None:
    require_input(plan, "host", "SANA-FE injects them from a tile of its own")
    inputs = {population.name for population in plan.populations if population.model == "Input"}
    for projection in plan.projections:
        if projection.delay > 1 and projection.source not in inputs:
            message = f"it waits {projection.delay} steps, and SANA-FE's spikes are heard one step later"
            raise UsageError("OUT204", message, where=f"projection {projection.name!r}", hint="write --format json")
    for population in plan.populations:
        if population.model not in ("Input", "Output"):
            _check_neurons(population.name, made.registers(population.name), follows=population.adaptation is not None)


def _check_neurons(name: str, held: Mapping[str, Any], *, follows: bool) -> None:
    lacking = {
        "a synaptic filter": bool(held["keep_u"].any()),
        "no threshold": held["threshold"] is None,
        "a threshold that follows an activity": follows,
    }
    for what, there in lacking.items():
        if there:
            message = f"it has {what}, which SANA-FE's leaky_integrate_fire is not"
            raise UsageError("OUT204", message, where=f"node {name!r}", hint="write --format json")
    if held["bias"].any():
        message = "its bias would act before its first input, and SANA-FE has no start value or reset to make up for it"
        raise UsageError("OUT203", message, where=f"node {name!r}", hint="write --format json")


@dataclass(frozen=True, slots=True)
class Mesh:
    """SANA-FE's tiles: those of the plan from column and row 0 on, and in one column more a tile for the host."""

    columns: int
    rows: int

    @classmethod
    def of(cls, plan: Plan) -> Mesh:
        return cls(max(core.router[0] for core in plan.cores) + 1, max(core.router[1] for core in plan.cores) + 1)

    @property
    def host(self) -> int:
        return self.columns * self.rows

    def tile(self, router: tuple[int, int]) -> int:
        """SANA-FE counts up each column, one after the other."""
        return router[0] * self.rows + router[1]


@dataclass(frozen=True)
class Names:
    """What SANA-FE's groups are: its own names have no dots."""

    plan: Plan
    made: Unrolled

    @cached_property
    def groups(self) -> dict[str, str]:
        """The group of each population."""
        inner = [p.name for p in self.plan.populations if p.model not in ("Input", "Output")]
        return {name: f"p{number}" for number, name in enumerate(inner)}

    @cached_property
    def sources(self) -> list[dict[str, Any]]:
        """A group for each input and delay: SANA-FE's spikes are heard a step later, so others are sent later."""
        ports = [p.name for p in self.plan.populations if p.model == "Input"]
        pairs = sorted({(ports.index(p.source), p.delay) for p in self.plan.projections if p.source in ports})
        return [
            {"group": f"i{n}d{delay}", "input": ports[n], "delay": delay, "size": size_of(self.plan, ports[n])}
            for n, delay in pairs
        ]

    def of_source(self, source: str, delay: int) -> str:
        if source in self.groups:
            return self.groups[source]
        return next(str(s["group"]) for s in self.sources if (s["input"], s["delay"]) == (source, delay))


def _edges(plan: Plan, made: Unrolled, names: Names) -> Iterator[dict[str, object]]:
    for piece in made.pieces:
        shift = made.registers(piece.population)["registers"].input_shift
        target = names.groups[piece.population]
        for synapses in made.into(piece, plan):
            source = names.of_source(synapses.source, synapses.delay)
            posts = piece.neurons[synapses.targets]
            values = (synapses.weights * 2.0**shift / UNITS).tolist()
            for pre, post, weight in zip(synapses.sources.tolist(), posts.tolist(), values, strict=True):
                yield {f"{source}.{pre} -> {target}.{post}": [{"weight": weight}]}


def _network(
    plan: Plan,
    made: Unrolled,
    names: Names,
    mesh: Mesh,
    edges: list[dict[str, object]],
    trains: Mapping[str, Any] | None,
) -> dict[str, object]:
    groups: list[dict[str, object]] = []
    mappings: list[dict[str, object]] = []
    number = 0
    for one in names.sources:
        late = [0] * (one["delay"] - 1)
        cells = []
        for element in range(one["size"]):
            train = [] if trains is None else [*late, *trains[one["input"]][:, element].astype(int).tolist()]
            cells.append({str(element): [{"spikes": train}]})
            mappings.append({f"{one['group']}.{element}": [{"core": f"{mesh.host}.0"}, {"soma": f"host[{number}]"}]})
            number += 1
        groups.append({"name": one["group"], "attributes": [{"log_spikes": False}], "neurons": cells})
    for name, group in names.groups.items():
        groups.append({"name": group, "attributes": [{"log_spikes": True}], "neurons": _cells(plan, made, name)})
    for piece in made.pieces:
        slot = plan.cores[piece.core].slot
        mappings += [
            {f"{names.groups[piece.population]}.{n}": [{"core": f"{mesh.tile(piece.router)}.{slot}"}, {"soma": "lif"}]}
            for n in piece.neurons.tolist()
        ]
    return {"network": {"name": "plan", "groups": groups, "edges": edges}, "mappings": mappings}


def _cells(plan: Plan, made: Unrolled, name: str) -> list[dict[str, object]]:
    held = made.registers(name)
    full = 2.0 ** held["registers"].decay_bits
    mode = "hard" if held["drop"] is None else "soft"
    return [
        {
            str(neuron): [
                {
                    "soma": {
                        "threshold": float(held["threshold"][neuron]) / UNITS,
                        "leak_decay": float(held["keep_v"][neuron]) / full,
                        "reset_mode": mode,
                        "force_update": True,
                    }
                }
            ]
        }
        for neuron in range(size_of(plan, name))
    ]


def _architecture(plan: Plan, mesh: Mesh) -> dict[str, object]:
    profile = next((each for each in plan.chip.costs.profiles if each.name == PROFILE), CostProfile(PROFILE))
    tiles, slots = mesh.columns * mesh.rows, plan.chip.topology.cores_per_router.count
    neurons = next(limit.limit.count for limit in plan.chip.limits if limit.formula == "neurons")
    inputs = sum(size_of(plan, p.name) * _delays(plan, p.name) for p in plan.populations if p.model == "Input")
    own, host = _core(profile, f"core[0..{slots - 1}]", neurons), _host(profile, inputs)
    return {
        "name": plan.chip.name,
        "attributes": {
            "topology": "mesh",
            "width": mesh.columns + 1,
            "height": mesh.rows,
            "link_buffer_size": 16,
            "sync_model": "fixed",
            "latency_sync": _barrier(profile),
        },
        "tile": [
            {"name": f"tile[0..{tiles - 1}]", "attributes": _hops(profile), "core": [own]},
            {"name": "host", "attributes": _hops(profile), "core": [host]},
        ],
    }


def _delays(plan: Plan, port: str) -> int:
    return len({projection.delay for projection in plan.projections if projection.source == port})


def _typical(quantity: Quantity | None) -> float:
    return 0.0 if quantity is None else quantity.typical


def _barrier(profile: CostProfile) -> float:
    """That of a full chip: the fixed model of SANA-FE knows one figure."""
    of_tiles = [point.time_s for point in profile.barrier if point.tiles is not None]
    return _typical(of_tiles[-1] if of_tiles else profile.barrier_s)


def _ends(quantity: Quantity | None) -> tuple[float, float]:
    """The lowest and the highest value: the profile's file says what they are of."""
    return (0.0, 0.0) if quantity is None else (quantity.low, quantity.high)


def _hops(profile: CostProfile) -> dict[str, float]:
    """East and west take the lower figure, north and south the higher."""
    found: dict[str, float] = {}
    for kind, quantity in (("energy", profile.hop_j), ("latency", profile.hop_s)):
        across, along = _ends(quantity)
        found |= {f"{kind}_{way}_hop": across for way in ("east", "west")}
        found |= {f"{kind}_{way}_hop": along for way in ("north", "south")}
    return found


def _core(profile: CostProfile, name: str, neurons: int) -> dict[str, object]:
    """A neuron is accessed at the lower figure, and updated for what the higher one takes more."""
    (access_j, most_j), (access_s, most_s) = _ends(profile.neuron_step_j), _ends(profile.neuron_step_s)
    lif = {
        "model": "leaky_integrate_fire",
        "energy_access_neuron": access_j,
        "latency_access_neuron": access_s,
        "energy_update_neuron": most_j - access_j,
        "latency_update_neuron": most_s - access_s,
        "energy_spike_out": _typical(profile.spike_j),
        "latency_spike_out": _typical(profile.spike_s),
    }
    return _pipeline(profile, name, neurons, [{"name": "lif", "attributes": lif}])


def _host(profile: CostProfile, inputs: int) -> dict[str, object]:
    """Sources that cost nothing themselves."""
    kinds = ("access_neuron", "update_neuron", "spike_out")
    free = {f"{what}_{kind}": 0.0 for kind in kinds for what in ("energy", "latency")}
    unit: dict[str, object] = {"name": f"host[0..{max(inputs, 1) - 1}]", "attributes": {"model": "input", **free}}
    return _pipeline(profile, "outside", max(inputs, 1), [unit])


def _pipeline(profile: CostProfile, name: str, neurons: int, soma: list[dict[str, object]]) -> dict[str, object]:
    out_s, both_s = _ends(profile.message_s)
    synapse = {
        "model": "current_based",
        "energy_process_spike": _typical(profile.synaptic_event_j),
        "latency_process_spike": _typical(profile.synaptic_event_s),
    }
    out = {"energy_message_out": _typical(profile.message_j), "latency_message_out": out_s}
    return {
        "name": name,
        "attributes": {"buffer_position": "soma", "buffer_inside_unit": False, "max_neurons_supported": neurons},
        "axon_in": [{"name": "in", "attributes": {"energy_message_in": 0.0, "latency_message_in": both_s - out_s}}],
        "synapse": [{"name": "synapses", "attributes": synapse}],
        "dendrite": [
            {"name": "sum", "attributes": {"model": "accumulator", "energy_update": 0.0, "latency_update": 0.0}}
        ],
        "soma": soma,
        "axon_out": [{"name": "out", "attributes": out}],
    }


def _expected(
    plan: Plan, shown: Shown, sample: int, names: Names, trains: Mapping[str, Any], ways: Mapping[Key, Sent]
) -> dict[str, object]:
    """What `simulate --as` foretells of each group, until the sample is out.

    `spikes`: (step of the chip, neuron). `sent`: messages to other cores, and their hops, of inputs too.
    """
    lags = {population.name: population.lag for population in plan.populations}
    steps = shown.steps + max(lags.values())
    found, told = {}, {}
    for name, group in names.groups.items():
        table = shown.sent[name][sample].reshape(steps, -1)[: steps - lags[name]]
        rows, neurons = np.nonzero(table)
        found[group] = np.stack([rows + lags[name], neurons], axis=1).tolist()
        told[group] = _sent(ways, (name, None), table)
    for one in names.sources:
        told[one["group"]] = _sent(ways, (one["input"], one["delay"]), trains[one["input"]])
    return {"steps": steps, "spikes": found, "sent": told}


def _sent(ways: Mapping[Key, Sent], key: Key, table: Any) -> dict[str, int]:
    """Nobody hears a population that only outputs read."""
    return ways[key].of(table.astype(np.int64).sum(axis=0)) if key in ways else {"messages": 0, "hops": 0}


README = """# Run it on SANA-FE

For {title}. SANA-FE (`pip install sanafe`, tried with 2.2.9) simulates chips of this kind, and tells energy and time:

    import sanafe
    arch = sanafe.load_arch("arch.yaml")
    chip = sanafe.SpikingChip(arch)
    chip.load(sanafe.load_net("sample_000.yaml", arch))
    result = chip.sim(STEPS, spike_trace=True)

STEPS are those of the sample and {depth} more; `result["spike_trace"]` has the spikes of each step, which must be those
of `sample_000.expected.json`. That tells the messages of each group to other cores too, and their hops: what `sim` with
`message_trace=True` lists, but for placeholders, which are no messages. `names.json` says which group is which
population. `network.yaml` is the network without input; emit with --data for samples.

* Cores stand where the plan has them: its column x and row y are tile x * height + y. One more tile, east of all, holds
  the inputs: messages from the host take hops there that the plan does not count.
* Costs are those of the profile `sanafe` in the chip's file (`targets show loihi1`): hops east and west at its low end,
  north and south at its high end; a neuron's access at its low end, its update the rest.
* A spike is heard one step later. Neurons with a bias or a synaptic filter, and delays of several steps, are refused.
* Loihi's currents wrap and its potentials saturate; SANA-FE's do not. `simulate --as loihi1` counts such numbers.
"""
