/** Dashboard: exposure's headline numbers, the signals, the price chart. */

import "../elements/pulse-chart.js";
import { live } from "../live/live.js";
import { paintExposure } from "../wire/quote.js";
import { onSignal } from "../wire/signals.js";

const symbol = document.querySelector("[data-live]")?.dataset.live;
if (symbol) {
  live.subscribe(`exposure:${symbol}`, {
    onEvent: (event) => paintExposure(event.data),
    onSnapshot: (snapshot) => {
      const exposure = snapshot.data[symbol];
      if (exposure) paintExposure(exposure);
    },
  });
  const chart = document.querySelector("pulse-chart");
  onSignal((signal) => signal.symbol === symbol && chart?.mark(signal));
}
