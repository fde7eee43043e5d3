"""What a mapping takes and costs: the figures of a plan, each with what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Router = tuple[int, int]
Link = tuple[Router, Router]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its uncertainty, and what it rests on. `None`: nobody published what it takes."""

    low: float | None
    typical: float | None
    high: float | None
    basis: str


@dataclass(frozen=True, slots=True)
class Utilisation:
    """Shares of what the allocated cores have, 0..1; None where the chip publishes no such limit (see `why`).

    cores: neuron cores used / usable cores of the chips used. neurons, synapse_memory, axons_in: sum of use over
    the neuron cores / (neuron cores x the limit of one).
    """

    cores: float
    neurons: float | None
    synapse_memory: float | None
    axons_in: float | None
    why: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Mapped:
    """What the mapping takes. The bound counts neuron cores and holds for every split (`universal`).

    `chips_lower_bound` holds for every split too: by a limit that a chip's cores share, or by the cores that
    `chips_bound_resource` asks for, with those that inputs and outputs need; no core of a relay counts.
    `cores_tiles_bound` holds for the slices chosen alone: what they use of `tiles_bound_resource` over what a core has.
    `boards_used`: those that are powered, whole; None where the system's chips are powered one by one.
    `cores_input` make spikes, `cores_io` pass them on from the host or to it. `cores_relay_or_copy` hold nothing but
    relays (copies lie in the cores of their neurons); other cores with neurons, relays among them or not, are
    `cores_neurons`, and those beside them that take events of one neuron `cores_synapses`. `relay_neurons` are all
    neurons of relays.
    """

    cores_used: int
    cores_input: int
    cores_neurons: int
    cores_relay_or_copy: int
    cores_io: int
    copies: int
    relay_neurons: int
    chips_used: int
    boards_used: int | None
    cores_lower_bound: int
    bound_scope: str
    bound_resource: str
    packing_proven: bool
    utilisation: Utilisation
    cores_synapses: int = 0
    chips_lower_bound: int = 1
    chips_bound_resource: str = "cores"
    cores_tiles_bound: int = 1
    tiles_bound_resource: str = "cores"

    @property
    def cores_inner(self) -> int:
        """All cores but those of inputs: what the bound is a bound of."""
        return self.cores_neurons + self.cores_relay_or_copy + self.cores_synapses


@dataclass(frozen=True, slots=True)
class LinkUse:
    """The links that messages cross: how many, their mean load in messages per step, and how even it is.

    `histogram`: links with a load of up to one tenth of the largest, of more and up to two tenths, and so on.
    `bisection`: messages over the links, both ways and round a torus too, whose ends lie in different halves of the
    smallest rectangle around all routers with cores in use, cut between columns and cut between rows.
    """

    used: int
    mean: float
    histogram: tuple[int, ...]
    bisection: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Placed:
    """Messages times the links of shortest ways, per step: `hops` of this placement, as if nothing were missing.

    `bound`: what no placement undercuts, whatever the machine's size. Every core's heaviest exchanges would go to the
    nearest cores that there can be, and each exchange counts half at either end.
    """

    hops: float
    bound: float


@dataclass(frozen=True, slots=True)
class Traffic:
    """Messages per timestep. Hops are links crossed; a message that stays on its core counts nowhere.

    spikes: of all populations. deliveries and unicast_hops: per (message, destination core). tree_hops: every link
    of a slice's tree once. host_spikes: messages injected by the host, counted nowhere else; host_reads: those by which
    it reads outputs while the network runs.
    """

    spikes_per_step: float
    host_spikes_per_step: float
    host_reads_per_step: float
    deliveries_per_step: float
    unicast_hops_per_step: float
    tree_hops_per_step: float
    max_link_load: float
    hottest_links: tuple[tuple[Link, float], ...]
    interchip_spikes_per_step: float
    table_entries_max: int
    deadlock_free: bool | None
    links: LinkUse
    placed: Placed


