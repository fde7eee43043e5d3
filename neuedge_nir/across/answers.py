"""What one chip says of a network: the figures that chips are compared by, or why there is no plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from neuedge_nir.across.pareto import Span, Standing
from neuedge_nir.across.scored import Scored
from neuedge_nir.diagnostics import Diagnostic
from neuedge_nir.errors import NeuedgeError
from neuedge_nir.plan.figures import Interval
from neuedge_nir.plan.model import Plan
from neuedge_nir.report.contract import OUTCOMES
from neuedge_nir.report.core_use import core_uses
from neuedge_nir.report.figures import figures_of
from neuedge_nir.report.share import share_of

Json = dict[str, object]

INFERENCE, STEP = "inference", "timestep"


@dataclass(frozen=True, slots=True)
class Measures:
    """What a chip, or a processor beside it, takes for one inference; for one timestep where no sample's length is
    known.

    `energy` in joules, `latency` in seconds until the last output, `throughput` in samples (timesteps) a second, one
    behind the other, of all `copies`. `assumed`: which of them rest on an assumption. `fullest`: the limit of which a
    core uses most, and that share. `chip_share`: cores in use over those of a chip, so chips as a real number.
    """

    per: str
    energy: Interval
    latency: Interval
    throughput: Interval
    assumed: frozenset[str]
    cores: int | None = None
    chips: int | None = None
    boards: int | None = None
    fullest: tuple[str, float] | None = None
    accuracy: float | None = None
    same_class: float | None = None
    copies: int = 1
    chip_share: float | None = None

    def known(self) -> Mapping[str, Span | None]:
        """By objective, as chips are compared by them."""
        wide = {"energy": self.energy, "latency": self.latency, "throughput": self.throughput}
        plain = ("cores", "chips", "chip_share", "boards", "accuracy", "same_class")
        points = {name: getattr(self, name) for name in plain}
        return {name: span_of(interval) for name, interval in wide.items()} | {
            name: None if value is None else (float(value),) * 3 for name, value in points.items()
        }


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a chip has no plan: `outcome` "infeasible" or "timeout" as reports have it, else "failed"."""

    outcome: str
    code: str
    why: str
    line: str


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What one chip says: `report` for programs, its plan's bytes and measures; or how it failed."""

    target: str
    report: Json
    measures: Measures | None
    failed: Failed | None
    plan: bytes | None
    outcome: str
    diagnostics: tuple[Diagnostic, ...] = ()
    scored: Scored | None = None
    exit_status: int = 0


def span_of(interval: Interval) -> Span | None:
    if interval.low is None or interval.typical is None or interval.high is None:
        return None
    return interval.low, interval.typical, interval.high


def measures_of(plan: Plan, scored: Scored | None) -> Measures:
    """Of a plan; with copies, of each copy, and the throughput of all."""
    share, found, known = share_of(plan), plan.cost.inference, figures_of(plan)
    latency = share.time_s if found is None else found.latency_s
    paths = {
        "energy": ("inference.energy",) if found is not None else ("energy.dynamic", "energy.static", "time.step"),
        "latency": ("inference.latency" if found is not None else "time.step",),
        "throughput": ("inference.rate" if found is not None else "time.step",),
    }
    assumed = frozenset(n for n, parts in paths.items() if any(known[p].assumed for p in parts if p in known))
    m = plan.mapping
    return Measures(
        INFERENCE if found is not None else STEP,
        share.energy_j,
        latency,
        share.rate,
        assumed,
        m.cores_used,
        m.chips_used,
        m.boards_used,
        _fullest(plan),
        None if scored is None else scored.accuracy,
        copies=share.copies,
        chip_share=m.cores_used / plan.chip.topology.cores_per_chip.count,
    )


def _fullest(plan: Plan) -> tuple[str, float] | None:
    """The limit of which a core of the model's neurons uses most."""
    uses = [use for use in core_uses(plan) if plan.cores[use.core].role == "neurons"]
    known = [(use.binds, use.share) for use in uses if use.binds is not None and use.share is not None]
    return max(known, key=lambda found: found[1], default=None)


def failed_of(error: NeuedgeError) -> Failed:
    """How a chip failed, in the words of its error."""
    outcome, node = OUTCOMES.get(error.exit_status, "failed"), f"{error.where}: " if error.where else ""
    return Failed(outcome, error.code, f"{node}{error.told}", f"error[{error.code}]: {error}")


def compared_json(answer: Answer) -> Json:
    """The key `compared` of an entry: what the table shows, and null where there is no plan."""
    found = answer.measures
    if found is None:
        return {"fits": False, "per": None, **dict.fromkeys(_KEYS)}
    spans = {"energy_j": found.energy, "latency_s": found.latency, "throughput_hz": found.throughput}
    scored = answer.scored
    return {
        "fits": True,
        "per": found.per,
        **{name: asdict(interval) for name, interval in spans.items()},
        "assumed": sorted(found.assumed),
        "cores": found.cores,
        "chips": found.chips,
        "chip_share": found.chip_share,
        "boards": found.boards,
        "fullest": None if found.fullest is None else dict(zip(("limit", "share"), found.fullest, strict=True)),
        "accuracy": found.accuracy,
        "same_class": found.same_class,
        "accuracy_basis": None if scored is None else scored.why,
    }


_KEYS = ("energy_j", "latency_s", "throughput_hz", "assumed", "cores", "chips", "chip_share", "boards", "fullest",
         "accuracy", "same_class", "accuracy_basis")  # fmt: skip


def pareto_json(standing: Standing, names: list[str], over: tuple[str, ...]) -> Json:
    """The key `pareto` of an entry."""
    beaten = [{"target": names[b.by], "better": list(b.better), "overlaps": list(b.overlaps)} for b in standing.beaten]
    return {"front": standing.front, "over": list(over), "dominated_by": beaten, "missing": list(standing.missing)}


def with_classes(answer: Answer, same: float | None) -> Answer:
    """The answer, told how often its class is the model's own."""
    if answer.measures is None:
        return answer
    return replace(answer, measures=replace(answer.measures, same_class=same))
