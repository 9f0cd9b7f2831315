/**
 * htmx, brought in when a part of the page is first asked for. Its address is in the document.
 *
 * It looks through the document when that is complete. Between DOMContentLoaded and then it would
 * wait for an event that is past, so it is not brought in before.
 */

let loading = null;

function complete() {
  if (document.readyState === "complete") return Promise.resolve();
  return new Promise((resolve) => window.addEventListener("load", resolve, { once: true }));
}

function bring() {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = document.querySelector('meta[name="pulse-htmx"]').content;
    script.addEventListener("load", resolve);
    script.addEventListener("error", () => {
      loading = null;
      reject(new Error("htmx could not be loaded"));
    });
    document.head.append(script);
  });
}

export function loadHtmx() {
  loading ??= complete().then(bring);
  return loading;
}
