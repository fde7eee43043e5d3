"""What a target may have beside its chip: `emit`, which writes a plan in the formats of other tools.

A target of the group `neuedge_nir.targets` that emits has `formats`, its own first, each with one line on what it is,
and a method `emit(plan, network, format, shown)` that returns files by name. Names are those of plain files; the folder
gets a RUNBOOK.md and a manifest.json beside them, whatever the format. The same arguments make the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from neuedge_nir.errors import UsageError
from neuedge_nir.network.model import Network
from neuedge_nir.plan.model import Plan
from neuedge_nir.plugin import TomlTarget

Files = Mapping[str, bytes]
"""Contents by the names of files in one folder."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """Samples, and what the network makes of them in the chip's numbers.

    `spikes` (samples, steps, *shape) of every input are what the host injects, encoders applied. `sent` are those of
    every population as `simulate --as` computes them, `lag` of the deepest steps longer: nothing is injected then.
    `overflows` counts numbers that did not fit; empty where the chip's file names no arithmetic, as `sent` is.
    """

    steps: int
    spikes: Mapping[str, NDArray[Any]]
    sent: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    overflows: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def samples(self) -> int:
        return len(next(iter(self.spikes.values())))


def require_input(plan: Plan, way: str, why: str) -> None:
    """Raises `UsageError` (OUT202) where the spikes of inputs come by another way than a format can say."""
    if plan.options.inputs != way:
        message = f"the inputs come by {plan.options.inputs!r}, and {why}"
        hint = f"compile with --input {way}"
        raise UsageError("OUT202", message, where=f"--input {plan.options.inputs}", hint=hint)


def require_output(plan: Plan, way: str, why: str) -> None:
    """Raises `UsageError` (USE072) where outputs are read by another way than a format can say."""
    if plan.options.outputs != way:
        message = f"the outputs are read by {plan.options.outputs!r}, and {why}"
        hint = f"compile with --output {way}"
        raise UsageError("USE072", message, where=f"--output {plan.options.outputs}", hint=hint)


@runtime_checkable
class Emitter(Protocol):
    """A target that writes plans in formats of its own."""

    @property
    def formats(self) -> Mapping[str, str]:
        """A line on each format by its name; the first is the chip's own."""
        ...

    def emit(self, plan: Plan, network: Network, format: str, shown: Shown | None) -> Files:  # noqa: A002 - its name
        """The files of a verified plan. `network` is the plan's, after its passes. Raises coded errors."""
        ...


@dataclass(frozen=True, slots=True)
class EmittingTarget(TomlTarget):
    """A chip file inside a package, and one format that a function of the package writes, imported when it is asked.

    `told` is a line on the format; `writer` is "module:function", of a plan, its network and what is shown.
    """

    format: str
    told: str
    writer: str

    @property
    def formats(self) -> Mapping[str, str]:
        return {self.format: self.told}

    def emit(self, plan: Plan, network: Network, format: str, shown: Shown | None) -> Files:  # noqa: A002 - its name
        """The files of the one format."""
        del format
        module, _, function = self.writer.partition(":")
        write: Callable[[Plan, Network, Shown | None], Files] = getattr(import_module(module), function)
        return write(plan, network, shown)
