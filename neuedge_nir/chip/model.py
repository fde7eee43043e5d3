"""A chip as a frozen value. Every number remembers its unit, its source and how sure we are of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from neuedge_nir.chip.quantity import Confidence as Confidence
from neuedge_nir.chip.quantity import Quantity as Quantity


class LimitKind(StrEnum):
    """Why a limit holds: the circuit ends there, several things share one memory, or time runs out."""

    WALL = "wall"
    BUDGET = "budget"
    REAL_TIME = "real-time"


class LimitScope(StrEnum):
    CORE = "core"
    CHIP = "chip"


@dataclass(frozen=True, slots=True)
class Limit:
    """One rule that a core (or a chip) must keep: demand, by the named formula, at most `limit`.

    `parameters` are the formula's own numbers, such as header bits per entry.
    """

    name: str
    kind: LimitKind
    scope: LimitScope
    formula: str
    limit: Quantity
    parameters: Mapping[str, Quantity] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NotChecked:
    """A limit of the chip that no plan is held against, because nobody published its figure or no formula counts it.

    `source` says where the limit shows. One `until` "steps" is counted in a plan that knows how many timesteps a sample
    has.
    """

    name: str
    why: str
    source: str
    until: str | None = None


class Mesh(StrEnum):
    """The graph of the routers of a chip or of a system of chips."""

    MESH = "mesh"  # four neighbours
    TORUS = "torus"  # four neighbours, wrapping
    HEX = "hex"  # six neighbours: E, NE, N, W, SW, S
    HEX_TORUS = "hex-torus"


class RoutingKind(StrEnum):
    XY = "xy"  # dimension order, one message per destination core
    MULTICAST = "multicast"  # one message, copied where the tree branches


@dataclass(frozen=True, slots=True)
class Boards:
    """How a system is built of boards, each of which is powered as a whole.

    A board holds the chips of `row_spans`, first and last column of each row, counted from its corner. `corners` are
    positions of corners, which repeat every `period` columns and rows. `static_w`: a board with all its chips idle;
    `corner_cores`: usable cores of the chip at a corner, such as one that serves Ethernet; absent: as any other.
    """

    row_spans: tuple[tuple[int, int], ...]
    corners: tuple[tuple[int, int], ...]
    period: int
    static_w: Quantity
    source: str
    confidence: Confidence
    corner_cores: Quantity | None = None


@dataclass(frozen=True, slots=True)
class System:
    """A published machine made of these chips: `columns` x `rows` positions of which `chips` are fitted.

    `rows_spans` lists, for each row from the bottom, the first and last column fitted, where the outline is no
    rectangle. `wraps` says whether the outer links close to a torus. `boards` absent: chips are powered one by one.
    """

    name: str
    chips: int
    columns: int
    rows: int
    wraps: bool
    source: str
    confidence: Confidence
    row_spans: tuple[tuple[int, int], ...] = ()
    boards: Boards | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Keys:
    """What a message carries where routers go by its sender: `bits` for population, core, neuron and colour.

    Every field is a power of two wide; colours tell spikes of different timesteps apart.
    """

    bits: Quantity
    colour_bits: Quantity


@dataclass(frozen=True, slots=True)
class Topology:
    """Routers of one chip (`columns` x `rows`), cores at each router, and the systems chips are built into.

    Where chips join, their router meshes continue: the router east of a chip's last column is the first column of
    the chip to its east. On a chip with one router the system's mesh is the chip's neighbourhood.
    """

    mesh: Mesh
    routing: RoutingKind
    columns: Quantity
    rows: Quantity
    cores_per_router: Quantity
    cores_per_chip: Quantity  # usable by neurons; may be fewer than columns * rows * cores_per_router
    systems: tuple[System, ...]
    table_entries: Quantity | None = None  # multicast routing table entries per chip
    max_offset: Quantity | None = None  # routers a message can travel along one axis
    keys: Keys | None = None  # absent: messages carry where they go, not whence they come


class AxonWeights(StrEnum):
    """How a synapse stores its weight."""

    MANTISSA = "mantissa"  # signed mantissa, one exponent shared by the projection
    FIXED = "fixed"  # signed integer, one real scale shared by the projection
    AXON_TYPES = "axon-types"  # a neuron has one signed weight per axon type; an input takes 1, 2 or 4 axons


@dataclass(frozen=True, slots=True)
class AdaptiveThresholds:
    """Thresholds that the chip itself lets follow an activity: whose, in which forms, and how much later.

    `sources` and `forms` as in `network.model.Adaptation`. A mean over a population reaches its listeners `steps_late`
    timesteps after the spikes, and its note says what else a mean takes; absent: in the same step as they.
    """

    sources: tuple[str, ...]
    forms: tuple[str, ...]
    source: str
    confidence: Confidence
    steps_late: Quantity | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class ResetSchedule:
    """How the neurons are brought to rest between samples, each population at its own step of the `period`.

    "power-of-two": by a counter, every 2, 4, 8 ... timesteps; "snip": by a program on the chip, whenever it is told to.
    """

    period: str
    source: str
    confidence: Confidence
    energy_per_chip_j: Quantity | None = None  # of one reset of all cores of a chip
    note: str | None = None


@dataclass(frozen=True, slots=True)
class DelayExtension:
    """Cores that keep spikes of a source longer than a target can: in up to so many `stages` of the longest delay.

    One holds as many sources as a core holds neurons. A spike waits stages times the longest delay there, and up to
    that delay once more at its target.
    """

    stages: Quantity


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the circuit can do. What is absent is unknown, and the network that needs it is refused."""

    neuron_models: tuple[str, ...]
    reset_modes: tuple[str, ...]
    exponential_leak: bool
    weights: AxonWeights
    weight_bits: Quantity
    axon_types: Quantity | None = None
    one_destination: bool = False  # a neuron drives one axon; every further axon needs an exact copy of the neuron
    graded_spikes: bool = False
    max_delay: Quantity | None = None  # timesteps; absent: only the one step every hop takes
    compartments_subtract: Quantity | None = None  # compartments a neuron takes under subtract reset; absent: 1
    compartments_group_subtract: Quantity | None = None  # compartments come in groups of so many under subtract reset
    self_axons_subtract: Quantity | None = None  # axons into and out of its core that a neuron takes to reset itself
    adaptation: AdaptiveThresholds | None = None  # absent: thresholds stay as they are
    reset_schedule: ResetSchedule | None = None  # absent: how samples are kept apart is not published
    window_extent: Quantity | None = None  # pixels along an axis of what a convolution sees, safely; absent: any number
    constant_leak: bool = False  # an integrator can lose a constant in every step, towards 0 or down to it
    synapse_cores: bool = False  # cores beside that of a neuron take shares of its events
    delay_extension: DelayExtension | None = None  # absent: populations of neurons repeat what waits longer
    sources: Mapping[str, str] = field(default_factory=dict)  # capability name -> where it was read


