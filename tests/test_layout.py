"""Where the parts of a picture go: nothing lies on anything else, lines lead from box to box around all others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuedge_nir.report.geometry import Line, Node, Path, Rect, Size, Wire
from neuedge_nir.report.layers import Pull, Spot, Strand, Weave, ordered, placed
from neuedge_nir.report.layout import Picture, laid_out

LABEL, STUB, TITLE = Size(70, 30), Size(50, 30), Size(60, 24)


def picture(nodes: Sequence[Node], pairs: Sequence[tuple[str, str]]) -> Picture:
    return laid_out(nodes, [Wire(a, b, LABEL, STUB, STUB) for a, b in pairs], lambda _: TITLE)


def boxes(*names: str) -> list[Node]:
    """Boxes of one size in the groups of their names."""
    return [Node(name, tuple(name.split("/")[:-1]), Size(100, 60)) for name in names]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Node], list[tuple[str, str]]]:
    """Up to a dozen boxes of several sizes, some in groups and groups in groups, with any lines between them."""
    groups = st.sampled_from(["", "g/", "h/", "g/i/", "g/j/", "h/k/l/"])
    names = [f"{draw(groups)}n{k}" for k in range(draw(st.integers(1, 12)))]
    sizes = st.builds(Size, st.integers(10, 60).map(lambda half: 2 * half), st.integers(20, 80))
    nodes = [Node(name, tuple(name.split("/")[:-1]), draw(sizes)) for name in names]
    pairs = draw(st.lists(st.tuples(st.sampled_from(names), st.sampled_from(names)), max_size=20))
    return nodes, pairs


# --- laws


@given(graphs())
def test_every_box_is_placed_once_and_in_its_size(drawn: tuple[list[Node], list[tuple[str, str]]]) -> None:
    nodes, pairs = drawn
    found = picture(*drawn)
    assert set(found.boxes) == {node.name for node in nodes}
    looping = {a for a, b in pairs if a == b}
    for node in nodes:
        rect = found.boxes[node.name]
        assert rect.width == node.size.width
        assert rect.height == node.size.height or (rect.height > node.size.height and node.name in looping)
    assert len(found.routes) == len(pairs)


@given(graphs())
def test_no_box_and_no_label_lies_on_another(drawn: tuple[list[Node], list[tuple[str, str]]]) -> None:
    found = picture(*drawn)
    solid = [*found.boxes.values(), *(label for route in found.routes for label in route.labels)]
    assert not [pair for pair in combinations(solid, 2) if overlap(*pair)]
    assert all(inside(rect, Rect(0, 0, found.size.width, found.size.height)) for rect in solid)


@given(graphs())
def test_a_group_holds_its_members_and_nothing_else(drawn: tuple[list[Node], list[tuple[str, str]]]) -> None:
    nodes, _ = drawn
    found = picture(*drawn)
    assert set(found.groups) == {node.group[:depth] for node in nodes for depth in range(1, len(node.group) + 1)}
    for path, rect in found.groups.items():
        for node in nodes:
            held = node.group[: len(path)] == path
            assert inside(found.boxes[node.name], rect) if held else not overlap(found.boxes[node.name], rect)
        for other, box in found.groups.items():
            if path != other[: len(path)] and other != path[: len(other)]:
                assert not overlap(rect, box)


@given(graphs())
def test_a_line_leads_from_its_source_to_its_target(drawn: tuple[list[Node], list[tuple[str, str]]]) -> None:
    found = picture(*drawn)
    for (source, target), route in zip(drawn[1], found.routes, strict=True):
        assert len(route.lines) == len(route.labels) == 1
        assert touches(route.lines[0][0], found.boxes[source])
        assert touches(route.lines[0][-1], found.boxes[target])


@given(graphs())
def test_a_line_crosses_no_box_and_no_label_and_no_foreign_group(
    drawn: tuple[list[Node], list[tuple[str, str]]],
) -> None:
    nodes, pairs = drawn
    groups: dict[str, Path] = {node.name: node.group for node in nodes}
    found = picture(*drawn)
    labels = [label for route in found.routes for label in route.labels]
    for (source, target), route in zip(pairs, found.routes, strict=True):
        foreign = [
            rect
            for path, rect in found.groups.items()
            if path != groups[source][: len(path)] and path != groups[target][: len(path)]
        ]
        for room in rooms(route.lines[0]) if source != target else ():
            assert not [rect for rect in (*found.boxes.values(), *labels, *foreign) if overlap(room, rect)]


@given(graphs())
def test_cut_lines_too_lie_on_nothing_and_end_at_their_boxes(drawn: tuple[list[Node], list[tuple[str, str]]]) -> None:
    with patch("neuedge_nir.report.layout.SPANS", 0), patch("neuedge_nir.report.layout.SPANS_PER_NODE", 0):
        found = picture(*drawn)
    labels = [label for route in found.routes for label in route.labels]
    assert not [pair for pair in combinations([*found.boxes.values(), *labels], 2) if overlap(*pair)]
    for (source, target), route in zip(drawn[1], found.routes, strict=True):
        assert len(route.lines) == len(route.labels)
        assert touches(route.lines[0][0], found.boxes[source])
        assert touches(route.lines[-1][-1], found.boxes[target])
        for room in (room for line in route.lines for room in rooms(line)) if source != target else ():
            assert not [rect for rect in (*found.boxes.values(), *labels) if overlap(room, rect)]


def overlap(one: Rect, other: Rect) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


def inside(inner: Rect, outer: Rect) -> bool:
    return (
        outer.x <= inner.x
        and outer.y <= inner.y
        and inner.x + inner.width <= outer.x + outer.width
        and inner.y + inner.height <= outer.y + outer.height
    )


def touches(point: tuple[int, int], rect: Rect) -> bool:
    """Whether a point lies on the border of a box, its corners left out."""
    (x, y), right, lower = point, rect.x + rect.width, rect.y + rect.height
    return (rect.x < x < right and y in (rect.y, lower)) or (x == right and rect.y < y < lower)


def rooms(line: Line) -> Iterator[Rect]:
    """What each piece of a line stays in: a curve never leaves the rectangle that its ends span."""
    for (x1, y1), (x2, y2) in pairwise(line):
        yield Rect(min(x1, x2), min(y1, y2), max(1, abs(x1 - x2)), abs(y1 - y2))


# --- what a good picture looks like


def middles(found: Picture, *names: str) -> set[int]:
    return {found.boxes[name].x + found.boxes[name].width // 2 for name in names}


def test_a_chain_stands_upright_and_a_skip_passes_beside_it() -> None:
    found = picture(boxes("a", "b", "c", "d"), [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")])
    assert len(middles(found, "a", "b", "c", "d")) == 1
    (skip,) = (route.lines[0] for route in found.routes[3:])
    aside = {x for x, _ in skip} - middles(found, "a")
    assert len(aside) == 1
    assert not middles(found, "a") & {x for x, _ in skip[1:-1]}


def test_a_chain_stays_upright_through_groups() -> None:
    found = picture(
        boxes("in", "g/a", "g/h/b", "g/c", "out"), [("in", "g/a"), ("g/a", "g/h/b"), ("g/h/b", "g/c"), ("g/c", "out")]
    )
    assert len(middles(found, "in", "g/a", "g/h/b", "g/c", "out")) == 1
    assert all(len(route.lines[0]) == 2 for route in found.routes)


def test_flow_leads_down_and_recurrence_up() -> None:
    found = picture(boxes("a", "b"), [("a", "b"), ("b", "a")])
    (forward,), (back,) = (route.lines for route in found.routes)
    assert forward[0][1] < forward[-1][1]
    assert back[0][1] > back[-1][1]
    assert len(forward) == 2
    assert forward[-1][0] != back[0][0]


def test_a_label_stands_near_the_source_of_its_line() -> None:
    found = picture(boxes("a", "b", "c", "d"), [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d"), ("d", "a")])
    down, up = (found.routes[number].labels[0].y for number in (3, 4))
    assert found.boxes["a"].y < down < found.boxes["b"].y
    assert found.boxes["c"].y < up < found.boxes["d"].y


def test_a_small_box_stands_in_the_middle_of_its_rank() -> None:
    tall, small = Node("tall", (), Size(100, 200)), Node("small", (), Size(100, 40))
    found = picture([tall, small], [])
    assert found.boxes["small"].y == found.boxes["tall"].y + 80


def test_lines_back_to_their_own_box_stand_below_each_other_on_its_right() -> None:
    found = picture(boxes("a"), [("a", "a")] * 3)
    box, labels = found.boxes["a"], [route.labels[0] for route in found.routes]
    assert all(x == box.x + box.width for route in found.routes for x, _ in route.lines[0])
    assert [label.y for label in labels] == sorted(label.y for label in labels)
    assert all(box.y <= label.y and label.y + label.height <= box.y + box.height for label in labels)


def test_two_branches_are_drawn_on_both_sides_in_the_order_of_the_file() -> None:
    found = picture(boxes("a", "l", "r", "z"), [("a", "l"), ("a", "r"), ("l", "z"), ("r", "z")])
    (left,), (right,), (middle,) = middles(found, "l"), middles(found, "r"), middles(found, "a")
    assert left < middle < right
    assert abs(left + right - 2 * middle) <= 1
    assert middles(found, "a") == middles(found, "z")


def test_a_line_that_would_cross_too_many_ranks_is_cut_and_both_ends_are_labelled() -> None:
    names = [f"n{k}" for k in range(60)]
    found = picture(boxes(*names), [*pairwise(names), *((name, names[-1]) for name in names[:-2])])
    cut = [route for route in found.routes if len(route.lines) == 2]
    assert cut
    assert all(len(route.labels) == 2 for route in cut)
    assert all(touches(route.lines[1][-1], found.boxes["n59"]) for route in cut)
    shortest_cut = min(number for number, route in enumerate(found.routes) if len(route.lines) == 1 and number > 58)
    assert all(len(route.lines) == 1 for route in found.routes[shortest_cut:])
    solid = [*found.boxes.values(), *(label for route in found.routes for label in route.labels)]
    assert not [pair for pair in combinations(solid, 2) if overlap(*pair)]


def test_the_parts_of_a_picture_grow_with_the_network_not_with_its_square() -> None:
    def points(count: int) -> int:
        names = [f"n{k}" for k in range(count)]
        pairs = [*pairwise(names), *((name, names[-1]) for name in names)]
        return sum(len(line) for route in picture(boxes(*names), pairs).routes for line in route.lines)

    assert points(800) < 2.2 * points(400)


# --- order and places


def test_an_order_without_crossings_is_found_where_there_is_one() -> None:
    spots = [Spot(-1, 0, 0, 0), *(Spot(0, 5, 5, 10) for _ in range(3)), *(Spot(1, 5, 5, 10) for _ in range(3))]
    weave = Weave.of(spots, [Strand(1, 6, Pull.STRAIGHT), Strand(2, 5, Pull.STRAIGHT), Strand(3, 4, Pull.STRAIGHT)])
    assert ordered(weave) in ([[0], [1, 2, 3], [6, 5, 4]], [[0], [3, 2, 1], [4, 5, 6]])


def test_an_order_that_only_looking_back_finds_is_found() -> None:
    spots = [Spot(-1, 0, 0, 0), *(Spot(rank, 5, 5, 10) for rank in (0, 0, 0, 1, 1, 1))]
    pairs = [(1, 4), (1, 6), (2, 5), (3, 4), (3, 6)]  # a walk from 1 meets 4 and 6 first, and 5 last
    weave = Weave.of(spots, [Strand(a, b, Pull.STRAIGHT) for a, b in pairs])
    _, upper, lower = ordered(weave)
    crossings = [
        (one, other)
        for one, other in combinations(pairs, 2)
        if (upper.index(one[0]) - upper.index(other[0])) * (lower.index(one[1]) - lower.index(other[1])) < 0
    ]
    assert len(crossings) == 1


@pytest.mark.parametrize("pull", Pull)
def test_what_pulls_alone_stands_upright(pull: Pull) -> None:
    weave = Weave.of([Spot(-1, 0, 0, 0), Spot(0, 40, 40, 10), Spot(1, 5, 90, 10)], [Strand(1, 2, pull)])
    _, upper, lower = placed(weave, [[0], [1], [2]], {0: (30, 0)})
    assert upper + 30 == lower


def test_neighbours_keep_apart_and_the_stronger_keeps_its_place() -> None:
    spots = [Spot(-1, 0, 0, 0), Spot(0, 10, 10, 10), Spot(1, 10, 10, 10), Spot(1, 10, 10, 10)]
    weave = Weave.of(spots, [Strand(1, 2, Pull.STRAIGHT), Strand(1, 3, Pull.END)])
    _, upper, straight, bent = placed(weave, [[0], [1], [2, 3]], {0: (0, 0), 1: (0, 0)})
    assert straight == upper
    assert bent - straight >= 20
