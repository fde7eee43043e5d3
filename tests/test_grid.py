"""Tables of any width: no word or number is broken, no line is too long or ends in blanks, and nothing is left out."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuedge_nir.cli.shared import print_tables
from neuedge_nir.report.plan_text import plan_report
from neuedge_nir.report.text import table
from neuedge_nir.report.words import printable, shortened
from tests.conftest import Neuedge
from tests.plan_zoo import plan_of

WORDS = st.text("abc", min_size=1, max_size=9)
CELLS = st.lists(WORDS, max_size=4).map(" ".join)


def drawn(rows: Sequence[tuple[str, ...]], width: int, monkeypatch: pytest.MonkeyPatch, encoding: str = "utf-8") -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
    print_tables([table("title", ("name", "text", "number"), rows, right=(2,))], stream)
    stream.seek(0)
    return stream.read()


@given(
    rows=st.lists(st.tuples(WORDS, CELLS, st.integers(0, 10**9).map("{:,}".format)), min_size=1),
    width=st.integers(30, 90),
)
def test_every_word_is_whole_and_every_line_fits(rows: list[tuple[str, str, str]], width: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        text = drawn(rows, width, patch)
    assert all(len(line) <= width and line == line.rstrip() for line in text.splitlines())
    found = re.findall(r"[a-c]+|[\d,]+", text.split("\n", 1)[1].replace("name", "").replace("number", ""))
    wanted = [word for row in rows for cell in row for word in cell.split()]
    assert sorted(found) == sorted(wanted)


def test_what_does_not_fit_beside_stands_below(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [("conv1", "a word", "1,000,000"), ("b" * 1000, "", "2")]
    wide, narrow = (drawn(rows, width, monkeypatch) for width in (120, 30))
    assert re.search(r"conv1 +a word +1,000,000\n", wide)
    assert "  conv1\n    text: a word\n    number: 1,000,000\n" in narrow
    assert "b" * 65 not in wide
    assert f"{'b' * 20}...{'b' * 20}" in re.sub(r"b{20,}", "b" * 20, wide)


def test_signs_that_an_encoding_lacks_are_spelled_before_widths_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = drawn(
        [("\u65e5\u672c", "1.01 \u00b5s", "1"), ("plain", "2 us", "2")], 120, monkeypatch, "ascii"
    ).splitlines()
    (japanese,) = (line for line in lines if "\\u65e5\\u672c" in line)
    (plain,) = (line for line in lines if "plain" in line)
    assert "1.01 us" in japanese
    assert japanese.index("1.01") == plain.index("2 us")


def test_a_name_of_blanks_is_seen() -> None:
    assert (printable(" "), printable(""), printable("a b"), shortened("  ", 9)) == ("' '", "", "a b", "'  '")


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_report_fits_a_narrow_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    stream = io.StringIO()
    print_tables(plan_report(plan_of("loihi2 two chips")[0]), stream)
    assert max(map(len, stream.getvalue().splitlines())) <= width


def test_keys_of_a_chip_are_found_by_grep(neuedge: Neuedge) -> None:
    lines = neuedge("targets", "show", "loihi2").out.splitlines()
    assert any("costs.profiles[prior-from-loihi1].synaptic_event_j" in line for line in lines)
    assert not any(line.endswith(" ") for line in lines)
