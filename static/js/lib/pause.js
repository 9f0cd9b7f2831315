/** Whether this page's live parts are paused. The socket goes on; painting waits. */

const listeners = new Set();
let paused = false;

export const isPaused = () => paused;

export function onPause(listener) {
  listeners.add(listener);
}

export function setPaused(value) {
  paused = value;
  for (const button of document.querySelectorAll("[data-pause]")) {
    button.setAttribute("aria-pressed", String(paused));
    button.querySelector("span").textContent = paused ? "Resume" : "Pause";
    const use = button.querySelector("use");
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, paused ? "#play" : "#pause"));
  }
  for (const listener of listeners) listener(paused);
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-pause]")) setPaused(!paused);
});
