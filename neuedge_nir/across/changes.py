"""What might make a network fit that does not, by the limit that it breaks: the least invasive first.

A change that keeps what the network computes (an option of the mapping, an exact pass) comes before one that does not.
Nothing here is promised: `search` compiles each, and only what the checker accepted is told.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from neuedge_nir.chip.model import Chip, InputCores, Limit
from neuedge_nir.chip.slow import is_per_step
from neuedge_nir.errors import NeuedgeError
from neuedge_nir.mapping.fabric import largest_system
from neuedge_nir.network.connect import Conv, Dense, Pool
from neuedge_nir.network.model import LIF, Network
from neuedge_nir.pipeline.sensible import SLOWEST
from neuedge_nir.report.figures_mapping import MEASURES

FEWEST_BITS = 2
SHARES = (0.75, 0.5, 0.25, 0.1)
"""Of the weights that are not 0, which pruning leaves."""


@dataclass(frozen=True, slots=True)
class Change:
    """Options that are set, by the name under which the command line keeps them, and passes that are added.

    `alters`: what the network computes may be another thing afterwards.
    """

    sets: Mapping[str, object]
    passes: tuple[str, ...] = ()
    alters: bool = False


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of change in several strengths, the least invasive first.

    `ordered`: a stronger one fits wherever a weaker does, so that not all need to be tried.
    """

    kind: str
    changes: tuple[Change, ...]
    ordered: bool = True


@dataclass(frozen=True, slots=True)
class Situation:
    """What does not fit, and why. `given` are the options of the command line by their names there."""

    error: NeuedgeError
    chip: Chip
    network: Network
    given: Mapping[str, object]

    @property
    def limit(self) -> Limit | None:
        """The limit of the chip that binds, where the error names one."""
        named = self.error.resource or ""
        words = {named, *self.error.message.replace(",", " ").replace(";", " ").split()}
        return next((limit for limit in self.chip.limits if limit.name in words), None)


RECORDED = ("row_and_record_bytes",)
"""Formulas that depend on how outputs are read."""

Maker = Callable[[Situation], Iterator[Family]]


def families(situation: Situation) -> list[Family]:
    """What is worth trying, the least invasive first. Empty where nothing is known to bear on it."""
    found = [family for maker in MAKERS.get(situation.error.code, ()) for family in maker(situation)]
    known = {family.kind: family for family in reversed(found) if family.changes}
    return sorted(known.values(), key=lambda family: (family.changes[0].alters, found.index(family)))


def _passes(kind: str, *calls: tuple[str, ...] | str, alters: bool = False, ordered: bool = True) -> Family:
    return Family(kind, tuple(Change({}, (c,) if isinstance(c, str) else c, alters) for c in calls), ordered)


def _setting(kind: str, name: str, *values: object, alters: bool = False) -> Family:
    return Family(kind, tuple(Change({name: value}, (), alters) for value in values))


def _chips(at: Situation) -> Iterator[Family]:
    """As many as are needed at least, some more, all that the largest published system has."""
    most, given = largest_system(at.chip), at.given.get("chips")
    if isinstance(given, int) and given < most:
        least = max(given + 1, int(at.error.needed or 0) if at.error.resource == "chips" else 0)
        steps = sorted({min(most, round(least * k)) for k in (1, 1.25, 1.5, 2, 4)} | {most})
        yield _setting("more chips", "chips", *(n for n in steps if n > given))


def _slower(at: Situation) -> Iterator[Family]:
    """Timesteps as long as the events need, where the chip has a tick and the limit is one of time."""
    limit, now = at.limit, at.given.get("time_scale", 1)
    if at.chip.costs.timestep_s is None or not isinstance(now, int) or (limit is not None and not is_per_step(limit)):
        return
    excess = (at.error.needed or 1) / (at.error.available or 1)
    least = max(now + 1, math.ceil(now * excess))
    yield _setting("longer timesteps", "time_scale", *(least * k for k in (1, 2, 4, 8) if least * k <= SLOWEST))


def _fewer_bits(at: Situation) -> Iterator[Family]:
    """Fewer bits for each weight, where what binds counts them."""
    if _counts_weights(at):
        most = at.chip.capabilities.weight_bits.count - 1
        calls = [f"quantise:bits={bits}" for bits in range(most, FEWEST_BITS - 1, -1)]
        yield _passes("fewer weight bits", *calls, alters=True)


def _fewer_weights(at: Situation) -> Iterator[Family]:
    """Pruning to a budget, and leaving out what has no weights left."""
    if _counts_weights(at):
        held = {id(op): op for p in at.network.projections for op in p.chain if isinstance(op, Dense | Conv)}
        many = sum(int(np.count_nonzero(op.weight)) for op in held.values())
        budgets = list(dict.fromkeys(int(many * share) for share in SHARES))
        yield _passes("fewer weights", *((f"prune:synapses={n}", "prune-zero") for n in budgets if n), alters=True)


def _counts_weights(at: Situation) -> bool:
    return at.limit is not None and at.limit.formula in MEASURES["synapse_memory"]


