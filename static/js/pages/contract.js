/** One contract: its figures are drawn again by the server as the chain moves. */

import "../ui/timeline.js";
import { refreshOn } from "../wire/refresh.js";

const symbol = document.querySelector("[data-live]")?.dataset.live;
if (symbol) refreshOn(`chain:${symbol}`, 2500);
