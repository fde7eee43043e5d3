"""What the page of a plan says: every text and number in it, in the order of the page. No markup."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from neuedge_nir.codes import explanations
from neuedge_nir.plan.model import Plan
from neuedge_nir.report.amounts import number, percent
from neuedge_nir.report.figure import wire
from neuedge_nir.report.figures import Figure, figures_of
from neuedge_nir.report.headline import Headline, Line, ends, fullest_cores, headline_of, of_all, spot, told, value
from neuedge_nir.report.layer_energy import beside_layers
from neuedge_nir.report.page.bars import Group
from neuedge_nir.report.page.costs import bars_of
from neuedge_nir.report.page.floor import LONGEST_NAME, floor_of, grid_of
from neuedge_nir.report.page.sources import sources_of
from neuedge_nir.report.page.ways import HotLink, Ways, ways_of
from neuedge_nir.report.per_layer import Layer, layers_of
from neuedge_nir.report.use import copy_of
from neuedge_nir.report.words import shortened

MOST_FULLEST = 10
"""Cores nearest to a limit that the page lists; the map has all."""

SHARE_PIXELS = 64

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure that stands large at the top of the page."""

    name: str
    value: str
    span: str
    assumed: bool


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan as the template takes it."""

    label: str
    headline: Headline
    tiles: tuple[Tile, ...]
    machine: str
    cores: int
    fullest: list[Row]
    traffic: str
    hot: list[Row]
    copied: str
    beside: str
    layers: list[Row]
    limits: list[Row]
    bars: list[Group]
    remarks: list[Row]
    scope: str
    not_checked: list[Row]
    figures: list[tuple[str, list[Row]]]
    assumes: bool
    made: list[Line]
    floor: str
    known: Mapping[str, Figure]

    @property
    def parts(self) -> list[tuple[str, str]]:
        """The sections, by anchor and name."""
        return [
            ("summary", "Summary"),
            ("map", "Chip map"),
            ("traffic", "Traffic"),
            ("layers", "Layers"),
            ("costs", "Energy and time"),
            ("remarks", "Remarks"),
            ("sources", "Sources"),
        ]


def view_of(label: str, plan: Plan) -> PlanView:
    """Everything that is told of a plan. Raises `VerificationError` where its messages have no way."""
    figures, ways = figures_of(plan), ways_of(plan)
    originals = copy_of((p.name for p in plan.populations), plan)
    layers = [layer for layer in layers_of(plan) if originals[layer.name][1] == 0]
    return PlanView(
        label=shortened(label, LONGEST_NAME),
        headline=_plain(headline_of(plan, figures)),
        tiles=tuple(_tiles(plan, figures)),
        machine=f"{plan.machine.system}: {grid_of(plan)}",
        cores=len(plan.cores),
        fullest=_fullest(plan),
        traffic=_traffic(plan, ways),
        hot=[_hot(plan, hot) for hot in ways.hottest],
        copied=_copied(plan),
        beside=_added_up(figures),
        layers=[_layer(layer, figures.get(f"populations.{layer.name}.energy")) for layer in layers],
        limits=_limits(plan, figures),
        bars=bars_of(figures),
        remarks=_remarks(plan),
        scope=plan.scope,
        not_checked=[{"name": left.name, "why": left.why, "source": left.source} for left in plan.not_checked],
        figures=sources_of(figures),
        assumes=any(figure.assumed for figure in figures.values()),
        made=_made(plan),
        floor=data(floor_of(plan, ways, layers)),
        known=figures,
    )


def data(value: object) -> str:
    """JSON that may stand in a script element: nothing in it can end the element."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _plain(found: Headline) -> Headline:
    lines = tuple((name, shortened(text, 400)) for name, text in found.lines)
    return Headline(shortened(found.title, 160), shortened(found.verdict, 400), found.proved, lines)


TILES = (
    ("cores in use", "mapping.cores"),
    ("chips", "mapping.chips"),
    ("energy of an inference", "inference.energy"),
    ("latency", "inference.latency"),
    ("throughput", "inference.rate"),
    ("dynamic energy a step", "energy.dynamic"),
    ("static power", "energy.static"),
    ("time of a step", "time.step"),
    ("load of the tick", "time.load"),
    ("busiest link", "traffic.max_link_load"),
)
OF_ALL = ("inference.rate", "energy.dynamic", "energy.static")
"""Figures of all copies together."""
MOST_TILES = 8


