"""The kinds of arithmetic a chip may name: in which numbers its neurons compute, in words and with their parameters.

Only the definitions live here, so that a chip file can be checked and explained; `emulation/` computes them. In all
of them a neuron's state follows v = keep * v + input, with weights, thresholds and biases scaled together, and a spike
is sent where v exceeds the threshold strictly, as in NIR.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from neuedge_nir.chip.model import AxonWeights

Range = tuple[int, int]
_BITS: Range = (2, 32)
"""Products of two such numbers fit the 64 bits that an emulation has."""
_STATE: Range = (8, 32)
_SHIFT: Range = (0, 16)


@dataclass(frozen=True, slots=True)
class ArithmeticKind:
    """A way to compute. `parameters` are the numbers a chip has to give with it, each with its least and most."""

    name: str
    meaning: str
    weights: AxonWeights
    parameters: Mapping[str, Range]


_LOIHI = ArithmeticKind(
    "loihi",
    "Whole numbers. A weight is a mantissa times 2^k, k = 0 .. weight_exponent; what arrives in a step wraps at "
    "input_bits and is shifted up by input_shift. Current: u = u * (2^decay_bits - du) / 2^decay_bits, rounded towards "
    "zero, + input; it wraps at state_bits. Potential: v = v * (2^decay_bits - dv) / 2^decay_bits, rounded towards "
    "zero, + u + bias; it saturates at +-(2^(state_bits-1) - 1). Threshold: threshold_bits bits without sign, times "
    "2^threshold_shift. Bias: bias_bits bits with sign, times 2^e, e = 0 .. bias_exponent; it is added to v, so that a "
    "bias in front of a synaptic filter acts at once.",
    AxonWeights.MANTISSA,
    {
        "state_bits": _STATE,
        "input_bits": _BITS,
        "input_shift": _SHIFT,
        "weight_exponent": _SHIFT,
        "decay_bits": (1, 30),
        "threshold_bits": _BITS,
        "threshold_shift": _SHIFT,
        "bias_bits": _BITS,
        "bias_exponent": _SHIFT,
    },
)
_INTEGER_LEAK = ArithmeticKind(
    "integer-leak",
    "Whole numbers. A weight is the sum of its axons' weights; v = v + input + leak, the leak a constant of leak_bits "
    "bits with sign that carries the bias; v saturates at state_bits. A spike where v >= a, a of threshold_bits bits "
    "without sign; the linear reset subtracts a. Otherwise v does not stay below -(2^threshold_bits - 1). A constant "
    "leak is in the same register: then v does not stay below 0, or the leak brings v towards 0 and ends there.",
    AxonWeights.AXON_TYPES,
    {"state_bits": _STATE, "threshold_bits": _BITS, "leak_bits": _BITS},
)
_ACCUM = ArithmeticKind(
    "accum",
    "Fixed point, fraction_bits of state_bits bits behind the point. What arrives in a step is summed apart by sign in "
    "input_bits bits without sign, weights scaled so that it cannot overflow, and shifted left. Synaptic current, one "
    "for each sign: i = floor(i * d / 2^decay_bits) + input. Potential of a leaky neuron: a = i+ - i- + bias, then "
    "v = a - e * (a - v), the product rounded to nearest (halves up); of an integrator: v = v + a. Sums "
    "wrap at state_bits. A spike where v >= the threshold, which stands one unit above NIR's.",
    AxonWeights.FIXED,
    {"state_bits": _STATE, "fraction_bits": (1, 30), "input_bits": (2, 24), "decay_bits": (1, 32)},
)
_FLOAT32 = ArithmeticKind(
    "float32",
    "Weights are signed integers with one scale for a population; the state has single precision: i = d * i + input, "
    "v = e * v + i + bias, each operation rounded to nearest.",
    AxonWeights.FIXED,
    {},
)

KINDS: Mapping[str, ArithmeticKind] = {kind.name: kind for kind in (_LOIHI, _INTEGER_LEAK, _ACCUM, _FLOAT32)}
"""Every kind of arithmetic by its name."""
