/** <pulse-table>: sorts the rows of the table inside it by a column; for 500 rows at most. */

class PulseTable extends HTMLElement {
  connectedCallback() {
    const heads = [...this.querySelectorAll("thead th")];
    heads.forEach((head, index) => {
      if (!head.dataset.sort || head.querySelector("button")) return;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sorter";
      button.append(...head.childNodes);
      button.addEventListener("click", () => this.#sort(heads, index));
      head.append(button);
    });
  }

  #sort(heads, index) {
    const head = heads[index];
    const rising = head.getAttribute("aria-sort") !== "ascending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", rising ? "ascending" : "descending");
    const body = this.querySelector("tbody");
    const numeric = head.dataset.sort === "number";
    const keyed = [...body.rows].map((row) => [key(row.cells[index], numeric), row]);
    keyed.sort(([a], [b]) => compare(a, b) * (rising ? 1 : -1));
    body.append(...keyed.map(([, row]) => row));
  }
}

function key(cell, numeric) {
  const text = cell.dataset.value ?? cell.textContent.trim();
  return numeric ? Number(text) : text;
}

/** Missing numbers come last whichever way the column is sorted. */
function compare(a, b) {
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : 1;
  if (Number.isNaN(b)) return -1;
  return a < b ? -1 : a > b ? 1 : 0;
}

customElements.define("pulse-table", PulseTable);
