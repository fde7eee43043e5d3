"""A plan's folder: the files of one format, a RUNBOOK.md, and a manifest of all of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from neuedge_nir.emission.arrays import arrays_of
from neuedge_nir.emission.document import document
from neuedge_nir.emission.door import Emitter, Files, Shown
from neuedge_nir.emission.integers import integers_of
from neuedge_nir.emission.runbook import as_markdown, runbook
from neuedge_nir.emulation.run import run_integers
from neuedge_nir.errors import InputError, PluginError, UsageError
from neuedge_nir.interpreter.data import entering
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.network.model import Network
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.orders import as_planned
from neuedge_nir.plan.store import encode
from neuedge_nir.plugin import TARGETS, guarded, load_entry, names, registered_by, returned

GENERIC = {
    "json": "plan and network in whole numbers, for every chip",
    "arrays": "the mapping as flat arrays in HDF5, for every chip",
}
"""A line on each format that every plan can be written in, by its name."""
MANIFEST, RUNBOOK = "manifest.json", "RUNBOOK.md"
SCHEMA = "neuedge-nir/emitted/1"


def emitter_of(plan: Plan) -> Emitter | None:
    """The target of the plan's chip, where it is installed and emits."""
    if plan.chip.name not in names(TARGETS):
        return None
    found = load_entry(TARGETS, plan.chip.name)
    return found if isinstance(found, Emitter) and not isinstance(found, type) else None


def formats_of(plan: Plan) -> Mapping[str, str]:
    """A line on each format that the plan can be written in, by its name; the chip's own first, where it has one."""
    own = emitter_of(plan)
    return {**(own.formats if own is not None else {}), **GENERIC}


def format_of(plan: Plan, wanted: str | None) -> str:
    """The format wanted, or the chip's own. Raises `UsageError` (USE035) for one that it does not have."""
    known = formats_of(plan)
    if wanted is None:
        return next(iter(known))
    if wanted not in known:
        hint = f"there are: {', '.join(known)}"
        raise UsageError("USE035", f"{plan.chip.name} has no format {wanted!r}", where="--format", hint=hint)
    return wanted


def emitted(plan: Plan, network: Network, wanted: str | None = None, samples: Samples | None = None) -> Files:
    """The files of a verified plan, by name. `network` is the plan's, after its passes.

    Raises `UsageError` (USE035) for a format that there is not, or that knows no orders of neurons (FIT067), and what
    the format's own code raises.
    """
    chosen = format_of(plan, wanted)
    if plan.orders and chosen not in GENERIC:
        message = f"{min(plan.orders)!r} is cut in an order of its own, which the format {chosen!r} does not know"
        hint = "--format json, whose plan.json has the order; or ask for tiles of it, such as --tiles NAME=256"
        raise UsageError("FIT067", message, where=f"node {min(plan.orders)!r}", hint=hint)
    network = as_planned(plan, network)
    book = runbook(plan, network)
    shown = None if samples is None else shown_of(plan, network, samples)
    if chosen == "arrays":
        files: Files = {"arrays.h5": arrays_of(plan)}
    elif chosen == "json":
        files = {"network.json": document(plan, network, book)}
    else:
        files = _own(plan, network, chosen, shown)
    files = {**files, RUNBOOK: as_markdown(plan, book).encode(), "plan.json": encode(plan)}
    return {**files, MANIFEST: _manifest(plan, chosen, files)}


def _own(plan: Plan, network: Network, chosen: str, shown: Shown | None) -> Files:
    own, name = emitter_of(plan), plan.chip.name
    assert own is not None
    files: object = guarded(TARGETS, name, lambda: own.emit(plan, network, chosen, shown))
    if not isinstance(files, Mapping):
        raise returned(TARGETS, name, files, "Mapping of file names to bytes")
    for file, content in files.items():
        if not (isinstance(file, str) and isinstance(content, bytes) and _plain(file)):
            message = f"the target {name!r} of {registered_by(TARGETS, name)} emits {file!r}, which is no file of ours"
            raise PluginError("PLUG004", message, hint="tell its author")
    return files


def _plain(name: str) -> bool:
    """A file in the folder itself, and none that the folder has anyway."""
    return name not in ("", ".", "..", MANIFEST, RUNBOOK, "plan.json") and not {"/", "\\", "\0"} & set(name)


def with_manifest(files: Files) -> Files:
    """Files that are no emitted plan, with the manifest by which a later run knows that the folder is ours."""
    found = {"schema": SCHEMA, "files": {name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)}}
    return {**files, MANIFEST: json.dumps(found, indent=2, sort_keys=True).encode() + b"\n"}


def _manifest(plan: Plan, chosen: str, files: Files) -> bytes:
    found = {
        "schema": SCHEMA,
        "format": chosen,
        "target": plan.chip.name,
        "model": {"name": plan.model.name, "sha256": plan.model.sha256},
        "files": {name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)},
    }
    return json.dumps(found, indent=2, sort_keys=True).encode() + b"\n"


def shown_of(plan: Plan, network: Network, samples: Samples) -> Shown:
    """The samples as the host injects them, and what the chip's numbers make of them.

    Raises `InputError` (DATA...), `UsageError` (USE061) where projections are late.
    """
    late = sorted(projection.name for projection in plan.projections if projection.excess)
    if late:
        message = f"{late[0]} is late, and the emulation that tells which spikes must come out knows of no such thing"
        raise UsageError("USE061", message, where="--data, --recurrence", hint="emit it without --data")
    spikes = entering(network, samples.of(network))
    for name, values in spikes.items():
        if ((values != 0) & (values != 1)).any():
            message = "the data hold other values than 0 and 1, and a host sends one spike of an input in a step"
            raise InputError("DATA007", message, where=f"input {name!r}", hint="give 0 and 1, in finer timesteps")
    steps = next(iter(spikes.values())).shape[1]
    if plan.chip.arithmetic is None:
        return Shown(steps, spikes)
    depth = max(population.lag for population in plan.populations)
    integers = integers_of(plan, network)
    bare = tuple(replace(port, encoder=None) for port in integers.network.inputs)  # the spikes are coded already
    integers = replace(integers, network=replace(integers.network, inputs=bare))
    still = {name: np.pad(v, [(0, 0), (0, depth), *[(0, 0)] * (v.ndim - 2)]) for name, v in spikes.items()}
    record = [population.name for population in network.populations if population.spiking]
    found = run_integers(integers, still, record=record)
    return Shown(steps, spikes, found.run.recorded, found.overflows)
