/** Tools: the list follows what is typed. Without scripts the button filters. */

import { loadHtmx } from "../lib/htmx.js";

const form = document.querySelector("form[hx-get]");
const field = form.querySelector("input");

async function follow() {
  await loadHtmx();
  if (field.value !== field.defaultValue) form.requestSubmit(); // typed while htmx was loading
}

form.addEventListener("focusin", () => follow().catch(() => {}), { once: true });
