"""The pages of the site that stand in no file: every chip, number, code, command, option and pass has its place."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

import pytest

from docs.generate import commands
from docs.generate.chips import quantities, sheets
from docs.generate.keys import OWN, tables
from docs.generate.links import all_pages
from docs.generate.markdown import SPECIAL, interval, linked, number, table, text
from docs.generate.navigation import expanded, places_in
from docs.generate.pages import API, ELSEWHERE, README, ROOT, ROOTED, fill, json_keys, pages, sections, slug
from docs.generate.source import Module, public
from docs.generate.support import NODES, stateless
from neuedge_nir.chip.arithmetic import KINDS
from neuedge_nir.chip.formulas import FORMULAS
from neuedge_nir.chip.shape import keys_of
from neuedge_nir.cli.main import COMMANDS
from neuedge_nir.codes import explanations
from neuedge_nir.rewrite.door import choices, load_pass
from tests.test_architecture import PUBLIC

DOCS = ROOT / "docs"
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
OUTSIDE = ("http:", "https:", "mailto:")


@cache
def made() -> dict[str, str]:
    return pages()


@cache
def kept() -> dict[str, str]:
    """The pages that are files of the repository."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md"))}


@cache
def site() -> dict[str, str]:
    return all_pages(kept(), made(), explanations())


def shipped(folder: str, pattern: str) -> list[str]:
    return sorted(path.stem for path in (ROOT / folder).glob(pattern))


# --- what must be there


def test_every_chip_has_a_page_with_every_number() -> None:
    found = {sheet.chip.name: sheet for sheet in sheets()}
    assert sorted(found) == shipped("targets", "*/*.toml")
    for name, sheet in found.items():
        page = made()[f"chips/{name}.md"]
        for key, q in quantities(sheet.chip):
            cells = (
                f"| {interval(q.low, q.typical, q.high, q.unit)} |",
                f"| {q.confidence.value} | {sheet.cited(q.source)}",
            )
            rows = [line for line in page.splitlines() if f"{key.split('.')[-1]}`" in line or shown(key, line)]
            assert any(all(c in row for c in cells) and (not q.note or text(q.note)[1:] in row) for row in rows), key
        for words in (*sheet.chip.notes, *(n.why for n in sheet.chip.not_checked), sheet.chip.costs.note or ""):
            assert linked(words, "../") in page


def shown(key: str, line: str) -> bool:
    """A limit's number stands beside the limit's name."""
    limit = re.fullmatch(r"limits\[(\w+)\]\.limit", key)
    return limit is not None and line.startswith(f"| `{limit[1]}` per ")


def test_every_chip_is_in_the_tables_across_chips() -> None:
    for name in shipped("targets", "*/*.toml"):
        assert f"]({name}.md), `{name}` |" in made()["chips/index.md"]
        assert made()["primitives.md"].count(f"[`{name}`](chips/{name}.md)") == 5


def test_the_table_of_capabilities_says_what_the_files_say() -> None:
    lines = {line.split("|")[1].strip(" `"): line for line in made()["primitives.md"].splitlines() if "|" in line}
    for at, sheet in enumerate(sheets()):
        able = sheet.chip.capabilities
        for model in ("IF", "LIF", "CubaLIF", "LI", "CubaLI", "I", "Threshold"):
            assert lines[model].split("|")[at + 2].strip() == ("yes" if model in able.neuron_models else "no")
        assert lines["graded spikes"].split("|")[at + 2].strip() == ("yes" if able.graded_spikes else "no")
    assert set(stateless()) | {"NIRGraph"} == set(NODES)


def test_every_code_has_one_anchor_with_its_meaning() -> None:
    page = made()["codes.md"]
    for code, meaning in explanations().items():
        assert page.count(f"{{ #{code} }}") == 1
        assert text(meaning) in page
    assert re.findall(r"^## (\w+): other", page, re.MULTILINE) == []


def test_every_command_has_a_page_with_every_option() -> None:
    for name in COMMANDS:
        page = made()[f"commands/{name}.md"]
        for parser in [found := commands.parser_of(name), *commands._inner(found).values()]:
            for action in parser._actions:
                if not isinstance(action, argparse._SubParsersAction | argparse._HelpAction):
                    assert all(f"`{option}" in page for option in action.option_strings)
                    assert action.help is None or text(parser._get_formatter()._expand_help(action)) in page
        assert f"[`{name}`]({name}.md)" in made()["commands/index.md"]


def test_every_pass_has_its_options_and_says_why_it_is_sound() -> None:
    page = made()["passes.md"]
    registered = re.findall(r"^## `([\w-]+)`", page, re.MULTILINE)
    entries = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert set(registered) == set(re.findall(r'^([\w-]+) = "neuedge_passes', entries, re.MULTILINE))
    for name in registered:
        part = page.split(f"{{ #{name} }}")[1].split("\n## ")[0]
        assert all(f"| `{option.name}` |" in part for option in choices(load_pass(name)))
        assert f"Keeps: {load_pass(name).keeps}" in part


