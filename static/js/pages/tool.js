/** One tool: its chart, the marks of new signals, and sorting of its history. */

import "../elements/pulse-chart.js";
import "../elements/pulse-table.js";
import { followSignals, onSignal } from "../wire/signals.js";

const root = document.querySelector("[data-tool]");
const chart = document.querySelector("pulse-chart");
if (root) {
  const { tool, channel, symbol, live } = root.dataset;
  const fits = (signal) => signal.tool.slug === tool && signal.symbol === symbol;
  onSignal((signal) => {
    if (!fits(signal)) return;
    if (live) chart?.mark(signal); // a delayed chart has no minute for it yet
    document.getElementById("newer").hidden = false;
  });
  followSignals([channel]);
}
