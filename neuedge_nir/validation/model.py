"""The nouns of a published measurement: its TOML file has the layout of these classes.

A case is *built* where its network and chip are stated, and else says what is `missing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """A population and what leads into it: from `sources`, or the layer before where none is named.

    `kernel` makes it a convolution, `pool` one of non-overlapping windows that are summed, `probability` a random
    projection, else it is dense. `blocks`: dense, but each index of the first axis by itself. Weights are random and
    have `bits` bits with the sign; of a `constant` one all are 1. The last `silent` sources have weights 0 alone.

    `tiles` and `cores` are those that were published; `printed` are figures of a core in the order of the table's
    columns, and `of` says of which core: "full tile", "smallest", or "mean", without its fraction.
    """

    name: str
    shape: Shape
    kernel: Shape = ()
    stride: Shape = ()
    padding: Shape = ()
    pool: int = 0
    probability: float = 0.0
    blocks: bool = False
    bits: int = 8
    constant: bool = False
    silent: int = 0
    sources: tuple[str, ...] = ()
    tiles: str = ""
    cores: int = 0
    printed: tuple[float, ...] = ()
    of: str = "full tile"


@dataclass(frozen=True, slots=True)
class Network:
    """A chain of layers behind an `input` port, or behind nothing: then the first one spikes by itself, on the chip.

    `model`: the file of the real network, with populations of these names, in the folder `nir` of shared files; what
    leads into its first population is left out, as it is on the chip.
    """

    layers: tuple[Layer, ...]
    input: Shape = ()
    readout: bool = True
    model: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How it is mapped. `alone`: a core holds one tile. `steps` of a sample. `limits` that a case relaxes, by name.

    `free`: the objective of a second plan, cut as the mapper likes. `hz`: samples a second at which it was measured.
    `times`: so many of the network side by side fill the chip, of which one is mapped: events are multiplied.
    """

    alone: bool = False
    chips: int = 0
    steps: int = 0
    hz: float = 0.0
    times: int = 1
    free: str = ""
    limits: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Activity:
    """Spikes per neuron and step: one `rate` for all, or rates by population; `stated` by the source, or swept."""

    label: str
    rate: float = 0.0
    rates: Mapping[str, float] = field(default_factory=dict)
    stated: bool = True


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a printed table: the limit of the chip that it shows, and digits behind the point of a share."""

    name: str
    limit: str
    digits: int = 2
    mean: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """What a compiler printed of each layer: shares of what a core has (`percent`), or numbers."""

    columns: tuple[Column, ...]
    percent: bool = False


@dataclass(frozen=True, slots=True)
class Deviation:
    """Where a printed figure is not reproduced, and why, as far as known."""

    layers: tuple[str, ...]
    column: str
    cause: str


@dataclass(frozen=True, slots=True)
class Measured:
    """A number that was measured: a `quantity` of `quantities.py`, in SI units.

    `at`: labels of the activities under which it was; none: it was not said. `below`: no more than so much. `within`: a
    relative tolerance where ours is one value. `taken`: which of our numbers was read from this very measurement.
    `held_out`: a point that a fit to others of the case left out. `cause`: of a miss, as far as known.
    """

    quantity: str
    value: float
    at: tuple[str, ...] = ()
    below: bool = False
    within: float = 0.0
    taken: str = ""
    held_out: bool = False
    cause: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A published measurement. `system`, `published`: as the source has them; `ours`: what our network has instead.

    `target`: our chip. `held_out`: none of our numbers may come from it. `cites`: how a chip file would name
    its source. `kind`: "measurement" of silicon, or "table" of a compiler's or mapper's cores.
    """

    schema: int
    id: str
    title: str
    system: str
    published: str
    source: str
    confidence: str
    kind: str = "measurement"
    target: str = ""
    missing: str = ""
    ours: str = ""
    held_out: bool = False
    cites: tuple[str, ...] = ()
    network: Network | None = None
    mapping: Wanted = field(default_factory=Wanted)
    activities: tuple[Activity, ...] = ()
    table: Table | None = None
    deviations: tuple[Deviation, ...] = ()
    measured: tuple[Measured, ...] = ()