class InputCores(StrEnum):
    """Which cores an input takes."""

    NONE = "none"  # the host's messages come from outside of the chip
    INPUT = "input"  # cores that make the spikes themselves
    IO = "io"  # cores that pass on what the host sends


@dataclass(frozen=True, slots=True)
class InputWay:
    """A way for spikes into the chip: "host" sends each when it is due, "onchip" neurons or a "source-core" make them.

    A core takes as many inputs as its neurons, or `neurons_per_core`.
    """

    name: str
    cores: InputCores
    source: str
    confidence: Confidence
    neurons_per_core: Quantity | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class OutputWay:
    """A way out for what an output reads: "probe" and "record" store it for after the run, "host" sends every spike.

    `gatherer`: whether spikes go to a core of the plan that hands all of them to the host. `potentials`: whether the
    potential of a neuron that never spikes comes out this way.
    """

    name: str
    source: str
    confidence: Confidence
    potentials: bool = True
    gatherer: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True)
class InputOutput:
    """The ways in and out of the chip. The first of each is taken unless another is asked for."""

    inputs: tuple[InputWay, ...]
    outputs: tuple[OutputWay, ...]

    def input(self, name: str | None) -> InputWay | None:
        return _named(self.inputs, name)

    def output(self, name: str | None) -> OutputWay | None:
        return _named(self.outputs, name)


Way = TypeVar("Way", InputWay, OutputWay)


def _named(ways: tuple[Way, ...], name: str | None) -> Way | None:
    return ways[0] if name is None else next((way for way in ways if way.name == name), None)