@dataclass(frozen=True, slots=True)
class TimingError:
    """What late projections do, measured on samples: the network in the chip's time beside the model.

    `same_class` is the share of samples that both put into the same class; `equal`, by spiking population, the share of
    the places (sample, step, neuron) with a spike in either where both have one.
    """

    samples: int
    same_class: float
    equal: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Inference:
    """What one sample costs, where it is known how long samples are: energy in joules, time in seconds.

    `steps` are those that a sample takes on average, of the `shown`: fewer where it ends once the greatest summed
    output leads the next by `lead`. `depth` is the largest lag, by which the last output comes later. The chip runs for
    `period` timesteps: those of the schedule, or on average fewer where a sample may end early. `dynamic_j`, `static_j`
    and `time_s` are of that period, one sample at a time; `latency_s` until its last output.

    Samples may follow each other sooner, each population being reset at its lag: every `interval` steps, which makes
    `rate_hz` samples a second, of which each takes `pipelined_dynamic_j` and `pipelined_static_j`.

    Where a plan holds copies, each shows a sample of its own: energies are of one sample, which the reset and what is
    static are shared for; `rate_hz` is of all copies.
    """

    steps: float
    shown: int
    lead: float | None
    depth: int
    period: float
    dynamic_j: Interval
    static_j: Interval
    time_s: Interval
    latency_s: Interval
    interval: float
    rate_hz: Interval
    pipelined_dynamic_j: Interval
    pipelined_static_j: Interval


@dataclass(frozen=True, slots=True)
class CoreEvents:
    """What one core does in a step. Messages go to other cores; a neuron slot is updated whether it spikes or not."""

    synaptic_events: float
    neuron_updates: int
    messages_out: float
    spikes: float


@dataclass(frozen=True, slots=True)
class Binding:
    """A resource that takes time: "core", "link", "chip link" (between chips), "way", "barrier", "host" or "tick".

    `where`: the number of a core, or a link; `what` of a core's work takes longest.
    """

    kind: str
    core: int | None = None
    link: Link | None = None
    what: str | None = None

    @property
    def words(self) -> str:
        """As a report names it: "core 17, synaptic operations"."""
        if self.core is not None:
            return f"core {self.core}, {self.what}"
        if self.link is not None:
            (a, b), (c, d) = self.link
            return f"link ({a},{b})-({c},{d})" + " between chips" * (self.kind == "chip link")
        words = {"way": "longest way", "host": "host messages", "unknown": "what is not published"}
        return words.get(self.kind, self.kind)


@dataclass(frozen=True, slots=True)
class Pace:
    """What the time of a step follows from, beside the events of cores.

    `tiles`: routers with cores in use. `longest_way`: links that a message crosses at most. `link` and `chip_link`: the
    busiest link within chips and between them, with its messages per step. `host`: messages to and from the host per
    step, for each of the `ports`: boards that are powered whole, or one.

    `binding` takes most of a step. Where that is the chip's tick, `load` is the share of it that the `busiest` resource
    needs by what is published: above 1, the chip is overloaded.
    """

    tiles: int
    longest_way: int
    link: tuple[Link, float] | None
    chip_link: tuple[Link, float] | None
    host: float
    ports: int
    binding: Binding
    busiest: Binding | None = None
    load: Interval | None = None


@dataclass(frozen=True, slots=True)
class CostReport:
    """What the plan costs, per timestep: energy in joules, power in watts, time in seconds; and per inference.

    `idle_j_per_step` is the dynamic energy of a step in which nothing spikes: neurons are updated all the same.
    `cores`: what each core does, in the order of the plan's cores. `pace`: what the time of a step follows from.
    `events_into`: synaptic events per step by the population that they reach.
    """

    traffic: Traffic
    synaptic_events_per_step: float
    neuron_updates_per_step: int
    dynamic_j_per_step: Interval
    idle_j_per_step: Interval
    static_w: Interval
    step_s: Interval
    cores: tuple[CoreEvents, ...]
    events_into: Mapping[str, float]
    pace: Pace
    inference: Inference | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """The model's size: populations, projections between them, neurons, synapses and stored weights."""

    populations: int
    projections: int
    neurons: int
    synapses: int
    stored_weights: int


@dataclass(frozen=True, slots=True)
class Copies:
    """Copies of the network on `chips` chips: so many are mapped, and no mapping holds more than `at_most`.

    The bound is what those chips have of a limit, `resource`, over what a copy needs of it at least. `count` was found:
    whether more fit is open unless the two are equal.
    """

    count: int
    chips: int
    at_most: int
    resource: str