def _idle_parts(at: Situation) -> Iterator[Family]:
    """What nobody hears, or gets nothing, left out: exact."""
    held = [op.weight for p in at.network.projections for op in p.chain if isinstance(op, Dense | Conv)]
    if any(not np.any(weight.reshape(len(weight), -1), axis=1).all() for weight in held):
        yield _passes("without what never gets anything", ("prune-zero", "drop-dead"))


def _narrower(at: Situation) -> Iterator[Family]:
    """Wide layers summed in parts, no wider than what a core takes."""
    wall = int(at.error.available or 0)
    layers = [op for p in at.network.projections for op in p.chain if isinstance(op, Dense)]
    if not any(layer.weight.shape[-1] > wall for layer in layers):
        return
    if at.limit is not None and at.limit.formula in MEASURES["axons_in"] and wall >= 4 * FEWEST_BITS:
        calls = [f"split-fan-in:limit={wall // k}" for k in (1, 2, 4)]
        yield _passes("inputs summed in two stages", *calls, alters=True, ordered=False)


def _pools(at: Situation) -> Iterator[Family]:
    if any(isinstance(op, Pool) for p in at.network.projections for op in p.chain):
        yield _passes("pools made part of the layers behind", "fold-pool", "fold-pool:growth=1024")


def _leaks(at: Situation) -> Iterator[Family]:
    lif = any(isinstance(population.neuron, LIF) for population in at.network.populations)
    if at.chip.capabilities.constant_leak and lif:
        yield _passes("a constant leak", "approximate-leak", alters=True)


def _without_leaks(at: Situation) -> Iterator[Family]:
    """Without the pass that gave the neurons a leak that the chip has not."""
    given = at.given.get("passes")
    if isinstance(given, list):
        kept = [(kind, text) for kind, text in given if kind != "pass" or text.partition(":")[0] != "approximate-leak"]
        if kept != given:
            yield _setting("without approximate-leak", "passes", kept, alters=True)


def _resets(at: Situation) -> Iterator[Family]:
    for mode in at.chip.capabilities.reset_modes:
        if mode != at.given.get("reset"):
            yield _setting(f"reset by {mode}", "reset", mode, alters=True)


def _merged(at: Situation) -> Iterator[Family]:
    del at
    yield _passes("layers merged", "merge-linear", "merge-linear:force=true")


def _scales(at: Situation) -> Iterator[Family]:
    del at
    yield _passes("scales in the weights", "fold-scale")


def _late(at: Situation) -> Iterator[Family]:
    del at
    yield _setting("cycles that are late", "recurrence", "approximate", alters=True)


def _thresholds(at: Situation) -> Iterator[Family]:
    del at
    yield _passes("thresholds in the weights", "lower-adaptive:to=fold", alters=True)
    yield _passes("thresholds that stay", "lower-adaptive:to=none", alters=True)


def _outputs(at: Situation) -> Iterator[Family]:
    if at.limit is not None and at.limit.formula not in RECORDED:
        return
    for way in at.chip.io.outputs:
        if way.name != (at.given.get("outputs") or at.chip.io.outputs[0].name):
            yield _setting(f"outputs by {way.name}", "outputs", way.name)


def _inputs(at: Situation) -> Iterator[Family]:
    for way in at.chip.io.inputs:
        if way.name != (at.given.get("inputs") or at.chip.io.inputs[0].name) and way.cores is InputCores.NONE:
            yield Family(f"inputs by {way.name}", (Change({"inputs": way.name, "map_inputs": False}),))


def _unbound(at: Situation) -> Iterator[Family]:
    """Without what was demanded of the mapping."""
    for name, kind, none in (("tiles", "without --tiles", []), ("constraints", "without --constraints", None),
                             ("dead", "as if nothing were dead", [])):  # fmt: skip
        if at.given.get(name):
            yield _setting(kind, name, none)


def _splitters(at: Situation) -> Iterator[Family]:
    if at.given.get("splitters") == "never":
        yield _setting("splitters", "splitters", "auto")


def _larger(at: Situation) -> Iterator[Family]:
    """Plans as large as they must be are tried where somebody asks for them."""
    if at.error.needed is not None:
        yield _setting("plans of more cores", "max_cores", math.ceil(at.error.needed), math.ceil(2 * at.error.needed))


MAKERS: Mapping[str, tuple[Maker, ...]] = {
    "FIT002": (_leaks,),
    "FIT003": (_resets,),
    "FIT004": (_resets,),
    "FIT006": (_merged,),
    "FIT007": (_late,),
    "FIT008": (_inputs,),
    "FIT010": (_idle_parts, _slower, _outputs, _pools, _fewer_bits, _fewer_weights, _narrower),
    "FIT011": (_scales,),
    "FIT012": (_merged,),
    "FIT013": (_inputs,),
    "FIT014": (_chips, _unbound, _fewer_bits),
    "FIT015": (_chips, _idle_parts, _slower, _inputs, _fewer_bits, _fewer_weights),
    "FIT020": (_thresholds,),
    "FIT021": (_larger,),
    "FIT022": (_pools,),
    "FIT031": (_outputs,),
    "FIT041": (_slower, _idle_parts),
    "FIT050": (_splitters,),
    "FIT051": (_without_leaks,),
    "FIT055": (_unbound, _chips),
    "FIT056": (_unbound, _chips),
    "FIT063": (_unbound,),
    "FIT064": (_unbound,),
}
"""By the code of the error."""
