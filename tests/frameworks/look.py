"""Opens pages in Chromium and tells what a reader finds there, as one JSON object. Arguments: name=page.html ..."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from shutil import which

from playwright.sync_api import Page, sync_playwright

QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
INTRUDE = """async () => {
    const tried = [];
    await fetch("http://127.0.0.1:9/fetch").catch(() => tried.push("fetch"));
    await new Promise((done) => { const image = new Image(); image.onerror = () => { tried.push("image"); done(); };
        image.src = "http://127.0.0.1:9/image.png"; });
    const script = document.createElement("script");
    script.textContent = "window.intruded = true";
    document.body.append(script);
    const html = "<i id=intruder style='color: rgb(1, 2, 3)' onclick='intruded = 1'>x</i>";
    document.body.insertAdjacentHTML("beforeend", html);
    document.querySelector("#intruder").click();
    if (window.intruded === undefined) tried.push("script");
    if (getComputedStyle(document.querySelector("#intruder")).color !== "rgb(1, 2, 3)") tried.push("style");
    return tried;
}"""
PLACE = """(core) => {
    const { drawing, floor, canvas } = alive.get(0)[0];
    canvas.scrollIntoView({ block: "center" });
    const [x, y] = drawing.pixels(floor.centre(core));
    return { x, y };
}"""
CUT = """() => {
    const parts = [...document.querySelectorAll("#compare .scroll, article:not([hidden]) .scroll, .stage, .sides td")];
    return parts.filter((each) => each.scrollWidth > each.clientWidth + 1 || each.scrollHeight > each.clientHeight + 1)
        .map((each) => each.getAttribute("aria-label") || each.className || each.textContent);
}"""
UNUSED = """() => {
    const { floor } = alive.get(0)[0];
    const used = (router, slot) => floor.there.has(floor.key(router, slot));
    const at = floor.routers.findIndex((router) => !used(router, 0));
    return at < 0 ? null : ~(at * floor.slots);
}"""
WHOLE = """() => {
    const within = (tip) => tip.getBoundingClientRect().bottom <= tip.closest(".map").getBoundingClientRect().bottom;
    return [...document.querySelectorAll(".tip:not([hidden])")].every(within);
}"""
PAINTED = """(canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const found = new Set();
    for (let at = 0; at < data.length; at += 4) found.add(data[at] << 16 | data[at + 1] << 8 | data[at + 2]);
    return found.size;
}"""


def told(page: Page) -> str:
    return page.locator(".tip:not([hidden])").first.inner_text()


def looked(page: Page) -> dict[str, object]:
    """What every page is asked."""
    timing = "performance.getEntriesByType('navigation')[0].domComplete"
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    found: dict[str, object] = {"ready_ms": page.evaluate(timing), "title": page.title()}
    found["cores"] = page.evaluate("alive.get(0)[0].floor.size")
    page.wait_for_function("[...alive.get(0)].every((map) => map.drawing.scale)")
    found["painted"] = [
        page.evaluate(PAINTED, canvas.element_handle()) for canvas in page.locator("canvas:visible").all()
    ]
    page.locator(".map.cores canvas").first.hover(position=page.evaluate(PLACE, 0))
    found["hovered"] = told(page)
    page.mouse.move(0, 0)
    found["left"] = page.locator(".tip:not([hidden])").count()
    page.locator(".map.cores canvas").first.focus()
    page.keyboard.press("Home")
    found["by_key"] = told(page)
    found["spoken"] = page.locator(".map.cores .live").first.inner_text()
    page.keyboard.press("End")
    found["by_end"] = told(page)
    page.keyboard.press("Escape")
    found["escaped"] = page.locator(".tip:not([hidden])").count()
    page.locator(".map.cores canvas").first.click(position=page.evaluate(PLACE, 0))
    found["tapped"] = told(page)
    found["measures"] = page.locator(".map.cores select option:visible, .map.cores select option").all_inner_texts()
    page.locator(".map.cores select").first.select_option(index=1)
    found["legend"] = page.locator(".map.cores .legend").first.inner_text()
    page.set_viewport_size({"width": 360, "height": 740})
    page.locator(".map.cores canvas").first.click(position=page.evaluate(PLACE, 0))
    told(page)
    found["overflow"], found["cut_on_phone"] = page.evaluate(wide), page.evaluate(CUT)
    found["tip_whole"] = page.evaluate(WHOLE)
    page.set_viewport_size({"width": 1280, "height": 900})
    found["cut"] = page.evaluate(CUT)
    unused = page.evaluate(UNUSED)
    if unused is not None:
        page.locator(".map.cores canvas").first.hover(position=page.evaluate(PLACE, unused))
        found["unused"] = told(page)
    return found


def sorted_by(page: Page, name: str) -> dict[str, object]:
    """The layers' table by one of its columns, thrice clicked."""
    table = page.locator("section[id$=layers] table").first
    head = table.locator("thead th", has_text=name).first
    at = head.evaluate("(cell) => cell.cellIndex")
    found = {}
    for _ in range(3):
        head.locator("button").press("Enter")
        cells = table.locator("tbody tr").evaluate_all(
            "(rows, at) => rows.map((row) => row.cells[at].dataset.value)", at
        )
        found[head.get_attribute("aria-sort") or "none"] = cells
    return found


def sorted_words(page: Page) -> list[str]:
    """The limits' table by name, once clicked."""
    table = page.locator("section[id$=layers] table").nth(1)
    table.locator("thead th button").first.click()
    return table.locator("tbody tr td:first-child").all_inner_texts()


def main(pages: dict[str, Path]) -> None:
    seen: dict[str, dict[str, object]] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=which("chromium"), args=list(QUIET))
        for name, path in pages.items():
            context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
            page = context.new_page()
            requests: list[str] = []
            complaints: list[str] = []
            page.on("request", lambda request, kept=requests: kept.append(request.url))
            page.on("console", lambda message, kept=complaints: kept.append(message.text))
            page.on("pageerror", lambda error, kept=complaints: kept.append(str(error)))
            page.goto(path.as_uri())
            page.wait_for_selector("html[data-ready]", state="attached")
            found = looked(page)
            found["sorted"] = sorted_by(page, "neurons")
            found["limits"] = sorted_words(page)
            background = "getComputedStyle(document.body).backgroundColor"
            found["light"] = page.evaluate(background)
            page.emulate_media(color_scheme="dark")
            found["dark"] = page.evaluate(background)
            tabs = page.locator("[role=tab]")
            if tabs.count():
                tabs.first.focus()
                page.keyboard.press("ArrowRight")
                found["second"] = page.locator("article.plan:not([hidden])").get_attribute("id")
            page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
            found["closed_on_paper"] = page.locator("details:not([open])").count()
            page.evaluate("window.dispatchEvent(new Event('afterprint'))")
            found["closed_again"] = page.locator("details:not([open])").count()
            flows = page.locator("article:not([hidden]) button.flow")
            if flows.count():
                flows.first.click()
                found["pressed"] = flows.first.get_attribute("aria-pressed")
            found["requests"], found["complaints"] = list(requests), list(complaints)
            found["kept_out"] = sorted(page.evaluate(INTRUDE))
            found["hacked"] = page.evaluate("window.hacked === undefined")
            seen[name] = found
            context.close()
        browser.close()
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main({word.partition("=")[0]: Path(word.partition("=")[2]) for word in sys.argv[1:]})
