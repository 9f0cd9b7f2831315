/** Signed-in pages: the connection, the market clock, the palette and the keyboard. */

import "./base.js";
import "./wire/connection.js";
import "./wire/quote.js";
import "./wire/delayed.js";
import "./ui/shortcuts.js";
import "./lib/pause.js";

document.addEventListener("click", async (event) => {
  if (!event.target.closest('[data-open="palette"]')) return;
  const { openPalette } = await import("./ui/palette.js");
  openPalette();
});
