"""The messages of a plan as figures: what rates make of the routes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from neuedge_nir.plan.model import Plan
from neuedge_nir.report.figure import ASSUMED, Figure, Given, count, derived, tally, wire


def by_activity(plan: Plan, given: Given) -> Given:
    """A count that rests on the activity: as sure as that."""
    source = f"this plan, at the activity that is {plan.activity.kind}"
    return replace(given, source=source, confidence=ASSUMED if plan.activity.kind == "assumed" else given.confidence)


def traffic_figures(plan: Plan) -> Iterator[Figure]:
    """The activity, what is sent, and how far."""
    yield from _activity(plan)
    traffic = plan.cost.traffic
    for name, value, title, unit, note in (
        ("host_spikes", traffic.host_spikes_per_step, "messages that the host sends in a step", "messages/step", ""),
        (
            "host_reads",
            traffic.host_reads_per_step,
            "messages by which the host reads outputs in a step",
            "messages/step",
            "",
        ),
        (
            "deliveries",
            traffic.deliveries_per_step,
            "messages to other cores in a step",
            "messages/step",
            "one for each destination core",
        ),
        (
            "unicast_hops",
            traffic.unicast_hops_per_step,
            "links crossed in a step, each message by itself",
            "hops/step",
            "over the routes of the plan",
        ),
        (
            "tree_hops",
            traffic.tree_hops_per_step,
            "links crossed in a step, every link of a tree once",
            "hops/step",
            "over the routes of the plan",
        ),
        (
            "placed_hops",
            traffic.placed.hops,
            "links of shortest ways in a step",
            "hops/step",
            "as if nothing were missing",
        ),
        (
            "placed_hops_bound",
            traffic.placed.bound,
            "links that any placement takes in a step",
            "hops/step",
            "every core's heaviest exchanges with the nearest cores there can be",
        ),
        ("max_link_load", traffic.max_link_load, "messages over the busiest link in a step", "messages/step", ""),
        ("mean_link_load", traffic.links.mean, "messages over a used link in a step, in the mean", "messages/step", ""),
        (
            "bisection_columns",
            traffic.links.bisection[0],
            "messages across the cut between columns in a step",
            "messages/step",
            "of the smallest rectangle around all routers in use",
        ),
        (
            "bisection_rows",
            traffic.links.bisection[1],
            "messages across the cut between rows in a step",
            "messages/step",
            "of the smallest rectangle around all routers in use",
        ),
        ("interchip", traffic.interchip_spikes_per_step, "messages from chip to chip in a step", "messages/step", ""),
    ):
        given = by_activity(plan, count("count", value, unit, note or None))
        yield derived(f"traffic.{name}", title, unit, value, "count", [given])
    yield tally("traffic.links_used", "links that messages cross", traffic.links.used, "links")
    busy = sum(traffic.links.histogram[5:])
    for tenth, links in enumerate(traffic.links.histogram, 1):
        yield tally(f"traffic.link_histogram.{tenth}", f"links with up to {tenth} tenths of the largest load", links)
    if traffic.links.histogram:
        parts = [count(f"tenth.{n}", k) for n, k in enumerate(traffic.links.histogram, 1) if n > 5]
        names = " + ".join(part.name for part in parts)
        yield derived("traffic.links_busy", "links with more than half the largest load", "links", busy, names, parts)
    for rank, (link, load) in enumerate(traffic.hottest_links, 1):
        given = by_activity(plan, count("count", load, "messages/step"))
        title = f"messages over the link {wire(link)} in a step"
        yield derived(f"traffic.hottest.{rank}", title, "messages/step", load, "count", [given])
    yield tally(
        "traffic.table_entries", "routing table entries of the fullest chip", traffic.table_entries_max, "entries"
    )


def _activity(plan: Plan) -> Iterator[Figure]:
    """Rates, by what they are, and the spikes they make: populations of one rate stand together."""
    inner = [p for p in plan.populations if p.model not in ("Input", "Output")]
    neurons: dict[float, int] = {}
    names: dict[float, list[str]] = {}
    for p in inner:
        rate = plan.activity.rates[p.name]
        neurons[rate] = neurons.get(rate, 0) + math.prod(p.shape)
        names.setdefault(rate, []).append(p.name)
    inputs: list[Given] = []
    for number, (rate, many) in enumerate(neurons.items(), 1):
        whose = names[rate][0] if len(names[rate]) == 1 else f"{names[rate][0]} and {len(names[rate]) - 1} more"
        given = replace(
            count(f"rate.{number}", rate, "spikes/step", f"of a neuron of {whose}"),
            source=f"activity, {plan.activity.kind}",
        )
        given = replace(given, confidence=ASSUMED if plan.activity.kind == "assumed" else given.confidence)
        inputs += [count(f"neurons.{number}", many, "", f"of {whose}"), given]
    formula = " + ".join(f"{inputs[i].name} * {inputs[i + 1].name}" for i in range(0, len(inputs), 2)) or "0"
    spikes = plan.cost.traffic.spikes_per_step
    yield derived("traffic.spikes", "spikes of all populations in a step", "spikes/step", spikes, formula, inputs)
    yield from _mean(plan)


def _mean(plan: Plan) -> Iterator[Figure]:
    """The mean rate of the model's own neurons, and the least and greatest rate of all that spikes."""
    own = [p for p in plan.populations if p.model not in ("Input", "Output") and p.relay is None]
    many = sum(math.prod(p.shape) for p in own)
    spikes = sum(plan.activity.rates[p.name] * math.prod(p.shape) for p in own)
    inputs = [
        by_activity(plan, count("spikes", spikes, "spikes/step", "without those of relays")),
        count("neurons", many, "", "without relays"),
    ]
    if many:
        yield derived(
            "activity.mean",
            "spikes of a neuron in a step, in the mean",
            "spikes/step",
            spikes / many,
            "spikes / neurons",
            inputs,
        )
    rates = sorted({plan.activity.rates[p.name] for p in plan.populations if p.model != "Output"})
    ends = (("least", rates[0]), ("greatest", rates[-1])) if rates else ()
    for name, rate in ends:
        given = by_activity(plan, count("rate", rate, "spikes/step"))
        yield derived(
            f"activity.{name}", f"the {name} rate of a population or input", "spikes/step", rate, "rate", [given]
        )
