/** Single keys for what exists. Off in text fields, and off altogether when the reader says so. */

import { setPaused, isPaused } from "../lib/pause.js";

const OFF = "pulse-keys-off";
const GO = { d: "/dashboard/", e: "/exposure/", c: "/chain/", v: "/surface/", t: "/tools/", l: "/leaderboard/", f: "/feed/", o: "/trading/orders/", r: "/trading/risk/", n: "/trading/ticket/", a: "/account/alerts/" };
const GO_MS = 1200;
const ROWS = "#signal-log li, .table tbody tr, .tool-grid > li";
let went = 0;

const toggle = document.getElementById("single-keys");
if (toggle) {
  toggle.checked = on();
  toggle.addEventListener("change", () => {
    if (toggle.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "1");
  });
}

function on() {
  return localStorage.getItem(OFF) === null;
}

const ACTIONS = {
  "/": () => palette(),
  "?": () => document.getElementById("keys")?.showModal(),
  s: () => open(document.getElementById("symbol-switch")),
  p: () => document.querySelector("[data-pause]") && setPaused(!isPaused()),
  t: () => tables(),
  "[": () => expiry("before"),
  "]": () => expiry("after"),
  j: () => row(1),
  k: () => row(-1),
  Enter: () => enter(),
};

document.addEventListener("keydown", (event) => {
  const command = event.ctrlKey || event.metaKey;
  if (command && event.key.toLowerCase() === "k") {
    event.preventDefault();
    palette();
    return;
  }
  if (command || event.altKey || !on() || typing(event.target) || document.querySelector("dialog[open]")) return;
  if (event.key === "g") {
    went = Date.now();
    return;
  }
  if (Date.now() - went < GO_MS && GO[event.key]) {
    went = 0;
    location.assign(GO[event.key]);
    return;
  }
  if (ACTIONS[event.key]?.() && event.key !== "Enter") event.preventDefault();
});

function typing(element) {
  return element.closest?.("input, select, textarea, [contenteditable]") !== null;
}

async function palette() {
  const { openPalette } = await import("./palette.js");
  openPalette();
  return true;
}

function open(menu) {
  if (!menu) return false;
  menu.open = true;
  menu.querySelector("a")?.focus();
  return true;
}

function tables() {
  const all = [...document.querySelectorAll("details.as-table")];
  const show = all.some((details) => !details.open);
  for (const details of all) details.open = show;
  return all.length > 0;
}

function expiry(which) {
  const address = document.querySelector(".chips")?.dataset[which];
  if (address) location.assign(address);
  return Boolean(address);
}

function row(step) {
  const rows = [...document.querySelectorAll(ROWS)].filter((item) => item.checkVisibility());
  if (!rows.length) return false;
  const at = rows.indexOf(document.activeElement?.closest(ROWS));
  const next = rows[Math.min(rows.length - 1, Math.max(0, at + step))];
  next.tabIndex = -1;
  next.focus();
  return true;
}

function enter() {
  const here = document.activeElement;
  if (here?.matches(ROWS)) here.querySelector("a")?.click();
  return false;
}
