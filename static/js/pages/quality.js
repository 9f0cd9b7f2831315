/** Data quality: going back in stored time. */

import "../ui/timeline.js";