_UNSAID = "the chip's file does not say how spikes come in and out; assumed"
ORDINARY_WAYS = InputOutput(
    (
        InputWay("host", InputCores.NONE, _UNSAID, Confidence.ASSUMED),
        InputWay("onchip", InputCores.INPUT, _UNSAID, Confidence.ASSUMED),
    ),
    (OutputWay("probe", _UNSAID, Confidence.ASSUMED),),
)
"""What a chip without `[io]` is taken to have: the host sends, or ordinary neurons spike by themselves; probes read."""


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """In which numbers the chip's neurons compute: the kind, by its name in `chip.arithmetic`, and its numbers.

    `source` says where the order of operations and their rounding were read.
    """

    kind: str
    source: str
    confidence: Confidence
    parameters: Mapping[str, Quantity] = field(default_factory=dict)
    note: str | None = None


class EnergyKind(StrEnum):
    """What an energy per event holds."""

    MARGINAL = "marginal"  # what one event more takes: static power, hops and the like come on top
    AVERAGE = "operating_point_average"  # a chip's whole power over its events, at one load: nothing comes on top


@dataclass(frozen=True, slots=True)
class BarrierPoint:
    """How long a barrier takes with so many tiles of one chip in use, or so many chips: one of the two is given.

    A tile is a router with cores.
    """

    time_s: Quantity
    tiles: int | None = None
    chips: int | None = None


@dataclass(frozen=True, slots=True)
class CostProfile:
    """One published or fitted set of costs: energies in joules, times in seconds.

    Absent: nobody published it, and the report says so. Averages at an operating point, whose `conditions` are told,
    are no part of any sum: they are shown beside it. `barrier` holds where a barrier's time depends on what is in use,
    tiles before chips and fewer before more; `barrier_s` where it does not. `without`, by price that is absent: which
    other price holds it, or that nobody published it.
    """

    name: str
    synaptic_event_j: Quantity | None = None  # one spike arriving at one synapse
    neuron_step_j: Quantity | None = None  # one neuron's update in one step
    spike_j: Quantity | None = None  # one spike generated
    message_j: Quantity | None = None  # one spike message leaving a core for one destination core
    hop_j: Quantity | None = None  # one message over one link, or through one router
    chip_crossing_j: Quantity | None = None  # one message from chip to chip, on top of the hop
    host_message_j: Quantity | None = None  # one message from the host or to it
    synaptic_event_s: Quantity | None = None
    neuron_step_s: Quantity | None = None
    spike_s: Quantity | None = None  # one spike generated, on top of the neuron's step
    message_s: Quantity | None = None
    hop_s: Quantity | None = None
    barrier_s: Quantity | None = None  # synchronisation at the end of every step
    core_active_w: Quantity | None = None  # power of a core while it is in use
    energy_kind: EnergyKind = EnergyKind.MARGINAL
    conditions: str | None = None
    barrier: tuple[BarrierPoint, ...] = ()
    without: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Supply:
    """Static power of a chip at another voltage than that of its costs."""

    volts: Quantity
    static_per_chip_w: Quantity


@dataclass(frozen=True, slots=True)
class Costs:
    """Static power, the fixed timestep where the chip has one, and the profiles where sources disagree.

    Rates are of one direction of a link between routers, within a chip and (where it is another) between chips; the
    host's is that of a board, where whole boards are powered, else of the system, both ways together. `overload` says
    what happens where a chip with a fixed timestep has more to do than time. All is at `volts`, where that is known.
    """

    profiles: tuple[CostProfile, ...]
    static_per_chip_w: Quantity | None = None
    timestep_s: Quantity | None = None  # the tick of a chip that runs in real time; absent: as fast as it can
    link_rate: Quantity | None = None
    chip_link_rate: Quantity | None = None
    host_rate: Quantity | None = None
    overload: str | None = None
    volts: Quantity | None = None
    supplies: tuple[Supply, ...] = ()
    measured: bool = True  # False: no per-operation figure of this chip was ever published
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Chip:
    """Everything the compiler knows of a chip."""

    name: str
    title: str
    limits: tuple[Limit, ...]
    topology: Topology
    capabilities: Capabilities
    costs: Costs
    limits_complete: bool  # False: further limits exist, and `not_checked` names them
    sha256: str  # of the TOML file it was read from
    not_checked: tuple[NotChecked, ...] = ()
    notes: tuple[str, ...] = ()
    arithmetic: Arithmetic | None = None  # absent: no run can be emulated in the chip's own numbers
    io: InputOutput = ORDINARY_WAYS
    simulated: bool = False  # True: a design that was never made, and that nobody is advised to take

    def limit(self, name: str) -> Limit | None:
        return next((limit for limit in self.limits if limit.name == name), None)
