/** The connection pill in the top bar, and a note when a gap was closed. */

import { live } from "../live/live.js";
import { toast } from "../ui/toast.js";

const pill = document.getElementById("connection");
const GATHER_MS = 400;
let missed = 0;
let timer = null;

function show({ state, text }) {
  if (!pill) return;
  pill.dataset.state = state;
  if (state === "idle") return; // nothing is shown; the words keep their room
  const words = pill.querySelector(".pill-text");
  // Where the market is shown late, an open connection alone makes nothing live.
  const says = state === "live" ? (pill.dataset.connected ?? text) : text;
  if (words.textContent !== says) words.textContent = says;
}

document.addEventListener("live:status", (event) => show(event.detail));
show(live.status);

document.addEventListener("live:restored", (event) => {
  missed += event.detail.channel.startsWith("signals:") ? event.detail.missed : 0;
  clearTimeout(timer);
  timer = setTimeout(() => {
    const many = missed === 1 ? "1 missed signal" : `${missed} missed signals`;
    toast(missed ? `Connection restored, ${many} loaded.` : "Connection restored.");
    missed = 0;
  }, GATHER_MS);
});
