"""What holds for every page: policy, accessibility, sizes; most of it beyond what axe sees."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page, Response, ViewportSize

from .conftest import Site

ROOT = Path(__file__).resolve().parents[2]
WIDTHS = (320, 390, 768, 1280)
SHAPES: tuple[ViewportSize, ...] = (
    {"width": 1280, "height": 900},
    {"width": 390, "height": 844},
)
"""A desk and a phone."""
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "object-src": "'none'",
}
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WATCH = """
window.pulseViolations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  pulseViolations.push(`${event.violatedDirective} ${event.blockedURI} ${event.lineNumber}`));
window.pulseShift = 0;
window.pulseMoved = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue;
    pulseShift += entry.value;
    const moved = entry.sources.map(({ node, previousRect: from, currentRect: to }) =>
      `${(node?.outerHTML ?? node?.textContent ?? "gone").slice(0, 120)}: ${from.x},${from.y} ` +
      `${from.width}x${from.height} to ${to.x},${to.y} ${to.width}x${to.height}`);
    pulseMoved.push(`${entry.value.toFixed(4)} at ${entry.startTime.toFixed(0)} ms`, ...moved);
  }
}).observe({ type: "layout-shift", buffered: true });
"""
SMALL_TEXT = """() => {
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode;
    const parent = node.parentElement;
    if (!node.data.trim() || !parent.checkVisibility({ visibilityProperty: true })) continue;
    if (parent.closest("script, style, option, .sr-only")) continue;
    let size = parseFloat(getComputedStyle(parent).fontSize);
    const svg = parent.closest("svg");
    if (svg && parent.getScreenCTM) size *= parent.getScreenCTM().a;
    if (size < 10.95) found.push(`${size.toFixed(1)} px: ${node.data.trim().slice(0, 40)}`);
  }
  return found;
}"""
SMALL_TARGETS = """() => {
  const all = "a[href], button, input, select, textarea, summary, [tabindex='0']";
  const found = [];
  for (const element of document.querySelectorAll(all)) {
    if (!element.checkVisibility({ visibilityProperty: true })) continue;
    if (element.type === "hidden" || element.closest(".sr-only, .skip")) continue;
    const style = getComputedStyle(element);
    // Links inside a sentence are exempt (WCAG 2.5.8, inline).
    const sentence = element.closest("p, dd, td, li, figcaption");
    if (element.matches("a") && style.display === "inline" && sentence) continue;
    const label = element.closest("label");
    const pseudo = getComputedStyle(element, "::before");
    if (pseudo.position === "absolute" && pseudo.inset === "0px") continue; // a card
    const box = (label ?? element).getBoundingClientRect();
    const size = `${box.width.toFixed(0)}x${box.height.toFixed(0)}`;
    const small = box.width < 23.9 || box.height < 23.9;
    if (small) found.push(`${size} ${element.outerHTML.slice(0, 90)}`);
  }
  return found;
}"""
UNNAMED = """() => {
  const found = [];
  for (const figure of document.querySelectorAll("svg[role=img], canvas")) {
    const named = figure.getAttribute("aria-label") || figure.closest("[role=img][aria-label]");
    if (!named) found.push(figure.outerHTML.slice(0, 80));
  }
  return found;
}"""
WITHOUT_TABLE = """() => [...document.querySelectorAll("main figure")]
  .filter((figure) => figure.querySelector("svg[role=img], canvas, pulse-chart"))
  .filter((figure) => !figure.querySelector("table") && !figure.closest("[data-illustration]"))
  .map((figure) => figure.textContent.trim().slice(0, 60))"""
UNFOLD = """() => {
  for (const folded of document.querySelectorAll("main details")) folded.open = true;
}"""
DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
OVERFLOW = "() => document.documentElement.scrollWidth - window.innerWidth"


@cache
def axe_source() -> str:
    path = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    assert path.is_file(), "axe-core is missing: run `python manage.py fetch_assets --dev`"
    return path.read_text(encoding="utf-8")


class Watched:
    """A page whose faults are collected from its first byte on."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.page: Page = context.new_page()
        self.address = address
        self.errors: list[str] = []
        self.foreign: list[str] = []
        self.page.add_init_script(WATCH)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._request)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.address, self.address.replace("http", "ws"), "data:")):
            self.foreign.append(request.url)

    def visit(self, path: str) -> Response:
        response = self.page.goto(self.address + path)
        assert response is not None
        self.page.wait_for_load_state("load")
        return response


def policy_of(response: Response) -> dict[str, str]:
    header = response.headers["content-security-policy"]
    parts = (part.strip().partition(" ") for part in header.split(";") if part.strip())
    return {name: value for name, _, value in parts}


def axe_faults(page: Page) -> list[str]:
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(axe_source())
    result = page.evaluate(
        "(tags) => axe.run(document, {runOnly: tags, resultTypes: ['violations']})", TAGS
    )
    return [
        f"{rule['id']}: {node['html'][:140]} ({node.get('failureSummary', '')[:160]})"
        for rule in result["violations"]
        for node in rule["nodes"][:4]
    ]


def settle(page: Page) -> None:
    """Wait until what was changed is drawn."""
    page.evaluate(DRAWN)


def page_is_sound(
    context: BrowserContext, site: Site, path: str, who: str, *, unfold: bool = False,
    shift: float | None = None,
) -> None:  # fmt: skip
    """Open a page as `who`, without a fault of its own, and assert that it is sound."""
    site.sign_in(context, who)
    watched = Watched(context, site.address)
    watched.page.set_viewport_size(SHAPES[0])
    response = watched.visit(path)
    watched.page.wait_for_timeout(150)
    assert response.status == 200
    assert policy_of(response) == POLICY
    assert urlsplit(watched.page.url).path == urlsplit(path).path
    assert watched.page.locator("h1").count() == 1
    both_themes(watched, unfold=unfold, shift=shift)
    assert watched.errors == []
    watched.page.close()


def both_themes(watched: Watched, *, unfold: bool = False, shift: float | None = None) -> None:
    """Assert that an open page is sound, dark for a desk and a phone, light for a phone.

    With `unfold` what is folded away is looked at too; `shift` is how much may move by itself.
    """
    page = watched.page
    if shift is not None:
        assert page.evaluate("() => pulseShift") < shift, moved(page)
    if unfold:
        page.evaluate(UNFOLD)
    page.emulate_media(color_scheme="dark")
    sound(watched)
    page.emulate_media(color_scheme="light")
    settle(page)
    assert axe_faults(page) == []


def sound(watched: Watched) -> None:
    """Assert what holds for every page that is open, at every width.

    What the console may say depends on the page: a refused form is an error there.
    """
    page = watched.page
    assert overflows(page) == {}
    for shape in SHAPES:
        page.set_viewport_size(shape)
        settle(page)
        assert axe_faults(page) == []
        assert page.evaluate(SMALL_TEXT) == []
        assert page.evaluate(SMALL_TARGETS) == []
    assert page.evaluate(UNNAMED) == []
    assert page.evaluate(WITHOUT_TABLE) == []
    assert page.evaluate("() => pulseViolations") == []
    assert watched.foreign == []


def moved(page: Page) -> str:
    """What moved on a page by itself, for the message of a test that fails."""
    return "\n".join(page.evaluate("() => pulseMoved"))


def overflows(page: Page, *, height: int = 900) -> dict[int, int]:
    """Return by how much the page is wider than the window, for each width where it is."""
    found = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": height})
        settle(page)
        if (over := page.evaluate(OVERFLOW)) > 0:
            found[width] = over
    return found
