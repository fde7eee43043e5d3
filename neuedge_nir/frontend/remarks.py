"""What a reader of the network should know, though nothing had to be repaired. One function per quirk."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.frontend.compact import FloatArray, core, extremes
from neuedge_nir.frontend.layer_repairs import is_odd
from neuedge_nir.frontend.nodes import ConvNode
from neuedge_nir.frontend.propagate import Nodes
from neuedge_nir.network.connect import Pool, PoolKind
from neuedge_nir.network.model import IF, LI, LIF, CubaLI, CubaLIF, I, Network, Population, Signal


def remarks_on(network: Network) -> Iterator[Diagnostic]:
    """All remarks on a finished network."""
    for remark in _REMARKS:
        yield from remark(network)


def unknown_reset(network: Network) -> Iterator[Diagnostic]:
    """NIR002: NIR does not say what a spike does to the membrane."""
    if network.reset is None and any(hasattr(p.neuron, "v_reset") for p in network.populations):
        message = "the file does not say how a spike resets a neuron; assumed: to v_reset"
        hint = "say it with --reset zero or --reset subtract, which sinabs and snnTorch do by default"
        yield Diagnostic("NIR002", Severity.ASSUMPTION, None, message, hint)


def gains(network: Network) -> Iterator[Diagnostic]:
    """NIR004: r and w_in scale what arrives; together with dt they say how far one input moves the membrane."""
    for population in network.populations:
        parameters = population.parameters
        named = [name for name in ("r", "w_in") if name in parameters and extremes(parameters[name]) != (1, 1)]
        if named and network.dt is not None:
            low, high = _moved(population, network.dt)
            amount = f"{low:.4g}" if math.isclose(low, high, rel_tol=1e-4) else f"{low:.4g} to {high:.4g}"
            message = f"{' and '.join(named)} taken as gain: an input of 1 moves the membrane by {amount} in a timestep"
            yield Diagnostic("NIR004", Severity.ASSUMPTION, population.name, message)


@np.errstate(all="ignore")
def _moved(population: Population, dt: float) -> tuple[float, float]:
    """r dt / tau, times w_in dt / tau_syn where there is a synapse: the first step of forward Euler."""
    match population.neuron:
        case IF(r=r) | I(r=r):
            moved = r * dt
        case LIF(tau=tau, r=r) | LI(tau=tau, r=r):
            moved = r * dt / tau
        case CubaLIF() | CubaLI() as neuron:
            moved = (neuron.w_in * dt / neuron.tau_syn) * (neuron.r * dt / neuron.tau_mem)
        case _:
            return 1.0, 1.0
    return float(np.min(moved)), float(np.max(moved))


def pools(network: Network) -> Iterator[Diagnostic]:
    """NIR011: a sum pool hands on counts, and an average is a count with a factor."""
    found = {op.node: op for p in network.projections for op in p.chain if isinstance(op, Pool)}
    for name, pool in sorted(found.items()):
        size = math.prod(pool.kernel)
        if pool.kind is PoolKind.SUM:
            message = f"sums up to {size} spikes of one timestep: the layer behind gets counts"
            yield Diagnostic("NIR011", Severity.INFO, name, message)
        else:
            message = (
                f"averages over all {size} of its window, padding included; the factor goes into the weights behind"
            )
            yield Diagnostic("NIR011", Severity.ASSUMPTION, name, message)


def unusual_names(network: Network) -> Iterator[Diagnostic]:
    """NIR012: names that other tools change or refuse are kept; inner nodes carry their graph's name in front."""
    names = [p.name for p in network.populations] + [p.name for p in (*network.inputs, *network.outputs)]
    names += [op.node for p in network.projections for op in p.chain]
    for name in sorted(set(names)):
        if "/" in name:
            yield Diagnostic("NIR012", Severity.INFO, name, "of a nested graph: named 'graph/node' here")
        elif "." in name or not name.isprintable() or name != name.strip() or " " in name:
            yield Diagnostic("NIR012", Severity.INFO, name, "name kept as it is; torch modules cannot have it")


def analog_signals(network: Network) -> Iterator[Diagnostic]:
    """NIR019: a neuron that does not spike feeds other neurons; spikes alone cannot carry its potential."""
    outputs = {port.name for port in network.outputs}
    for name in sorted(
        {p.source for p in network.projections if p.signal is Signal.ANALOG and p.target not in outputs}
    ):
        message = "does not spike, but feeds neurons: only a chip that sends numbers with its spikes can run it"
        hint = "replace it by a spiking neuron, or merge it into the neurons behind it"
        yield Diagnostic("NIR019", Severity.WARNING, name, message, hint)


def constant_currents(network: Network) -> Iterator[Diagnostic]:
    """NIR021: v_leak and biases act on a neuron in every timestep, with or without input."""
    for population in network.populations:
        leak = population.parameters.get("v_leak")
        named = ["v_leak is not 0"] if leak is not None and extremes(leak) != (0, 0) else []
        named += ["there is a bias"] if population.bias is not None else []
        if named:
            message = f"{' and '.join(named)}: a constant current flows into the neurons in every timestep"
            yield Diagnostic("NIR021", Severity.INFO, population.name, message)


def uneven_parameters(network: Network) -> Iterator[Diagnostic]:
    """NIR022: parameters that differ from neuron to neuron; many tools and some chips have one value a layer."""
    for population in network.populations:
        named = [name for name, value in population.parameters.items() if value.size > 1]
        if named:
            message = f"differs from neuron to neuron: {', '.join(named)}"
            yield Diagnostic("NIR022", Severity.INFO, population.name, message)


def idle_neurons(network: Network) -> Iterator[Diagnostic]:
    """NET056: parameters that no trained neuron has, though they can be computed with."""
    for population in network.populations:
        parameters = population.parameters
        odd = [words for name in ("r", "w_in") if name in parameters for words in _odd_gain(name, parameters[name])]
        threshold, reset = parameters.get("v_threshold"), parameters.get("v_reset")
        if threshold is not None and reset is not None and _meet(threshold, reset):
            odd.append("v_threshold equals v_reset: after one spike the slightest input makes the next")
        for words in odd:
            yield Diagnostic("NET056", Severity.WARNING, population.name, words, "check what exported the model")


def _meet(threshold: FloatArray, reset: FloatArray) -> bool:
    """Whether some neuron has both at the same potential; the reader has refused a reset above the threshold."""
    return extremes(threshold)[0] <= extremes(reset)[1] and bool((threshold == reset).any())


def _odd_gain(name: str, gain: FloatArray) -> Iterator[str]:
    lowest = extremes(gain)[0]
    if lowest <= 0 and bool((core(gain) == 0).any()):
        yield f"{name} is 0: nothing that arrives moves these neurons"
    if lowest < 0:
        yield f"{name} is negative: what excites inhibits, and the other way round"


_REMARKS: Sequence[Callable[[Network], Iterable[Diagnostic]]] = (
    unknown_reset,
    gains,
    pools,
    unusual_names,
    analog_signals,
    constant_currents,
    uneven_parameters,
    idle_neurons,
)


def odd_kernels(nodes: Nodes) -> Iterator[Diagnostic]:
    """NIR008: convolutions that are valid, and that nir 1.0.8 cannot read."""
    for name, node in nodes.items():
        if isinstance(node, ConvNode) and is_odd(node):
            message = "grouped or not square: its shapes are inferred here, since nir 1.0.8 has them wrong"
            yield Diagnostic("NIR008", Severity.INFO, name, message)
