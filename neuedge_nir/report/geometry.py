"""The nouns of a picture: what is to be placed, level by level, and what was. All lengths are whole pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

Path = tuple[str, ...]
"""A group: the names of the groups it lies in and its own. The whole picture is ()."""
Point = tuple[int, int]
Line = tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Size:
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Rect:
    x: int
    y: int
    width: int
    height: int

    def moved(self, x: int, y: int) -> Rect:
        return replace(self, x=self.x + x, y=self.y + y)


@dataclass(frozen=True, slots=True)
class Node:
    """A box to place. Its width is even."""

    name: str
    group: Path
    size: Size


@dataclass(frozen=True, slots=True)
class Wire:
    """A line to draw between two nodes, or from a node to itself, and the sizes of labels.

    `label` is for a line drawn through, `at_source` and `at_target` for one that is cut.
    """

    source: str
    target: str
    label: Size
    at_source: Size
    at_target: Size


class Border(Enum):
    """Where a link ends that does not end at an item of its level."""

    GROUP = "the border of the group"
    CUT = "nowhere: the wire is cut"


Item = str | Path
"""A node, or a group that is a member of the one laid out."""
End = Item | Border
Key = tuple[int, int]
"""A wire and its part: 1 is the part before the target of one that is cut."""


@dataclass(frozen=True, slots=True)
class Link:
    """The part of a wire that lies in one level, from its upper end to its lower. `back`: the wire runs upwards."""

    key: Key
    upper: End
    lower: End
    back: bool
    label: Size | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """The members of a group in the order of flow (of a node, itself), and what joins them.

    `before` are pairs of which the first stands above the second; it comes first in `items` too.
    """

    items: dict[Item, Node | None] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    before: list[tuple[Item, Item]] = field(default_factory=list)
    loops: dict[str, list[tuple[int, Size]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Block:
    """A level laid out, its upper left corner at (0, 0). Lines run from the upper end to the lower.

    `straight` are those that lead from a border to the member next to it: they may go on upright outside.
    """

    size: Size
    boxes: Mapping[str, Rect]
    groups: Mapping[Path, Rect]
    lines: Mapping[Key, Line]
    labels: Mapping[Key, Rect]
    straight: frozenset[Key]

    def moved(self, x: int, y: int) -> Block:
        return Block(
            self.size,
            {name: rect.moved(x, y) for name, rect in self.boxes.items()},
            {path: rect.moved(x, y) for path, rect in self.groups.items()},
            {key: tuple((px + x, py + y) for px, py in line) for key, line in self.lines.items()},
            {key: rect.moved(x, y) for key, rect in self.labels.items()},
            self.straight,
        )
