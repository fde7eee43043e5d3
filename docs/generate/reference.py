"""Pages of what the compiler itself lists: codes, formulas, arithmetics, passes, models, exit statuses."""

from __future__ import annotations

import ast
import inspect
import re
import statistics
from collections.abc import Iterator, Mapping

from docs.generate.chips import own
from docs.generate.markdown import bullets, code, fenced, heading, page, table, text
from neuedge_nir import errors
from neuedge_nir.chip.arithmetic import KINDS
from neuedge_nir.chip.formulas import FORMULAS
from neuedge_nir.codes import explanations
from neuedge_nir.plugin import MODELS, PASSES, Documented, Model, load_model
from neuedge_nir.rewrite.door import NEEDS, choices, load_pass

GROUPS = {
    "USE": "options, names, outputs",
    "PLUG": "plugins",
    "FILE": "the container of a model file",
    "NIR": "quirks of exporters, assumed or repaired",
    "NET": "the graph",
    "DATA": "samples and activity profiles",
    "CHIP": "chip files",
    "FIT": "what does not fit, or cannot be computed",
    "OUT": "what a file cannot say",
    "PASS": "what passes tell",
    "PLAN": "plans and their verification",
    "WARN": "remarks",
    "TRAIN": "training",
}
"""What the letters of a code mean, in the order of a compilation."""


def codes_page() -> str:
    """Every code with an anchor of its own, by groups."""
    groups = grouped(explanations())
    shown = [
        (f"[{letters}](#{letters})", GROUPS.get(letters, ""), str(len(found))) for letters, found in groups.items()
    ]
    return page(
        heading(1, "Codes of errors and remarks"),
        "Every error and remark has a code, printed as `error[FIT010]: ...`; `neuedge-nir explain FIT010` prints what "
        "stands here. Generated from `neuedge_nir/codes.toml`, which a test holds against the source.",
        table(("letters", "about", "codes"), shown),
        *(part for letters, found in groups.items() for part in _group(letters, found)),
    )


