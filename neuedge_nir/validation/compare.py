"""A case mapped, costed and set beside its measurement.

A measured number is inside where it lies in our interval; where ours is one value, where it is within the tolerance
that the case states. It counts where its activity was stated, or where no spike changes it. Otherwise the band over the
swept activities is shown, and at which of them it would be inside.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from neuedge_nir.api import chip_of
from neuedge_nir.chip.model import Chip
from neuedge_nir.constraints.model import NONE, Apart, Cap, Constraints, Holder
from neuedge_nir.mapping.asked import Tiles
from neuedge_nir.network.model import Network
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from neuedge_nir.report.figures import figures_of
from neuedge_nir.validation.model import Activity, Case, Measured
from neuedge_nir.validation.model import Network as Stated
from neuedge_nir.validation.networks import is_real, network_of, rates_of
from neuedge_nir.validation.printed import Row, rows_of
from neuedge_nir.validation.quantities import QUANTITIES, Found, Ran

WIDEST = 3.0
"""High over low: a wider interval needs sources that disagree more, and says which."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A measured number beside ours: the span of ours under the activities of the measurement, or of the sweep.

    `inside` is None where the activity was not stated; `inside_at` are then the labels of those that would be.
    `counted`: it is part of the tally. `free`: cores of a cut that was not published, shown beside ours.
    `each`: ours by activity.
    """

    measured: Measured
    ours: Found
    inside: bool | None
    inside_at: tuple[str, ...]
    counted: bool
    free: bool = False
    each: Mapping[str, Found] = field(default_factory=dict)

    @property
    def missed(self) -> bool:
        """Outside: where it counts, or under all activities of the sweep and between them."""
        if self.free:
            return False
        if self.inside is not None:
            return not self.inside
        return not self.inside_at and not self.ours.low <= self.measured.value <= self.ours.high

    @property
    def ratio(self) -> float:
        """Our typical value over the measured one."""
        return self.ours.typical / self.measured.value

    @property
    def width(self) -> float:
        """High over low."""
        return self.ours.high / self.ours.low if self.ours.low else float("inf")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a case.

    `cores`, `free`: by layer, with the published tiles and without; `free_cores` are fewer than the sum of the latter
    where layers share cores. `all_at`: activities under which all that depends on them would be inside.
    """

    case: Case
    real: bool = False
    compared: tuple[Compared, ...] = ()
    rows: tuple[Row, ...] = ()
    cores: Mapping[str, int] | None = None
    free: Mapping[str, int] | None = None
    free_cores: int = 0
    all_at: tuple[str, ...] = ()


def result_of(case: Case, shared: Path | None = None) -> Result:
    """The case built and compared; of one that cannot be built, what is missing.

    Raises what `compile` raises, for a case of the user's own that fits no chip.
    """
    if case.network is None:
        return Result(case)
    chip, network = _relaxed(chip_of(case.target), case), _network(case, shared)
    ran = [_ran(case, network, chip, activity) for activity in case.activities or (Activity("any", 0.1),)]
    compared = tuple(_compared(case, each, ran) for each in case.measured)
    free = _free(case, network, chip) if case.mapping.free else None
    rows = tuple(rows_of(case, network, ran[0].plan)) if case.table is not None else ()
    return Result(
        case,
        is_real(case.network, shared),
        compared,
        rows,
        _slices_by_layer(case.network, ran[0].plan),
        None if free is None else _cores_by_layer(case.network, free),
        0 if free is None else free.mapping.cores_neurons + free.mapping.cores_input,
        _all_at(case, compared),
    )


def _network(case: Case, shared: Path | None) -> Network:
    assert case.network is not None
    return network_of(case.network, case.id, leaky=case.target != "truenorth", shared=shared)


def _relaxed(chip: Chip, case: Case) -> Chip:
    """The chip with the real-time limits that the source of a case went beyond."""
    wanted = case.mapping.limits
    changed = tuple(
        replace(each, limit=replace(each.limit, low=most, typical=most, high=most))
        if (most := wanted.get(each.name)) is not None
        else each
        for each in chip.limits
    )
    return replace(chip, limits=changed)


def _ran(case: Case, network: Network, chip: Chip, activity: Activity) -> Ran:
    rates = rates_of(activity.rates, network) if activity.rates else activity.rate
    options = Options(
        effort="none" if _tiled(case) or case.mapping.limits else "quick",
        activity=rates,
        tiles=_tiles(case),
        constraints=_alone(case),
        chips=case.mapping.chips or None,
        steps_per_sample=case.mapping.steps or None,
    )
    plan = compile_network(network, chip, options)
    return Ran(case, activity.label, network, plan, figures_of(plan))


