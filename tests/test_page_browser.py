"""The page in a real browser: it draws, answers to pointer, keys and touch, sorts, and lets no request out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from shutil import which
from typing import Any

import pytest

from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.store import read
from neuedge_nir.report.page.build import page_of
from tests import environments
from tests.conftest import CHIPS, Compiled
from tests.pages import hostile_plan, large_plan
from tests.plan_zoo import plan_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("frameworks"),
    pytest.mark.skipif(which("chromium") is None, reason="needs Chromium: apt-get install chromium"),
]

SCRIPT = environments.SCRIPTS / "look.py"
NAMES = (*CHIPS, "several", "hostile", "large", "chips", "torus")


@pytest.fixture(scope="module")
def seen(compiled: Mapping[str, Compiled], tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What a reader finds on each page."""
    digits = {chip: read(compiled[chip].plan) for chip in CHIPS}
    pages: dict[str, list[tuple[str, Plan]]] = {chip: [(chip, plan)] for chip, plan in digits.items()}
    pages["several"] = list(digits.items())
    pages["hostile"] = [("<b>", hostile_plan()), ("</article>", hostile_plan())]
    pages["large"] = [("large", large_plan())]
    pages["chips"] = [("chips", plan_of("loihi2 two chips")[0])]
    pages["torus"] = [("torus", plan_of("toy torus")[0])]
    folder = tmp_path_factory.mktemp("pages")
    for name, plans in pages.items():
        (folder / f"{name}.html").write_bytes(page_of(plans))
    words = [f"{name}={folder / name}.html" for name in pages]
    found: dict[str, dict[str, Any]] = json.loads(environments.run(environments.python_of("browser"), SCRIPT, *words))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_page_draws_its_maps_without_a_complaint(seen: dict[str, dict[str, Any]], name: str) -> None:
    found = seen[name]
    assert found["complaints"] == []
    assert all(colours > 3 for colours in found["painted"])
    assert found["light"] != found["dark"]


@pytest.mark.parametrize("name", NAMES)
def test_no_request_leaves_a_page_and_nothing_foreign_runs(seen: dict[str, dict[str, Any]], name: str) -> None:
    found = seen[name]
    assert [request.rpartition("/")[2] for request in found["requests"]] == [f"{name}.html"]
    assert found["kept_out"] == ["fetch", "image", "script", "style"]
    assert found["hacked"]  # nothing that a name wanted


@pytest.mark.parametrize("name", NAMES)
def test_pointer_keys_and_touch_tell_what_a_core_holds(seen: dict[str, dict[str, Any]], name: str) -> None:
    found = seen[name]
    assert found["hovered"].startswith("core 0 ")
    assert found["hovered"] == found["by_key"] == found["tapped"]
    assert found["by_end"].startswith(f"core {found['cores'] - 1} ")
    assert (found["left"], found["escaped"]) == (0, 0)
    assert "in a step:" in found["hovered"]


def test_a_hovered_core_tells_its_slices_and_what_binds(seen: dict[str, dict[str, Any]]) -> None:
    told = seen["loihi2"]["hovered"]
    for words in ("if1 [0..95], 96 neurons", "if2 [0..9], 10 neurons", "neuron groups", "2 / 8", "25.0%", "binds"):
        assert words in told


@pytest.mark.parametrize("name", NAMES)
def test_layers_sort_by_size_both_ways_and_back(seen: dict[str, dict[str, Any]], name: str) -> None:
    ways = {order: [int(cell) for cell in cells] for order, cells in seen[name]["sorted"].items()}
    assert ways["descending"] == sorted(ways["none"], reverse=True)
    assert ways["ascending"] == sorted(ways["none"])


@pytest.mark.parametrize("name", NAMES)
def test_words_sort_by_the_alphabet(seen: dict[str, dict[str, Any]], name: str) -> None:
    assert seen[name]["limits"] == sorted(seen[name]["limits"])


def test_every_limit_can_be_a_colour(seen: dict[str, dict[str, Any]], compiled: dict[str, Compiled]) -> None:
    for chip in CHIPS:
        shown = seen[chip]["measures"]
        assert shown[0] == "population"
        for limit in read(compiled[chip].plan).chip.limits:
            assert any(name.startswith(limit.name.replace("_", " ")) for name in shown)
        assert "100%" in seen[chip]["legend"]


@pytest.mark.parametrize("name", NAMES)
def test_a_page_fits_a_phone(seen: dict[str, dict[str, Any]], name: str) -> None:
    assert (seen[name]["overflow"], seen[name]["cut_on_phone"]) == (0, [])
    assert seen[name]["tip_whole"]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_cut_on_a_screen_of_1280_pixels(seen: dict[str, dict[str, Any]], name: str) -> None:
    assert seen[name]["cut"] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_core_chosen_by_key_is_spoken_and_one_not_in_use_says_so(seen: dict[str, dict[str, Any]], name: str) -> None:
    assert seen[name]["spoken"].startswith("core 0 ")
    assert "not in use · chip" in seen[name].get("unused", "not in use · chip")


def test_on_paper_all_figures_tell_their_sources(seen: dict[str, dict[str, Any]]) -> None:
    for found in seen.values():
        assert found["closed_on_paper"] == 0 < found["closed_again"]


def test_arrow_keys_go_from_plan_to_plan_and_flows_show_their_ways(seen: dict[str, dict[str, Any]]) -> None:
    assert seen["several"]["second"] == "plan1"
    assert all(seen[name]["pressed"] == "true" for name in ("large", "chips", "torus"))


def test_4096_cores_are_there_within_two_seconds(seen: dict[str, dict[str, Any]]) -> None:
    assert seen["large"]["cores"] == 4096
    assert seen["large"]["ready_ms"] < 2000