def _tiles(plan: Plan, figures: Mapping[str, Figure]) -> Iterable[Tile]:
    """What matters most, of what the plan knows: of an inference before of a step."""
    there = [(name, figures[path]) for name, path in TILES if path in figures]
    for name, figure in there[:MOST_TILES]:
        amount = "not published" if figure.typical is None else value(figure, figure.typical)
        text = amount if figure.unit in ("J", "W", "s") else amount.removesuffix(_unit(figure)).rstrip()
        whose = of_all(plan) if figure.path in OF_ALL else ""
        yield Tile(name + whose, text, ends(figure) or _beside(plan, figure), figure.assumed)


def _beside(plan: Plan, figure: Figure) -> str:
    m = plan.mapping
    if figure.path == "mapping.cores":
        return f"{percent(m.utilisation.cores)} of those on"
    if figure.path == "mapping.chips":
        return plan.machine.system
    return "" if figure.unit in ("J", "W", "s") else _unit(figure)


def _unit(figure: Figure) -> str:
    return "samples/s" if figure.unit == "1/s" else figure.unit


def _fullest(plan: Plan) -> list[Row]:
    return [
        {
            "core": found.core,
            "where": spot(plan, found.core),
            "limit": found.limit.name,
            "used": found.used,
            "most": f"{found.limit.limit.count:,} {found.limit.limit.unit}",
            **_share(found.share),
            "holds": _holds(plan, found.core),
        }
        for found in fullest_cores(plan, MOST_FULLEST)
    ]