def test_every_formula_and_arithmetic_is_explained() -> None:
    assert all(f"{{ #{name} }}" in made()["formulas.md"] for name in FORMULAS)
    assert all(f"{{ #{name} }}" in made()["arithmetic.md"] for name in KINDS)


def test_every_key_of_a_chip_file_is_listed() -> None:
    page = made()["chip_files.md"]
    for _, record in tables():
        part = page.split(f"{{ #{record.__name__} }}")[1].split("\n## ")[0]
        assert all(f"| `{key}` |" in part for key in keys_of(record) if key not in OWN)


def test_every_public_module_is_on_a_page_of_the_api() -> None:
    told = {module.removeprefix("neuedge_nir.") for _, _, wanted in API.values() for module in wanted}
    inner = {"pipeline.options", "frontend.raw", "frontend.reader", "frontend.writer", "network.build"}
    assert PUBLIC - {"frontend", "train"} <= told
    assert inner <= told


def test_every_public_name_of_the_package_is_explained() -> None:
    import neuedge_nir

    index = made()["api/index.md"]
    for name in neuedge_nir.__all__:
        if not name.startswith("_"):
            place, anchor = re.findall(rf"\[`{name}`\]\(([\w.]+)#([\w.]+)\)", index)[0]
            assert f"{{ #{anchor} }}" in made()[f"api/{place}"]


def test_a_function_is_shown_with_its_arguments_and_a_field_with_its_comment() -> None:
    page = made()["api/functions.md"]
    assert "def check(\n    model: Network | Path | str,\n    target: Chip | str,\n" in page
    assert "    samples: Samples | None = None,\n" in page
    assert "| `typical` | `float` |" in made()["api/chips.md"]
    assert "timesteps; absent: only the one step every hop takes" in made()["api/chips.md"]


def test_no_private_name_is_shown() -> None:
    for _, _, wanted in API.values():
        for name, only in wanted.items():
            module = Module.read(name, ROOT)
            assert public(module, only)
            assert all(not getattr(node, "name", "").startswith("_") for node in public(module, only))


def test_every_section_of_the_readme_has_its_place() -> None:
    placed = {name for _, names in README.values() for name in names}
    assert placed | ELSEWHERE.keys() <= sections(ROOT).keys()
    for name, content in sections(ROOT).items():
        if name not in ELSEWHERE:
            assert sum(content.strip() in page for page in made().values()) == 1


# --- links


def targets(page: str) -> Iterator[str]:
    text = INLINE.sub("", FENCED.sub("", page))
    return (found for found in LINK.findall(text) if not found.startswith(OUTSIDE))


