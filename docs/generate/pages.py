"""Which pages are made, of what, and where they stand. The same source makes the same bytes."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from docs.generate import commands, reference
from docs.generate.chips import Sheet, chip_page, costs, overview, sheets
from docs.generate.example import figures, report
from docs.generate.keys import keys_page, levels
from docs.generate.markdown import code, fenced, heading, page, table, text
from docs.generate.source import module_page
from docs.generate.support import support_page
from neuedge_nir.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]

README = {
    "quick_start.md": ("Quick start", ("Two commands", "One compilation, whole")),
    "commands/index.md": ("Commands", ("Commands",)),
    "run.md": ("Run a network", ("Run it",)),
    "rewrite.md": ("Rewrite a network", ("Rewrite it",)),
    "convert.md": ("Convert a file", ("Convert a file",)),
    "limits.md": ("Limits, stated plainly", ("Limits, stated plainly",)),
}
"""Sections of the README by the page that has them."""
ROOTED = {*README, "contributing.md", "changelog.md"}
"""Pages whose text lies in the root of the repository: their links start there."""
ELSEWHERE = {
    "Add a chip: a TOML file": "add_a_chip.md",
    "Add a pass": "add_a_pass.md",
    "Train a network": "models.md",
}
"""Sections that a page of its own says at length."""
WIDE = "---\nhide: [toc]\n---\n\n"
"""What a report of 120 columns needs room for takes the place of the table of contents."""
REST = "quick_start.md"
"""Where a section goes that nobody placed."""

API: Mapping[str, tuple[str, str, Mapping[str, tuple[str, ...] | None]]] = {
    "api/functions.md": (
        "Compile, check, verify, emit",
        "What `import neuedge_nir` has, and where it comes from.",
        {
            "neuedge_nir.api": None,
            "neuedge_nir.across.side_by_side": ("compare", "Compared"),
            "neuedge_nir.across.answers": ("Measures",),
            "neuedge_nir.pipeline.options": ("Options",),
            "neuedge_nir.frontend.reader": ("read", "checked_strictly"),
            "neuedge_nir.frontend.raw": ("Caps",),
            "neuedge_nir.frontend.writer": ("write",),
            "neuedge_nir.interpreter.run": None,
            "neuedge_nir.plan.store": None,
        },
    ),
    "api/networks.md": (
        "Networks",
        "Networks as the compiler thinks of them, and how to write one down in Python.",
        {
            "neuedge_nir.network.build": None,
            "neuedge_nir.network.model": None,
            "neuedge_nir.network.connect": None,
            "neuedge_nir.network.connect_sparse": None,
            "neuedge_nir.network.edit": None,
        },
    ),
    "api/plans.md": (
        "Plans",
        "What a compilation returns.",
        {
            "neuedge_nir.plan.model": None,
            "neuedge_nir.plan.figures": None,
            "neuedge_nir.report.figure": ("Given", "Figure"),
            "neuedge_nir.report.figures": None,
            "neuedge_nir.constraints.model": None,
        },
    ),
    "api/chips.md": (
        "Chips",
        "A chip as a frozen value. [Chip files](../chip_files.md) has the same as keys.",
        {"neuedge_nir.chip.model": None, "neuedge_nir.chip.quantity": None, "neuedge_nir.chip.load": None},
    ),
    "api/plugins.md": (
        "Plugins",
        "What a package with a chip, a pass, a model or an experiment builds on.",
        {
            "neuedge_nir.plugin": None,
            "neuedge_nir.rewrite.door": None,
            "neuedge_nir.rewrite.call": ("PassCall",),
            "neuedge_nir.rewrite.manager": ("rewritten",),
            "neuedge_nir.reproduction.finding": None,
            "neuedge_nir.emission.door": None,
            "neuedge_nir.emission.crossbar": None,
            "neuedge_nir.emission.synapses": None,
        },
    ),
    "api/simulation.md": (
        "Simulation",
        "Samples, runs and answers.",
        {
            "neuedge_nir.interpreter.samples": None,
            "neuedge_nir.interpreter.answers": None,
            "neuedge_nir.interpreter.encoding": None,
            "neuedge_nir.emulation.run": None,
            "neuedge_nir.network.activity": None,
        },
    ),
    "api/training.md": (
        "Training",
        "A loss that knows the chip, for spiking networks of torch. [Training for a chip](../train.md) shows how.",
        {
            "neuedge_nir.train.loss": None,
            "neuedge_nir.train.prune": None,
            "neuedge_nir.train.follow": ("Followed", "Stage", "Step", "follow"),
            "neuedge_nir.train.gates": None,
        },
    ),
    "api/errors.md": (
        "Errors, remarks and progress",
        "What is raised, remarked and told on the way.",
        {
            "neuedge_nir.errors": None,
            "neuedge_nir.diagnostics": None,
            "neuedge_nir.events": None,
            "neuedge_nir.codes": None,
            "neuedge_nir.files": None,
        },
    ),
}
"""Pages of the public modules; of one with names, those alone."""


def pages(root: Path = ROOT) -> dict[str, str]:
    """Every page that is made, by its place below `docs/`, as Markdown whose links lead through the repository."""
    found = sheets()
    return {
        **_readme(root),
        **{f"commands/{name}.md": commands.command_page(name) for name in COMMANDS},
        "chips/index.md": overview(found),
        **{f"chips/{sheet.chip.name}.md": chip_page(sheet) for sheet in found},
        "primitives.md": support_page(found),
        "chip_files.md": keys_page(root),
        "formulas.md": reference.formulas_page(),
        "arithmetic.md": reference.arithmetic_page(),
        "codes.md": reference.codes_page(),
        "passes.md": reference.passes_page(),
        "api/index.md": _api_index(),
        **{place: module_page(*said, root) for place, said in API.items()},
        "contributing.md": (root / "CONTRIBUTING.md").read_text(encoding="utf-8"),
        "changelog.md": (root / "CHANGELOG.md").read_text(encoding="utf-8"),
    }


def sections(root: Path) -> dict[str, str]:
    """The README by the headings of its second level."""
    parts = re.split(r"^## (.*)$", (root / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _readme(root: Path) -> dict[str, str]:
    """Pages out of the README, whose outputs a test runs."""
    have = sections(root)
    placed = {name for _, names in README.values() for name in names} | ELSEWHERE.keys()
    made = {}
    for place, (title, names) in README.items():
        wanted = [*names, *(name for name in have if place == REST and name not in placed)]
        alone = [title] == list(names)
        parts = [part for name in wanted if name in have for part in ("" if alone else f"## {name}", have[name])]
        made[place] = WIDE + page(
            heading(1, title), *parts, *([commands.overview()] if place == "commands/index.md" else [])
        )
    return made


def homes() -> dict[str, str]:
    """By the anchor of a README's section as a browser of the repository has it, the page that says the same."""
    named = {name: place for place, (_, names) in README.items() for name in names} | ELSEWHERE
    return {slug(name): place for name, place in named.items()}


