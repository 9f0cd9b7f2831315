/** The form of a search: how many settings the choice makes, and whether the plan reaches. */

const form = document.getElementById("search-form");
const CHOSEN = ["tools", "symbols", "timeframes", "regimes"];
const WRITTEN = ["trials", "folds"];

function count() {
  const given = new FormData(form);
  const many = CHOSEN.map((name) => given.getAll(name).length);
  const wide = WRITTEN.map((name) => Math.max(0, Math.trunc(Number(given.get(name)) || 0)));
  return [...many, ...wide].reduce((product, one) => product * one, 1);
}

function say() {
  const most = Number(document.getElementById("settings-help").dataset.most);
  const settings = count();
  const shown = document.getElementById("settings-count");
  shown.textContent = `This makes ${settings.toLocaleString("en-US")}.`;
  shown.classList.toggle("error", settings > most);
}

if (form) {
  form.addEventListener("input", say);
  say();
}
