"""What each chip can compute, feature by feature: one table across chips, read off their capabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from docs.generate.chips import Sheet
from docs.generate.markdown import code, heading, interval, page, table, text
from neuedge_nir.chip.model import Capabilities, Chip, Quantity
from neuedge_nir.emission.door import Emitter
from neuedge_nir.frontend.nodes import FIELDS
from neuedge_nir.network.model import PARAMETERS
from neuedge_nir.plugin import load_target

Answer = Callable[[Chip], str]
NODES = {
    "Input": "an input of the network: `--input` says how its spikes come in",
    "Output": "reads a population: `--output` says how",
    "Linear": "weights of a projection",
    "Affine": "weights of a projection, and a constant current (bias) of the neurons behind them",
    "Conv1d": "a projection with a shared kernel; its bias as Affine's",
    "Conv2d": "a projection with a shared kernel; its bias as Affine's",
    "SumPool2d": "a part of a projection: sums",
    "AvgPool2d": "a part of a projection: sums, and a scale that goes into weights",
    "Scale": "a factor of the weights beside it",
    "Delay": "timesteps that a projection waits",
    "Flatten": "nothing to compute: the order of neurons is the same",
    "NIRGraph": "its nodes, called by their path; a nested graph has one Input and one Output",
}
"""What becomes of a node of NIR, on every chip."""
EQUATIONS = "[Python API](api/networks.md)"


def support_page(found: Sequence[Sheet]) -> str:
    """The nodes of NIR, then features across chips."""
    names = [f"[`{sheet.chip.name}`](chips/{sheet.chip.name}.md)" for sheet in found]
    chips = [sheet.chip for sheet in found]
    return page(
        heading(1, "What each chip can compute"),
        "Generated from the capabilities in the chips' files, which `compile` and `check` hold a network to. What a "
        "file does not say is unknown and counts as no: a network that needs it is refused, with the node. "
        "[Signals on a chip](signals.md) is the same by trial: what becomes of small networks.",
        heading(2, "Nodes of NIR without state"),
        "All are read for every chip; what becomes of pools and delays on each is in [signals on a chip](signals.md).",
        table(("node", "becomes"), [(code(name), told) for name, told in NODES.items()]),
        heading(2, "Neuron models"),
        "The same on every chip up to numbers: [networks in the numbers of a chip](emulation.md). Equations: "
        f"{EQUATIONS}.",
        table(("model", *names), [_line(code(model), _models(model), chips) for model in models(chips)]),
        heading(2, "Resets, leaks and thresholds"),
        table(("", *names), [_line(name, answer, chips) for name, answer in DYNAMICS.items()]),
        heading(2, "Weights and axons"),
        table(("", *names), [_line(name, answer, chips) for name, answer in WEIGHTS.items()]),
        heading(2, "Signals, delays and what crosses the chip's edge"),
        table(("", *names), [_line(name, answer, chips) for name, answer in SIGNALS.items()]),
        heading(2, "What can be done with a plan"),
        table(("", *names), [_line(name, answer, chips) for name, answer in TOOLS.items()]),
    )


def models(chips: Sequence[Chip]) -> list[str]:
    """The neuron models of NIR as they are read, and whatever else a chip names."""
    known = [model.__name__ for model in PARAMETERS]
    return known + sorted({name for chip in chips for name in chip.capabilities.neuron_models} - set(known))


def stateless() -> list[str]:
    """The nodes that are no neurons."""
    return [name for name in FIELDS if name not in {model.__name__ for model in PARAMETERS}]


def _line(name: str, answer: Answer, chips: Sequence[Chip]) -> tuple[str, ...]:
    return (name, *(answer(chip) for chip in chips))


def _models(model: str) -> Answer:
    return lambda chip: _yes(model in chip.capabilities.neuron_models)


def _yes(found: bool) -> str:
    return "yes" if found else "no"


def _value(found: Quantity | None, absent: str) -> str:
    return absent if found is None else interval(found.low, found.typical, found.high, text(found.unit))


def _subtract(chip: Chip) -> str:
    able = chip.capabilities
    if "subtract" not in able.reset_modes:
        return "no"
    takes = [
        (able.compartments_subtract, "compartments a neuron"),
        (able.compartments_group_subtract, "compartments a group"),
        (able.self_axons_subtract, "axon to itself, in and out"),
    ]
    told = [f"{found.count} {what}" for found, what in takes if found is not None]
    return "yes" + (f": {', '.join(told)}" if told else "")


def _adaptation(chip: Chip) -> str:
    able = chip.capabilities.adaptation
    if able is None:
        return "no"
    late = f"; means {able.steps_late.count} steps late" if able.steps_late is not None else ""
    return f"of {', '.join(able.sources)}; {', '.join(able.forms)}{late}"


def _schedule(chip: Chip) -> str:
    able = chip.capabilities.reset_schedule
    words = {"power-of-two": "by a counter, every power of two of steps", "snip": "by a program, when it is told to"}
    return "not published" if able is None else words.get(able.period, able.period)


def _delay(chip: Chip) -> str:
    longest = _value(chip.capabilities.max_delay, "1 timestep, no more is published")
    able = chip.capabilities.delay_extension
    further = "relays beyond" if able is None else f"{able.stages.count} stages of a delay extension beyond"
    return f"{longest}; {further}"


def _ways(names: Sequence[str]) -> str:
    return ", ".join(map(code, names))


def _arithmetic(chip: Chip) -> str:
    return (
        "not described"
        if chip.arithmetic is None
        else f"[`{chip.arithmetic.kind}`](arithmetic.md#{chip.arithmetic.kind})"
    )


def _formats(chip: Chip) -> str:
    target = load_target(chip.name)
    own = list(target.formats) if isinstance(target, Emitter) else []
    return _ways([*own, "json", "arrays"])


def _able(answer: Callable[[Capabilities], str]) -> Answer:
    return lambda chip: answer(chip.capabilities)


DYNAMICS: dict[str, Answer] = {
    "reset to zero": _able(lambda able: _yes("zero" in able.reset_modes)),
    "reset by subtraction": _subtract,
    "exponential leak": _able(lambda able: _yes(able.exponential_leak)),
    "constant leak": _able(lambda able: _yes(able.constant_leak)),
    "[adaptive thresholds](adaptation.md)": _adaptation,
    "[reset between samples](timing.md)": _schedule,
}
WEIGHTS: dict[str, Answer] = {
    "weights are stored as": _able(lambda able: code(able.weights.value)),
    "bits of a weight": _able(lambda able: _value(able.weight_bits, "not published")),
    "axon types": _able(lambda able: _value(able.axon_types, "none")),
    "a neuron drives": _able(lambda able: "one axon; copies drive more" if able.one_destination else "any number"),
    "a convolution sees": _able(lambda able: _value(able.window_extent, "any number of pixels") + " along an axis"),
    "synapse cores beside a neuron's": _able(lambda able: _yes(able.synapse_cores)),
}
SIGNALS: dict[str, Answer] = {
    "graded spikes": _able(lambda able: _yes(able.graded_spikes)),
    "longest delay": _delay,
    "[ways in](io.md)": lambda chip: _ways([way.name for way in chip.io.inputs]),
    "[ways out](io.md)": lambda chip: _ways([way.name for way in chip.io.outputs]),
    "messages": lambda chip: (
        "for each core, along rows and columns" if chip.topology.routing.value == "xy" else "multicast"
    ),
}
TOOLS: dict[str, Answer] = {
    "arithmetic of `simulate --as`": _arithmetic,
    "formats of [`emit`](emit.md)": _formats,
    "limits checked": lambda chip: "all" if chip.limits_complete else "those published",
    "cost of an operation": lambda chip: (
        "from published figures" if chip.costs.measured else "estimate, never measured"
    ),
}
