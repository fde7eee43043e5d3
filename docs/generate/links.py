"""Links of a page as the site needs them: what lies outside `docs/` has pages there, codes lead to their meaning."""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable, Collection, Mapping
from posixpath import dirname, normpath, relpath

from docs.generate.pages import API, ROOT, ROOTED, fill, homes

LINK = re.compile(r"\[([^\]\n]*)\]\(([^)\s]+)\)")
NAMED = re.compile(r"(?:docs/)?(\w+\.md)")
MARKER = re.compile(r"^<!-- generate: (.+?) -->$", re.MULTILINE)
CODE = re.compile(r"\b[A-Z]{3,4}\d{3}\b")
FENCE = re.compile(r"^(```.*?^```$)", re.MULTILINE | re.DOTALL)
KEEP = re.compile(r"(`[^`\n]+`|!?\[[^\]\n]*\]\([^)\n]*\)|^#.*$|<[^>\n]+>)", re.MULTILINE)
FILES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "neuedge_nir/codes.toml": "codes.md",
    "neuedge_nir/cost/model.py": "energy.md",
    "neuedge_nir/chip/formulas.py": "formulas.md",
    "neuedge_nir/chip/arithmetic.py": "arithmetic.md",
    "neuedge_nir/chip/model.py": "chip_files.md",
    "neuedge_nir/__init__.py": "api/index.md",
}
"""Files of the repository that a page stands for."""
FOLDERS = (
    (re.compile(r"targets/\w+/(\w+)\.toml"), "chips/{}.md"),
    (re.compile(r"passes/\w+/(\w+)\.py"), "passes.md"),
    (re.compile(r"models/\w+/(\w+)\.py"), "models.md"),
)


def site_page(markdown: str, place: str, codes: Collection[str]) -> str:
    """The page at `place` below `docs/` as the site shows it."""
    filled = MARKER.sub(lambda found: fill(found[1]), markdown)
    parts = FENCE.split(_moved(filled, place))
    return "".join(part if part.startswith("```") else _explained(part, place, codes) for part in parts)


def _moved(markdown: str, place: str) -> str:
    """Links that leave `docs/` lead to the page that stands for what they mean. Other links are as they were."""
    base = "." if place in ROOTED else os.path.join("docs", dirname(place))

    def found(link: re.Match[str]) -> str:
        return f"[{_label(link[1])}]({_target(link[2], base, place)})"

    return LINK.sub(found, markdown)


def _label(words: str) -> str:
    """The title of a page that is called by the name of its file."""
    named = NAMED.fullmatch(words)
    file = ROOT / "docs" / named[1] if named else None
    if file is None or not file.is_file():
        return words
    return file.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


def _target(link: str, base: str, place: str) -> str:
    if link.startswith(("#", "http:", "https:", "mailto:")):
        return link
    path, _, anchor = link.partition("#")
    home = _home(normpath(os.path.join(base, path)), anchor)
    return link if home is None else relative(home, place)


def _home(path: str, anchor: str) -> str | None:
    """The page, with its anchor, that stands for a file of the repository."""
    if path == "README.md" and anchor in homes():
        return homes()[anchor]
    if path.startswith("docs/"):
        return path.removeprefix("docs/") + (f"#{anchor}" if anchor else "")
    if path in FILES:
        return FILES[path] + (f"#{anchor}" if anchor else "")
    module = path.removesuffix(".py").replace("/", ".")
    for place, (_, _, wanted) in API.items():
        if module in wanted:
            return f"{place}#{module}"
    for pattern, page in FOLDERS:
        if match := pattern.fullmatch(path):
            return page.format(match[1])
    return None


def relative(home: str, place: str) -> str:
    """The link from the page at `place` to another, `PAGE.md#ANCHOR`."""
    path, hash_, anchor = home.partition("#")
    return relpath(path, dirname(place) or ".") + hash_ + anchor


def _explained(markdown: str, place: str, codes: Collection[str]) -> str:
    """Codes in running text and in code lead to their explanation."""
    if place == "codes.md":
        return markdown
    way = relative("codes.md", place)

    def bare(text: str) -> str:
        return CODE.sub(lambda found: f"[{found[0]}]({way}#{found[0]})" if found[0] in codes else found[0], text)

    def kept(text: str) -> str:
        inner = text.strip("`")
        return f"[{text}]({way}#{inner})" if text.startswith("`") and inner in codes else text

    return _apart(markdown, bare, kept)


def _apart(markdown: str, bare: Callable[[str], str], kept: Callable[[str], str]) -> str:
    parts = KEEP.split(markdown)
    return "".join(kept(part) if KEEP.fullmatch(part) else bare(part) for part in parts)


def all_pages(kept: Mapping[str, str], made: Mapping[str, str], codes: Collection[str]) -> dict[str, str]:
    """Every page of the site: those kept in the repository and those made."""
    return {place: site_page(text, place, codes) for place, text in {**kept, **made}.items()}
