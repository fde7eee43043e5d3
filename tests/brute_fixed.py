"""Chips' arithmetics neuron by neuron, in Python's own integers, from what is published of them.

Written after the documents that the chips' files name, not after `emulation/`: of that, only the contents of the
registers are taken, and the whole weights. One function for each arithmetic: state and input in, state and spike out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.emulation.model import IntegerNetwork
from tests.brute import Rule, connections

Array = NDArray[np.float64]
Registers = Mapping[str, Any]
"""What the registers of one neuron hold, by name; `bits` are the sizes of registers."""
State = list[Any]
Overflows = list[str]


def outputs(integers: IntegerNetwork, spikes: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, Overflows]]:
    """What every population sends, (steps, neurons), for one sample; and what overflowed, one word each time."""
    network, steps = integers.network, len(next(iter(spikes.values())))
    sent: dict[str, list[Any]] = {
        name: [[int(x) for x in row] for row in values.reshape(steps, -1)] for name, values in spikes.items()
    }
    ways = {
        p.name: [(w.source, _whole(connections(w, integers.dt))) for w in network.into(p.name)]
        for p in network.populations
    }
    neurons = {p.name: [_registers(integers, p.name, n) for n in range(p.neurons)] for p in network.populations}
    states: dict[str, list[State]] = {name: [[0, 0, 0] for _ in cells] for name, cells in neurons.items()}
    over: dict[str, Overflows] = {name: [] for name in neurons}
    sent |= {name: [] for name in neurons}
    step_of, lifted = STEPS[_kind(integers)], LIFTED[_kind(integers)]
    rules = {p.name: Rule(p, network, integers.dt) for p in network.populations if p.adapts}
    for step in range(steps):
        for name, cells in neurons.items():
            row: list[float] = []
            factors = rules[name].at(step, sent) if name in rules else None
            for n, still in enumerate(cells):
                registers = still if factors is None else lifted(still, float(factors[n]), over[name])
                arriving = [
                    (weight, sent[source][step - delay][i])
                    for source, matrices in ways[name]
                    for delay, rows in matrices.items()
                    if step >= delay
                    for i, weight in enumerate(rows[n])
                    if weight
                ]
                row.append(step_of(states[name][n], arriving, registers, over[name]))
            sent[name].append(row)
    return {name: np.array(sent[name], float) for name in neurons}, over


def _kind(integers: IntegerNetwork) -> str:
    arithmetic = integers.legal.chip.arithmetic
    assert arithmetic is not None
    return arithmetic.kind


def _whole(matrices: Mapping[int, Array]) -> dict[int, list[list[int]]]:
    return {delay: [[int(x) for x in row] for row in matrix] for delay, matrix in matrices.items()}


def _registers(integers: IntegerNetwork, name: str, n: int) -> dict[str, Any]:
    """The registers of one neuron: arrays are taken apart, other values are shared."""
    population, cells = integers.network.population(name), integers.cells[name]
    found: dict[str, Any] = {"model": population.model}
    for key in cells.__dataclass_fields__:  # type: ignore[attr-defined]
        value = getattr(cells, key)
        if isinstance(value, np.ndarray):
            value = np.broadcast_to(value, population.shape).ravel()[n].item()
        found[key] = value
    arithmetic = integers.legal.chip.arithmetic
    assert arithmetic is not None
    found["bits"] = {key: int(value.typical) for key, value in arithmetic.parameters.items()}
    return found


def _twos_complement(value: int, bits: int, what: str, over: Overflows) -> int:
    held: int = value % 2**bits
    held -= 2**bits * (held >= 2 ** (bits - 1))
    if held != value:
        over.append(f"{what} wrapped")
    return held


def _towards_zero(value: int, keep: int, bits: int) -> int:
    """sign(x) * floor(|x| * keep / 2^bits), as nengo-loihi's decay_int says."""
    size: int = abs(value) * keep // 2**bits
    return -size if value < 0 else size


def _held(value: int, low: int, high: int, what: str, over: Overflows) -> int:
    if not low <= value <= high:
        over.append(f"{what} saturated")
    return min(max(value, low), high)


def loihi(state: State, arriving: list[tuple[int, int]], r: Registers, over: Overflows) -> float:
    """PyLifModelBitAcc's subthr_dynamics and spiking_activation, with decays as what is kept."""
    bits = r["bits"]
    total = _twos_complement(sum(w * x for w, x in arriving), bits["input_bits"], "input", over)
    current = _towards_zero(state[0], r["keep_u"], bits["decay_bits"]) + total * 2 ** bits["input_shift"]
    state[0] = _twos_complement(current, bits["state_bits"], "current", over)
    most = 2 ** (bits["state_bits"] - 1) - 1
    v = _towards_zero(state[1], r["keep_v"], bits["decay_bits"]) + state[0] + r["bias"]
    state[1] = _held(v, -most, most, "potential", over)
    if r["threshold"] is None:
        return float(state[1] / r["v_scale"])
    if state[1] <= r["threshold"]:
        return 0
    state[1] = 0 if r["drop"] is None else state[1] - r["drop"]
    return 1


