/**
 * A board: its links and its filter change the table in place, and it is read again once a
 * minute while somebody looks. Without scripts the links lead to the same addresses.
 */

import { loadHtmx } from "../lib/htmx.js";
import { isPaused } from "../lib/pause.js";

const EVERY_MS = 60_000;
const board = document.getElementById("board");
let read = Date.now();
let ticked = [];

for (const type of ["pointerover", "focusin"]) {
  document.querySelector("main").addEventListener(type, () => loadHtmx().catch(() => {}), { once: true });
}

async function refresh() {
  if (isPaused() || document.hidden || Date.now() - read < EVERY_MS) return;
  read = Date.now();
  await loadHtmx().then(
    () => document.getElementById("refresh")?.dispatchEvent(new CustomEvent("pulse:refresh")),
    () => {},
  );
}

setInterval(refresh, EVERY_MS / 12);
document.addEventListener("visibilitychange", refresh);

/* What is ticked stays ticked while the table changes around it. */
const boxes = () => [...board.querySelectorAll('input[name="entry"]')];
board.addEventListener("htmx:beforeSwap", () => {
  ticked = boxes().filter((box) => box.checked).map((box) => box.value);
});
board.addEventListener("htmx:afterSwap", () => {
  read = Date.now();
  for (const box of boxes()) box.checked = ticked.includes(box.value);
});
