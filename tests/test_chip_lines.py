"""Where the keys of a TOML text stand."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from neuedge_nir.chip.lines import line_of, locate

UGLY = '''\
# a = 1
"a.b" = { c = [ { d = 1 }, # { e = 2 }
  { 'd' = """
two ] lines""", e.f = 1.5e-3 } ] }
[ x . "y z" ]
k."l" = [[1, 2],
  [3]]
[[x.n]]
v = 'a # [b]'
[[x.n]]
[x.n.w]
u = 1979-05-27 07:32:00
[[x.n.m]]
t = """a"b\\""" ""c"""
s = 0
'''


def test_every_key_of_an_ugly_text_is_located() -> None:
    lines = locate(UGLY)
    assert {at: lines[at] for at in paths(tomllib.loads(UGLY))} == {
        ("a.b",): 2,
        ("a.b", "c"): 2,
        ("a.b", "c", 0): 2,
        ("a.b", "c", 0, "d"): 2,
        ("a.b", "c", 1): 3,
        ("a.b", "c", 1, "d"): 3,
        ("a.b", "c", 1, "e"): 4,
        ("a.b", "c", 1, "e", "f"): 4,
        ("x",): 5,
        ("x", "y z"): 5,
        ("x", "y z", "k"): 6,
        ("x", "y z", "k", "l"): 6,
        ("x", "y z", "k", "l", 0): 6,
        ("x", "y z", "k", "l", 0, 0): 6,
        ("x", "y z", "k", "l", 0, 1): 6,
        ("x", "y z", "k", "l", 1): 7,
        ("x", "y z", "k", "l", 1, 0): 7,
        ("x", "n"): 8,
        ("x", "n", 0): 8,
        ("x", "n", 0, "v"): 9,
        ("x", "n", 1): 10,
        ("x", "n", 1, "w"): 11,
        ("x", "n", 1, "w", "u"): 12,
        ("x", "n", 1, "m"): 13,
        ("x", "n", 1, "m", 0): 13,
        ("x", "n", 1, "m", 0, "t"): 14,
        ("x", "n", 1, "m", 0, "s"): 15,
    }


def test_nothing_is_located_that_the_text_does_not_hold() -> None:
    assert set(locate(UGLY)) == set(paths(tomllib.loads(UGLY)))


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[1] / "targets").glob("*/*.toml")), ids=lambda p: p.stem)
def test_every_key_of_our_chip_files_is_located(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert set(locate(text)) == set(paths(tomllib.loads(text)))


def paths(data: object, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    pairs = list(data.items()) if isinstance(data, dict) else list(enumerate(data)) if isinstance(data, list) else []
    return [path for key, value in pairs for path in ((*at, key), *paths(value, (*at, key)))]


def test_a_missing_key_belongs_to_the_table_around_it() -> None:
    lines = locate(UGLY)
    assert line_of(lines, ("x", "n", 1, "w", "missing")) == 11
    assert line_of(lines, ("missing",)) == 1
