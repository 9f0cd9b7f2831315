/** Volatility surface: drawn again by the server every half minute; plot and mesh by elements. */

import "../elements/pulse-plot.js";
import "../elements/vol-surface.js";
import "../ui/timeline.js";
import { refreshOn } from "../wire/refresh.js";

const symbol = document.querySelector("[data-live]")?.dataset.live;
if (symbol) refreshOn(`chain:${symbol}`, 30000);
