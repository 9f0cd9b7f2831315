/** Option chain: the table is drawn again by the server as the channel moves. */

import { refreshOn } from "../wire/refresh.js";

const symbol = document.querySelector("[data-live]")?.dataset.live;
if (symbol) refreshOn(`chain:${symbol}`, 2000);
document.querySelector('.chips [aria-current="true"]')?.scrollIntoView({ block: "nearest", inline: "center" });
