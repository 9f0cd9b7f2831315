/** Option chain: the table is drawn again by the server as the channel moves. */

import "../ui/timeline.js";
import { refreshOn } from "../wire/refresh.js";

const symbol = document.querySelector("[data-live]")?.dataset.live;
if (symbol) refreshOn(`chain:${symbol}`, 2000);

/** Begin where the money is: spot in the middle, the strikes between both sides in view. */
function center() {
  const region = document.querySelector(".chain-region");
  const spot = region?.querySelector("tr.at-spot > th") ?? region?.querySelector("tbody th");
  if (!spot) return;
  region.scrollTop = spot.offsetTop - region.clientHeight / 2;
  const beside = spot.closest("tr").cells[spot.cellIndex + 1];
  if (!beside) return; // calls alone: the strike stands at the end
  region.scrollLeft = beside.offsetLeft - spot.offsetWidth / 2 - region.clientWidth / 2;
}

center();
document.querySelector('.chips [aria-current="true"]')?.scrollIntoView({ block: "nearest", inline: "center" });
