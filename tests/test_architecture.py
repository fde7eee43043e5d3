"""Who may import whom: read off the source with `ast`, so that nothing needs to run, and tried on made-up trees."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMPILER = "neuedge_nir"
SOURCE_ROOTS = (".", "targets", "passes", "models")

LAYERS = (
    {"errors", "diagnostics", "events", "codes"},
    {"arrays", "files", "reproduction"},
    {"network", "chip"},
    {"constraints"},
    {"frontend", "interpreter", "mapping", "plugin"},
    {"plan", "cost", "rewrite", "emulation"},
    {"pipeline", "report", "emission"},
    {"api"},
    {"across", "validation", "train"},
    {"cli"},
    {"__main__"},
)
"""The folders and files of the compiler from the ground up. Each imports lower layers, its neighbours not at all."""

NEIGHBOURS = {("plan", "cost"), ("cost", "plan")}
"""`plan/costs.py` uses the prices of `cost/`, and both speak in the nouns of `plan/model.py`."""

SOLVER = ("mapping", "network.axis", "network.count", "network.parts", "network.reach", "cost")
"""What the independent checker of plans shares nothing with."""

TRAINING = {"torch", "sinabs", "nirtorch", "sklearn", "samna"}
LAZY = {"h5py", "jinja2", "msgspec", "networkx", "nir", "numba", "ortools", "pandas", "rich", "scipy", *TRAINING}
"""Slow to import: only a function that needs one imports it."""

PUBLIC = {
    *("api", "diagnostics", "errors", "events", "files", "frontend", "plugin"),
    *(
        "chip.load",
        "chip.model",
        "network.connect",
        "network.edit",
        "network.model",
        "plan.figures",
        "plan.model",
        "rewrite.door",
    ),
    # A training codes its inputs as the exported file's host will.
    *("interpreter.answers", "interpreter.encoding", "interpreter.run", "interpreter.samples"),
    "train",
    # An experiment hands back a finding, applies passes as the command line does, and holds a mapping to a naive one.
    *("constraints.model", "reproduction.finding", "rewrite.call", "rewrite.manager"),
    # A format is written of the plan in whole numbers, spelled out: what `emission.door` promises of.
    *("emission.door", "emission.crossbar", "emission.synapses"),
}
"""The modules that a chip, a pass or a model may build on."""


class When(Enum):
    """When an import runs."""

    LOADED = "as soon as its module is imported"
    CALLED = "when a function is called"
    TYPES = "never: it serves type checkers"


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, `name` in full."""

    module: str
    line: int
    name: str
    when: When

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.module} imports {self.name} (line {self.line})"


@dataclass(frozen=True, slots=True)
class Sources:
    """The modules below some source roots, each with its package, and all their imports."""

    modules: Mapping[str, Path]
    imports: tuple[Import, ...]

    @property
    def packages(self) -> frozenset[str]:
        return frozenset(module.partition(".")[0] for module in self.modules)

    def beneath(self, package: str) -> Iterator[Import]:
        """The imports of a package's modules."""
        return (found for found in self.imports if inside(found.module, package))

    def reachable(self, module: str) -> set[str]:
        """Every module that runs, or may run, because this one does."""
        seen, waiting = {module}, [module]
        while waiting:
            here = waiting.pop()
            new = {found.name for found in self.imports if found.module == here and found.when is not When.TYPES}
            waiting += sorted(new - seen)
            seen |= new
        return seen


def inside(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def sources(root: Path) -> Sources:
    """Everything below a checkout's source roots."""
    files = {
        module_name(path, root / source): path
        for source in SOURCE_ROOTS
        for package in sorted((root / source).glob("neuedge_*"))
        for path in sorted(package.rglob("*.py"))
    }
    return Sources(files, tuple(found for module in files for found in imports(module, files)))


def module_name(path: Path, source_root: Path) -> str:
    parts = path.relative_to(source_root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(module: str, files: Mapping[str, Path]) -> Iterator[Import]:
    """The imports in a module's source, wherever they stand."""
    text = files[module].read_text(encoding="utf-8")
    package = module if files[module].name == "__init__.py" else module.rpartition(".")[0]
    yield from _walk(ast.parse(text), module, package, When.LOADED, files)


def _walk(node: ast.AST, module: str, package: str, when: When, files: Mapping[str, Path]) -> Iterator[Import]:
    match node:
        case ast.Import(names=names):
            yield from (Import(module, node.lineno, alias.name, when) for alias in names)
        case ast.ImportFrom(names=names):
            home = _home(node, package)
            for alias in names:
                whole = f"{home}.{alias.name}"
                yield Import(module, node.lineno, whole if whole in files else home, when)
        case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(value=str(name)), *_]):
            yield Import(module, node.lineno, name, when)
        case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
            for child in node.body:
                yield from _walk(child, module, package, When.TYPES, files)
            for child in node.orelse:
                yield from _walk(child, module, package, when, files)
            return
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
            when = When.CALLED
    for inner in ast.iter_child_nodes(node):
        yield from _walk(inner, module, package, when, files)