def grouped(found: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Codes by their letters: the groups known here first, in their order."""
    letters = sorted({_letters(each) for each in found} - GROUPS.keys())
    order = [name for name in (*GROUPS, *letters) if any(_letters(each) == name for each in found)]
    return {name: {each: found[each] for each in sorted(found) if _letters(each) == name} for name in order}


def _letters(found: str) -> str:
    return found.rstrip("0123456789")


def _group(letters: str, found: Mapping[str, str]) -> Iterator[str]:
    yield heading(2, f"{letters}: {GROUPS.get(letters, 'other')}", letters)
    for each, meaning in found.items():
        yield heading(4, each, each)
        yield text(meaning)


def formulas_page() -> str:
    """How limits are counted."""
    return page(
        heading(1, "How limits are counted"),
        "A limit in a chip's file names the formula that counts its use. Each counts a slice: the part of one "
        "population that lies on one core. A core has the sum over its slices unless said otherwise. "
        "`neuedge-nir explain NAME` prints the same; the mapper and the checker of plans count by code of their own.",
        *(part for name in FORMULAS for part in _formula(name)),
    )


def _formula(name: str) -> Iterator[str]:
    found = FORMULAS[name]
    how = (
        "different values on a core"
        if found.distinct
        else "the largest slice"
        if found.largest
        else "the sum of slices"
    )
    needed = [*map(code, found.parameters), *(f"{code(each)} (optional)" for each in found.optional)]
    yield heading(2, f"`{name}`", name)
    yield f"In {text(found.unit)}; of a core: {how}." + (f" Parameters: {', '.join(needed)}." if needed else "")
    yield text(found.meaning)


def arithmetic_page() -> str:
    """In which numbers chips compute."""
    parts = []
    for kind in KINDS.values():
        bounds = [(code(name), f"{least:,} .. {most:,}") for name, (least, most) in kind.parameters.items()]
        parts += [heading(2, f"`{kind.name}`", kind.name), text(kind.meaning), f"Weights: `{kind.weights.value}`."]
        parts += [table(("parameter", "a chip may give"), bounds)]
    return page(
        heading(1, "Kinds of arithmetic"),
        "A chip's file names one in `[arithmetic]`; `simulate --as CHIP` and `emit` compute by it. "
        "[What that costs](emulation.md).",
        *parts,
    )


def passes_page() -> str:
    """All passes that come with the compiler, with their options and why they are sound."""
    found = own(PASSES)
    rows = [(f"[`{name}`](#{name})", text(load_pass(name).summary), text(load_pass(name).keeps)) for name in found]
    return page(
        heading(1, "Passes"),
        "A pass makes another network of one: `--pass NAME:key=value,...`. *Exact* is up to the rounding of floating "
        "point. `neuedge-nir passes show NAME` prints the same. [How to use them](rewrite.md), "
        "[how to write one](add_a_pass.md).",
        table(("pass", "does", "keeps"), rows),
        *(part for name in found for part in _pass(name)),
    )


def _pass(name: str) -> Iterator[str]:
    found = load_pass(name)
    needs = [f"{NEEDS[need].what} (`{NEEDS[need].option}`)" for need in found.requires]
    rows = [
        (code(o.name), text(o.type), code(o.default) if o.default else "empty", text(o.meaning)) for o in choices(found)
    ]
    yield heading(2, f"`{name}`", name)
    yield f"{_capital(text(found.summary))}. Keeps: {text(found.keeps)}." + (
        f" Needs: {', '.join(needs)}." if needs else ""
    )
    yield prose(inspect.getdoc(found) or "")
    yield table(("option", "value", "default", "meaning"), rows) or "No options."


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def prose(docstring: str) -> str:
    """A docstring as paragraphs, lists and examples: what is indented by four or more is code."""
    return "\n\n".join(_block(block) for block in re.split(r"\n\s*\n", docstring.strip("\n")))


def _block(block: str) -> str:
    lines = block.split("\n")
    if all(line.startswith("    ") for line in lines):
        return "\n".join(lines)
    if _is_python(block):
        return fenced(block, "python")
    if lines[0].startswith(("* ", "- ")):
        return bullets(text(" ".join(item.split())) for item in re.split(r"(?:^|\n)[*-] ", block) if item)
    return text(block)


def _is_python(block: str) -> bool:
    """Whether a paragraph is statements that assign or import."""
    try:
        body = ast.parse(block).body
    except SyntaxError:
        return False
    return any(isinstance(each, ast.Assign | ast.Import | ast.ImportFrom) for each in body)


def models() -> str:
    """The reference models of the compiler, and what a training of each came to."""
    ours = [load_model(name) for name in own(MODELS)]
    header = ("model", "is", "on the test set", "seeds", "spikes", "neurons", "weights", "an epoch", "file")
    return table(header, [(code(each.name), text(each.summary), *_came_to(each)) for each in ours])


def _came_to(model: Model) -> tuple[str, ...]:
    record = model.record() if isinstance(model, Documented) else {}
    if not record:
        return ("", "", "", "", "", "", "not trained here")
    spikes = record["spikes_per_inference"]
    assert isinstance(spikes, Mapping)
    numbers = (f"{sum(spikes.values()):.0f}", str(record["neurons"]), str(record["weights"]))
    epoch = f"{record['cpu_s_per_epoch']} s" if "cpu_s_per_epoch" in record else ""
    return (_quality(record), _spread(record), *numbers, epoch, "bundled" if "file" in record else "train it")


def _quality(record: Mapping[str, object]) -> str:
    if "test_accuracy" in record:
        return f"{record['test_accuracy']:.1%} of {record['test_samples']}"
    return f"error {record['test_error']:.3f}; of zero {record['test_error_of_zero']:.3f}"


def _spread(record: Mapping[str, object]) -> str:
    """The mean and the standard deviation over seeds, where several were trained."""
    found = record.get("of_seeds", [])
    assert isinstance(found, list)
    if len(found) < 2:
        return "one"
    form = "{:.2%} ± {:.2%}" if "test_accuracy" in record else "{:.4f} ± {:.4f}"
    return f"{len(found)}: " + form.format(statistics.mean(found), statistics.stdev(found))


def exits() -> str:
    """Exit statuses by the class of the error."""
    rows = [("0", "done: a plan, an answer", "")]
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.NeuedgeError)]
    told: dict[int, list[type[errors.NeuedgeError]]] = {}
    for kind in kinds:
        told.setdefault(kind.exit_status, []).append(kind)
    for status, group in sorted(told.items()):
        said = " ".join(text(inspect.getdoc(kind) or "").split("\n")[0] for kind in group)
        rows.append((str(status), said if status != 1 else "our bug", ", ".join(code(kind.__name__) for kind in group)))
    rows.append(("130", "interrupted, by Ctrl-C", ""))
    return table(("status", "means", "raised in Python"), rows)
