/** Feeds: the table of runs follows their status. */

import { refreshOn } from "../wire/refresh.js";

refreshOn("feed:status", 2000);
