"""Who may import whom: read off the source with `ast`, so that nothing needs to run, and tried on made-up trees."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMPILER = "neuedge_nir"
SOURCE_ROOTS = (".", "targets", "passes", "models")

LAYERS: tuple[frozenset[str], ...] = tuple(
    frozenset(layer.split())
    for layer in (
        "errors diagnostics events codes",
        "network chip",
        "frontend simulate mapping plugin",
        "plan cost",
        "pipeline report train",
        "api",
        "cli",
        "__main__",
    )
)
"""The folders and files of the compiler from the ground up. Each imports lower layers; its neighbours not at all."""

NEIGHBOURS = {("plan", "cost"), ("cost", "plan")}
"""`plan/build.py` prices what `cost/` computes, and both speak in the nouns of `plan/model.py`."""

SOLVER = ("mapping", "network.count", "network.reach", "cost")
"""What the independent checker of plans shares nothing with."""

LAZY = frozenset("h5py msgspec networkx nir nirtorch ortools pandas rich scipy sinabs sklearn torch".split())
"""Slow to import: only a function that needs one imports it."""

PUBLIC = frozenset(
    "api chip.load chip.model diagnostics errors events frontend network.connect network.model plan.model plugin".split()
)
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
    def ours(self) -> frozenset[str]:
        """The names of the packages."""
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
    plugins = found.ours - {COMPILER}
    return (f"{each}: a plugin" for each in found.beneath(COMPILER) if each.package in plugins)


def plugins_know_the_compiler_alone(found: Sources) -> Iterator[str]:
    """No chip imports another chip's package, no pass a chip, no model a pass."""
    for package in sorted(found.ours - {COMPILER}):
        others = found.ours - {COMPILER, package}
        yield from (f"{each}: another plugin" for each in found.beneath(package) if each.package in others)


def plugins_use_what_is_public(found: Sources) -> Iterator[str]:
    """An inner module may change tomorrow, and an outsider's plugin could not follow."""
    public = {COMPILER, *(f"{COMPILER}.{module}" for module in PUBLIC)}
    for package in sorted(found.ours - {COMPILER}):
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


def slow_packages_wait_until_they_are_needed(found: Sources) -> Iterator[str]:
    """`--help` must not load a solver."""
    for each in found.imports:
        if each.package in LAZY and each.when is When.LOADED:
            yield f"{each} {each.when.value}"


def there_are_no_circles(found: Sources) -> Iterator[str]:
    """Of imports that run when a module is loaded; loading a.b loads the packages around it first."""
    wanted: dict[str, set[str]] = {module: set() for module in found.modules}
    for each in found.imports:
        if each.when is When.LOADED and each.module in wanted:
            wanted[each.module] |= {m for m in _with_packages(each.name) if m in wanted and not inside(each.module, m)}
            wanted[each.module] |= {each.name} & wanted.keys() - {each.module}
    try:
        TopologicalSorter(wanted).prepare()
    except CycleError as circle:
        yield " <- ".join(circle.args[1])


def _with_packages(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]


RULES: tuple[Rule, ...] = (
    the_compiler_knows_no_plugin,
    plugins_know_the_compiler_alone,
    plugins_use_what_is_public,
    layers_rest_on_lower_ones,
    checkers_share_nothing_with_the_solver,
    only_the_frontend_opens_hdf5,
    slow_packages_wait_until_they_are_needed,
    there_are_no_circles,
)


@pytest.fixture(scope="module")
def ours() -> Sources:
    return sources(ROOT)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_source_keeps_the_rule(rule: Rule, ours: Sources) -> None:
    assert list(rule(ours)) == []


def test_the_rules_saw_the_whole_source(ours: Sources) -> None:
    assert ours.ours == {
        COMPILER,
        "neuedge_loihi",
        "neuedge_truenorth",
        "neuedge_spinnaker",
        "neuedge_passes",
        "neuedge_models",
    }
    assert {"neuedge_nir", "neuedge_nir.cli.main", "neuedge_nir.plan.verify", "neuedge_passes.drop_dead"} <= set(
        ours.modules
    )
    assert sum(each.package == COMPILER for each in ours.imports) > 100


def test_only_models_train() -> None:
    training = {"torch", "sinabs", "nirtorch", "sklearn"}
    assert {each.package for each in sources(ROOT).imports if each.module.startswith("neuedge_models")} >= training
    assert not [each for each in sources(ROOT).imports if each.package in training and "models" not in each.module]


# --- the rules again, on trees that break them


