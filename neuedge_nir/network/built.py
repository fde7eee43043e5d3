"""What a caller hands to `network.build`: sound before anything is made of it, and what is odd about it.

The same as of a file: a time constant is a positive time, a threshold not below the reset potential; a time constant
shorter than the timestep, and gains and thresholds that nobody trains, are remarked on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.errors import UsageError
from neuedge_nir.network.connect import Conv, Delay, Operator, Pool, Scale, weights_of
from neuedge_nir.network.model import Network, Neuron, Population, Port, Projection
from neuedge_nir.network.typed import name_given, number_given, of_type, shape_given

Values = NDArray[np.floating]


def check_populations(populations: Iterable[Population]) -> None:
    """Raises `UsageError` (USE034, USE095, USE096, USE097) for what no population can be."""
    for population in populations:
        where = f"population {name_given(population.name, 'a population')!r}"
        shape_given(of_type(population.shape, tuple, f"the shape of {where}", "give a tuple"), where)
        of_type(population.neuron, get_args(Neuron), f"the neuron of {where}", "give one of network.model, such as LIF")
        for name, value in population.parameters.items():
            _check_numbers(value, name, where)
            if name.startswith("tau"):
                number_given(_lowest(value), name, where, np.nextafter(0.0, 1.0))
        if population.bias is not None:
            _check_numbers(population.bias, "the bias", where)
        _check_threshold(population, where)


def _check_threshold(population: Population, where: str) -> None:
    """A reset to above the threshold fires for ever, whatever comes in."""
    threshold, reset = (population.parameters.get(name) for name in ("v_threshold", "v_reset"))
    if threshold is not None and reset is not None and bool((_once(threshold) < _once(reset)).any()):
        message = f"v_threshold lies below v_reset in {where}: such a neuron fires in every timestep"
        raise UsageError("USE097", message, where=where, hint="a threshold lies above the reset potential")


def check_ports(ports: Iterable[Port]) -> None:
    """Raises `UsageError` (USE034, USE095, USE096) for what no input or output can be."""
    for port in ports:
        where = f"port {name_given(port.name, 'an input or output')!r}"
        shape_given(of_type(port.shape, tuple, f"the shape of {where}", "give a tuple"), where)


def check_projections(projections: Iterable[Projection]) -> None:
    """Raises `UsageError` (USE034, USE095, USE096, USE097) for what no projection can be."""
    for projection in projections:
        where = f"projection {name_given(projection.name, 'a projection')!r}"
        for what in (projection.source, projection.target):
            of_type(what, str, f"an end of {where}", "give the name of a population or port")
        for shape in (projection.source_shape, projection.target_shape):
            shape_given(of_type(shape, tuple, f"a shape of {where}", "give a tuple"), where)
        of_type(projection.steps, int, f"the steps of {where}", "give a whole number of timesteps")
        for operator in of_type(projection.chain, tuple, f"the chain of {where}", "give a tuple of operators"):
            check_operator(operator, where)


def check_operator(operator: object, where: str) -> Operator:
    """The operator. Raises `UsageError` (USE034, USE095, USE097) where it is none or holds no numbers."""
    hint = "give an operator of network.connect, such as Dense"
    found: Operator = of_type(operator, get_args(Operator), f"an operator of {where}", hint)  # type: ignore[assignment]
    name_given(found.node, f"an operator of {where}", "/")
    values = found.delay if isinstance(found, Delay) else weights_of(found)
    if not isinstance(found, Pool):
        _check_numbers(values, f"the numbers of {found.node!r}", where)
    if isinstance(found, Conv | Pool | Scale | Delay):
        shape_given(of_type(found.input_shape, tuple, f"a shape of {found.node!r}", "give a tuple"), where)
    return found


def _check_numbers(values: Any, what: str, where: str) -> None:
    hint = "give a numpy array of numbers, 0-d for one that all share"
    found = of_type(values, np.ndarray, f"{what} of {where}", hint)
    if found.dtype.kind not in "fiu":
        raise UsageError("USE097", f"{what} of {where} cannot be of the type {found.dtype}", where=where, hint=hint)


def remarks_on(network: Network) -> Iterator[Diagnostic]:
    """What is odd about populations that make sense: NET060 and NET061."""
    for population in network.populations:
        parameters = population.parameters
        taus = [_lowest(value) for name, value in parameters.items() if name.startswith("tau")]
        if network.dt is not None and taus and min(taus) < network.dt:
            message = f"a time constant of {min(taus):g} is shorter than the timestep of {network.dt:g}"
            hint = "give both in the same unit of time"
            yield Diagnostic("NET060", Severity.WARNING, population.name, message, hint)
        for words in _odd(population):
            yield Diagnostic("NET061", Severity.WARNING, population.name, words, "check its parameters")


def _odd(population: Population) -> Iterator[str]:
    parameters = population.parameters
    for name in ("r", "w_in"):
        if name in parameters and bool((_once(parameters[name]) == 0).any()):
            yield f"{name} is 0: nothing that arrives moves these neurons"
        if name in parameters and bool((_once(parameters[name]) < 0).any()):
            yield f"{name} is negative: what excites inhibits, and the other way round"
    threshold, reset = parameters.get("v_threshold"), parameters.get("v_reset")
    if threshold is not None and reset is not None and bool((_once(threshold) == _once(reset)).any()):
        yield "v_threshold equals v_reset: after one spike the slightest input makes the next"


def _once(values: Values) -> Values:
    """What is broadcast along an axis, once: it may be broadcast to more neurons than memory has bytes."""
    return values[tuple(slice(None if stride else 1) for stride in values.strides)]


def _lowest(values: Values) -> float:
    return float(_once(values).min(initial=np.inf))