def slug(title: str) -> str:
    """The anchor of a heading."""
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", title.lower())).strip("-")


def _api_index() -> str:
    import neuedge_nir

    rows = [
        (f"[`{name}`]({_page_of(module)}#{module}.{name})", code(module))
        for name, module in sorted(_public_homes().items())
    ]
    modules = [
        (f"[{title}]({Path(place).name})", ", ".join(map(code, wanted))) for place, (title, _, wanted) in API.items()
    ]
    return page(
        heading(1, "Python API"),
        f"Version {neuedge_nir.__version__}. Names are resolved when first used: `import neuedge_nir` costs next to "
        "nothing. Generated from signatures and docstrings.",
        heading(2, "In `neuedge_nir` itself"),
        table(("name", "defined in"), rows),
        heading(2, "Modules that plugins may build on"),
        "No other module is public: it may change tomorrow.",
        table(("page", "modules"), modules),
    )


def _public_homes() -> dict[str, str]:
    """The module that defines each public name of the package."""
    import neuedge_nir

    names = [name for name in neuedge_nir.__all__ if not name.startswith("_")]
    return {name: getattr(neuedge_nir, name).__module__ for name in names}


def _page_of(module: str) -> str:
    """The page beside the index that a public module is on."""
    return next(Path(place).name for place, (_, _, wanted) in API.items() if module in wanted)


# --- what a page that is kept in the repository lets be filled in


def fill(name: str, root: Path = ROOT) -> str:
    """What stands for `<!-- generate: NAME -->`. Raises KeyError for a name that means nothing."""
    made: dict[str, Callable[[], str]] = {
        "exits": reference.exits,
        "models": reference.models,
        "prices": _prices,
        "figures": figures,
        "report": lambda: json_keys(json.loads(json.dumps(report()))),
        "inspection": lambda: json_keys(json.loads((root / "tests/golden/inspect.json").read_text("utf-8"))),
        "formulas": lambda: _formulas(root),
        "levels": levels,
        "readme": lambda: _intro(root),
    }
    return made[name]()


def _intro(root: Path) -> str:
    """What the README says before its first section, without its title."""
    return (root / "README.md").read_text(encoding="utf-8").split("\n## ", 1)[0].split("\n", 1)[1].strip()


def _formulas(root: Path) -> str:
    """What the modules of `cost/` say that they compute, word for word."""
    parts = []
    for path in sorted((root / "neuedge_nir" / "cost").glob("*.py")):
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        if said is not None and "=" in said:
            parts += [f"`neuedge_nir/cost/{path.name}`", fenced(said, "text")]
    return page(*parts)


def _prices() -> str:
    """The costs of every chip, with sources that are spelled out."""
    parts = []
    for sheet in sheets():
        plain = Sheet(sheet.chip, sheet.path, {})
        parts += [heading(3, text(sheet.chip.title), f"prices-{sheet.chip.name}"), costs(plain)]
    return page(*parts)


MANY = 8
"""So many objects with the same keys are shown once."""


def json_keys(value: object) -> str:
    """The keys of a JSON value by their dotted names, with an example of each."""
    rows = [(code(key), kind, code(example)) for key, kind, example in _walk(value, "")]
    return table(("key", "type", "example"), rows)


def _walk(value: object, key: str) -> list[tuple[str, str, str]]:
    """Every key once: of an array, or of many objects with the same keys, what the first has."""
    if isinstance(value, dict) and len(value) >= MANY and _alike(list(value.values())):
        return _walk(next(iter(value.values())), f"{key}.NAME" if key else "NAME")
    match value:
        case dict() if value:
            return [row for name, item in value.items() for row in _walk(item, f"{key}.{name}" if key else name)]
        case [dict() as first, *_]:
            return _walk(first, f"{key}[]")
    example = json.dumps(value, ensure_ascii=False)
    short = example if len(example) <= 60 else f"{example[:56]} ..."
    return [(key, _type(value), short.replace("`", "'"))]


def _alike(values: Sequence[object]) -> bool:
    """Whether all are objects with the same keys."""
    keys = {frozenset(each) if isinstance(each, dict) else None for each in values}
    return len(keys) == 1 and None not in keys


def _type(value: object) -> str:
    names = {bool: "true or false", int: "number", float: "number", str: "text", list: "array", dict: "object"}
    return names.get(type(value), "null here")
