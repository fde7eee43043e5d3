"""The page of plans: whole, without a request, safe from the names in it, the same bytes each time, and small."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuedge_nir.report.page.ways as ways_module
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.store import read
from neuedge_nir.report.page.build import page_of
from neuedge_nir.report.page.columns import DIGITS, Column, column
from neuedge_nir.report.page.ways import ways_of
from tests.conftest import CHIPS, Compiled, Neuedge
from tests.pages import HOSTILE, Page, hostile_plan, large_plan
from tests.plan_zoo import plan_of


@pytest.fixture(scope="module")
def plans(compiled: dict[str, Compiled]) -> dict[str, Plan]:
    return {chip: read(compiled[chip].plan) for chip in CHIPS}


def unpacked(packed: Column) -> list[object]:
    """What `columns.js` makes of a column."""
    if isinstance(packed, list):
        return list(packed)
    of, width, at = packed["of"], packed["width"], packed["at"]
    assert isinstance(of, list)
    assert isinstance(width, int)
    assert isinstance(at, str)
    digits = [DIGITS.index(digit) for digit in at]
    numbers = [digits[n] if width == 1 else digits[n] * len(DIGITS) + digits[n + 1] for n in range(0, len(at), width)]
    return [of[number] for number in numbers]


@given(st.lists(st.integers(-3, 3) | st.floats(0, 9), max_size=60), st.integers(1, 40))
def test_a_packed_column_is_the_column(values: list[float], times: int) -> None:
    long = [value + n for n in range(times) for value in values]
    assert unpacked(column(long)) == long


def test_ten_thousand_different_values_are_no_column_of_two_digits() -> None:
    values = list(range(10_000))
    assert unpacked(column(values)) == values
    assert unpacked(column(values[:7000])) == values[:7000]


@pytest.mark.parametrize("chip", CHIPS)
def test_a_page_is_whole_and_its_places_exist(plans: dict[str, Plan], chip: str) -> None:
    page = Page.of(page_of([(chip, plans[chip])]))
    assert (page.tags["html"], page.tags["h1"], page.tags["article"], page.tags["title"]) == (1, 1, 1, 1)
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    anchors = [value[1:] for tag, name, value in page.attributes if (tag, name) == ("a", "href") and value]
    assert {*anchors, *page.values("aria-describedby")} <= {*ids}
    for part in ("Chip map", "Traffic", "Layer by layer", "Energy and time", "Remarks", "Not checked"):
        assert part in page.text
    assert plans[chip].chip.title in page.text


@pytest.mark.parametrize("chip", CHIPS)
def test_the_map_has_every_core_with_what_it_uses(plans: dict[str, Plan], chip: str) -> None:
    plan = plans[chip]
    (floor,) = Page.of(page_of([(chip, plan)])).floors
    cores = floor["cores"]
    assert list(zip(unpacked(cores["x"]), unpacked(cores["y"]), strict=True)) == [core.router for core in plan.cores]
    assert unpacked(cores["slot"]) == [core.slot for core in plan.cores]
    for limit, used in zip(plan.chip.limits, cores["used"], strict=True):
        assert unpacked(used) == [core.used[limit.name] for core in plan.cores]
    assert unpacked(floor["pieces"]["per_core"]) == [len(core.slices) for core in plan.cores]


def test_a_page_asks_no_network_and_runs_nothing_but_its_own(plans: dict[str, Plan]) -> None:
    page = Page.of(page_of([("digits", plans["loihi2"])]))
    policy = next(value for tag, name, value in page.attributes if (tag, name) == ("meta", "content") and value)
    assert policy.startswith("default-src 'none';")
    for kind, texts in (("script", page.programs), ("style", page.styles)):
        (text,) = texts
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert re.findall(rf"{kind}-src ([^;]*)", policy) == [f"'sha256-{digest}'"]
    assert not {name for _, name, _ in page.attributes if name in ("src", "srcset", "style") or name.startswith("on")}
    assert all(href.startswith(("#", "data:")) for href in page.values("href"))


def test_names_from_a_file_stay_text() -> None:
    plain, page = (
        Page.of(page_of([("a", plan_of("loihi2 onchip")[0])])),
        Page.of(page_of([(HOSTILE[0], hostile_plan())])),
    )
    assert (page.tags["script"], page.tags["img"], page.tags["article"]) == (plain.tags["script"], 0, 1)
    for name in HOSTILE[:3]:
        assert name in page.text
    assert "\u202e" not in page.text  # spelled out: nothing turns the line around
    assert "\u05e9\u05dc\u05d5\u05dd" in page.text
    assert "x" * 100 not in page.text  # of an endless name the beginning and the end
    assert HOSTILE[0] in page.floors[0]["names"]


def test_a_page_is_the_same_bytes_whatever_the_hash_seed(
    neuedge: Neuedge, process: Neuedge, compiled: dict[str, Compiled], tmp_path: Path
) -> None:
    paths = [compiled[chip].plan for chip in ("loihi2", "spinnaker1")]
    first, second = tmp_path / "first.html", tmp_path / "second.html"
    assert neuedge("report", *paths, "-o", first).status == 0
    assert process("report", *paths, "-o", second, PYTHONHASHSEED="5", COLUMNS="50").status == 0
    assert first.read_bytes() == second.read_bytes()


def test_a_page_of_4096_cores_has_less_than_500_kb() -> None:
    plan = large_plan()
    content = page_of([("large", plan)])
    assert len(plan.cores) == 4096
    assert len(content) < 500_000
    (floor,) = Page.of(content).floors
    assert len(unpacked(floor["links"]["load"])) == len(ways_of(plan).loads) > 16_000


def test_several_plans_stand_side_by_side(plans: dict[str, Plan]) -> None:
    page = Page.of(page_of([(chip, plans[chip]) for chip in CHIPS]))
    assert page.tags["article"] == len(page.floors) == len(CHIPS)
    assert page.values("role").count("tab") == len(CHIPS)
    assert {*page.values("aria-controls"), *page.values("aria-labelledby")} <= {*page.values("id")}
    assert "Side by side" in page.text
    assert "different models" not in page.text


def test_plans_of_different_models_are_said_to_be(plans: dict[str, Plan]) -> None:
    other = replace(plans["loihi2"], model=replace(plans["loihi2"].model, name="another"))
    assert "different models" in Page.of(page_of([("a", plans["loihi2"]), ("b", other)])).text


@pytest.mark.parametrize(
    "name", ["loihi1 mesh", "loihi2 two chips", "spinnaker1 tables", "toy torus", "truenorth splitters"]
)
def test_the_flows_over_a_link_are_its_load(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways_module, "FLOWS", 10**6)
    monkeypatch.setattr(ways_module, "HOTTEST", 10**6)
    plan, _ = plan_of(name)
    found = ways_of(plan)
    assert len(found.hottest) == len(found.loads) == plan.cost.traffic.links.used > 0
    assert found.hottest[0].load == pytest.approx(plan.cost.traffic.max_link_load)
    for hot in found.hottest:
        assert hot.senders == len(hot.flows)
        assert sum(flow.load for flow in hot.flows) == pytest.approx(hot.load)
        assert all(hot.link in flow.links for flow in hot.flows)
