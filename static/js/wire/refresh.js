/**
 * Server-drawn parts that follow channels, named with spaces between: each event asks htmx for
 * the parts again, at most once in `everyMs`, and not while paused or hidden. Without a socket it
 * asks every 5 s.
 *
 * What happens between the page and its socket is told by the next event. Where events are
 * `seldom`, nobody should wait for that one: the parts are asked for once at the start.
 */

import { live } from "../live/live.js";
import { loadHtmx } from "../lib/htmx.js";
import { isPaused, onPause } from "../lib/pause.js";

const POLL_MS = 5000;

export function refreshOn(channel, everyMs, { seldom = false } = {}) {
  const source = document.getElementById("refresh");
  if (!source) return;
  let last = Date.now();
  let timer = null;
  let wanted = false;
  let first = !seldom; // what the page already shows

  async function ask() {
    timer = null;
    if (isPaused() || document.hidden) {
      wanted = true;
      return;
    }
    wanted = false;
    last = Date.now();
    await loadHtmx().then(
      () => source.dispatchEvent(new CustomEvent("pulse:refresh")),
      () => (wanted = true),
    );
  }

  function soon() {
    timer ??= setTimeout(ask, Math.max(0, last + everyMs - Date.now()));
  }

  for (const one of channel.split(" "))
    live.subscribe(one, {
      onEvent: soon,
      onSnapshot: () => (first ? (first = false) : soon()),
    });
  onPause((paused) => !paused && wanted && soon());
  document.addEventListener("visibilitychange", () => !document.hidden && wanted && soon());
  document.addEventListener("live:restored", soon);
  setInterval(() => live.status.state === "polling" && soon(), POLL_MS);
}
