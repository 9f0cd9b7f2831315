/**
 * The slider of stored instants: says the minute while it moves, and goes there once it rests.
 * A key pressed again and again is one move: a page for each would take the focus away.
 */

import { eastern } from "../lib/format.js";

const REST_MS = 700;
const nav = document.querySelector(".timeline");
const slider = nav?.querySelector("input[type=range]");

if (slider) {
  const times = nav.dataset.times.split(" ");
  const shown = nav.querySelector("output");
  const text = () => `${eastern(Date.parse(times[slider.value]))} ET`;
  slider.setAttribute("aria-valuetext", text());
  slider.addEventListener("input", () => {
    shown.textContent = text();
    slider.setAttribute("aria-valuetext", text());
  });
  let waiting = null;
  slider.addEventListener("change", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const address = new URL(location.href);
      address.searchParams.set("at", times[slider.value]);
      location.assign(address);
    }, REST_MS);
  });
}
