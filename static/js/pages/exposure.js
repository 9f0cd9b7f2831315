/** Exposure: the figures are drawn again by the server as the channel moves. */

import "../ui/timeline.js";
import { refreshOn } from "../wire/refresh.js";

const symbol = document.querySelector("[data-live]")?.dataset.live;
if (symbol) refreshOn(`exposure:${symbol}`, 2500);
