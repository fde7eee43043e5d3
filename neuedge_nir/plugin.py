"""Chips, passes, models and experiments come through entry points: listed without importing, imported only when named.

An entry point is code with the user's rights. So nothing is imported before the user names it, a clash of names is
an error and not a race, and what does not have the agreed shape is refused by name.
"""

from __future__ import annotations

import difflib
import importlib.resources
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from neuedge_nir.errors import NeuedgeError, PluginError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from neuedge_nir.chip.model import Chip
    from neuedge_nir.events import Observer
    from neuedge_nir.reproduction.finding import Finding

TARGETS = "neuedge_nir.targets"
PASSES = "neuedge_nir.passes"
MODELS = "neuedge_nir.models"
EXPERIMENTS = "neuedge_nir.experiments"
UNKNOWN = {TARGETS: "USE002", PASSES: "USE003", MODELS: "USE004", EXPERIMENTS: "USE131"}
SHOWN = 24
"""Known names that an error lists."""
FEW = 4
"""More than those that are listed too: counting them would be no shorter."""

T = TypeVar("T")
KIND = {TARGETS: "target", PASSES: "pass", MODELS: "model", EXPERIMENTS: "experiment"}


@runtime_checkable
class Target(Protocol):
    """A chip family's entry point."""

    @property
    def name(self) -> str: ...

    def chip(self) -> Chip:
        """The chip, with all its numbers. Raises `InputError` where its description is wrong."""
        ...


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How a reference network is to be trained; None is the model's own choice.

    `steps` are the timesteps of a sample, `data_dir` the folder that the user keeps data in; `resume` goes on from the
    checkpoint beside the output.
    """

    seed: int = 0
    epochs: int | None = None
    steps: int | None = None
    device: str = "cpu"
    data_dir: Path | None = None
    resume: bool = False


@runtime_checkable
class Model(Protocol):
    """A reference network that can be trained here."""

    @property
    def name(self) -> str: ...

    @property
    def summary(self) -> str: ...

    def train(self, output: Path, options: TrainingOptions, observer: Observer) -> Mapping[str, object]:
        """Train, write `output` (.nir) and return its provenance."""
        ...

    def bundled(self) -> Path:
        """The trained .nir that came with the package."""
        ...


@runtime_checkable
class Documented(Protocol):
    """A model that also has samples to run it on, and tells what its training came to."""

    def samples(self, folder: Path | None, steps: int | None, most: int | None) -> Mapping[str, NDArray[Any]]:
        """Arrays of an .npz to compile and simulate with: spikes x and labels y of what it is tested on."""
        ...

    def record(self) -> Mapping[str, object]:
        """What was recorded of a training: `test_accuracy`, `spikes_per_inference`, `command` ...; empty: nothing."""
        ...


@dataclass(frozen=True, slots=True)
class ExperimentOptions:
    """How an experiment is to be run: on its small budget or its full one, how many seeds (None: its own number).

    `data_dir` is the folder that the user keeps data in.
    """

    quick: bool = False
    seeds: int | None = None
    data_dir: Path | None = None


@runtime_checkable
class Experiment(Protocol):
    """Something claimed that can be tried here, with its controls."""

    @property
    def name(self) -> str: ...

    @property
    def summary(self) -> str: ...

    def run(self, options: ExperimentOptions, observer: Observer) -> Finding:
        """What came out. Raises `UsageError` and `InputError` where packages or data are missing."""
        ...


@dataclass(frozen=True, slots=True)
class TomlTarget:
    """A target that is nothing but a chip file inside a package: what most chips need."""

    name: str
    package: str
    resource: str

    def chip(self) -> Chip:
        from neuedge_nir.chip.load import parse

        content = importlib.resources.files(self.package).joinpath(self.resource).read_bytes()
        return parse(content, where=f"{self.package}/{self.resource}")


def listed(group: str) -> tuple[EntryPoint, ...]:
    """The plugins of a group, sorted by name, none of them imported. A name that clashes is there several times."""
    found = {(point.name, point.value): point for point in entry_points(group=group)}
    return tuple(found[key] for key in sorted(found))


def names(group: str) -> list[str]:
    """The names registered in a group, sorted."""
    return sorted({point.name for point in listed(group)})


def origin_of(point: EntryPoint) -> str:
    """The distribution that registers an entry point, with its version."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"


