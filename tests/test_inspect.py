"""What `inspect` shows of a network, as text, JSON, Graphviz and SVG: golden files, and laws for names of any kind."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from unittest.mock import patch
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuedge_nir.network import count as counting
from neuedge_nir.network.connect import Scale
from neuedge_nir.network.model import Network
from neuedge_nir.network.slices import Slice
from neuedge_nir.report.contract import inspection_of
from neuedge_nir.report.dot import dot_of, quoted
from neuedge_nir.report.outline import Outline, outline_of
from neuedge_nir.report.phrases import arrow_label, vertex_label, vertex_title
from neuedge_nir.report.summary import drawable
from neuedge_nir.report.svg import svg_of
from neuedge_nir.report.tree import NARROWEST, Style, tree_lines
from neuedge_nir.report.words import columns, printable, shortened
from tests.conftest import Golden
from tests.nirfile import affine, conv2d, delay, flatten, graph, inputs, li, lif, linear, outputs, pool2d, scale
from tests.nirfile import network as read
from tests.test_golden import steady
from tests.worlds import dense, network, wire

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = (
    *("<b>&amp;</b>", "]]>", 'a"b', "back\\", "\\N\\G\\l", "[bold]"),
    *("new\nline", "\x1b[31mred", "\u202eevil", "x" * 900, "入力" * 40),
)
ANY_NAME = st.text(st.characters(codec=None), min_size=1, max_size=90) | st.sampled_from(HOSTILE)


@pytest.fixture(scope="module")
def small() -> Outline:
    """A bit of everything: a nested graph, a convolution behind a pool, recurrence, a skip, a delay, a readout."""
    square, back = linear(np.linspace(-1, 1, 64).reshape(8, 8)), linear(np.eye(8))
    inner = graph(
        {"i": inputs(8), "fc": square, "n": lif(8), "rec": back, "o": outputs(8)},
        [("i", "fc"), ("fc", "n"), ("n", "rec"), ("rec", "n"), ("n", "o")],
    )
    nodes = {
        "camera": inputs(1, 6, 6),
        "pool": pool2d("AvgPool2d"),
        "conv": conv2d(np.linspace(-0.5, 1.5, 18).reshape(2, 1, 3, 3), padding=np.array([1, 1])),
        "seen": lif(2, 3, 3, tau=np.linspace(2.0, 4.0, 18).reshape(2, 3, 3)),
        "flat": flatten(),
        "fc": affine(np.full((8, 18), 0.25), np.arange(8.0)),
        "block": inner,
        "skip": scale(2.0),
        "late": delay(3.0),
        "thought": lif(8),
        "out": linear(np.ones((3, 8))),
        "potential": li(3),
        "answer": outputs(3),
        "tap": outputs(8),
    }
    edges = [
        *pairwise(["camera", "pool", "conv", "seen", "flat", "fc", "block", "thought", "out", "potential", "answer"]),
        *[("fc", "skip"), ("skip", "late"), ("late", "thought"), ("block", "tap")],
    ]
    return outline_of(read(nodes, edges))


# --- golden files


@pytest.mark.parametrize(("name", "style"), [("", Style(80)), ("_ascii", Style(120, unicode=False))])
def test_the_text_of_a_network_is_as_agreed(small: Outline, golden: Golden, name: str, style: Style) -> None:
    golden(f"inspect{name}.txt", "".join(f"{line}\n" for line in tree_lines(small, style)))


def test_the_json_of_a_network_is_as_agreed(small: Outline, golden: Golden) -> None:
    golden("inspect.json", json.dumps(steady(inspection_of(small)), indent=2) + "\n")


def test_the_graphviz_document_of_a_network_is_as_agreed(small: Outline, golden: Golden) -> None:
    golden("inspect.dot", dot_of(small))


def test_the_picture_of_a_network_is_as_agreed(small: Outline, golden: Golden) -> None:
    golden("inspect.svg", svg_of(small))


# --- every part once


@st.composite
def named(draw: st.DrawFn) -> Network:
    """A few populations with names of any kind in a row, and some more projections among them."""
    names = draw(st.lists(ANY_NAME, min_size=1, max_size=8, unique=True).filter(lambda found: "in" not in found))
    pairs = draw(st.lists(st.tuples(st.sampled_from(names), st.sampled_from(names)), max_size=8))
    row = [wire(a, b, dense(2, 2)) for a, b in pairwise(["in", *names])]
    back = [wire(a, b, dense(2, 2), steps=int(names.index(a) >= names.index(b))) for a, b in pairs]
    return network(dict.fromkeys(names, 2), *row, *back, inputs={"in": 2}, outputs={})


@given(named())
def test_every_population_and_projection_is_in_the_text_once(net: Network) -> None:
    with patch("neuedge_nir.report.tree.WIDEST", 300):  # so that no heading goes on in a second line
        text = "\n".join(line.lstrip("│ ") for line in tree_lines(outline_of(net), Style(400, everything=True)))
    headings = re.findall(r"^[├└]─ (.*): LIF, 2 +2$", text, re.MULTILINE)
    assert stripped(headings) == stripped(shortened(p.name, 40) for p in net.populations)
    sources = re.findall(r"^[├└]─ from (.*?)(?: \(recurrent, 1 step\))? +4 +4$", text, re.MULTILINE)
    assert stripped(sources) == stripped(shortened(p.source, 40) for p in net.projections)


def stripped(names: Iterable[str]) -> Counter[str]:
    return Counter(name.strip() for name in names)


@given(named())
def test_every_population_and_projection_is_in_the_picture_once(net: Network) -> None:
    outline = outline_of(net)
    titles = [title_of(element) for element in ElementTree.fromstring(svg_of(outline)).iter(f"{SVG}g")]
    arrows = Counter(title.split("; ")[0].removesuffix(" (recurrent, 1 step)") for title in titles if "Dense" in title)
    assert arrows.total() == len(net.projections)
    for vertex in outline.vertices:
        assert titles.count(vertex_title(vertex)) == 1


@given(named())
def test_every_population_and_projection_is_in_the_graphviz_document_once(net: Network) -> None:
    outline = outline_of(net)
    lines = [line.strip() for line in dot_of(outline).splitlines()]
    nodes = [line for line in lines if re.match(r"n\d+ \[", line)]
    arrows = [match.groups() for line in lines if (match := re.match(r"(n\d+) -> (n\d+) \[", line))]
    assert {first_string(line) for line in nodes} == {"\n".join(vertex_label(vertex)) for vertex in outline.vertices}
    ids = {vertex.name: f"n{index}" for index, vertex in enumerate(outline.vertices)}
    assert len(nodes) == len(ids)
    assert Counter(arrows) == Counter((ids[p.source], ids[p.target]) for p in net.projections)


@given(named())
def test_every_population_and_projection_is_in_the_json_once_and_whole(net: Network) -> None:
    told = json.loads(json.dumps(inspection_of(outline_of(net)), allow_nan=False))
    assert [p["name"] for p in told["populations"]] == [p.name for p in net.populations]
    assert [(p["source"], p["target"]) for p in told["projections"]] == [(p.source, p.target) for p in net.projections]


def title_of(element: ElementTree.Element) -> str:
    return element.findtext(f"{SVG}title") or ""


def first_string(line: str) -> str:
    """The first quoted string of a line of Graphviz, read as Graphviz reads a label."""
    found = re.search(r'"((?:[^"\\]|\\.)*)"', line)
    assert found
    return html.unescape(re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], found[1]))


# --- names steer nothing


@given(named(), st.sampled_from([60, 80, 120]), st.booleans())
def test_lines_of_text_are_printable_and_keep_to_their_width(net: Network, width: int, unicode: bool) -> None:
    for line in tree_lines(outline_of(net), Style(width, unicode)):
        assert line.isprintable()
        assert line == line.rstrip()
        assert columns(line) <= width


def test_a_line_that_ends_in_a_blank_name_ends_before_it() -> None:
    loop = wire(" ", " ", dense(2, 2), steps=1)
    net = network({" ": 2}, wire("in", " ", dense(2, 2)), loop, inputs={"in": 2}, outputs={})
    assert not [line for line in tree_lines(outline_of(net), Style(60)) if line != line.rstrip()]


@given(named())
def test_without_unicode_only_names_are_not_ascii(net: Network) -> None:
    names = "".join(p.name for p in net.populations)
    text = "".join(tree_lines(outline_of(net), Style(80, unicode=False)))
    assert {c for c in text if not c.isascii()} <= set(names)


@given(st.lists(ANY_NAME.map(printable), min_size=1, max_size=3))
def test_graphviz_reads_back_what_was_quoted(lines: list[str]) -> None:
    assert first_string(f"x [label={quoted(lines)}];") == "\n".join(lines)
    assert quoted(lines).isprintable()


@given(named())
def test_a_picture_refers_to_nothing_and_runs_nothing(net: Network) -> None:
    root = ElementTree.fromstring(svg_of(outline_of(net)))
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        *("svg", "g", "title", "style", "rect", "path", "text")
    }
    keys = {key for element in root.iter() for key in element.attrib}
    assert not [key for key in keys if key.startswith("on") or "href" in key]
    style = root.findtext(f"{SVG}style") or ""
    assert "url(" not in style
    assert "@import" not in style


@given(named())
def test_the_text_of_a_box_has_room_in_it(net: Network) -> None:
    root = ElementTree.fromstring(svg_of(outline_of(net)))
    for group in root.iter(f"{SVG}g"):
        rect = group.find(f"{SVG}rect")
        if rect is None or rect.get("class") not in ("port", "spiking", "silent"):
            continue
        for text in group.findall(f"{SVG}text"):
            letters = 13 if "name" in (text.get("class") or "") else 11
            assert columns(text.text or "") * letters * 0.602 <= int(rect.get("width") or 0) - 16


@given(ANY_NAME, st.integers(8, 60))
def test_a_shortened_name_is_printable_and_fits(name: str, most: int) -> None:
    found = shortened(name, most)
    assert found.isprintable()
    assert columns(found) <= most
    assert found == printable(name) or "..." in found


def test_a_long_name_keeps_its_beginning_and_its_end() -> None:
    assert shortened("encoder." + "layer." * 40 + "lif", 20) == "encoder.l...ayer.lif"


def test_wide_characters_take_two_columns() -> None:
    net = network({"入力": 1, "ab": 1}, wire("入力", "ab", dense(1, 1)))
    (wide, narrow) = (line for line in tree_lines(outline_of(net), Style(80)) if ": LIF, 1" in line)
    assert len(narrow) - len(wide) == 2
    assert shortened("入力" * 20, 21) == "入力入力...入力入力"


def test_guides_leave_room_for_words_however_deep_the_graph() -> None:
    net = network({"/".join("abcdefghijklmnopqrstuvwxyz"[: depth + 1]): 1 for depth in range(26)})
    lines = list(tree_lines(outline_of(net), Style(80)))
    assert max(map(columns, lines)) <= 80
    assert sum("tau 1, r 1, v_leak 0, " in line for line in lines) == 26
    assert max(len(line) - len(line.lstrip("├└─│ ")) for line in lines if "LIF" in line) == 18


# --- what is left out


def test_of_a_large_network_the_middle_is_counted() -> None:
    names = [f"{'deep/' if 30 <= k < 50 else ''}p{k}" for k in range(1000)]
    net = network(dict.fromkeys(names, 1), *(wire(a, b, dense(1, 1)) for a, b in pairwise(names)))
    lines = list(tree_lines(outline_of(net), Style(80)))
    assert len(lines) < 250
    left_out = [line for line in lines if "left out" in line]
    assert left_out == [
        "│  └─ ... 18 populations, 18 projections left out (--all shows them)",
        "├─ ... 935 populations, 935 projections left out (--all shows them)",
    ]
    whole = list(tree_lines(outline_of(net), Style(80, everything=True)))
    assert not [line for line in whole if "left out" in line]
    assert sum(": LIF, 1" in line for line in whole) == 1000


def test_of_many_projections_into_a_population_the_rest_is_counted() -> None:
    net = network({"a": 1, "b": 1}, *(wire("a", "b", dense(1, 1)) for _ in range(40)))
    lines = list(tree_lines(outline_of(net), Style(80)))
    assert sum("from a" in line for line in lines) == 12
    assert [line.strip("│ ") for line in lines if "left out" in line] == [
        "└─ ... 28 projections more left out (--all shows them)"
    ]


@given(named())
def test_a_summary_keeps_all_neurons_and_synapses_and_the_ends_of_the_flow(net: Network) -> None:
    outline = outline_of(net)
    with patch.multiple("neuedge_nir.report.summary", MOST_DRAWN=0, HEAD=2, TAIL=1):
        found = drawable(outline)
    assert sum(v.size for v in found.populations) == net.neurons
    assert sum(a.synapses for a in found.arrows) == outline.totals.synapses
    assert sum(a.projections or 1 for a in found.arrows) == len(net.projections)
    assert len(found.vertices) == min(4, len(outline.vertices))
    assert (found.vertices[:2], found.vertices[-1]) == (outline.vertices[:2], outline.vertices[-1])
    assert len({v.name for v in found.vertices}) == len(found.vertices)
    assert len({(a.source, a.target) for a in found.arrows}) == len(found.arrows)
    ElementTree.fromstring(svg_of(found))


def test_a_picture_of_too_many_parts_is_a_summary_that_says_so() -> None:
    names = [f"p{k}" for k in range(120)]
    net = network(dict.fromkeys(names, 3), *(wire(a, b, steps=1) for a in names for b in names))
    text = svg_of(outline_of(net))
    assert "a summary: 121 boxes and 14,401 lines are too many to be drawn" in text
    assert "... 73 populations" in text
    assert "5,329 projections" in text  # those between the 73
    assert text.count("<g>") < 2600


def test_what_is_drawn_whole_is_no_summary(small: Outline) -> None:
    assert drawable(small) is small


def test_projections_that_connect_alike_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    counts = counting.Counter.synapses

    def counted(self: counting.Counter, part: Slice) -> int:
        asked.append(part)
        return counts(self, part)

    monkeypatch.setattr(counting.Counter, "synapses", counted)
    shared = [wire("a", "b", Scale(f"s{k}", np.full(2, 0.5 + k), (2,))) for k in range(300)]
    outline = outline_of(network({"a": 2, "b": 2}, wire("in", "a", dense(2, 5)), *shared, inputs={"in": 5}))
    assert outline.totals.synapses == 10 + 300 * 2
    assert len(asked) <= 2


def test_a_narrow_terminal_gets_lines_of_a_least_width(small: Outline) -> None:
    assert list(tree_lines(small, Style(10))) == list(tree_lines(small, Style(NARROWEST)))


# --- other tools


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_draws_names_of_any_kind_as_they_are() -> None:
    net = network(dict.fromkeys(HOSTILE, 1), *(wire(a, b, dense(1, 1)) for a, b in pairwise(HOSTILE)), outputs={})
    outline = outline_of(net)
    done = subprocess.run(["dot", "-Tsvg"], input=dot_of(outline).encode(), capture_output=True, check=True, timeout=60)
    assert done.stderr == b""
    texts = {element.text for element in ElementTree.fromstring(done.stdout).iter(f"{SVG}text")}
    assert {vertex_label(vertex)[0] for vertex in outline.vertices} <= texts
    assert {arrow_label(arrow, read_out=False)[0] for arrow in outline.arrows} <= texts
