"""Pages for tests: read back element by element, and plans that are hostile or large."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import Any

from neuedge_nir.plan.figures import CoreEvents
from neuedge_nir.plan.model import Plan, PlanCore, PlanRoute, PlanSlice
from tests.plan_zoo import made
from tests.test_verify import even
from tests.worlds import chain, dense, network, real, wire

VOID = {"meta", "link", "br", "line", "path", "rect", "circle", "wbr"}


@dataclass
class Page(HTMLParser):
    """A page as its elements: how often each tag is there, attributes by name, text, scripts and styles."""

    tags: Counter[str] = field(default_factory=Counter)
    attributes: list[tuple[str, str, str | None]] = field(default_factory=list)
    scripts: list[tuple[dict[str, str | None], str]] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)
    text: str = ""
    left_open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.left_open.append(tag)
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.left_open.pop() == tag

    def handle_data(self, data: str) -> None:
        inside = self.left_open[-1] if self.left_open else ""
        if inside == "script":
            attributes, text = self.scripts.pop()
            self.scripts.append((attributes, text + data))
        elif inside == "style":
            self.styles.append(data)
        else:
            self.text += data

    @classmethod
    def of(cls, content: bytes) -> Page:
        page = cls()
        page.feed(content.decode())
        page.close()
        assert page.left_open == []
        return page

    def values(self, name: str) -> list[str]:
        """The values of an attribute, wherever it stands."""
        return [value or "" for _, attribute, value in self.attributes if attribute == name]

    @property
    def floors(self) -> list[dict[str, Any]]:
        """What the maps show."""
        return [json.loads(text) for attributes, text in self.scripts if attributes.get("type") == "application/json"]

    @property
    def programs(self) -> list[str]:
        return [text for attributes, text in self.scripts if "type" not in attributes]


HOSTILE = (
    "</script><script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    "\"'`&lt;{{ 7 * 7 }}{% raw %}\\u003c",
    "\u05e9\u05dc\u05d5\u05dd\u202egnitirw",
    "x" * 10_000,
)
"""Names that end an element, begin one, leave an attribute, turn the line around, or never end."""


def hostile_plan() -> Plan:
    """Every name that a file can give is hostile."""
    ends = ("<!--in", *HOSTILE)
    wires = [wire(a, b, dense(4, 4)) for a, b in zip(ends, HOSTILE, strict=False)]
    net = network(dict.fromkeys(HOSTILE, 4), *wires, inputs={ends[0]: 4}, outputs={"]]>": HOSTILE[-1]}, model="IF")
    plan, _ = made(net, real("loihi2"))
    return replace(plan, model=replace(plan.model, name=HOSTILE[0] * 3))


def large_plan(side: int = 64) -> Plan:
    """All cores of a TrueNorth chip with 256 neurons each and uses of limits of all sizes: nothing packs well."""
    plan, _ = made(even(chain(a=8, model="IF")), real("truenorth"))
    dice, size = random.Random(1), side * side
    cores = tuple(
        PlanCore(
            "neurons",
            0,
            (n % side, n // side),
            0,
            (PlanSlice("a", run=(256 * n, 256 * n + 256)),),
            {limit.name: dice.randint(1, limit.limit.count) for limit in plan.chip.limits},
        )
        for n in range(size)
    )
    routes = tuple(
        PlanRoute(n, 0, tuple((to, dice.randint(1, 256)) for to in sorted(dice.sample(range(size), 3))), ())
        for n in range(size)
    )
    events = tuple(CoreEvents(dice.random() * 1e4, 256, dice.random() * 1e3, 25.6) for _ in cores)
    populations = tuple(replace(p, shape=(256 * size,)) if p.name == "a" else p for p in plan.populations)
    return replace(plan, cores=cores, routes=routes, populations=populations, cost=replace(plan.cost, cores=events))
