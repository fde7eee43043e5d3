"""What MkDocs calls while it builds the site: pages are made, the navigation is completed, links are led home."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from mkdocs.config.defaults import MkDocsConfig  # noqa: E402 - found by the line above
from mkdocs.structure.files import File, Files  # noqa: E402
from mkdocs.structure.pages import Page  # noqa: E402

from docs.generate.links import site_page  # noqa: E402
from docs.generate.navigation import expanded  # noqa: E402
from docs.generate.pages import pages  # noqa: E402
from neuedge_nir.codes import explanations  # noqa: E402


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are made; the navigation names all of them."""
    for place, content in pages(ROOT).items():
        files.append(File.generated(config, place, content=content))
    places = [file.src_uri for file in files.documentation_pages()]
    config.nav = expanded(config.nav or [], places)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fills in what is generated, and leads links to pages of the site."""
    del config, files
    return site_page(markdown, page.file.src_uri, explanations())


def on_post_build(config: MkDocsConfig) -> None:
    """The index of the search as a script too: a page opened from a disk may load nothing else."""
    folder = Path(config.site_dir) / "search"
    index = (folder / "search_index.json").read_text(encoding="utf-8")
    (folder / "search_index.js").write_text(f"var __index = {index}", encoding="utf-8")
