/** Alerts: receipts appear as messages arrive or fail. */

import { refreshOn } from "../wire/refresh.js";

refreshOn(document.getElementById("refresh").dataset.alerts, 1000, { seldom: true });
