/** Quotes in place, and how old a page's market data is. */

import { live } from "../live/live.js";
import { age, away, change, eastern, hours, money, number, percent, side, strike } from "../lib/format.js";
import { isPaused, onPause } from "../lib/pause.js";

export const FORMATS = {
  price: (value) => number(value),
  pct: (value) => percent(value, true),
  strike,
  money,
  regime: (gamma) => (gamma > 0 ? "long gamma, dampens moves" : "short gamma, amplifies moves"),
};

const roots = document.querySelectorAll("[data-quote]");
const panel = document.querySelector("[data-live]");
const symbol = panel?.dataset.live ?? roots[0]?.dataset.quote;
let arrived = startAge();
let current = panel?.dataset.run; // the run that the quotes come from
let received = panel?.dataset.received; // of the newest quote: told again, it is no younger
let expected = panel?.dataset.expect ? Number(panel.dataset.expect) : null;
let patience = patienceOf(panel?.dataset.source);

/** Return how many times what is expected may pass: of the live market no whole minute is missed. */
function patienceOf(source) {
  return source === "live" ? 1.5 : 3;
}

function startAge() {
  const given = panel?.dataset.age;
  return given ? Date.now() - Number(given) * 1000 : null;
}

/** Write `text` unless it is there already, so that nothing is repainted or read out again. */
export function write(element, text, value) {
  if (element.textContent !== text) element.textContent = text;
  if ("signed" in element.dataset) {
    const sign = side(value);
    element.classList.toggle("up", sign === "up");
    element.classList.toggle("down", sign === "down");
  }
}

function paint(quote) {
  if (isPaused()) return;
  for (const root of document.querySelectorAll(`[data-quote="${CSS.escape(quote.symbol)}"]`)) {
    for (const element of root.querySelectorAll("[data-q]")) {
      const value = quote[element.dataset.q];
      const show = element.dataset.show;
      const text = show === "change" ? change(quote.change, value) : FORMATS[show](value);
      write(element, text, value);
    }
    const clock = root.querySelector("[data-clock]");
    if (clock) write(clock, eastern(quote.time));
    const left = root.querySelector("[data-left]");
    const { minute, minutes } = quote.session ?? {};
    if (left) write(left, minute < minutes ? `${hours(minutes - minute)} left` : "closed");
  }
}

/** A run that is paused or over owes no more data: what it left is not stale. */
function ran(run) {
  if (String(run.id) === current && run.state !== "running") expected = null;
}

function heard(quote) {
  current = String(quote.run);
  if (quote.received !== received) arrived = Date.now();
  received = quote.received;
  patience = patienceOf(quote.source);
  if (quote.speed) expected = 60 / quote.speed;
  if (quote.paused) expected = null;
  paint(quote);
}

/**
 * Mark what is older than three times what is expected (on the live market half a minute late), or
 * what a lost connection holds back.
 */
function checkAge() {
  const seconds = arrived === null ? null : (Date.now() - arrived) / 1000;
  const limit = expected === null ? Infinity : Math.max(5, patience * expected);
  const stale = seconds !== null && seconds > limit;
  for (const badge of document.querySelectorAll("[data-stale]")) {
    badge.hidden = !stale;
    if (!stale) continue;
    const words = `Data is ${age(seconds)} old (expected every ${age(Math.max(1, expected))})`;
    const place = badge.querySelector("span") ?? badge.lastChild;
    if (place.textContent !== words) place.textContent = words;
  }
  panel?.classList.toggle("is-stale", stale);
}

if (symbol) {
  live.subscribe(`quote:${symbol}`, {
    onEvent: (event) => heard(event.data),
    onSnapshot: (snapshot) => {
      const quote = snapshot.data[symbol];
      if (quote) heard(quote);
    },
  });
  onPause((paused) => {
    const quote = live.peek(`quote:${symbol}`);
    if (!paused && quote) paint(quote);
  });
  if (panel) {
    setInterval(checkAge, 1000);
    live.subscribe("feed:status", {
      onEvent: (event) => ran(event.data),
      onSnapshot: (snapshot) => Object.values(snapshot.data).forEach(ran),
    });
  }
}

/** Paint exposure's headline numbers where a page shows them outside of its figures. */
export function paintExposure(exposure) {
  if (isPaused()) return;
  for (const element of document.querySelectorAll("[data-e]")) {
    const value = element.dataset.e.split(".").reduce((part, key) => part?.[key], exposure);
    const show = element.dataset.show;
    const text = show === "away" ? away(value, exposure.spot) : FORMATS[show](value);
    write(element, text, value);
  }
}