def anchors(page: str) -> set[str]:
    text = FENCED.sub("", page)
    given = re.findall(r"\{ #([\w.-]+) \}", text)
    titles = re.findall(r"^#+ (.*?)(?: \{ #.*)?$", text, re.MULTILINE)
    return {*given, *(slug(re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", title)) for title in titles)}


def test_every_link_leads_to_a_page_and_a_place_on_it() -> None:
    broken = []
    for place, page in site().items():
        for link in targets(page):
            path, _, anchor = link.partition("#")
            home = os.path.normpath(os.path.join(os.path.dirname(place), path)) if path else place
            if home in site():
                known = anchors(site()[home])
            elif (DOCS / home).is_file():
                known = set()
            else:
                broken.append((place, link))
                continue
            if anchor and anchor not in known:
                broken.append((place, link))
    assert broken == []


def test_the_pages_in_the_repository_lead_to_files_of_it() -> None:
    for name, page in kept().items():
        for link in targets(page):
            path = link.partition("#")[0]
            assert not path or (DOCS / path).is_file(), (name, link)


def test_a_link_out_of_the_folder_leads_to_the_page_that_stands_for_it() -> None:
    page = all_pages(
        {"a.md": "[a](../targets/neuedge_loihi/loihi2.toml) [b](../README.md#run-it) FIT010 `FIT010` `X`"},
        {},
        {"FIT010"},
    )
    assert page["a.md"] == "[a](chips/loihi2.md) [b](run.md) [FIT010](codes.md#FIT010) [`FIT010`](codes.md#FIT010) `X`"
    named = all_pages({"a.md": "[io.md](io.md) [docs/io.md](io.md#kinds-of-cores) [none.md](io.md)"}, {}, ())
    assert named["a.md"] == "[Ways in and out](io.md) [Ways in and out](io.md#kinds-of-cores) [none.md](io.md)"
    inner = all_pages({}, {"chips/x.md": "```\nFIT010\n```\nFIT010 [FIT010](b.md)"}, {"FIT010"})
    assert inner["chips/x.md"] == "```\nFIT010\n```\n[FIT010](../codes.md#FIT010) [FIT010](b.md)"
    assert all(place in made() for place in ROOTED)


def test_what_a_page_lets_be_filled_in_is_known() -> None:
    markers = {
        name for page in kept().values() for name in re.findall(r"^<!-- generate: (.+) -->$", page, re.MULTILINE)
    }
    assert markers == {"exits", "prices", "formulas", "figures", "levels", "readme", "report", "inspection", "models"}
    with pytest.raises(KeyError):
        fill("nothing")
    statuses = [line.split("|")[1].strip() for line in fill("exits").splitlines()[2:]]
    assert statuses == ["0", "1", "2", "3", "4", "5", "6", "130"]


def test_keys_of_json_are_told_once() -> None:
    many = {f"path{n}": {"low": n, "why": "x" * 99} for n in range(9)}
    told = json_keys({"a": {"b": [{"c": None}, {"c": 1}]}, "f": many, "e": {}, "g": {**many, "h": 1}})
    mixed = [*(f"`g.path{n}.{key}`" for n in range(9) for key in ("low", "why")), "`g.h`"]
    rows = told.splitlines()[2:]
    assert [row.split("|")[1].strip() for row in rows] == ["`a.b[].c`", "`f.NAME.low`", "`f.NAME.why`", "`e`", *mixed]
    assert rows[2].endswith("xxx ...` |")


def test_the_navigation_has_every_page_once() -> None:
    places = ["index.md", "a.md", "b/x.md", "b/index.md", "new.md"]
    nav = expanded([{"One": ["index.md", "a.md"]}, {"B": ["b/index.md", "b/*"]}, {"Rest": ["*"]}], places)
    assert nav == [{"One": ["index.md", "a.md"]}, {"B": ["b/index.md", "b/x.md"]}, {"Rest": ["new.md"]}]
    assert expanded([{"One": places}, {"Rest": ["*"]}], places) == [{"One": places}]


def test_every_fence_is_one_to_the_site() -> None:
    """What it does not know behind a language makes it text, and swallows the headings behind it."""
    for place, page in site().items():
        opened = [line for line in page.splitlines() if line.startswith("```")]
        assert all(re.fullmatch(r'```(\w+( title="[^"]+")?)?', line) for line in opened), place
        assert len(opened) % 2 == 0


def test_the_navigation_of_the_site_has_every_page_once() -> None:
    yaml = pytest.importorskip("yaml")
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    found = list(places_in(expanded(nav, sorted(site()))))
    assert sorted(found) == sorted(site())


def test_lists_tables_and_headings_have_a_blank_line_before_them() -> None:
    """A browser of the repository does without; the site would take them for the paragraph's text."""
    for place, page in site().items():
        lines = FENCED.sub("", page).splitlines()
        for before, line in pairwise(lines):
            if (start := re.match(r"[*-] |\| |#+ ", line)) and before and not before.startswith(("  ", start[0][0])):
                raise AssertionError(f"{place}: {line!r} stands right behind {before!r}")


# --- text


def test_text_of_a_chip_file_is_no_mark_up() -> None:
    assert text("a_b *c* <d> [e](f) `g_h` #1") == r"a\_b \*c\* &lt;d&gt; \[e\](f) `g_h` \#1"
    assert text("see https://a.b/c_d: e.") == "see <https://a.b/c_d>: e."
    assert SPECIAL.search("~")
    assert table(("x",), [("`a|b`\nc",)]).splitlines()[-1] == "| `a|b` c |"


def test_numbers_have_their_units() -> None:
    shown = [number(2.36e-11, "J"), number(4095, "neurons"), number(1e-3, "s"), number(0, "J"), number(0.232, "W")]
    assert shown == ["23.6 pJ", "4,095 neurons", "1 ms", "0 J", "232 mW"]
    assert interval(1e-9, 2e-9, 3e-9, "s") == "2 ns (1 .. 3)"
    assert interval(2e-10, 2e-9, 3e-9, "s") == "2 ns (200 ps .. 3 ns)"
    assert interval(1000, 2000, 3000, "messages/s") == "2,000 messages/s (1,000 .. 3,000)"


@pytest.mark.slow
def test_the_pages_are_the_same_whatever_the_hash_seed() -> None:
    script = (
        "from docs.generate.pages import pages; import hashlib as h; print(h.sha256(repr(pages()).encode()).digest())"
    )
    environments = [
        {**os.environ, "PYTHONHASHSEED": seed, "COLUMNS": width} for seed, width in (("1", "80"), ("2", "200"))
    ]
    told = {subprocess.check_output([sys.executable, "-c", script], cwd=ROOT, env=each) for each in environments}
    assert len(told) == 1
