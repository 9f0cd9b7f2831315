/** The slider of stored instants: says the minute while it moves, goes there when let go. */

import { eastern } from "../lib/format.js";

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
  slider.addEventListener("change", () => {
    const address = new URL(location.href);
    address.searchParams.set("at", times[slider.value]);
    location.assign(address);
  });
}
