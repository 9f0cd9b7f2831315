/** Polite notes that leave after six seconds, or stay while they are pointed at or focused. */

const STAY_MS = 6000;

export function toast(text) {
  const shelf = document.getElementById("toasts") ?? makeShelf();
  const note = document.createElement("div");
  note.className = "toast";
  note.append(Object.assign(document.createElement("span"), { textContent: text }));
  const close = Object.assign(document.createElement("button"), {
    className: "button button-ghost button-small",
    type: "button",
    textContent: "Close",
  });
  close.addEventListener("click", () => note.remove());
  note.append(close);
  let timer = setTimeout(() => note.remove(), STAY_MS);
  const hold = () => clearTimeout(timer);
  const release = () => {
    hold();
    timer = setTimeout(() => note.remove(), STAY_MS);
  };
  note.addEventListener("pointerenter", hold);
  note.addEventListener("focusin", hold);
  note.addEventListener("pointerleave", release);
  note.addEventListener("focusout", release);
  shelf.append(note);
}

function makeShelf() {
  const shelf = document.createElement("div");
  shelf.id = "toasts";
  shelf.className = "toasts";
  shelf.setAttribute("role", "status");
  document.body.append(shelf);
  return shelf;
}
