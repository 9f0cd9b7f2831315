/** A bot of one's own: its record follows as reports arrive. */

import { refreshOn } from "../wire/refresh.js";

const source = document.getElementById("refresh");
if (source) refreshOn(source.dataset.bots, 1000, { seldom: true });