def _home(node: ast.ImportFrom, package: str) -> str:
    """The module that names are imported from, a relative one spelled out."""
    if not node.level:
        return node.module or ""
    parts = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*parts, *([node.module] if node.module else [])])


# --- the rules: each gives what breaks it, in words


Rule = Callable[[Sources], Iterable[str]]


def the_compiler_knows_no_plugin(found: Sources) -> Iterator[str]:
    """It finds them by entry point."""
    plugins = found.packages - {COMPILER}
    return (f"{each}: a plugin" for each in found.beneath(COMPILER) if each.package in plugins)


def plugins_know_the_compiler_alone(found: Sources) -> Iterator[str]:
    """No chip imports another chip's package, no pass a chip, no model a pass."""
    for package in sorted(found.packages - {COMPILER}):
        others = found.packages - {COMPILER, package}
        yield from (f"{each}: another plugin" for each in found.beneath(package) if each.package in others)


def plugins_use_what_is_public(found: Sources) -> Iterator[str]:
    """An inner module may change tomorrow, and an outsider's plugin could not follow."""
    public = {COMPILER, *(f"{COMPILER}.{module}" for module in PUBLIC)}
    for package in sorted(found.packages - {COMPILER}):
        for each in found.beneath(package):
            if each.package == COMPILER and each.name not in public:
                yield f"{each}: not public"


def layers_rest_on_lower_ones(found: Sources) -> Iterator[str]:
    """Every folder and file of the compiler has its layer, and imports from those below it."""
    ranks = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
    for module in found.modules:
        if module.startswith(f"{COMPILER}.") and folder_of(module) not in ranks:
            yield f"{module} has no layer: give {folder_of(module)!r} one"
    for each in found.beneath(COMPILER):
        above, below = folder_of(each.module), folder_of(each.name)
        if each.package != COMPILER or not below or above == below or (above, below) in NEIGHBOURS:
            continue
        if not above:
            yield from [] if each.when is When.TYPES else [f"{each}: the package itself must cost nothing to import"]
        elif ranks.get(below, 0) >= ranks.get(above, len(LAYERS)):
            yield f"{each}: {below} does not lie below {above}"


def folder_of(module: str) -> str:
    """The folder or file of the compiler that a module is, or lies in; empty for the package itself."""
    return module.partition(".")[2].partition(".")[0]


def checkers_share_nothing_with_the_solver(found: Sources) -> Iterator[str]:
    """Neither what they import nor what that imports in its turn."""
    solver = [f"{COMPILER}.{module}" for module in SOLVER]
    for module in sorted(found.modules):
        if module.startswith((f"{COMPILER}.plan.verify", f"{COMPILER}.plan.check_")):
            for other in sorted(found.reachable(module)):
                if any(inside(other, part) for part in solver):
                    yield f"{module} comes to import {other}, which the solver uses"


def only_the_frontend_opens_hdf5(found: Sources) -> Iterator[str]:
    """Foreign files come in by one guarded door."""
    for each in found.beneath(COMPILER):
        if each.package in {"h5py", "nir"} and folder_of(each.module) != "frontend":
            yield f"{each}: outside frontend/"


LAYERS_OF_TORCH = ("neuedge_models.following", "neuedge_models.recurrent", f"{COMPILER}.train")
"""What derives from classes of torch or sinabs cannot wait for them; it is itself imported when it is needed."""


def slow_packages_wait_until_they_are_needed(found: Sources) -> Iterator[str]:
    """`--help` must not load a solver. A pass is imported when it is named; its options are typed with msgspec."""
    for each in found.imports:
        typed = each.module.startswith("neuedge_passes.") and each.package == "msgspec"
        layered = derives_from_torch(each.module) and each.package in TRAINING
        slow = each.package in LAZY or (derives_from_torch(each.name) and not derives_from_torch(each.module))
        if slow and each.when is When.LOADED and not typed and not layered:
            yield f"{each} {each.when.value}"


