"""The plan: which neuron runs where, where every message goes, and what that adds up to. Plain frozen values.

Everything an engineer or a checker needs is in it, the chip's own description included; only the weights are not.
Cores, slices and routes refer to each other by index.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from neuedge_nir.chip.model import Chip, NotChecked
from neuedge_nir.constraints.model import Constraints
from neuedge_nir.diagnostics import Diagnostic
from neuedge_nir.network.model import Adaptation, HybridEncoder
from neuedge_nir.plan.figures import Copies, CostReport, Counts, Link, Mapped, Router, TimingError

SCHEMA = "neuedge-nir/plan/2"

WALL_CLOCK = "wall_clock"
"""What stopped a search whose best plan this is: such a plan depends on the machine that made it."""


@dataclass(frozen=True, slots=True)
class PlanModel:
    """The model that was compiled."""

    name: str
    sha256: str | None
    nir_version: str | None


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What the user asked for, as far as it changes the plan. `dt` in the model's time unit.

    `inputs` and `outputs` are ways of the chip (`chip.model.InputOutput`). `tiles`, by population: AxBxC, neurons along
    each axis, or /AxBxC, so many tiles; one number cuts row-major order. A chip in real time runs `time_scale` times
    slower than it could: `chip` holds its figures at its own pace.
    `copies` of the network stand beside each other; tiles and constraints are spelled out for each.
    """

    passes: tuple[str, ...]
    effort: str
    seed: int
    chips: int | None
    reset: str
    dt: float | None
    inputs: str
    outputs: str
    tiles: Mapping[str, str]
    constraints: Constraints
    copies: int | None
    recurrence: str
    steps_per_sample: int | None
    time_scale: int = 1
    splitters: str = "auto"
    objective: str = "cores"


@dataclass(frozen=True, slots=True)
class PlanActivity:
    """Spikes per neuron and timestep, by population and input port."""

    kind: str
    rates: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class PlanRelay:
    """A population that the chip needs and the model has not: neuron by neuron it repeats the spikes of `of`.

    `of` is a population, an input with cores, or another relay. `parameters` are those of its neuron model. One that
    `splits` is there for the copies of its neurons, where a neuron has one destination. One with
    `stages` is a delay extension: its cores keep spikes for so many times the longest delay of the chip.
    """

    of: str
    parameters: Mapping[str, float]
    splits: bool = False
    stages: int = 0


@dataclass(frozen=True, slots=True)
class PlanPopulation:
    """A population or port. `lag`: steps that it runs behind the original network, and at which it is read.

    `encoder`: how the host makes spikes of the values of an input. `adaptation`: the rule that thresholds follow on the
    chip, whose activity is as many steps `late` as the chip is. `leak`: how an IF loses a constant in each
    step: "reversing" (towards 0 from either side) or "falling" (down to 0).
    """

    name: str
    model: str  # a neuron model, "Input" or "Output"
    shape: tuple[int, ...]
    lag: int
    encoder: HybridEncoder | None = None
    adaptation: Adaptation | None = None
    relay: PlanRelay | None = None
    leak: str | None = None


@dataclass(frozen=True, slots=True)
class PlanFormat:
    """How all synapses of a projection are stored. `exponent` of two, relative to the largest of its population.

    `sign` is "mixed", "excitatory" or "inhibitory"; `encoding` is "dense" or "sparse".
    """

    exponent: int
    sign: str
    weight_bits: int
    delay_bits: int
    encoding: str


@dataclass(frozen=True, slots=True)
class PlanAxons:
    """The entries that a projection takes in the tables of axons of all cores; `kind` is "discrete" or "shared".

    `outputs` before the cores have chips; `crossing` those that come to them as destinations are on other chips.
    """

    kind: str
    inputs: int
    outputs: int
    crossing: int


@dataclass(frozen=True, slots=True)
class PlanProjection:
    """A projection into a population, as the chip holds it. One whose delay relays shorten has a relay as its source.

    `delay` in timesteps; a weight is a whole number of `weight_step`, of at most `weight_bits` bits with its sign;
    `weight_step` is 0 where every neuron has a scale of its own. `weight_error` is ||stored - wanted|| / ||wanted||.
    `excess`: steps by which it is later than in the model, where it closes a cycle that is too quick for the chip.
    `format` and `axons` are None where no limit of the chip counts synapse formats, or axons by where cores are.
    """

    name: str
    source: str
    target: str
    kind: str
    signal: str
    delay: int
    weight_bits: int
    weight_step: float
    weight_error: float
    axons_per_input: int
    excess: int = 0
    format: PlanFormat | None = None
    axons: PlanAxons | None = None


