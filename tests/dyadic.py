"""Networks in whose numbers a few steps of simulation are exact, and whether two of them do the same.

A pass that is exact on paper may round a potential across its threshold, most of all where both are equal. Here all
weights, parameters and biases are multiples of 1/8, gains and factors powers of two, decays 0 or 1/2, and the windows
of averages powers of two, so that floating point makes no error and spikes must be equal, ties included.
"""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import combinations

import numpy as np
from hypothesis import strategies as st

from neuedge_nir.interpreter.run import Run, simulate
from neuedge_nir.network.connect import Conv, Delay, Dense, Operator, Pool, PoolKind, Scale
from neuedge_nir.network.edit import with_operators
from neuedge_nir.network.model import Network, Population, Projection, ResetMode, Signal
from neuedge_nir.network.valid import fault
from neuedge_nir.rewrite.call import PassCall
from neuedge_nir.rewrite.door import Context, configured
from tests import graphs, worlds

DT = 0.5
STEPS = 6


def eighths(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.round(values * 8) / 8)


def powers(values: np.ndarray) -> np.ndarray:
    """The nearest of 1/2, 1 and 2, with the sign."""
    return np.asarray(np.sign(values) * 2.0 ** np.clip(np.round(np.log2(np.maximum(np.abs(values), 0.1))), -1, 1))


def parameter(name: str, values: np.ndarray) -> np.ndarray:
    if name.startswith("tau"):
        return np.where(values < 1, DT, 2 * DT)
    if name in ("r", "w_in"):
        return powers(values)
    return np.maximum(eighths(values), 1 / 8) if name in ("v_threshold", "threshold") else eighths(values)


def operator(found: Operator) -> Operator:
    match found:
        case Dense(weight=weight) | Conv(weight=weight):
            return replace(found, weight=np.round(weight * 2).astype(weight.dtype) / 2)  # a quarter of them is zero
        case Scale(factor=factor):
            return replace(found, factor=powers(factor))
        case Delay(delay=delay):
            return replace(found, delay=np.round(delay) * DT)
        case Pool(kernel=kernel):
            dyadic = kernel[0] * kernel[1] in (1, 2, 4)
            return found if dyadic else replace(found, kind=PoolKind.SUM)
        case _:
            return found


def population(found: Population) -> Population:
    names = [field.name for field in fields(found.neuron)]
    rounded = {name: parameter(name, getattr(found.neuron, name)) for name in names}
    neuron = replace(found.neuron, **rounded)  # type: ignore[arg-type]
    rule = None if found.adaptation is None else replace(found.adaptation, tau=2 * DT)
    return replace(found, neuron=neuron, bias=None if found.bias is None else eighths(found.bias), adaptation=rule)


def dyadic(net: Network) -> Network:
    """The network with every number rounded to one in which a few steps are exact."""
    rounded = with_operators(net, operator)
    return replace(rounded, populations=tuple(map(population, net.populations)), dt=DT)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Networks of all neurons, operators, delays and loops; some have a chain that several projections share."""
    net = dyadic(draw(graphs.networks()))
    pairs = [(a, b) for a, b in combinations(net.projections, 2) if _ends(a) == _ends(b) and a.chain != b.chain]
    if not pairs or draw(st.booleans()):
        return net
    kept, other = draw(st.sampled_from(pairs))
    return replace(net, projections=tuple(replace(p, chain=kept.chain) if p is other else p for p in net.projections))


def _ends(projection: Projection) -> tuple[object, ...]:
    return projection.source_shape, projection.target_shape


def spikes_for(net: Network, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {port.name: rng.random((3, STEPS, *port.shape)) < 0.5 for port in net.inputs}


def signal_of(source: Population) -> Signal:
    return Signal.SPIKE if source.spiking else Signal.ANALOG


def run_of(net: Network, seed: int = 0, reset: ResetMode | None = None) -> Run:
    return simulate(net, spikes_for(net, seed), DT, reset, record=[p.name for p in net.populations])


def assert_same(before: Network, after: Network, seed: int = 0, reset: ResetMode | None = None) -> None:
    """The same outputs, and the same spikes of every neuron that is left, in the order in which they stood."""
    assert fault(after) is None
    old, new = run_of(before, seed, reset), run_of(after, seed, reset)
    assert old.outputs.keys() == new.outputs.keys()
    for name, values in {**new.outputs, **new.recorded}.items():
        other = {**old.outputs, **old.recorded}[name]
        assert values.dtype == other.dtype
        if values.shape == other.shape:
            _assert_equal(values, other)
        else:
            _assert_among(values, other)


def _assert_equal(values: np.ndarray, other: np.ndarray) -> None:
    if values.dtype == bool:
        assert (values == other).all()
    np.testing.assert_allclose(values, other, rtol=1e-9, atol=1e-9)


def _assert_among(some: np.ndarray, every: np.ndarray) -> None:
    """Each unit did what one of the others did, and they keep their order."""
    others = iter(np.moveaxis(every, 2, 0))
    for unit in np.moveaxis(some, 2, 0):
        assert any(np.allclose(unit, other, rtol=1e-9, atol=1e-9) for other in others)


@st.composite
def sparse(draw: st.DrawFn) -> Network:
    """Networks with rows, columns and channels of weights that are zero, and many neurons without bias and leak."""
    model = st.sampled_from(["IF", "LIF", "CubaLIF"])
    net = draw(st.one_of(networks(), model.flatmap(worlds.networks).map(dyadic)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    share = draw(st.sampled_from([0.2, 0.5, 0.8]))

    def emptied(found: Operator) -> Operator:
        match found:
            case Dense(weight=weight):
                rows, columns = (np.asarray(rng.random(weight.shape[axis]) > share) for axis in (-2, -1))
                return replace(found, weight=weight * rows[:, None] * columns)
            case Conv(weight=weight):
                rows, columns = (np.asarray(rng.random(weight.shape[axis]) > share) for axis in (0, 1))
                empty = (slice(None), slice(None), *(None for _ in found.kernel))
                return replace(found, weight=weight * (rows[:, None] * columns)[empty])
            case _:
                return found

    def calmed(found: Population) -> Population:
        units = rng.random(found.shape[:1] + (1,) * (len(found.shape) - 1)) > share
        neuron = found.neuron
        if "v_leak" in found.parameters:
            neuron = replace(neuron, v_leak=found.parameters["v_leak"] * units)  # type: ignore[arg-type]
        return replace(found, neuron=neuron, bias=None if found.bias is None else found.bias * units)

    calm = replace(net, populations=tuple(map(calmed, net.populations)))
    return with_operators(calm, emptied)


def after(call: str, net: Network, **context: object) -> Network:
    """The network after one pass."""
    return configured(PassCall.parse(call)).run(net, Context(**context))  # type: ignore[arg-type]


def stored(net: Network) -> int:
    """The weights of all layers and scales, one that several projections share counted once."""
    operators = {id(found): found for p in net.projections for found in p.chain}.values()
    return sum(
        found.factor.size if isinstance(found, Scale) else found.weight.size
        for found in operators
        if isinstance(found, Dense | Conv | Scale)
    )
