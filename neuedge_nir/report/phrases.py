"""The words for the parts of an outline, the same in text, DOT and SVG. Every name in them is fit to be printed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from neuedge_nir.network.model import Adaptation, HybridEncoder
from neuedge_nir.report.amounts import counted
from neuedge_nir.report.outline import Arrow, Kernel, Outline, Spread, Step, Vertex
from neuedge_nir.report.words import printable, shortened

LONGEST_NAME = 40
"""Columns of a name in a line of text."""
LONGEST_LABEL = 28
"""Columns of a label in a picture."""
MOST_STEPS = 8
"""Operators of one projection that are spelled out: the rest is counted."""
TIMES = "\u00d7"
HOST = "read by the host"


def name_of(name: str) -> str:
    return shortened(name, LONGEST_NAME)


def shape_of(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "1"


def spread_words(spread: Spread) -> str:
    """One value where all are equal, else min .. median .. max."""
    values = [spread.low] if spread.uniform else [spread.low, spread.median, spread.high]
    return " .. ".join(map(figure, values))


def figure(value: float) -> str:
    """A value in four digits, a whole number below a million in all of its own."""
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e6 else f"{value:.4g}"


def heading(vertex: Vertex) -> list[str]:
    """What a population or port is, and its shape."""
    flat = len(vertex.shape) > 1 and vertex.is_port
    size = f" = {counted(vertex.size, 'signal')}" if flat else ""
    return [f"{name_of(vertex.name)}: {vertex.kind}", f"{shape_of(vertex.shape)}{size}"]


def parameter_words(vertex: Vertex) -> list[str]:
    """Every parameter and the bias, each with its values, and the rule of an encoder or of thresholds."""
    bias = [] if vertex.bias is None else [f"bias {spread_words(vertex.bias)}"]
    values = (f"{name} {spread_words(values)}" for name, values in (vertex.parameters or {}).items())
    return [*values, *bias, *rule_words(vertex.rule)]


def rule_words(rule: HybridEncoder | Adaptation | None) -> list[str]:
    """What an input codes by, or what thresholds follow."""
    match rule:
        case HybridEncoder():
            cap = [] if rule.cap is None else [f"at most {counted(rule.cap, 'spike')}"]
            window = [] if rule.window is None else [f"in the first {counted(rule.window, 'timestep')}"]
            return [f"codes values: v_base {figure(rule.v_base)}", f"alpha {figure(rule.alpha)}", *cap, *window]
        case Adaptation():
            low, high = ("no bound" if bound is None else figure(bound) for bound in (rule.low, rule.high))
            form = ["homeostatic"] * rule.homeostatic + ["a note alone"] * rule.noted
            numbers = [f"{name} {figure(getattr(rule, name))}" for name in ("gamma", "target", "tau")]
            return [f"threshold follows source={rule.source}: {numbers[0]}", *numbers[1:], f"{low} .. {high}", *form]
        case None:
            return []


def marks(arrow: Arrow, *, read_out: bool) -> list[str]:
    """What is special about a projection: it carries no spikes, takes time, or ends outside the network."""
    found = [arrow.signal] if arrow.signal != "spike" else []
    if arrow.recurrent:
        found.append(f"recurrent, {counted(arrow.delay_steps, 'step')}")
    return [*found, HOST] if read_out else found


def step_words(arrow: Arrow) -> Iterator[list[str]]:
    """The operators of a projection, each with its kernel, its shapes and its weights."""
    shape = arrow.source_shape
    for step in arrow.steps:
        flat = " flattened" if step.input_shape != shape else ""
        shapes = f"{shape_of(shape)}{flat} -> {shape_of(step.output_shape)}"
        words: list[str] = [*_kernel_words(step.kernel), shapes, *_value_words(step)]
        yield [f"{step.kind} {name_of(step.node)}: {words[0]}", *words[1:]]
        shape = step.output_shape


def _kernel_words(kernel: Kernel | None) -> Iterator[str]:
    if kernel is None:
        return
    yield f"kernel {shape_of(kernel.size)}"
    for word, values in (("stride", kernel.stride), ("dilation", kernel.dilation)):
        if set(values) != {1}:
            yield f"{word} {_together(values)}"
    if any(map(any, kernel.padding)):
        yield f"padding {_together([_padding(pair) for pair in kernel.padding])}"
    if kernel.groups > 1:
        yield f"groups {kernel.groups}"


def _together(values: Sequence[object], times: str = " x ") -> str:
    return str(values[0]) if len(set(values)) == 1 else times.join(map(str, values))


def _padding(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}+{pair[1]}"


def _value_words(step: Step) -> Iterator[str]:
    if step.delay is not None:
        yield f"delay {spread_words(step.delay)}"
    if step.weights is not None:
        yield f"{'factor' if step.kind == 'Scale' else 'weights'} {weight_words(step.weights.low, step.weights.high)}"
        if 0 < step.weights.zeros < 1:
            yield f"{share(step.weights.zeros)} zeros"


def share(part: float) -> str:
    """A share in percent that is neither rounded to nothing nor to all."""
    return "<1%" if part < 0.01 else ">99%" if 0.99 < part < 1 else f"{part:.0%}"


def weight_words(low: float, high: float) -> str:
    """The range of weights: one value where all are equal, else min .. max."""
    return figure(low) if low == high else f"{figure(low)} .. {figure(high)}"


def size_words(outline: Outline) -> list[str]:
    c = outline.totals
    return [
        counted(n, noun)
        for n, noun in ((c.neurons, "neuron"), (c.synapses, "synapse"), (c.stored_weights, "stored weight"))
    ]


# --- for pictures


def vertex_label(vertex: Vertex) -> list[str]:
    """The lines in a population's or port's box."""
    shape = TIMES.join(map(str, vertex.shape)) or "1"
    biased = ", biased" if vertex.bias is not None else ""
    return [
        shortened(vertex.inner_name, LONGEST_LABEL),
        shortened(f"{vertex.kind} {shape}", LONGEST_LABEL),
        counted(vertex.size, "signal" if vertex.is_port else "neuron") + biased,
    ]


def vertex_title(vertex: Vertex) -> str:
    """All that is known of a population or port, on one line."""
    size = counted(vertex.size, "signal" if vertex.is_port else "neuron")
    return ", ".join(
        [f"{printable(vertex.name)}: {vertex.kind}", shape_of(vertex.shape), size, *parameter_words(vertex)]
    )


def arrow_label(arrow: Arrow, *, read_out: bool) -> list[str]:
    """The lines at a projection."""
    return [shortened(_brief_chain(arrow), LONGEST_LABEL), HOST if read_out else counted(arrow.synapses, "synapse")]


def cut_labels(arrow: Arrow) -> tuple[list[str], list[str]]:
    """The lines at both ends of a projection that is not drawn through: where the other end is."""
    source, target = (shortened(name, LONGEST_LABEL - 5) for name in (arrow.source, arrow.target))
    size, brief = counted(arrow.synapses, "synapse"), shortened(_brief_chain(arrow), LONGEST_LABEL)
    return [f"to {target}", size], [f"from {source}", brief]


def arrow_title(arrow: Arrow, *, read_out: bool) -> str:
    """All that is known of a projection, on one line."""
    special = ", ".join(marks(arrow, read_out=read_out))
    steps = [", ".join(words) for words in step_words(arrow)]
    rest = [f"... {counted(len(steps) - MOST_STEPS, 'operator')} more"] if len(steps) > MOST_STEPS else []
    sizes = f"{counted(arrow.synapses, 'synapse')}, {counted(arrow.stored_weights, 'weight')}"
    ends = f"{printable(arrow.source)} -> {printable(arrow.target)}{f' ({special})' if special else ''}"
    return "; ".join([ends, *(steps[:MOST_STEPS] or [_brief_chain(arrow)]), *rest, sizes])


def _brief_chain(arrow: Arrow) -> str:
    if arrow.projections is not None:
        return counted(arrow.projections, "projection")
    shown = " + ".join(map(_brief, arrow.steps[:MOST_STEPS])) or "one to one"
    return f"{shown} + ..." if len(arrow.steps) > MOST_STEPS else shown


def _brief(step: Step) -> str:
    if step.kernel is None:
        return step.kind
    size = TIMES.join(map(str, step.kernel.size))
    strides = step.kind == "Conv" and set(step.kernel.stride) != {1}
    return f"{step.kind} {size}" + (f" /{_together(step.kernel.stride, TIMES)}" if strides else "")
