/** htmx, brought in when a part of the page is first asked for. Its address is in the document. */

let loading = null;

export function loadHtmx() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = document.querySelector('meta[name="pulse-htmx"]').content;
    script.addEventListener("load", resolve);
    script.addEventListener("error", () => {
      loading = null;
      reject(new Error("htmx could not be loaded"));
    });
    document.head.append(script);
  });
  return loading;
}
