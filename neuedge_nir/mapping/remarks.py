"""What a network loses or risks on a chip, though it can be mapped."""

from __future__ import annotations

from collections.abc import Iterator

from neuedge_nir.chip.model import Chip, Limit
from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.mapping.effective import node_of
from neuedge_nir.mapping.timing import Timing
from neuedge_nir.mapping.values import DISTINCT, gather
from neuedge_nir.mapping.weights import Stored
from neuedge_nir.network.connect import Conv, irregular_in
from neuedge_nir.network.connect_sparse import FixedProbability
from neuedge_nir.network.model import Network, Population, Projection

NOTABLE_ERROR = 0.1
"""A weight error above this share of the weights' norm is remarked on."""


def of_projection(projection: Projection, stored: Stored, chip: Chip) -> Iterator[Diagnostic]:
    """Weights of which much is lost (WARN001), kernels that see more than coordinates count (WARN008), and chances.

    WARN044: what is counted of a probability are expected values, which a network that is drawn may exceed.
    """
    if isinstance(chance := irregular_in(projection.chain), FixedProbability):
        message = f"it joins each pair with probability {chance.p:g}: every count of it is an expected value"
        advice = "leave some room: the network that is drawn may need a little more"
        yield Diagnostic("WARN044", Severity.WARNING, chance.node, message, advice)
    if stored.error > NOTABLE_ERROR:
        lost = f"{chip.title} stores these weights with a relative error of {stored.error:.0%}"
        advice = "expect another accuracy; train with weights of that resolution"
        yield Diagnostic("WARN001", Severity.WARNING, node_of(projection), lost, advice)
    most = chip.capabilities.window_extent
    for conv in projection.chain if most is not None else ():
        if most is not None and isinstance(conv, Conv) and max(conv.input_shape[1:], default=0) > most.count:
            seen = " x ".join(map(str, conv.input_shape[1:]))
            risk = f"it sees {seen} pixels, and {chip.title} may lose spikes near each multiple of {most.count}"
            yield Diagnostic("WARN008", Severity.WARNING, conv.node, risk, f"cut the image into parts of {most.count}")


def of_population(population: Population, chip: Chip) -> Iterator[Diagnostic]:
    """Parameters that differ from neuron to neuron, where no limit counts them (WARN002) or more than a core holds."""
    counted = [limit for limit in chip.limits if limit.formula in DISTINCT]
    if counted:
        yield from (remark for limit in counted for remark in _spread(population, limit, chip))
        return
    uneven = [name for name, values in population.parameters.items() if values.size > 1]
    if uneven:
        unknown = f"how many values a core of {chip.title} can hold is not checked yet"
        message = f"{', '.join(uneven)} differ from neuron to neuron; {unknown}"
        advice = "use one value per population where you can"
        yield Diagnostic("WARN002", Severity.WARNING, population.name, message, advice)


def _spread(population: Population, limit: Limit, chip: Chip) -> Iterator[Diagnostic]:
    """More different values than a core holds (WARN033): its neurons go to several cores, for that alone."""
    several, most = len(DISTINCT[limit.formula](population, limit).all), limit.limit.count
    if several > most:
        message = f"its neurons have {several} different {limit.limit.unit}, and a core of {chip.title} holds {most}"
        hint = f"{gather(limit.formula, most)} makes them {most}, at a cost that it tells"
        yield Diagnostic("WARN033", Severity.WARNING, population.name, message, hint)


def of_timing(network: Network, timing: Timing) -> list[Diagnostic]:
    """A remark on each projection that takes longer than in the model (WARN022)."""
    found = []
    for projection in network.projections:
        if (steps := timing.excess.get(projection.name, 0)) > 0:
            message = f"{projection.name} takes {steps} step{'s' * (steps != 1)} more than in the model"
            hint = "put a Delay into its cycle, or train with such a delay"
            found.append(Diagnostic("WARN022", Severity.WARNING, projection.target, message, hint))
    return found
