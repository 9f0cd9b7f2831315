/** The log of signals: newest on top, held back while paused or while the reader is further down. */

import { live } from "../live/live.js";
import { eastern, number, side } from "../lib/format.js";
import { isPaused, onPause } from "../lib/pause.js";

const MOST = 200;
const FRESH_MS = 4000;
const SPEAK_MS = 5000;
const GLYPHS = { up: "▲", down: "▼", "": "◆" };
const READS = { up: "Long", down: "Short", "": "Volatility" };

const log = document.getElementById("signal-log");
const list = log?.querySelector("ol");
const news = document.getElementById("news");
const announce = document.getElementById("announce");
const seen = new Set();
let held = [];
let spoken = 0;

function line(signal) {
  const item = document.createElement("li");
  item.dataset.key = signal.id;
  item.tabIndex = -1;
  const reading = side(signal.side);
  const time = Object.assign(document.createElement("time"), {
    dateTime: signal.time,
    textContent: eastern(signal.time),
  });
  const when = part("when");
  when.append(time);
  const glyph = part(`glyph ${reading}`, GLYPHS[reading]);
  glyph.setAttribute("aria-hidden", "true");
  const what = part("what");
  const link = document.createElement("a");
  link.href = `/tools/${encodeURIComponent(signal.tool.slug)}/`;
  link.textContent = signal.tool.name;
  what.append(link);
  const score = part("score num", number(signal.score));
  score.title = `Score; fires from ${number(signal.threshold)}`;
  const why = part("why");
  const says = document.createElement("b");
  says.textContent = `${READS[reading]} at ${number(signal.price)}`;
  why.append(says, `: ${signal.reasons.map((reason) => reason.text).join("; ")}`);
  item.append(when, glyph, what, score, why);
  return item;
}

function part(className, text = "") {
  return Object.assign(document.createElement("span"), { className, textContent: text });
}

function take(signals, { fresh }) {
  const shown = log.dataset.symbol;
  const added = signals.filter((signal) => signal.symbol === shown && !seen.has(String(signal.id)));
  if (!added.length) return;
  for (const signal of added) seen.add(String(signal.id));
  if (fresh && (isPaused() || log.scrollTop > 8)) {
    held.push(...added);
    tellHeld();
    return;
  }
  insert(added, fresh);
}

function insert(signals, fresh) {
  document.getElementById("no-signals")?.setAttribute("hidden", "");
  for (const signal of signals.sort((a, b) => Number(a.id) - Number(b.id))) {
    const item = line(signal);
    place(item, Number(signal.id));
    if (fresh) {
      item.classList.add("fresh");
      setTimeout(() => item.classList.remove("fresh"), FRESH_MS);
    }
  }
  while (list.children.length > MOST) list.lastElementChild.remove();
  if (fresh) speak(signals.at(-1));
}

/** Put a line where its number belongs: one that arrives late must not look newest. */
function place(item, id) {
  const after = [...list.children].find((other) => Number(other.dataset.key) < id);
  list.insertBefore(item, after ?? null);
}

function tellHeld() {
  news.hidden = held.length === 0;
  news.firstElementChild.textContent = `${held.length} new`;
}

function release() {
  const waiting = held;
  held = [];
  tellHeld();
  log.scrollTop = 0;
  insert(waiting, true);
}

/** One sentence in five seconds, and only when the reader asked for it. */
function speak(signal) {
  if (!announce?.checked || !signal || Date.now() - spoken < SPEAK_MS) return;
  spoken = Date.now();
  const voice = document.getElementById("signal-voice") ?? makeVoice();
  const reading = READS[side(signal.side)];
  voice.textContent = `${signal.tool.name}, ${signal.symbol} ${reading.toLowerCase()}, score ${number(signal.score)}`;
}

function makeVoice() {
  const voice = part("sr-only");
  voice.id = "signal-voice";
  voice.setAttribute("aria-live", "polite");
  document.body.append(voice);
  return voice;
}

const listeners = new Set();

/** Hear of each new signal too, for instance to mark it on a chart. */
export function onSignal(listener) {
  listeners.add(listener);
}

/** Follow the signal channels that the visitor's plan opens. */
export function followSignals(channels) {
  for (const channel of channels) {
    live.subscribe(channel, {
      onEvent: (event) => {
        if (event.op === "del") return;
        if (log) take([event.data], { fresh: true });
        for (const listener of listeners) listener(event.data);
      },
      onSnapshot: (snapshot) => log && take(Object.values(snapshot.data), { fresh: false }),
    });
  }
}

if (log) {
  for (const item of list.children) seen.add(item.dataset.key);
  news.firstElementChild.addEventListener("click", release);
  onPause((paused) => !paused && held.length && release());
  followSignals((log.dataset.channels ?? "").split(" ").filter(Boolean));
}
