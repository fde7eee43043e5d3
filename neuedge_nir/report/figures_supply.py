"""What a plan would draw at other voltages, where the chip's static power is published at them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from neuedge_nir.chip.model import Quantity, Supply
from neuedge_nir.plan.model import Plan
from neuedge_nir.report.figure import ASSUMED, Figure, count, derived, ends, priced, taken
from neuedge_nir.report.spans import interval

SQUARE = "energy of events goes with the square of the voltage: our assumption"


def supply_figures(plan: Plan, known: Mapping[str, Figure]) -> Iterator[Figure]:
    """Static power, dynamic energy of a step and power at each other voltage; nothing where no step has a time."""
    costs = plan.chip.costs
    dynamic, step = known["energy.dynamic"], known["time.step"]
    if costs.volts is not None and dynamic.typical is not None and step.typical is not None:
        for supply in costs.supplies:
            yield from _at(supply, costs.volts, plan, dynamic, step)


def _at(supply: Supply, volts: Quantity, plan: Plan, dynamic: Figure, step: Figure) -> Iterator[Figure]:
    where, at = f"supply.{supply.volts.typical:g}V", f"at {supply.volts.typical:g} V"
    chips, watts = count("chips", plan.mapping.chips_used, "chips"), priced("static_w", supply.static_per_chip_w)
    value = interval(*(chips.typical * end for end in (watts.low, watts.typical, watts.high)))
    static = derived(f"{where}.static", f"static power {at}", "W", value, "chips * static_w", [chips, watts])
    yield static
    here, there = priced("volts", supply.volts), replace(priced("nominal", volts), confidence=ASSUMED, note=SQUARE)
    factor = here.typical / there.typical * (here.typical / there.typical)
    value = interval(*(end * factor for end in ends(dynamic)))
    inputs = [taken("dynamic", dynamic), here, there]
    formula = "dynamic * (volts / nominal) * (volts / nominal)"
    moved = derived(f"{where}.dynamic", f"dynamic energy of a timestep {at}", "J", value, formula, inputs)
    yield moved
    time = ends(step)[1]
    value = interval(*(a + b / time for a, b in zip(ends(static), ends(moved), strict=True)))
    held = replace(taken("step", step), low=time, high=time, note="the typical time of a step")
    inputs = [taken("static", static), taken("dynamic", moved), held]
    yield derived(f"{where}.power", f"power {at}", "W", value, "static + dynamic / step", inputs)
