"""Chips, passes and models come through entry points: listed without importing, imported only when named.

An entry point is code with the user's rights. So nothing is imported before the user names it, a clash of names is
an error and not a race, and what does not have the agreed shape is refused by name.
"""

from __future__ import annotations

import difflib
import importlib.resources
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from neuedge_nir.errors import PluginError, UsageError

if TYPE_CHECKING:
    from neuedge_nir.chip.model import Chip
    from neuedge_nir.events import Observer
    from neuedge_nir.network.model import Network

TARGETS = "neuedge_nir.targets"
PASSES = "neuedge_nir.passes"
MODELS = "neuedge_nir.models"
KIND = {TARGETS: "target", PASSES: "pass", MODELS: "model"}


@runtime_checkable
class Target(Protocol):
    """A chip family's entry point."""

    @property
    def name(self) -> str: ...

    def chip(self) -> Chip:
        """The chip, with all its numbers. Raises `InputError` where its description is wrong."""
        ...


@runtime_checkable
class Pass(Protocol):
    """A rewriting of networks that keeps their meaning, or says how far it does not."""

    @property
    def name(self) -> str: ...

    @property
    def summary(self) -> str: ...

    def run(self, network: Network, chip: Chip, options: Mapping[str, str]) -> Network:
        """The rewritten network; the very network it was given where there was nothing to do."""
        ...


@runtime_checkable
class Model(Protocol):
    """A reference network that can be trained here."""

    @property
    def name(self) -> str: ...

    @property
    def summary(self) -> str: ...

    def train(
        self, output: Path, *, seed: int, epochs: int | None, device: str, observer: Observer
    ) -> Mapping[str, object]:
        """Train, write `output` (.nir) and return its provenance."""
        ...

    def bundled(self) -> Path:
        """The trained .nir that came with the package."""
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


def listed(group: str) -> dict[str, EntryPoint]:
    """The plugins of a group by name, sorted, none of them imported.

    Raises `PluginError` where two distributions register one name for different things.
    """
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=group), key=lambda p: (p.name, p.value)):
        other = found.setdefault(point.name, point)
        if other.value != point.value:
            raise PluginError(
                "PLUG001",
                f"two installed packages register the {KIND[group]} {point.name!r}: "
                f"{_origin(other)} and {_origin(point)}",
                hint="uninstall one of them",
            )
    return found


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name the user most likely meant."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)), None)


def unknown_name(code: str, kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that nobody registered, with the closest one that somebody did."""
    names = sorted(known)
    guess = nearest(name, names)
    hint = f"did you mean {guess!r}?" if guess else f"known: {', '.join(names) or 'none'}"
    return UsageError(code, f"unknown {kind} {name!r}", hint=hint)


def load_target(name: str) -> Target:
    """The target registered as `name`."""
    target = _load(TARGETS, name, "USE002")
    if not isinstance(target, Target):
        raise _misshapen(TARGETS, name, "a `name` and a method `chip()`")
    return target


def load_pass(name: str) -> Pass:
    """The pass registered as `name`."""
    found = _load(PASSES, name, "USE003")
    if not isinstance(found, Pass):
        raise _misshapen(PASSES, name, "a `name`, a `summary` and a method `run(network, chip, options)`")
    return found


def load_model(name: str) -> Model:
    """The reference model registered as `name`."""
    found = _load(MODELS, name, "USE004")
    if not isinstance(found, Model):
        raise _misshapen(MODELS, name, "a `name`, a `summary`, `train(...)` and `bundled()`")
    return found


def _load(group: str, name: str, code: str) -> object:
    points = listed(group)
    if name not in points:
        raise unknown_name(code, KIND[group], name, points)
    try:
        return points[name].load()
    except Exception as error:  # a plugin may fail in any way; that must not look like our bug
        raise PluginError(
            "PLUG002",
            f"the {KIND[group]} {name!r} of {_origin(points[name])} failed to import: {type(error).__name__}: {error}",
            hint="update or uninstall that package",
        ) from error


def _misshapen(group: str, name: str, shape: str) -> PluginError:
    return PluginError(
        "PLUG003",
        f"{name!r} of {_origin(listed(group)[name])} is not shaped as a {KIND[group]}: it needs {shape}",
        hint="tell its author",
    )


def _origin(point: EntryPoint) -> str:
    package = f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"
    return f"{package} ({point.value})"
