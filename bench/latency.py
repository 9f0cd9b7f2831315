"""From a snapshot's arrival at the feed to its signal painted in a browser.

Starts the whole platform in a folder of its own at one snapshot a second, opens the dashboard in
Chromium as a Pro+ user, and notes for each signal the time between the instant at which its
snapshot reached the feed and the animation frame after it was put on the page. Both clocks are
this machine's. Also notes the exposure's way, which every snapshot takes.

    python bench/latency.py [--minutes 6] [--seed 7]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "platform")]

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pulse.settings")

SETTLE_S = 25  # the first session's warm minutes are played at once and evaluated one by one
WATCH = """
async () => {
  const loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
  const { live } = await import(loaded.find((name) => /\\/live\\/live[.\\w]*\\.js$/.test(name)));
  const arrived = new Map(), painted = new Map();
  window.__signals = () => [...painted].filter(([id]) => arrived.has(id))
    .map(([id, at]) => at - arrived.get(id));
  window.__quotes = [];
  const afterPaint = (tell) => requestAnimationFrame(() => setTimeout(() => tell(Date.now()), 0));
  new MutationObserver((changes) => {
    for (const change of changes) for (const node of change.addedNodes) {
      const id = node.dataset?.key;
      if (id) afterPaint((at) => painted.set(id, at));
    }
  }).observe(document.querySelector("#signal-log ol"), { childList: true });
  const ignore = () => {};
  for (const tier of ["free", "pro", "pro_plus"]) live.subscribe(`signals:${tier}`, {
    onEvent: (event) => event.data.arrived
      && arrived.set(String(event.data.id), event.data.arrived * 1000),
    onSnapshot: ignore, onStatus: ignore });
  live.subscribe("quote:SIM", {
    onEvent: (event) => afterPaint(
      (at) => window.__quotes.push(at - Date.parse(event.data.received))),
    onSnapshot: ignore, onStatus: ignore });
}
"""


def quantile(values: list[float], share: float) -> float:
    """Return a quantile of sorted values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def report(name: str, values: list[float]) -> None:
    """Print the count, median and 95th percentile."""
    if not values:
        print(f"{name:<28} none seen")
        return
    middle, high = quantile(values, 0.5), quantile(values, 0.95)
    print(f"{name:<28} n {len(values):>4}  median {middle:6.0f} ms  p95 {high:6.0f} ms")


def main() -> None:
    """Measure."""
    from browser.chromium import FLAGS, find_chromium
    from playwright.sync_api import sync_playwright

    from accounts.demo import DEMO_PASSWORD
    from bench.support.house import served

    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--seed", type=int, default=21)
    options = parser.parse_args()
    with served("--seed", str(options.seed)) as address, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        page = browser.new_page()
        page.goto(f"{address}/accounts/login/")
        page.fill("input[name=login]", "proplus@pulse.example")
        page.fill("input[name=password]", DEMO_PASSWORD)
        page.press("input[name=password]", "Enter")
        page.wait_for_url("**/dashboard/**")
        page.wait_for_selector("#signal-log ol", state="attached", timeout=60_000)
        time.sleep(SETTLE_S)
        page.evaluate(WATCH)
        time.sleep(options.minutes * 60)
        signals = page.evaluate("() => window.__signals()")
        quotes = page.evaluate("() => window.__quotes")
        browser.close()
    report("snapshot to quote painted", quotes)
    report("snapshot to signal painted", signals)


if __name__ == "__main__":
    main()