def tree(root: Path, **files: str) -> Sources:
    """A made-up checkout: `targets__neuedge_a__target="import b"` is targets/neuedge_a/target.py."""
    for name, text in files.items():
        path = root.joinpath(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return sources(root)


def broken(found: Sources) -> set[str]:
    """The names of the rules that a tree breaks."""
    return {rule.__name__ for rule in RULES if list(rule(found))}


def test_a_tree_that_keeps_the_rules_breaks_none(tmp_path: Path) -> None:
    found = tree(
        tmp_path,
        neuedge_nir__errors="import re",
        neuedge_nir__network__model="import numpy\nfrom neuedge_nir.errors import NeuedgeError",
        neuedge_nir__frontend__reader="def read(path):\n    import h5py",
        neuedge_nir__cost__model="from neuedge_nir.plan.model import Interval",
        neuedge_nir__plan__model="",
        neuedge_nir__plan__build="from neuedge_nir.cost.model import price",
        neuedge_nir__plan__verify="from neuedge_nir.plan.model import Plan\nfrom neuedge_nir.network import model",
        targets__neuedge_a__target="from neuedge_nir.plugin import TomlTarget",
        models__neuedge_m__digits="def train():\n    import torch\n    from neuedge_m import other",
    )
    assert broken(found) == set()


@pytest.mark.parametrize(
    ("file", "text", "rule"),
    [
        ("neuedge_nir__errors", "import neuedge_a.target", the_compiler_knows_no_plugin),
        ("neuedge_nir__cli__main", "def f():\n    from neuedge_a import target", the_compiler_knows_no_plugin),
        ("neuedge_nir__cli__main", "importlib.import_module('neuedge_a.target')", the_compiler_knows_no_plugin),
        ("passes__neuedge_p__fold", "from neuedge_a.target import CHIP", plugins_know_the_compiler_alone),
        ("passes__neuedge_p__fold", "from neuedge_nir.mapping.pack import pack", plugins_use_what_is_public),
        ("neuedge_nir__errors", "from neuedge_nir.chip.model import Chip", layers_rest_on_lower_ones),
        ("neuedge_nir__errors", "def f():\n    from neuedge_nir.chip import model", layers_rest_on_lower_ones),
        ("neuedge_nir__network__model", "if TYPE_CHECKING:\n    import neuedge_nir.cli", layers_rest_on_lower_ones),
        ("neuedge_nir__frontend__reader", "from neuedge_nir.mapping import pack", layers_rest_on_lower_ones),
        ("neuedge_nir__chip__load", "from ..network import model", layers_rest_on_lower_ones),
        ("neuedge_nir__magic__spell", "", layers_rest_on_lower_ones),
        ("neuedge_nir____init__", "from neuedge_nir import errors", layers_rest_on_lower_ones),
        ("neuedge_nir__plan__verify", "import neuedge_nir.mapping.pack", checkers_share_nothing_with_the_solver),
        ("neuedge_nir__plan__check_fan", "from neuedge_nir.network import reach", checkers_share_nothing_with_the_solver),
        ("neuedge_nir__plan__verify", "from neuedge_nir.network import area", checkers_share_nothing_with_the_solver),
        ("neuedge_nir__plan__store", "def f():\n    import h5py", only_the_frontend_opens_hdf5),
        ("neuedge_nir__report__text", "import rich.table", slow_packages_wait_until_they_are_needed),
        ("neuedge_nir__report__text", "try:\n    import rich\nexcept E:\n    pass", slow_packages_wait_until_they_are_needed),
        ("neuedge_nir__report__text", "class C:\n    import torch.nn", slow_packages_wait_until_they_are_needed),
        ("neuedge_nir__network__count", "import neuedge_nir.network.area", there_are_no_circles),
    ],
)
def test_a_forbidden_import_is_found(tmp_path: Path, file: str, text: str, rule: Rule) -> None:
    (tmp_path / "targets" / "neuedge_a").mkdir(parents=True)
    world = {
        "neuedge_nir__network__area": "from neuedge_nir.network import count, reach",
        "neuedge_nir__network__count": "",
        "neuedge_nir__network__reach": "",
        "neuedge_nir__mapping__pack": "",
        "targets__neuedge_a__target": "",
    }
    assert broken(tree(tmp_path, **world)) == set()
    assert broken(tree(tmp_path, **world, **{file: text} if file not in world else {})) or file in world
    assert rule.__name__ in broken(tree(tmp_path, **{**world, file: text}))


def test_a_circle_is_told_in_its_order(tmp_path: Path) -> None:
    found = tree(
        tmp_path,
        neuedge_nir__network__a="from neuedge_nir.network.b import B",
        neuedge_nir__network__b="import neuedge_nir.network.c",
        neuedge_nir__network__c="from neuedge_nir.network import a",
    )
    (circle,) = there_are_no_circles(found)
    assert {f"neuedge_nir.network.{letter}" for letter in "abc"} == set(circle.split(" <- "))


def test_a_circle_through_a_package_is_a_circle(tmp_path: Path) -> None:
    found = tree(
        tmp_path,
        neuedge_nir__chip____init__="from neuedge_nir.chip.model import Chip",
        neuedge_nir__chip__model="from neuedge_nir.network.model import Network",
        neuedge_nir__network__model="from neuedge_nir.chip.other import x",
        neuedge_nir__chip__other="",
    )
    assert list(there_are_no_circles(found))


def test_a_late_import_closes_no_circle(tmp_path: Path) -> None:
    found = tree(
        tmp_path,
        neuedge_nir__network__a="from neuedge_nir.network.b import B",
        neuedge_nir__network__b="def f():\n    from neuedge_nir.network import a",
    )
    assert list(there_are_no_circles(found)) == []
