/** The command palette: one field to reach pages, symbols and tools. */

const dialog = document.getElementById("palette");
const field = dialog.querySelector("input");
const list = document.getElementById("palette-list");
const none = dialog.querySelector(".none");
const MOST = 30;
const entries = JSON.parse(document.getElementById("palette-data").textContent);
let chosen = 0;
let shown = [];

export function openPalette() {
  field.value = "";
  search();
  if (!dialog.open) dialog.showModal();
  field.focus();
}

function search() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  shown = entries
    .filter(({ text }) => words.every((word) => text.toLowerCase().includes(word)))
    .slice(0, MOST);
  chosen = 0;
  list.replaceChildren(...shown.map(option));
  none.hidden = shown.length > 0;
  mark();
}

function option({ text, kind }, index) {
  const item = document.createElement("li");
  item.id = `palette-${index}`;
  item.setAttribute("role", "option");
  const hint = Object.assign(document.createElement("span"), { className: "faint", textContent: kind });
  item.append(Object.assign(document.createElement("span"), { textContent: text }), hint);
  item.addEventListener("click", () => go(index));
  return item;
}

function mark() {
  [...list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === chosen)));
  field.setAttribute("aria-activedescendant", shown.length ? `palette-${chosen}` : "");
  list.children[chosen]?.scrollIntoView({ block: "nearest" });
}

function go(index) {
  const entry = shown[index];
  if (!entry) return;
  dialog.close();
  location.assign(entry.href);
}

field.addEventListener("input", search);
field.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && shown.length) {
    event.preventDefault();
    chosen = (chosen + step + shown.length) % shown.length;
    mark();
  } else if (event.key === "Enter") {
    event.preventDefault();
    go(chosen);
  }
});
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