def _registered(group: str, name: str, code: str) -> EntryPoint:
    """The one entry point of that name.

    Raises `PluginError` where two distributions register the name for different things.
    """
    found = [point for point in listed(group) if point.name == name]
    if not found:
        raise unknown_name(code, KIND[group], name, names(group))
    if len(found) > 1:
        raise PluginError(
            "PLUG001",
            f"several installed packages register the {KIND[group]} {name!r}: {' and '.join(map(_origin, found))}",
            hint="uninstall all but one of them",
        )
    return found[0]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name the user most likely meant."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)), None)


def unknown_name(code: str, kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that nobody registered, with the closest one that somebody did."""
    names = sorted(known)
    guess = nearest(name, names)
    hint = f"did you mean {guess!r}?" if guess else f"known: {_some(names)}"
    return UsageError(code, f"unknown {kind} {name!r}", hint=hint)


def _some(known: list[str]) -> str:
    shown = known if len(known) <= SHOWN + FEW else known[:SHOWN]
    return ", ".join(shown) + (f" and {len(known) - SHOWN} more" if shown is not known else "") or "none"


def load_target(name: str) -> Target:
    """The target registered as `name`."""
    target = load_entry(TARGETS, name)
    if isinstance(target, type) or not isinstance(target, Target):
        raise misshapen(TARGETS, name, "a `name` and a method `chip()`")
    return target


def load_model(name: str) -> Model:
    """The reference model registered as `name`."""
    found = load_entry(MODELS, name)
    if isinstance(found, type) or not isinstance(found, Model):
        raise misshapen(MODELS, name, "a `name`, a `summary`, `train(...)` and `bundled()`")
    return found


def load_experiment(name: str) -> Experiment:
    """The experiment registered as `name`."""
    found = load_entry(EXPERIMENTS, name)
    if isinstance(found, type) or not isinstance(found, Experiment):
        raise misshapen(EXPERIMENTS, name, "a `name`, a `summary` and `run(...)`")
    return found


def load_entry(group: str, name: str) -> object:
    """What the entry point of that name names. Raises `UsageError` for an unknown name, `PluginError` as above."""
    point = _registered(group, name, UNKNOWN[group])
    try:
        return point.load()
    except (Exception, SystemExit) as error:  # a plugin may fail in any way; that must not look like our bug
        raise PluginError(
            "PLUG002",
            f"the {KIND[group]} {name!r} of {_origin(point)} failed to import: {type(error).__name__}: {error}",
            hint="update or uninstall that package",
        ) from error


def chip_of_target(name: str) -> Chip:
    """The chip of the target registered as `name`."""
    from neuedge_nir.chip.model import Chip as Returned

    found: object = guarded(TARGETS, name, load_target(name).chip)
    if not isinstance(found, Returned):
        raise returned(TARGETS, name, found, "Chip")
    return found


def guarded(group: str, name: str, work: Callable[[], T]) -> T:
    """Whatever a plugin's own code raises is told as the plugin's; our own errors pass."""
    try:
        return work()
    except NeuedgeError:
        raise
    except (Exception, SystemExit) as error:  # a plugin's door: its failure must not look like our bug
        raise PluginError(
            "PLUG005",
            f"the {KIND[group]} {name!r} of {registered_by(group, name)} failed: {type(error).__name__}: {error}",
            hint="tell its author",
        ) from error


def returned(group: str, name: str, what: object, wanted: str) -> PluginError:
    """The error for a plugin that hands back something else than it should."""
    return PluginError(
        "PLUG004",
        f"the {KIND[group]} {name!r} of {registered_by(group, name)} returned {type(what).__name__}, not a {wanted}",
        hint="tell its author",
    )


def misshapen(group: str, name: str, shape: str) -> PluginError:
    """The error for an entry point that names something of another shape."""
    return PluginError(
        "PLUG003",
        f"{name!r} of {registered_by(group, name)} is not shaped as a {KIND[group]}: it needs {shape}",
        hint="tell its author",
    )


def registered_by(group: str, name: str) -> str:
    """The distribution and the object that a name stands for."""
    return _origin(_registered(group, name, UNKNOWN[group]))


def _origin(point: EntryPoint) -> str:
    return f"{origin_of(point)} ({point.value})"
