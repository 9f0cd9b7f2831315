/**
 * Pages whose plan shows the market late: no channel tells of it, so the server draws the parts
 * again once a minute, not while paused or hidden. What was missed is asked for when that ends.
 */

import { loadHtmx } from "../lib/htmx.js";
import { isPaused, onPause } from "../lib/pause.js";

const EVERY_MS = 60000;
const source = document.querySelector("[data-delayed]") && document.getElementById("refresh");

if (source) {
  let wanted = false;

  const ask = async () => {
    wanted = isPaused() || document.hidden;
    if (wanted) return;
    await loadHtmx().then(
      () => source.dispatchEvent(new CustomEvent("pulse:refresh")),
      () => (wanted = true),
    );
  };

  setInterval(ask, EVERY_MS);
  onPause((paused) => !paused && wanted && ask());
  document.addEventListener("visibilitychange", () => !document.hidden && wanted && ask());
  document.addEventListener("htmx:oobAfterSwap", (event) => {
    if (event.detail.target.id === "price-box") document.querySelector("pulse-chart")?.reload();
  });
}