def integer_leak(state: State, arriving: list[tuple[int, int]], r: Registers, over: Overflows) -> float:
    """Cassidy's order: synapses, leak, threshold. Bounds: the potential's bits, and the largest negative threshold."""
    bits = r["bits"]
    top, floor = 2 ** (bits["state_bits"] - 1), 2 ** bits["threshold_bits"] - 1
    v = state[0]
    for w, x in arriving:
        v += w * x
    leaked = v + r["leak"]
    if r.get("leaking") == "reversing":  # epsilon: the leak's sign is the potential's; one that changes it ends at 0
        leaked = v + r["leak"] * ((v > 0) - (v < 0))
        leaked = 0 if (leaked > 0) - (leaked < 0) != (v > 0) - (v < 0) else leaked
    v = _held(leaked, -top, top - 1, "potential", over)
    fires = v >= r["threshold"]
    if fires:
        v = 0 if r["drop"] is None else v - r["drop"]
    elif r.get("leaking") == "to zero" and v < 0:  # kappa, with a negative threshold of 0
        v = 0
    state[0] = _held(v, -floor, top - 1, "potential", over)
    return int(fires)


def accum(state: State, arriving: list[tuple[int, int]], r: Registers, over: Overflows) -> float:
    """sPyNNaker's lif_neuron_closed_form, exp_shaping and ring buffers of both signs, which never saturate here."""
    bits = r["bits"]
    word, point = bits["state_bits"], bits["fraction_bits"]
    both = [sum((w % 2**26) * x for w, x in arriving), sum((w // 2**26) * x for w, x in arriving)]
    assert max(both) < 2 ** bits["input_bits"], "a ring buffer saturates"
    for sign in (0, 1):
        if r["keep_i"] is None:
            state[1 + sign] = both[sign] << r["shift"]
        else:
            decayed = state[1 + sign] * r["keep_i"] // 2 ** bits["decay_bits"]
            state[1 + sign] = _twos_complement(decayed + (both[sign] << r["shift"]), word, "current", over)
    alpha = _twos_complement(state[1] - state[2] + r["offset"], word, "input", over)
    if r["keep"] is None:
        state[0] = _twos_complement(state[0] + alpha, word, "potential", over)
    else:
        product = _twos_complement(alpha - state[0], word, "difference", over) * r["keep"]
        nearest = product // 2**point + (product // 2 ** (point - 1)) % 2  # the bit below the point rounds up
        state[0] = _twos_complement(alpha - nearest, word, "potential", over)
    if r["threshold"] is None:
        return float(state[0] / r["v_scale"])
    if state[0] < r["threshold"]:
        return 0
    state[0] = 0 if r["drop"] is None else state[0] - r["drop"]
    return 1


def float32(state: State, arriving: list[tuple[int, int]], r: Registers, _over: Overflows) -> float:
    """One operation in single precision after the other."""
    f = np.float32
    total = f(sum(w * x for w, x in arriving))
    state[1] = total if r["keep_i"] is None else f(f(f(state[1]) * f(r["keep_i"])) + total)
    state[0] = f(f(f(f(state[0]) * f(r["keep"])) + state[1]) + f(r["drive"]))
    if r["threshold"] is None:
        return float(float(state[0]) / r["v_scale"])
    if not state[0] > f(r["threshold"]):
        return 0
    state[0] = f(0) if r["drop"] is None else f(state[0] - f(r["drop"]))
    return 1


def _lifted_mantissa(r: Registers, factor: float, over: Overflows) -> Registers:
    """A threshold of so many bits without sign, shifted up."""
    bits = r["bits"]
    mantissa = round(r["threshold"] * factor / 2 ** bits["threshold_shift"])
    held = _held(mantissa, 0, 2 ** bits["threshold_bits"] - 1, "threshold", over)
    return {**r, "threshold": held * 2 ** bits["threshold_shift"]}


def _lifted_unit(r: Registers, factor: float, _over: Overflows) -> Registers:
    """The register stands one unit above what v must exceed."""
    wanted = (r["threshold"] - 1) * factor
    nearest = round(wanted)
    near = abs(wanted - nearest) <= 1e-9 * max(1.0, abs(wanted))
    return {**r, "threshold": (nearest if near else math.floor(wanted)) + 1}


LIFTED: Mapping[str, Callable[[Registers, float, Overflows], Registers]] = {
    "loihi": _lifted_mantissa,
    "integer-leak": _lifted_unit,
    "accum": _lifted_unit,
    "float32": lambda r, factor, _: {**r, "threshold": float(np.float32(r["threshold"] * factor))},
}
"""The registers with the threshold times a factor."""
STEPS: Mapping[str, Callable[..., float]] = {
    "loihi": loihi,
    "integer-leak": integer_leak,
    "accum": accum,
    "float32": float32,
}