def derives_from_torch(module: str) -> bool:
    return any(inside(module, part) for part in LAYERS_OF_TORCH)


def there_are_no_circles(found: Sources) -> Iterator[str]:
    """Of imports that run when a module is loaded; loading a.b loads a first."""
    needs: dict[str, set[str]] = {module: set() for module in found.modules}
    for each in found.imports:
        if each.when is When.LOADED:
            around = {package for package in packages_of(each.name) if not inside(each.module, package)}
            needs[each.module] |= (around | {each.name}) & needs.keys() - {each.module}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as circle:
        yield " <- ".join(circle.args[1])


def packages_of(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def only_models_train(found: Sources) -> Iterator[str]:
    """The compiler works without torch; `train/` is for those who have it, the interpreter may use it."""
    for each in found.imports:
        convolves = each.package == "torch" and each.module == f"{COMPILER}.interpreter.operators"
        if (
            each.package in TRAINING
            and not convolves
            and not each.module.startswith(("neuedge_models", f"{COMPILER}.train"))
        ):
            yield f"{each}: outside models/"


RULES: tuple[Rule, ...] = (
    the_compiler_knows_no_plugin,
    plugins_know_the_compiler_alone,
    plugins_use_what_is_public,
    layers_rest_on_lower_ones,
    checkers_share_nothing_with_the_solver,
    only_the_frontend_opens_hdf5,
    slow_packages_wait_until_they_are_needed,
    there_are_no_circles,
    only_models_train,
)


def named(rule: Rule) -> str:
    return str(getattr(rule, "__name__", rule))


@pytest.fixture(scope="module")
def ours() -> Sources:
    return sources(ROOT)


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_the_source_keeps_the_rule(rule: Rule, ours: Sources) -> None:
    assert list(rule(ours)) == []


def test_the_rules_saw_the_whole_source(ours: Sources) -> None:
    folders = (path for root in ("targets", "passes", "models") for path in (ROOT / root).glob("neuedge_*"))
    assert ours.packages == {COMPILER, *(path.name for path in folders if any(path.glob("*.py")))}
    assert {"neuedge_nir", "neuedge_nir.cli.main", "neuedge_passes.drop_dead"} <= ours.modules.keys()
    assert sum(each.package == COMPILER for each in ours.imports) > 100


# --- the rules again, on trees that break them

Tree = dict[str, str]

SOUND: Tree = {
    "neuedge_nir/__init__.py": "if TYPE_CHECKING:\n    from neuedge_nir.plan.model import Plan",
    "neuedge_nir/errors.py": "import re",
    "neuedge_nir/network/model.py": "import numpy\nfrom neuedge_nir.errors import NeuedgeError",
    "neuedge_nir/network/reach.py": "",
    "neuedge_nir/network/area.py": "from neuedge_nir.network import reach",
    "neuedge_nir/frontend/reader.py": "def read(path):\n    import h5py",
    "neuedge_nir/mapping/pack.py": "from neuedge_nir.network.area import Area",
    "neuedge_nir/cost/model.py": "from neuedge_nir.plan.figures import Interval",
    "neuedge_nir/plan/model.py": "from neuedge_nir import __version__",
    "neuedge_nir/plan/build.py": "from neuedge_nir.cost.model import price",
    "neuedge_nir/plan/verify.py": "from neuedge_nir.plan.model import Plan\nfrom neuedge_nir.network import model",
    "targets/neuedge_chip/target.py": "from neuedge_nir.plugin import TomlTarget",
    "passes/neuedge_passes/fold.py": "import numpy\nfrom neuedge_passes.scale import Scale",
    "models/neuedge_models/digits.py": "def train():\n    import torch",
    "neuedge_nir/train/gates.py": "import torch",
}


def made(root: Path, files: Tree) -> Sources:
    """A checkout that never was."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return sources(root)


def test_a_sound_tree_breaks_no_rule(tmp_path: Path) -> None:
    found = made(tmp_path, SOUND)
    assert len(found.modules) == len(SOUND)
    assert [complaint for rule in RULES for complaint in rule(found)] == []


@pytest.mark.parametrize(
    ("rule", "file", "text"),
    [
        (the_compiler_knows_no_plugin, "neuedge_nir/errors.py", "import neuedge_chip.target"),
        (the_compiler_knows_no_plugin, "neuedge_nir/cli/main.py", "def f():\n    from neuedge_chip import target"),
        (the_compiler_knows_no_plugin, "neuedge_nir/cli/main.py", "importlib.import_module('neuedge_chip.target')"),
        (plugins_know_the_compiler_alone, "passes/neuedge_passes/fold.py", "from neuedge_chip.target import CHIP"),
        (plugins_know_the_compiler_alone, "targets/neuedge_chip/check.py", "import neuedge_models"),
        (plugins_use_what_is_public, "passes/neuedge_passes/fold.py", "from neuedge_nir.mapping.pack import pack"),
        (plugins_use_what_is_public, "models/neuedge_models/digits.py", "import neuedge_nir.cli.main"),
        (layers_rest_on_lower_ones, "neuedge_nir/errors.py", "from neuedge_nir.chip.model import Chip"),
        (layers_rest_on_lower_ones, "neuedge_nir/errors.py", "def f():\n    from neuedge_nir.chip import model"),
        (layers_rest_on_lower_ones, "neuedge_nir/network/area.py", "if TYPE_CHECKING:\n    import neuedge_nir.cli"),
        (layers_rest_on_lower_ones, "neuedge_nir/frontend/reader.py", "from neuedge_nir.mapping import pack"),
        (layers_rest_on_lower_ones, "neuedge_nir/chip/load.py", "from ..network import model"),
        (layers_rest_on_lower_ones, "neuedge_nir/magic/spell.py", ""),
        (layers_rest_on_lower_ones, "neuedge_nir/__init__.py", "from neuedge_nir import errors"),
        (checkers_share_nothing_with_the_solver, "neuedge_nir/plan/verify.py", "import neuedge_nir.mapping.pack"),
        (checkers_share_nothing_with_the_solver, "neuedge_nir/plan/check_fan.py", "import neuedge_nir.network.reach"),
        (checkers_share_nothing_with_the_solver, "neuedge_nir/plan/verify.py", "import neuedge_nir.network.area"),
        (only_the_frontend_opens_hdf5, "neuedge_nir/plan/store.py", "def f():\n    import h5py"),
        (slow_packages_wait_until_they_are_needed, "neuedge_nir/report/text.py", "import rich.table"),
        (slow_packages_wait_until_they_are_needed, "neuedge_nir/report/text.py", "class C:\n    import msgspec"),
        (slow_packages_wait_until_they_are_needed, "models/neuedge_models/digits.py", "try: import torch\nexcept E: 0"),
        (slow_packages_wait_until_they_are_needed, "neuedge_nir/cli/main.py", "from neuedge_nir.train import gates"),
        (slow_packages_wait_until_they_are_needed, "neuedge_nir/train/gates.py", "import scipy"),
        (there_are_no_circles, "neuedge_nir/network/reach.py", "import neuedge_nir.network.area"),
        (only_models_train, "passes/neuedge_passes/fold.py", "def f():\n    import torch.nn"),
    ],
)
def test_a_forbidden_import_breaks_its_rule(tmp_path: Path, rule: Rule, file: str, text: str) -> None:
    assert list(rule(made(tmp_path, SOUND | {file: text})))


def test_a_circle_is_told_module_by_module(tmp_path: Path) -> None:
    found = made(
        tmp_path,
        {
            "neuedge_nir/network/a.py": "from neuedge_nir.network.b import B",
            "neuedge_nir/network/b.py": "import neuedge_nir.network.c",
            "neuedge_nir/network/c.py": "from neuedge_nir.network import a",
        },
    )
    (circle,) = there_are_no_circles(found)
    assert set(circle.split(" <- ")) == found.modules.keys()


def test_a_circle_through_what_a_package_loads_is_one(tmp_path: Path) -> None:
    found = made(
        tmp_path,
        {
            "neuedge_nir/chip/__init__.py": "from neuedge_nir.chip.model import Chip",
            "neuedge_nir/chip/model.py": "from neuedge_nir.network.model import Network",
            "neuedge_nir/chip/rules.py": "",
            "neuedge_nir/network/model.py": "from neuedge_nir.chip import rules",
        },
    )
    assert list(there_are_no_circles(found))


def test_an_import_in_a_function_closes_no_circle(tmp_path: Path) -> None:
    found = made(
        tmp_path,
        {
            "neuedge_nir/network/a.py": "from neuedge_nir.network.b import B",
            "neuedge_nir/network/b.py": "def f():\n    from neuedge_nir.network import a",
        },
    )
    assert list(there_are_no_circles(found)) == []
