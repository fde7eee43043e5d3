"""What a slice of a population uses of every limit of the chip: one function per formula of `chip.formulas`.

All demands are whole numbers. All but two are sub-additive, so that cutting a slice in two never lowers their sum;
lower bounds rest on `Demands.least`, which is sub-additive for every formula.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from neuedge_nir.chip.model import Limit, LimitScope
from neuedge_nir.constraints.model import NONE, Constraints
from neuedge_nir.errors import UsageError
from neuedge_nir.mapping.drive import driven
from neuedge_nir.mapping.entries import SYNAPSE_FORMATS, formats
from neuedge_nir.mapping.legalise import LegalNetwork, LegalProjection
from neuedge_nir.mapping.memory import (
    LEAST,
    stored_synapses,
)
from neuedge_nir.mapping.needs import FORMULAS, LARGEST
from neuedge_nir.mapping.partition import Destinations, Piece
from neuedge_nir.mapping.recording import record_bytes, recorded
from neuedge_nir.mapping.rounding import whole_events
from neuedge_nir.mapping.sharing import fewest
from neuedge_nir.mapping.values import DISTINCT, NO_VALUES, Values
from neuedge_nir.mapping.windows import keeps_shape, looks_through_windows
from neuedge_nir.network.activity import Activity
from neuedge_nir.network.area import Area
from neuedge_nir.network.count import counter
from neuedge_nir.network.slices import Run, Slice, Span, whole

Demand = tuple[int, ...]
"""One number per limit, in the order of `Demands.limits`."""

Groups = tuple[tuple[Slice, ...], ...]
"""The slices of one population, grouped by core."""

DOWNSTREAM = frozenset({"neuron_copies", "output_axons", "placed_output_axons", "shared_output_axons"})
"""Formulas whose value depends on how the targets were cut."""


PLACED = frozenset({"placed_output_axons", "shared_output_axons"})
"""Those of them that count output axons by where cores are."""


@dataclass(frozen=True, eq=False)
class Demands:
    """Counts demands of slices of one legal network under one activity.

    Where `crossed`, every destination counts as if it were on another chip: then a plan holds wherever its cores are.
    `spare` eighths of the entries that destinations on other chips add to are left free for those.
    `twins` names, for populations of copies, the one that they are copies of: they are fed, feed and are cut as it is;
    where a pin may cut one copy alone there are none. `ends` are those of parts into which an order of neurons was cut
    that a partitioner found: one way to cut the population.
    """

    legal: LegalNetwork
    activity: Activity
    crossed: bool = False
    spare: int = 0
    constraints: Constraints = NONE
    twins: Mapping[str, str] = field(default_factory=dict)
    ends: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    _known: dict[tuple[Hashable, int], int] = field(default_factory=dict)
    _alike: dict[Piece, Hashable] = field(default_factory=dict)
    _families: dict[str, Hashable] = field(default_factory=dict)
    _numbers: dict[Hashable, int] = field(default_factory=dict)
    _views: dict[tuple[Hashable, int, Span], Hashable] = field(default_factory=dict)
    _shifts: dict[Hashable, bool] = field(default_factory=dict)
    _whole: dict[Hashable, tuple[list[Groups], Demand]] = field(default_factory=dict)
    _values: dict[tuple[str, int], Values] = field(default_factory=dict)
    _reached: dict[tuple[str, bool], tuple[list[Groups], Area]] = field(default_factory=dict)

    @cached_property
    def limits(self) -> tuple[Limit, ...]:
        for limit in self.legal.chip.limits:
            if limit.formula not in FORMULAS:
                raise UsageError("USE013", f"no mapper counts the formula {limit.formula!r}", where=limit.name)
        return self.legal.chip.limits

    @cached_property
    def capacity(self) -> Demand:
        kept = {
            i: limit.limit.count * self.spare // 8 for i, limit in enumerate(self.limits) if limit.formula in PLACED
        }
        return tuple(limit.limit.count - kept.get(i, 0) for i, limit in enumerate(self.limits))

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        network = self.legal.network
        return {p.name: p.shape for p in network.populations} | {p.name: p.shape for p in network.inputs}

    @cached_property
    def downstream(self) -> tuple[int, ...]:
        """Indices of the limits that depend on how targets are cut."""
        return tuple(i for i, limit in enumerate(self.limits) if limit.formula in DOWNSTREAM)

    @cached_property
    def depends_on_targets(self) -> bool:
        return bool(self.downstream)

    @cached_property
    def uncrossed(self) -> Demands:
        """The least that any placement needs: what bounds rest on."""
        if not self.crossed and not self.spare:
            return self
        return Demands(self.legal, self.activity, constraints=self.constraints, twins=self.twins)

    def self_axons(self, piece: Piece) -> int:
        """Axons by which the neurons of a slice reset themselves; the sources of an input port do not."""
        return piece.part.neurons * self.legal.self_axons_per_neuron if piece.population in self._populations else 0

    @cached_property
    def _populations(self) -> frozenset[str]:
        return frozenset(population.name for population in self.legal.network.populations)

    @property
    def per_core(self) -> tuple[int, ...]:
        """Indices of the limits of a core that sum over its slices."""
        return tuple(
            i for i, limit in enumerate(self.limits) if limit.scope is LimitScope.CORE and i not in self.unsummed
        )

    @cached_property
    def distinct(self) -> tuple[int, ...]:
        """Indices of the limits that count different values, which slices that share a core may share."""
        return tuple(i for i, limit in enumerate(self.limits) if limit.formula in {*DISTINCT, SYNAPSE_FORMATS})

    @cached_property
    def unsummed(self) -> frozenset[int]:
        """Indices of the limits of which a core does not have the sum of its slices: those, and largest values."""
        return frozenset({*self.distinct, *(i for i, limit in enumerate(self.limits) if limit.formula in LARGEST)})

    @cached_property
    def tables(self) -> tuple[int, ...]:
        """Those of them of which the whole network has more values than a core: no other can be exceeded."""
        names = [p.name for p in self.legal.network.populations]
        total = {i: frozenset[Hashable]().union(*(self.values(name, i).all for name in names)) for i in self.distinct}
        return tuple(i for i in self.distinct if len(total[i]) > self.capacity[i])

    def values(self, name: str, index: int) -> Values:
        """What a limit that counts different values sees in a population; nothing in an input port."""
        if (name, index) not in self._values and self.limits[index].formula == SYNAPSE_FORMATS:
            self._values[name, index] = formats(self.legal, name)
        if (name, index) not in self._values:
            population = next((p for p in self.legal.network.populations if p.name == name), None)
            limit = self.limits[index]
            self._values[name, index] = NO_VALUES if population is None else DISTINCT[limit.formula](population, limit)
        return self._values[name, index]

    def on_core(self, pieces: Sequence[Piece], index: int) -> frozenset[Hashable]:
        """The different values that slices have together."""
        return frozenset().union(*(self.values(piece.population, index).of(piece.part) for piece in pieces))

    def load(self, pieces: Sequence[Piece], targets: Destinations) -> Demand:
        """What slices use together on one core."""
        total: Demand = (0,) * len(self.limits)
        for piece in pieces:
            total = add(total, self.summed(piece, targets))
        return tuple(self._together(pieces, i, targets) if i in self.unsummed else n for i, n in enumerate(total))

    def _together(self, pieces: Sequence[Piece], index: int, targets: Destinations) -> int:
        if index in self.distinct:
            return len(self.on_core(pieces, index))
        limit = self.limits[index]
        return max((self._one(p, self.likeness(p), index, limit, targets) for p in pieces), default=0)

    def summed(self, piece: Piece, targets: Destinations) -> Demand:
        """The demand of a slice for the limits that sum over a core; 0 of the others."""
        return tuple(0 if i in self.unsummed else need for i, need in enumerate(self.of(piece, targets)))

    def of(self, piece: Piece, targets: Destinations) -> Demand:
        """The demand of a slice, given how the populations it projects to are cut."""
        alike = self.likeness(piece)
        return tuple(self._one(piece, alike, i, limit, targets) for i, limit in enumerate(self.limits))

    def upstream(self, piece: Piece, targets: Destinations) -> Demand:
        """The same of the limits that do not depend on that cut; 0 of the others."""
        alike, driven = self.likeness(piece), self.downstream
        limits = enumerate(self.limits)
        return tuple(0 if i in driven else self._one(piece, alike, i, limit, targets) for i, limit in limits)

    def _one(self, piece: Piece, alike: Hashable, index: int, limit: Limit, targets: Destinations) -> int:
        if limit.formula in DOWNSTREAM:
            return FORMULAS[limit.formula](self, piece, limit, targets)
        key = (alike, index)
        if key not in self._known:
            self._known[key] = FORMULAS[limit.formula](self, piece, limit, targets)
        return self._known[key]

    def fits_in(self, piece: Piece, targets: Destinations, room: Demand) -> bool:
        """Whether a slice fits what is left of a core.

        A slice never uses more than its whole population, so a limit with room for that is not counted at all; but for
        those that ask whether its sources share rows.
        """
        everything = self._everything(piece.population, targets)
        alike = self.likeness(piece)
        return all(
            (most <= left and "groups" not in self.limits[i].parameters)
            or self._one(piece, alike, i, self.limits[i], targets) <= left
            for i, (most, left) in enumerate(zip(everything, room, strict=True))
        )

    def family(self, name: str) -> Hashable:
        """What populations have in common whose slices use the same: they are fed alike, and feed alike."""
        if name not in self._families:
            self._families[name] = self._family(name)
        return self._families[name]

    def _family(self, name: str) -> Hashable:
        if name in self.twins:
            return self.family(self.twins[name])
        if self.depends_on_targets or any(limit.formula == SYNAPSE_FORMATS for limit in self.limits):
            return name
        fed = tuple(
            (counter(p.projection), p.kind, p.stored.bits, p.stored.axons_per_input, self._rate(p), p.delay)
            for p in self.legal.into(name)
        )
        feeds = tuple(looks_through_windows(p) for p in self.legal.network.out_of(name))
        if self._is_uneven(name):
            return name
        return self._numbers.setdefault((self.shapes[name], fed, feeds, recorded(self, name)), len(self._numbers))

    def _is_uneven(self, name: str) -> bool:
        """Whether it matters which neurons a slice has, as some weights are 0 or parameters differ: none are alike."""
        packed = any(limit.formula == "packed_row_words" for limit in self.limits)
        if packed and any(stored_synapses(p) is not None for p in self.legal.into(name)):
            return True
        return any(self.values(name, i).numbers is not None for i in self.distinct)

    def _rate(self, legal: LegalProjection) -> float:
        return self.activity.rate(legal.projection.source)

    def _everything(self, name: str, targets: Destinations) -> Demand:
        """What a whole population uses, remembered until a target is cut in another way."""
        family = self.family(name)
        groups = [targets[p.projection.target] for p in self.legal.out_of(name)] if self.depends_on_targets else []
        known = self._whole.get(family)
        if known is None or any(a is not b for a, b in zip(known[0], groups, strict=True)):
            known = groups, self.of(Piece(name, whole(self.shapes[name])), targets)
            self._whole[family] = known
        return known[1]

    def least(self, name: str, index: int, targets: Destinations) -> int:
        """What a limit is used by a population at least, however it is cut."""
        limit = self.limits[index]
        if limit.formula in LEAST:
            rows = sum(LEAST[limit.formula](p, limit) for p in self.legal.into(name))
            return rows + self._record(name, limit)
        everything = Piece(name, whole(self.shapes[name]))
        if (shared := fewest(self, everything, limit)) is not None:
            return shared
        if limit.formula == "synaptic_events":  # whatever cores take them
            return whole_events(self.events(everything))
        return self._one(everything, self.likeness(everything), index, limit, targets)

    def _record(self, name: str, limit: Limit) -> int:
        size = math.prod(self.shapes[name])
        return record_bytes(self, name, size, limit) if limit.formula == "row_and_record_bytes" else 0

    def likeness(self, piece: Piece) -> Hashable:
        """What slices have in common that use the same of every limit: they see the same, shifted."""
        if piece not in self._alike:
            self._alike[piece] = self._likeness(piece)
        return self._alike[piece]

    def _likeness(self, piece: Piece) -> Hashable:
        name, part = piece.population, piece.part
        family = self.family(name)
        if not self.shifts(name):
            return family, part
        if isinstance(part, Run):
            if not all(counter(p.projection).first_axis_uniform for p in self.legal.into(name)):
                return family, part
            return family, part.start % math.prod(self.shapes[name][1:]), part.neurons
        return family, tuple(self.axis_likeness(name, axis, span) for axis, span in enumerate(part.spans))

    def shifts(self, name: str) -> bool:
        """Whether blocks of a population are alike as soon as their spans are, axis by axis."""
        family = self.family(name)
        if family not in self._shifts:
            incoming = self.legal.into(name)
            shaped = all(keeps_shape(p.projection, self.shapes[name]) for p in incoming)
            self._shifts[family] = shaped and not self._is_uneven(name)
        return self._shifts[family]

    def axis_likeness(self, name: str, axis: int, span: Span) -> Hashable:
        """What spans of one axis have in common that see the same, shifted."""
        key = (self.family(name), axis, span)
        if key not in self._views:
            views = tuple(counter(p.projection).axis_view(axis, span) for p in self.legal.into(name))
            self._views[key] = views or span[1] - span[0]
        return self._views[key]

    def events(self, piece: Piece) -> float:
        """Synaptic events that arrive at a slice in a timestep."""
        incoming = self.legal.into(piece.population)
        return sum(counter(p.projection).connections(piece.part) * self._rate(p) for p in incoming)

    def axons(self, piece: Piece) -> int:
        """The distinct source elements that reach a slice, over all its projections."""
        key = (self.likeness(piece), -1)
        if key not in self._known:
            incoming = self.legal.into(piece.population)
            self._known[key] = sum(counter(p.projection).axons(piece.part) for p in incoming)
        return self._known[key]

    def drive(self, name: str, targets: Destinations) -> Area:
        """For every neuron of a population: the destination cores it has, over all its projections."""
        return self._table(name, targets, copied=False)

    def slots(self, name: str, targets: Destinations) -> Area:
        """Neuron slots where a neuron drives one axon: a copy for every further axon, and one for a readout."""
        return self._table(name, targets, copied=True)

    def _table(self, name: str, targets: Destinations, *, copied: bool) -> Area:
        """One of the two, remembered until a target is cut in another way."""
        leaving = self.legal.out_of(name)
        groups = [targets[p.projection.target] for p in leaving]
        known = self._reached.get((name, copied))
        if known is None or any(a is not b for a, b in zip(known[0], groups, strict=True)):
            known = (groups, Area(driven(self.legal, name, self.shapes[name], groups, copied=copied)))
            self._reached[name, copied] = known
        return known[1]

    def uncut(self) -> Destinations:
        """Every population whole: what a lower bound may assume of the targets."""
        return {name: ((whole(shape),),) for name, shape in self.shapes.items()}

    def parameter(self, limit: Limit, name: str) -> int:
        return limit.parameters[name].count


def add(a: Demand, b: Demand) -> Demand:
    return tuple(x + y for x, y in zip(a, b, strict=True))


def fits(demand: Demand, capacity: Demand) -> bool:
    return all(x <= y for x, y in zip(demand, capacity, strict=True))
