/**
 * A note of the browser when something ends that somebody waits for. Asked for by a button, kept
 * for this tab, and shown only where the tab is hidden: who looks at the page sees it anyway.
 */

const allowed = () => "Notification" in window && Notification.permission !== "denied";

export function wants(key) {
  return sessionStorage.getItem(key) !== null;
}

/** Let `button` ask for the note of `key`; it stays hidden where the browser gives none. */
export function offer(button, key) {
  if (!button || !allowed()) return;
  button.hidden = false;
  if (wants(key)) confirm(button);
  button.addEventListener("click", async () => {
    if ((await Notification.requestPermission()) !== "granted") {
      button.hidden = true;
      return;
    }
    sessionStorage.setItem(key, "1");
    confirm(button);
  });
}

/** What `key` stood for has ended. */
export function ring(key, text) {
  if (!wants(key)) return;
  sessionStorage.removeItem(key);
  if (document.hidden && allowed()) new Notification(text, { tag: key });
}

function confirm(button) {
  button.disabled = true;
  button.querySelector("span").textContent = "You will be told";
}