def _tiles(case: Case) -> dict[str, str]:
    assert case.network is not None
    return {layer.name: layer.tiles for layer in case.network.layers if layer.tiles}


def _tiled(case: Case) -> bool:
    """Whether the cut of every layer was published, so that the cores follow from it."""
    assert case.network is not None
    return all(layer.tiles for layer in case.network.layers)


def _alone(case: Case) -> Constraints:
    """One tile on a core: no more neurons of a layer than a tile has, and no two layers."""
    if not case.mapping.alone or case.network is None:
        return NONE
    caps = tuple(
        Cap(_most(Tiles.parse(layer.tiles, layer.name), layer.shape), layer.name) for layer in case.network.layers
    )
    names = tuple(layer.name for layer in case.network.layers)
    apart = (Apart(names, Holder.CORE),) if len(names) > 1 else ()
    return Constraints(cap=caps, apart=apart)


def _most(tiles: Tiles, shape: tuple[int, ...]) -> int:
    """Neurons of the largest tile."""
    if not tiles.count:
        return math.prod(tiles.sizes)
    axes = shape if len(tiles.sizes) == len(shape) else (math.prod(shape),)
    return math.prod(-(-size // count) for size, count in zip(axes, tiles.sizes, strict=True))


def _free(case: Case, network: Network, chip: Chip) -> Plan:
    """Cut as the mapper likes."""
    rate = case.activities[0].rate if case.activities else 0.1
    return compile_network(network, chip, Options(effort="quick", objective=case.mapping.free, activity=rate))


def _slices_by_layer(stated: Stated, plan: Plan) -> dict[str, int]:
    """Slices of each layer: with tiles that were published, each took a core."""
    pieces = [piece.population for core in plan.cores for piece in core.slices]
    return {layer.name: pieces.count(layer.name) for layer in stated.layers}


def _cores_by_layer(stated: Stated, plan: Plan) -> dict[str, int]:
    """Cores with neurons of each layer."""
    return {
        layer.name: sum(any(piece.population == layer.name for piece in core.slices) for core in plan.cores)
        for layer in stated.layers
    }


def _compared(case: Case, measured: Measured, ran: Sequence[Ran]) -> Compared:
    quantity = QUANTITIES[measured.quantity]
    asked = [each for each in ran if each.label in measured.at] if measured.at else ran
    found = [quantity.of(each) for each in asked]
    ours = _spanned(found)
    stated = quantity.fixed or (bool(measured.at) and all(a.stated for a in case.activities if a.label in measured.at))
    free = measured.quantity == "cores" and not _tiled(case)
    by_label = {each.label: one for each, one in zip(asked, found, strict=True)}
    there = tuple(label for label, one in by_label.items() if is_inside(measured, one))
    if not stated or free:
        return Compared(measured, ours, None, () if free else there, False, free, by_label)
    return Compared(measured, ours, is_inside(measured, ours), (), True, each=by_label)


def is_inside(measured: Measured, ours: Found) -> bool:
    """Whether the measured number lies within ours; where it is an upper bound, whether our typical one keeps it."""
    if measured.below:
        return ours.typical <= measured.value
    return ours.low * (1 - measured.within) <= measured.value * (1 + 1e-12) and measured.value * (
        1 - 1e-12
    ) <= ours.high * (1 + measured.within)


def _spanned(found: Sequence[Found]) -> Found:
    low, high = min(each.low for each in found), max(each.high for each in found)
    middle = found[len(found) // 2] if len(found) % 2 else None
    typical = sum(each.typical for each in found) / len(found) if middle is None else middle.typical
    return Found(low, typical, high, found[-1].why)


def _all_at(case: Case, compared: Sequence[Compared]) -> tuple[str, ...]:
    unknown = [each for each in compared if each.inside is None and not each.free]
    labels = [activity.label for activity in case.activities]
    return tuple(label for label in labels if unknown and all(label in each.inside_at for each in unknown))


def misses(results: Sequence[Result]) -> Iterator[tuple[Result, Compared]]:
    """What was measured and is outside: where it counts, and where it would be under every swept activity."""
    for result in results:
        yield from ((result, each) for each in result.compared if each.missed)
