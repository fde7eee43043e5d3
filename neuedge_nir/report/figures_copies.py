"""What each copy of a network costs where several run at once: an inference, or a timestep where no length is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from neuedge_nir.plan.figures import Interval
from neuedge_nir.plan.model import Plan
from neuedge_nir.report.figure import Figure, Given, count, derived, taken, unpublished
from neuedge_nir.report.share import share_of

INFERENCE = {
    "dynamic": "inference.dynamic",
    "static": "inference.static",
    "time": "inference.time",
    "rate": "inference.rate",
}
TIMESTEP = {"dynamic": "energy.dynamic", "static": "energy.static", "time": "time.step"}
"""The figures that those of a copy follow from: of an inference they are its own, of a timestep those of all copies."""


def copies_figures(plan: Plan, known: Mapping[str, Figure]) -> Iterator[Figure]:
    """Energy, time and rate of each copy; nothing where no copies were asked for."""
    if plan.copies is None:
        return
    share, of = share_of(plan), INFERENCE if plan.cost.inference is not None else TIMESTEP
    copies = count("copies", share.copies)
    whole = {name: known[path] for name, path in of.items()}
    if share.per == "inference":
        among = {name: name for name in of}
    else:
        among = {"time": "time", "dynamic": "dynamic / copies", "rate": "copies / time"}
        among["static"] = "static * time / copies"
    among["energy"] = f"{among['dynamic']} + {among['static']}"
    values = {"dynamic": share.dynamic_j, "static": share.static_j, "energy": share.energy_j, "time": share.time_s}
    for name, value in {**values, "rate": share.rate}.items():
        yield _figure(name, share.per, value, among[name], whole, copies)


def _figure(name: str, per: str, value: Interval, formula: str, whole: Mapping[str, Figure], copies: Given) -> Figure:
    unit = {"time": "s", "rate": "1/s"}.get(name, "J")
    titles = {"rate": f"{per}s a second, of all copies", "time": f"time of one {per}"}
    path, title = (
        f"copies.{name}",
        titles.get(name, f"{name} energy of one {per} of each copy".replace("energy energy", "energy")),
    )
    if value.typical is None:
        return unpublished(path, title, unit, value.basis)
    inputs = [taken(key, figure) for key, figure in whole.items() if key in formula and figure.typical is not None]
    return derived(path, title, unit, value, formula, [*inputs, *([copies] if "copies" in formula else [])])
