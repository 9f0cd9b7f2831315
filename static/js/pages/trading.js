/** Accounts and orders of one's own: what is shown follows as news arrive. */

import { loadHtmx } from "../lib/htmx.js";
import { refreshOn } from "../wire/refresh.js";

const source = document.getElementById("refresh");
if (source) refreshOn(source.dataset.channel, 700, { seldom: true });
if (document.querySelector("[data-loads]")) loadHtmx().catch(() => {}); // the link inside stays
