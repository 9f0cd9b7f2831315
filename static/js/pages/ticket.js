/** The ticket: its preview follows what is typed; fields that an order does not have are hidden. */

import { loadHtmx } from "../lib/htmx.js";

const PRICES = {
  limit: ["limit_price"],
  market: [],
  stop: ["stop_price"],
  stop_limit: ["limit_price", "stop_price"],
  trailing_stop: ["trail"],
};
const form = document.getElementById("ticket");

function show(part, on) {
  part.hidden = !on;
  for (const input of part.querySelectorAll("input")) input.disabled = !on;
}

function fit() {
  const needed = PRICES[form.elements.kind.value] ?? [];
  for (const part of form.querySelectorAll("[data-price]")) {
    show(part, needed.includes(part.dataset.price));
  }
  for (const part of form.querySelectorAll("[data-exits]")) {
    show(part, part.dataset.exits.split(" ").includes(form.elements.exits.value));
  }
  for (const leg of form.querySelectorAll(".leg")) {
    const [side, , right] = leg.querySelectorAll("select, input");
    for (const part of leg.querySelectorAll("[data-option]")) part.hidden = right.value === "share";
    leg.classList.toggle("unused", !side.value);
  }
}

if (form) {
  fit();
  form.addEventListener("change", fit);
  document.addEventListener("htmx:oobAfterSwap", fit); // another underlying brings its own legs
  loadHtmx().catch(() => {}); // without it the button looks
}
