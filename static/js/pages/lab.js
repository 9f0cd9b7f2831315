/** A run of a lab: its progress is drawn again by the server while it is at work. */

import "../elements/pulse-table.js";
import { loadHtmx } from "../lib/htmx.js";
import { offer, ring, wants } from "../ui/bell.js";
import { refreshOn } from "../wire/refresh.js";

const LOOK_MS = 3000;
const QUARTERS = 4;
const { run, state, lab, note: name } = document.querySelector("[data-run]").dataset;
const note = `pulse-${lab}-${run}`;
const followed = document.querySelector("[data-follow]");

if (state !== "running") ring(note, `${name} ${run} is ${state}.`);
if (followed) {
  offer(document.getElementById("lab-bell"), note);
  // The owner hears of each step; whoever else looks on, and a step that nobody tells, is polled.
  if (followed.dataset.channel) refreshOn(followed.dataset.channel, 1000, { seldom: true });
  setInterval(look, LOOK_MS);
  document.addEventListener("htmx:oobAfterSwap", said);
}

function look() {
  if (document.hidden && !wants(note)) return;
  const source = document.getElementById("refresh");
  loadHtmx().then(
    () => source.dispatchEvent(new CustomEvent("pulse:refresh")),
    () => {},
  );
}

let quarter = quarterNow();

function quarterNow() {
  const { done, total } = document.getElementById("lab-progress")?.dataset ?? {};
  return Number(total) ? Math.floor((QUARTERS * Number(done)) / Number(total)) : 0;
}

/** Say each quarter once, and what the state became. The buttons fit the state when it is new. */
function said() {
  const now = document.getElementById("lab-progress");
  if (now.dataset.state !== "running") {
    location.reload();
    return;
  }
  if (quarterNow() <= quarter) return;
  quarter = quarterNow();
  document.getElementById("lab-voice").textContent = `${(100 * quarter) / QUARTERS}% of the ${now.dataset.unit} are done.`;
}