def _holds(plan: Plan, core: int) -> str:
    names = list(dict.fromkeys(piece.population for piece in plan.cores[core].slices))
    shown = ", ".join(shortened(name, LONGEST_NAME) for name in names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown


def _share(share: float | None) -> Row:
    known = share if share is not None else 0.0
    return {"share": known, "percent": percent(share), "pixels": round(SHARE_PIXELS * min(max(known, 0.0), 1.0), 1)}


def _traffic(plan: Plan, ways: Ways) -> str:
    traffic = plan.cost.traffic
    if not ways.loads:
        return f"{number(traffic.deliveries_per_step)} messages a step between cores, none over a link."
    deadlock = {True: "No deadlock is possible.", False: "Messages could wait for each other in a circle.",
                None: "Routers drop packets rather than deadlock."}[traffic.deadlock_free]  # fmt: skip
    columns, rows = map(number, traffic.links.bisection)
    return (
        f"{number(traffic.deliveries_per_step)} messages a step between cores take "
        f"{number(traffic.unicast_hops_per_step)} hops ({number(traffic.tree_hops_per_step)} with every link of a tree "
        f"once) over {traffic.links.used:,} links; mean load {number(traffic.links.mean)}, largest "
        f"{number(traffic.max_link_load)}. Bisection: {columns} between columns, {rows} between rows. {deadlock}"
    )


def _hot(plan: Plan, hot: HotLink) -> Row:
    (a, b), position = hot.link, plan.chip.topology
    size = position.columns.count, position.rows.count
    crosses = any(a[axis] // size[axis] != b[axis] // size[axis] for axis in (0, 1)) and size != (1, 1)
    return {
        "link": wire(hot.link) + " between chips" * crosses,
        "load": number(hot.load),
        "senders": f"{hot.senders:,}",
        "flows": [
            {"core": f.core, "population": shortened(f.population, LONGEST_NAME), "load": number(f.load)}
            for f in hot.flows
        ],
    }


def _copied(plan: Plan) -> str:
    if plan.copies is None or plan.copies.count < 2:
        return ""
    return f"The first of {plan.copies.count:,} copies; cores and slices of the others are on the map."


def _added_up(figures: Mapping[str, Figure]) -> str:
    """What the energies of layers and the rest add up to."""
    whole = figures["energy.dynamic"]
    rest = "".join(f" and {told(energy, span=False)} {word}" for word, energy in beside_layers(figures))
    return "" if whole.typical is None else f"Energies of layers{rest} add up to {told(whole, span=False)}."


def _layer(layer: Layer, energy: Figure | None) -> Row:
    how = ", relay" if layer.relay else ""
    return {
        "shown": shortened(layer.name, LONGEST_NAME),
        "model": layer.model + how,
        "shape": " x ".join(map(str, layer.shape)),
        "neurons": layer.neurons,
        "cores": layer.cores,
        "slices": layer.slices,
        "lag": layer.lag,
        "spikes": layer.spikes,
        "spikes_text": number(layer.spikes),
        "events": layer.events,
        "events_text": number(layer.events),
        "energy": "" if energy is None or energy.typical is None else energy.typical,
        "energy_text": "" if energy is None or energy.typical is None else told(energy, span=False),
        "messages": layer.messages,
        "messages_text": number(layer.messages),
        "binds": layer.binds or "",
        **_share(layer.share),
        "error": "" if layer.weight_error is None else layer.weight_error,
        "weights": "" if layer.weight_error is None else f"{layer.weight_bits}, {layer.weight_error:.2%}",
    }


def _limits(plan: Plan, figures: Mapping[str, Figure]) -> list[Row]:
    rows: list[Row] = []
    for limit in plan.chip.limits:
        share = figures.get(f"limits.{limit.name}.share")
        mean, used = figures.get(f"limits.{limit.name}.mean"), figures.get(f"limits.{limit.name}.used")
        if share is None or mean is None or used is None or used.typical is None or share.typical is None:
            continue
        most = figures[f"limits.{limit.name}.available"].typical or 0.0
        rows.append(
            {
                "name": limit.name,
                "scope": limit.scope.value,
                "kind": limit.kind.value,
                "used": round(used.typical),
                "most": most,
                "most_text": f"{most:,.0f} {limit.limit.unit}",
                **_share(share.typical),
                "mean": mean.typical,
                "mean_text": percent(mean.typical),
                "source": limit.limit.source,
                "confidence": limit.limit.confidence.value,
                "binds": False,
            }
        )
    if rows:
        max(rows, key=lambda row: float(str(row["share"])))["binds"] = True
    return rows


def _remarks(plan: Plan) -> list[Row]:
    """Equal remarks about several nodes are one."""
    nodes: dict[tuple[str, str, str, str], list[str]] = {}
    for d in plan.diagnostics:
        nodes.setdefault((d.severity.value, d.code, d.message, d.hint or ""), []).append(d.node or "")
    help_of = explanations()
    return [
        {"severity": severity, "code": code, "text": _about(names) + shortened(message, 600),
         "hint": shortened(hint, 600), "help": help_of.get(code, "")}
        for (severity, code, message, hint), names in nodes.items()
    ]  # fmt: skip


def _about(names: Sequence[str]) -> str:
    known = [shortened(name, LONGEST_NAME) for name in names if name]
    more = f" and {len(known) - 3} more" if len(known) > 3 else ""
    return f"{', '.join(known[:3])}{more}: " if known else ""


def _made(plan: Plan) -> list[Line]:
    """What was asked for, of which files, with what."""
    o = plan.options
    lines = [
        ("model", f"{shortened(plan.model.name, LONGEST_NAME)}, sha256 {plan.model.sha256 or 'unknown'}"),
        ("chip", f"{plan.chip.name}, sha256 of its file {plan.chip.sha256}"),
        ("machine", f"{plan.machine.system}; {plan.chips_available:,} chips were available"),
        ("effort", f"{o.effort}, seed {o.seed}"),
        ("spikes in and out", f"{o.inputs}, {o.outputs}"),
        ("activity", plan.activity.kind),
        ("reset", o.reset),
        ("passes", ", ".join(o.passes) or "none"),
        ("tools", ", ".join(f"{name} {version}" for name, version in sorted(plan.tool.items()))),
    ]
    lines += [("tiles", ", ".join(f"{shortened(k, 24)}={v}" for k, v in list(o.tiles.items())[:20]))] if o.tiles else []
    lines += [("pace", f"{o.time_scale} times slower")] if o.time_scale != 1 else []
    return [(name, shortened(text, 400)) for name, text in lines]