@dataclass(frozen=True, slots=True)
class PlanOrder:
    """An order in which the neurons of a population are cut, as runs of the model's numbers, one behind the other.

    Neuron n of a slice of the population, of a route or key, is the n-th of the order. An output that reads it has the
    same. `by` is what found the order: "metis", "halves", "bandwidth" (reverse Cuthill-McKee) or
    "levels", and ", refined" or ", improved".
    """

    by: str
    runs: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Machine:
    """The system the plan needs, and the positions (column, row) of the chips it uses, in the order of their index."""

    system: str
    chips: tuple[Router, ...]


@dataclass(frozen=True, slots=True)
class PlanSlice:
    """A slice of a population on a core: a block (one span per axis) or a run of row-major indices, never both."""

    population: str
    block: tuple[tuple[int, int], ...] | None = None
    run: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class PlanCore:
    """One core in use: where it is, what it holds, and what it uses of every limit by the limit's name.

    `role` is "neurons", "input" (spikes are made there) or "io" (the host's are passed on, or handed to it, by a core
    that then holds no slice), or "synapses" of a core that takes a share of the events of the neuron before it;
    `router` counts columns and rows over the whole system.
    """

    role: str
    chip: int
    router: Router
    slot: int
    slices: tuple[PlanSlice, ...]
    used: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PlanRoute:
    """Where one slice sends: (core, messages when every neuron of the slice spikes once) per destination core.

    The slice's own core may be among them. `links` is the multicast tree from the slice's router outwards, empty
    where messages go by dimension order.
    """

    core: int
    slice: int
    targets: tuple[tuple[int, int], ...]
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class PlanKey:
    """The keys of a slice: neuron n of it, in row-major order, spikes as key + (n << colour bits) + colour.

    A router takes for the slice's what equals `key` in the ones of `mask`.
    """

    core: int
    slice: int
    key: int
    mask: int


@dataclass(frozen=True, slots=True)
class PlanKeys:
    """How the keys of all slices that send are divided: the population's number stands above `low_bits`.

    Below come that of the core, in `core_bits`, the neuron, in `atom_bits`, by population, and the chip's colour bits.
    """

    population_bits: int
    low_bits: int
    core_bits: Mapping[str, int]
    atom_bits: Mapping[str, int]
    slices: tuple[PlanKey, ...]


@dataclass(frozen=True, slots=True)
class PlanTable:
    """What a router does with messages: the first of its `entries` that fits a key sends it on by a route.

    An entry is (key, mask, number of a route) and fits what equals its key in the ones of its mask. A route is (links,
    slots): bit n of the links stands for link n (0 east, 1 north-east, 2 north, 3 west, 4 south-west, 5 south), slots
    are cores of the router. A message that no entry fits goes straight on.
    """

    router: Router
    routes: tuple[tuple[int, tuple[int, ...]], ...]
    entries: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class PlanSchedule:
    """How samples are kept apart. In every `period` of timesteps each population is reset at its offset, its lag.

    `rule` is the chip's (`chip.model.ResetSchedule.period`), None where nothing is published. A sample of `steps`
    timesteps takes `depth` more, the largest lag, and what the rule asks for; None: nobody said how long samples are.
    """

    rule: str | None
    offsets: Mapping[str, int]
    depth: int
    steps: int | None
    period: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A complete plan. `outcome` is "optimal" only where the neuron cores used equal the bound.

    `stopped_by`: `WALL_CLOCK` where a limit of time ended the search before its last effort; `options` name the effort
    that found the plan.
    `orders`: of populations, and outputs, whose neurons are numbered otherwise than in the model, by name.
    """

    schema: str
    tool: Mapping[str, str]
    model: PlanModel
    counts: Counts
    options: PlanOptions
    activity: PlanActivity
    chip: Chip
    chips_available: int
    populations: tuple[PlanPopulation, ...]
    schedule: PlanSchedule
    projections: tuple[PlanProjection, ...]
    timing_error: TimingError | None
    machine: Machine
    cores: tuple[PlanCore, ...]
    routes: tuple[PlanRoute, ...]
    outcome: str
    scope: str
    mapping: Mapped
    cost: CostReport
    diagnostics: tuple[Diagnostic, ...]
    copies: Copies | None = None
    keys: PlanKeys | None = None  # None: the chip's messages carry none
    stopped_by: str | None = None
    tables: tuple[PlanTable, ...] | None = None  # None: there are no keys; by router
    orders: Mapping[str, PlanOrder] = field(default_factory=dict)

    @property
    def not_checked(self) -> tuple[NotChecked, ...]:
        """The limits of the chip that this plan is not held against."""
        known = {"steps"} if self.schedule.steps is not None else set()
        return tuple(limit for limit in self.chip.not_checked if limit.until not in known)
